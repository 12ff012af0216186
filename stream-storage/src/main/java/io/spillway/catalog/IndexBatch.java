package io.spillway.catalog;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Changes of a {@link CatalogIndex}, applied in order and all at once. */
public final class IndexBatch {

  private final List<Change> changes = new ArrayList<>();

  /** A key and its new value; without one it is deleted. Nobody changes the arrays. */
  public static final class Change {
    private final byte[] key;
    private final byte @Nullable [] value;

    private Change(byte[] key, byte @Nullable [] value) {
      this.key = key;
      this.value = value;
    }

    public byte[] key() {
      return key;
    }

    public byte @Nullable [] value() {
      return value;
    }
  }

  /** Takes ownership of the arrays. */
  public void put(byte[] key, byte[] value) {
    changes.add(new Change(key, value));
  }

  public void delete(byte[] key) {
    changes.add(new Change(key, null));
  }

  int size() {
    return changes.size();
  }

  /** In the order in which they were added. */
  public List<Change> changes() {
    return Collections.unmodifiableList(changes);
  }
}
