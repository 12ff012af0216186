package io.spillway.catalog;

import io.spillway.catalog.CatalogCommand.Extent;
import java.util.ArrayList;
import java.util.List;

/** Extents of one stream, in offset order. */
@FunctionalInterface
interface ExtentSource {

  ExtentSource NONE = (fromOffset, limit) -> List.of();

  /** At most so many, from the one that holds the offset, or the first after it, on. */
  List<Extent> from(long fromOffset, int limit);

  /**
   * These under a newer layer.
   *
   * @param upper the newer layer's
   * @param droppedTo {@link StreamExtents#droppedTo} there
   * @param endOffset where the stream's extents end
   */
  default ExtentSource under(ExtentSource upper, long droppedTo, long endOffset) {
    return (fromOffset, limit) -> {
      List<Extent> found = new ArrayList<>();
      long offset = fromOffset;
      for (Extent next : upper.from(fromOffset, limit)) {
        // Coverage has no holes, so between neighbours there is nothing to look for.
        addUpTo(next.baseOffset(), Math.max(offset, droppedTo), limit, found);
        if (found.size() == limit) {
          return found;
        }
        found.add(next);
        offset = next.endOffset();
      }
      addUpTo(endOffset, Math.max(offset, droppedTo), limit, found);
      return found;
    };
  }

  /** What ends there at the latest; what overlaps it is hidden. */
  private void addUpTo(long endOffset, long fromOffset, int limit, List<Extent> found) {
    if (fromOffset >= endOffset || found.size() == limit) {
      return;
    }
    for (Extent extent : from(fromOffset, limit - found.size())) {
      if (extent.endOffset() > endOffset) {
        return;
      }
      found.add(extent);
    }
  }
}
