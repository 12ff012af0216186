package io.spillway.catalog;

import io.spillway.catalog.CatalogCommand.Extent;
import java.util.ArrayList;
import java.util.List;

/**
 * What one layer knows of a stream's extents. Hides what older layers hold in two ways: an extent
 * hides those that it overlaps, since visible extents never do, and whatever ends at or below
 * {@link #droppedTo} is gone. So nothing has to be remembered of a single extent that went.
 */
final class StreamExtents {

  /** In offset order, not overlapping. */
  private final ArrayList<Extent> extents = new ArrayList<>();

  private long droppedTo;
  private boolean replaced;

  /** Of older layers' extents, those that end at or below are gone. */
  long droppedTo() {
    return droppedTo;
  }

  /** Whether extents here stand in the place of others, and not only after them. */
  boolean replaced() {
    return replaced;
  }

  /** A live view. */
  List<Extent> extents() {
    return extents;
  }

  void add(Extent extent) {
    extents.add(extent);
  }

  /**
   * @param hide whether there are older layers
   */
  void dropTo(long offset, boolean hide) {
    extents.subList(0, firstEndingAfter(offset)).clear();
    if (hide) {
      droppedTo = Math.max(droppedTo, offset);
    }
  }

  /** Puts extents in the place of all, here and in older layers, that they overlap. */
  void replace(List<Extent> old, List<Extent> by, boolean hide) {
    int from = firstEndingAfter(old.get(0).baseOffset());
    int to = from;
    long endOffset = old.get(old.size() - 1).endOffset();
    while (to < extents.size() && extents.get(to).baseOffset() < endOffset) {
      to++;
    }
    extents.subList(from, to).clear();
    extents.addAll(from, by);
    replaced |= hide;
  }

  /** Index of the first extent that holds the offset or lies beyond it. */
  int firstEndingAfter(long offset) {
    int low = 0;
    int high = extents.size();
    while (low < high) {
      int middle = (low + high) >>> 1;
      if (extents.get(middle).endOffset() > offset) {
        high = middle;
      } else {
        low = middle + 1;
      }
    }
    return low;
  }

  /** Copies of the references to at most so many extents from there on. */
  List<Extent> from(long offset, int limit) {
    int from = firstEndingAfter(offset);
    return List.copyOf(extents.subList(from, (int) Math.min(extents.size(), (long) from + limit)));
  }
}
