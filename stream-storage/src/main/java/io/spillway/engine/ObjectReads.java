package io.spillway.engine;

import io.spillway.cache.ReadAhead;
import io.spillway.catalog.CatalogCommand.Extent;
import io.spillway.catalog.CatalogCommand.ObjectRef;
import io.spillway.catalog.StreamCatalog;
import io.spillway.engine.StreamLog.BatchTime;
import io.spillway.format.v1.BatchTable;
import io.spillway.format.v1.ObjectIndex.Block;
import io.spillway.format.v1.ObjectIndex.Range;
import io.spillway.object.ObjectStoreException;
import io.spillway.stream.FetchedData;
import io.spillway.stream.StreamException;
import io.spillway.upload.Failures;
import io.spillway.wal.StreamId;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.function.LongPredicate;
import org.jspecify.annotations.Nullable;

/**
 * Reads what is committed: catalog → index → blocks. Safe for any thread; completes in the call
 * when everything is cached, else on a read thread.
 */
final class ObjectReads {

  /**
   * One fetch goes on over at most so many extents, so that small uploads do not mean small reads.
   */
  private static final int MAX_EXTENTS = 16;

  /** A block of the catalog's extents looked at in one go by searches. */
  private static final int SEARCH_EXTENTS = 64;

  private final StreamCatalog catalog;
  private final ObjectBlocks blocks;
  private final ReadStats stats;

  ObjectReads(StreamCatalog catalog, ObjectBlocks blocks, ReadStats stats) {
    this.catalog = catalog;
    this.blocks = blocks;
    this.stats = stats;
  }

  /**
   * Whole batches from the first that ends above {@code offset}, none that ends above {@code
   * endOffset}; about {@code maxBytes}, at least one if there is one.
   */
  CompletableFuture<FetchedData> fetch(
      StreamId stream, long offset, long endOffset, int maxBytes, ReadAhead readAhead) {
    List<Extent> extents = catalog.extents(stream, offset, MAX_EXTENTS);
    if (extents.isEmpty() || extents.get(0).baseOffset() > offset) { // coverage has no holes
      return CompletableFuture.failedFuture(
          new Gone("offset " + offset + " of stream " + stream + " is in no object"));
    }
    Fetch fetch = new Fetch(stream, offset, endOffset, maxBytes, readAhead.windowBytes(offset));
    return fetch
        .run(extents, 0)
        .handle(
            (done, failure) -> {
              if (failure != null && fetch.buffers.isEmpty()) {
                throw storageFailure(stream, failure);
              }
              if (!fetch.buffers.isEmpty()) {
                readAhead.onRead(offset, fetch.nextOffset);
                (fetch.allCached ? stats.cache : stats.object).increment();
              }
              return MemoryData.of(fetch.buffers, fetch.nextOffset);
            });
  }

  /**
   * The first batch that ends above {@code fromOffset} and whose largest timestamp passes, looking
   * only into extents whose largest timestamp does.
   */
  CompletableFuture<Optional<BatchTime>> firstBatch(
      StreamId stream, long fromOffset, LongPredicate timestampMs) {
    return firstBatch(
            stream, fromOffset, timestampMs, catalog.extents(stream, fromOffset, SEARCH_EXTENTS), 0)
        .exceptionally(
            failure -> {
              throw storageFailure(stream, failure);
            });
  }

  private CompletableFuture<Optional<BatchTime>> firstBatch(
      StreamId stream, long fromOffset, LongPredicate timestampMs, List<Extent> extents, int from) {
    for (int i = from; i < extents.size(); i++) {
      Extent extent = extents.get(i);
      if (timestampMs.test(extent.maxTimestampMs())) {
        int next = i + 1;
        return range(extent)
            .thenCompose(
                range -> {
                  Optional<BatchTime> found = firstBatch(range, fromOffset, timestampMs);
                  return found.isPresent()
                      ? CompletableFuture.completedFuture(found)
                      : firstBatch(stream, fromOffset, timestampMs, extents, next);
                });
      }
    }
    if (extents.size() < SEARCH_EXTENTS) {
      return CompletableFuture.completedFuture(Optional.empty());
    }
    long behind = extents.get(extents.size() - 1).endOffset();
    return firstBatch(
        stream, behind, timestampMs, catalog.extents(stream, behind, SEARCH_EXTENTS), 0);
  }

  private static Optional<BatchTime> firstBatch(
      Range range, long fromOffset, LongPredicate timestampMs) {
    List<Block> all = range.blocks();
    for (int i = range.firstBlockEndingAbove(fromOffset); i < all.size(); i++) {
      if (timestampMs.test(all.get(i).maxTimestampMs())) {
        BatchTable batches = all.get(i).batches();
        for (int j = batches.firstEndingAbove(fromOffset); j < batches.count(); j++) {
          if (timestampMs.test(batches.maxTimestampMs(j))) {
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
        .thenCombine(largestBatch(largest, fromOffset), BatchTime::larger)
        .exceptionally(
            failure -> {
              throw storageFailure(stream, failure);
            });
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
    Optional<ObjectRef> object = catalog.object(extent.objectKey());
    if (object.isEmpty()) {
      return CompletableFuture.failedFuture(
          new ObjectStoreException.NotFound("object " + extent.objectKey() + " was let go"));
    }
    return blocks
        .index(object.get())
        .thenApply(
            index -> {
              Range range = index.range(extent.stream());
              if (range == null
                  || range.baseOffset() > extent.baseOffset()
                  || range.endOffset() < extent.endOffset()) {
                throw new StreamException.Corrupt(
                    "object %s lacks [%d, %d) of stream %s, which the catalog says it has"
                        .formatted(
                            extent.objectKey(),
                            extent.baseOffset(),
                            extent.endOffset(),
                            extent.stream()),
                    null);
              }
              return range;
            });
  }

  private RuntimeException storageFailure(StreamId stream, Throwable failure) {
    Throwable cause = Failures.cause(failure);
    if (cause instanceof StreamException known) {
      return known;
    }
    if (cause instanceof ObjectStoreException.NotFound) {
      return new Gone(stream + ": " + cause.getMessage());
    }
    return new StreamException.Unavailable(
        "stream " + stream + " cannot be read now: " + cause.getMessage(), cause);
  }

  /**
   * An object that was looked up is not there any more: either the stream was trimmed or deleted in
   * between, and the catalog knows, or it is lost.
   */
  static final class Gone extends RuntimeException {
    private static final long serialVersionUID = 1L;

    Gone(String message) {
      super(message);
    }
  }

  /** One fetch on its way over extents. */
  private final class Fetch {
    private final StreamId stream;
    private final long endOffset;
    private final int maxBytes;
    private final int windowBytes;
    private final List<ByteBuffer> buffers = new ArrayList<>();
    private long nextOffset;
    private int sizeBytes;
    private boolean allCached = true;

    Fetch(StreamId stream, long offset, long endOffset, int maxBytes, int windowBytes) {
      this.stream = stream;
      this.nextOffset = offset;
      this.endOffset = endOffset;
      this.maxBytes = maxBytes;
      this.windowBytes = windowBytes;
    }

    /** Completes with null when the fetch has what it wants, or there is no more. */
    CompletableFuture<@Nullable Void> run(List<Extent> extents, int i) {
      if (i == extents.size() || extents.get(i).baseOffset() >= endOffset) {
        return CompletableFuture.completedFuture(null);
      }
      Extent extent = extents.get(i);
      return range(extent)
          .thenCompose(range -> read(extent, range))
          .thenCompose(
              more ->
                  more
                      ? run(extents, i + 1)
                      : CompletableFuture.<@Nullable Void>completedFuture(null));
    }

    /** Whether there may be more to read behind this extent. */
    private CompletableFuture<Boolean> read(Extent extent, Range range) {
      List<Block> all = range.blocks();
      int first = range.firstBlockEndingAbove(nextOffset);
      if (first == all.size()) {
        return CompletableFuture.completedFuture(true);
      }
      int last = first;
      long bytes = bytesFrom(all.get(first).batches(), nextOffset);
      while (last + 1 < all.size()
          && bytes < maxBytes - sizeBytes
          && all.get(last + 1).baseOffset() < endOffset) {
        last++;
        bytes += all.get(last).sizeBytes();
      }
      int from = first;
      int to = last;
      ObjectBlocks.Blocks read =
          blocks.read(extent.objectKey(), all, from, to, Math.max(windowBytes, 1));
      allCached &= read.cached();
      return read.settled()
          .thenApply(
              found -> {
                for (int i = from; i <= to; i++) {
                  CompletableFuture<ByteBuffer> block = found.get(i - from);
                  if (block.isCompletedExceptionally() && !buffers.isEmpty()) {
                    return false; // what comes before it is served; the next fetch meets it
                  }
                  if (!take(all.get(i).batches(), block.join())) {
                    return false;
                  }
                }
                return to == all.size() - 1 && sizeBytes < maxBytes;
              });
    }

    private static long bytesFrom(BatchTable batches, long offset) {
      long bytes = 0;
      for (int i = batches.firstEndingAbove(offset); i < batches.count(); i++) {
        bytes += batches.sizeBytes(i);
      }
      return bytes;
    }

    /** Adds the batches that fit as one view; false when one did not. */
    private boolean take(BatchTable batches, ByteBuffer block) {
      int first = batches.firstEndingAbove(nextOffset);
      int i = first;
      int added = 0;
      while (i < batches.count()
          && batches.endOffset(i) <= endOffset
          && (sizeBytes + (long) added + batches.sizeBytes(i) <= maxBytes
              || (buffers.isEmpty() && i == first))) {
        added += batches.sizeBytes(i);
        i++;
      }
      if (i > first) {
        buffers.add(
            block.slice(block.position() + batches.position(first), added).asReadOnlyBuffer());
        sizeBytes += added;
        nextOffset = batches.endOffset(i - 1);
      }
      return i == batches.count();
    }

    @Override
    public String toString() {
      return "fetch of " + stream + " at " + nextOffset;
    }
  }
}
