package io.spillway.read;

import io.spillway.catalog.CatalogCommand.Extent;
import io.spillway.catalog.StreamCatalog;
import io.spillway.format.v1.BatchTable;
import io.spillway.format.v1.ObjectIndex.Block;
import io.spillway.format.v1.ObjectIndex.Range;
import io.spillway.wal.StreamId;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;

/**
 * Finds batches by their timestamps with indexes alone: catalog → index → batch table. No data is
 * read.
 */
final class TimeSearch {

  /** Extents of the catalog looked at in one go. */
  private static final int SEARCH_EXTENTS = 64;

  /** A search is nobody's in particular. */
  private static final long CLIENT = 0;

  private final StreamCatalog catalog;
  private final ObjectRanges ranges;

  TimeSearch(ObjectRanges ranges) {
    this.catalog = ranges.catalog();
    this.ranges = ranges;
  }

  /**
   * The first batch that ends above {@code fromOffset} and whose largest timestamp is at least
   * {@code timestampMs}, looking only into extents whose largest timestamp is.
   */
  CompletableFuture<Optional<BatchTime>> firstBatchAtOrAfter(
      StreamId stream, long fromOffset, long timestampMs) {
    return catalog
        .firstExtentAtOrAfter(stream, timestampMs)
        .map(extent -> search(stream, Math.max(fromOffset, extent.baseOffset()), timestampMs))
        .orElse(CompletableFuture.completedFuture(Optional.empty()));
  }

  private CompletableFuture<Optional<BatchTime>> search(
      StreamId stream, long fromOffset, long timestampMs) {
    return search(
        stream, fromOffset, timestampMs, catalog.extents(stream, fromOffset, SEARCH_EXTENTS), 0);
  }

  private CompletableFuture<Optional<BatchTime>> search(
      StreamId stream, long fromOffset, long timestampMs, List<Extent> extents, int from) {
    for (int i = from; i < extents.size(); i++) {
      Extent extent = extents.get(i);
      if (extent.maxTimestampMs() >= timestampMs) {
        int next = i + 1;
        return range(extent)
            .thenCompose(
                range -> {
                  Optional<BatchTime> found = firstBatch(range, fromOffset, timestampMs);
                  return found.isPresent()
                      ? CompletableFuture.completedFuture(found)
                      : search(stream, fromOffset, timestampMs, extents, next);
                });
      }
    }
    if (extents.size() < SEARCH_EXTENTS) {
      return CompletableFuture.completedFuture(Optional.empty());
    }
    long behind = extents.get(extents.size() - 1).endOffset();
    return search(stream, behind, timestampMs);
  }

  private static Optional<BatchTime> firstBatch(Range range, long fromOffset, long timestampMs) {
    List<Block> all = range.blocks();
    for (int i = range.firstBlockEndingAbove(fromOffset); i < all.size(); i++) {
      if (all.get(i).maxTimestampMs() >= timestampMs) {
        BatchTable batches = all.get(i).batches();
        for (int j = batches.firstEndingAbove(fromOffset); j < batches.count(); j++) {
          if (batches.maxTimestampMs(j) >= timestampMs) {
            return Optional.of(new BatchTime(batches.baseOffset(j), batches.maxTimestampMs(j)));
          }
        }
      }
    }
    return Optional.empty();
  }

  /** Of the batches that end above {@code fromOffset}, the first with the largest timestamp. */
  CompletableFuture<Optional<BatchTime>> largestBatch(StreamId stream, long fromOffset) {
    Extent cutThrough = null; // starts below: its largest timestamp may be below as well
    Extent largest = null;
    long from = fromOffset;
    List<Extent> extents;
    do {
      extents = catalog.extents(stream, from, SEARCH_EXTENTS);
      for (Extent extent : extents) {
        if (extent.baseOffset() < fromOffset) {
          cutThrough = extent;
        } else if (largest == null || extent.maxTimestampMs() > largest.maxTimestampMs()) {
          largest = extent;
        }
        from = extent.endOffset();
      }
    } while (extents.size() == SEARCH_EXTENTS);
    return largestBatch(cutThrough, fromOffset)
        .thenCombine(largestBatch(largest, fromOffset), BatchTime::larger);
  }

  private CompletableFuture<Optional<BatchTime>> largestBatch(
      @Nullable Extent extent, long fromOffset) {
    return extent == null
        ? CompletableFuture.completedFuture(Optional.empty())
        : range(extent).thenApply(range -> largestBatch(range, fromOffset));
  }

  private static Optional<BatchTime> largestBatch(Range range, long fromOffset) {
    BatchTime largest = null;
    List<Block> all = range.blocks();
    for (int i = all.size() - 1; i >= range.firstBlockEndingAbove(fromOffset); i--) {
      if (largest == null || all.get(i).maxTimestampMs() >= largest.maxTimestampMs()) {
        BatchTable batches = all.get(i).batches();
        for (int j = batches.count() - 1; j >= batches.firstEndingAbove(fromOffset); j--) {
          if (largest == null || batches.maxTimestampMs(j) >= largest.maxTimestampMs()) {
            largest = new BatchTime(batches.baseOffset(j), batches.maxTimestampMs(j));
          }
        }
      }
    }
    return Optional.ofNullable(largest);
  }

  private CompletableFuture<Range> range(Extent extent) {
    return ranges.locate(extent, CLIENT).thenApply(ObjectRanges.Located::range);
  }
}
