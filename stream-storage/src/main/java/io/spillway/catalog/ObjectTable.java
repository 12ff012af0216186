package io.spillway.catalog;

import io.spillway.catalog.CatalogCommand.ObjectRef;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** The objects of a checkpoint by their places in it, left there until somebody needs one. */
final class ObjectTable {

  private static final int FIXED_BYTES = 3 * Long.BYTES;

  private final FieldReader in;
  private final int[] positions;
  private final int[] references;
  private final @Nullable ObjectRef @Nullable [] kept;

  /**
   * @param in at the count of the objects; behind them afterwards
   * @param keep whether each is made only once, for those who keep them all
   */
  ObjectTable(FieldReader in, boolean keep) {
    this.in = in;
    positions = new int[in.count()];
    references = new int[positions.length];
    kept = keep ? new ObjectRef[positions.length] : null;
    for (int i = 0; i < positions.length; i++) {
      positions[i] = in.position();
      skip(in);
    }
  }

  static void skip(FieldReader in) {
    in.part(in.u16());
    in.part(FIXED_BYTES);
  }

  /** The object for one more extent. */
  ObjectRef referTo(int index) {
    references[index]++;
    return get(index);
  }

  private ObjectRef get(int index) {
    if (kept == null) {
      return in.at(positions[index]).object();
    }
    ObjectRef known = kept[index];
    if (known == null) {
      known = in.at(positions[index]).object();
      kept[index] = known;
    }
    return known;
  }

  /** All in their order, with the references that were counted. */
  void forEach(Consumer<ObjectEntry> each) {
    for (int i = 0; i < positions.length; i++) {
      if (references[i] == 0) {
        throw new IllegalArgumentException("no extent refers to object " + get(i).key());
      }
      each.accept(new ObjectEntry(get(i), references[i], false));
    }
  }
}
