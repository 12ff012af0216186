package io.spillway.read;

import io.spillway.catalog.CatalogCommand.Extent;
import io.spillway.format.v1.BatchTable;
import io.spillway.format.v1.ObjectIndex.Block;
import io.spillway.read.ObjectRanges.Located;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;

/**
 * One fetch on its way over extents, one after the other. Each step runs in the call when all it
 * needs is in memory, else on a read thread; never two at a time.
 */
final class ColdFetch {

  private final ObjectRanges ranges;
  private final Segments segments;
  private final BlockChecks checks;
  private final long endOffset;
  private final int maxBytes;
  private final long client;
  private final SegmentData data;
  private boolean inMemory = true;

  ColdFetch(
      ObjectRanges ranges,
      Segments segments,
      BlockChecks checks,
      long offset,
      long endOffset,
      int maxBytes,
      long client) {
    this.ranges = ranges;
    this.segments = segments;
    this.checks = checks;
    this.endOffset = endOffset;
    this.maxBytes = maxBytes;
    this.client = client;
    this.data = new SegmentData(offset);
  }

  /** What was found so far. */
  SegmentData data() {
    return data;
  }

  /** Whether all of it was in memory when it was asked for. */
  boolean inMemory() {
    return inMemory;
  }

  /** Completes with null when the fetch has what it wants, or there is no more. */
  CompletableFuture<@Nullable Void> run(List<Extent> extents, int i) {
    if (i == extents.size() || extents.get(i).baseOffset() >= endOffset) {
      return CompletableFuture.completedFuture(null);
    }
    return ranges
        .locate(extents.get(i), client)
        .thenCompose(this::read)
        .thenCompose(
            more ->
                more
                    ? run(extents, i + 1)
                    : CompletableFuture.<@Nullable Void>completedFuture(null));
  }

  /** Whether there may be more to read behind this extent. */
  private CompletableFuture<Boolean> read(Located located) {
    List<Block> blocks = located.range().blocks();
    int first = located.range().firstBlockEndingAbove(data.nextOffset());
    if (first == blocks.size()) {
      return CompletableFuture.completedFuture(true);
    }
    int last = lastWorthReading(blocks, first);
    Block end = blocks.get(last);
    int firstSegment = segments.numberOf(blocks.get(first).position());
    int lastSegment = segments.numberOf(end.position() + end.sizeBytes() - 1L);
    List<CompletableFuture<Segment>> wanted =
        segments.take(located.object(), firstSegment, lastSegment, client);
    CompletableFuture<Void> all = CompletableFuture.allOf(wanted.toArray(CompletableFuture[]::new));
    inMemory &= all.isDone();
    return all.handle(
        (done, failure) -> {
          try {
            boolean more = takeBlocks(blocks, first, last, firstSegment, wanted);
            return more && last == blocks.size() - 1 && data.sizeBytes() < maxBytes;
          } finally {
            release(wanted);
          }
        });
  }

  private int lastWorthReading(List<Block> blocks, int first) {
    int last = first;
    long bytes = bytesFrom(blocks.get(first).batches(), data.nextOffset());
    while (last + 1 < blocks.size()
        && bytes < maxBytes - data.sizeBytes()
        && blocks.get(last + 1).baseOffset() < endOffset) {
      last++;
      bytes += blocks.get(last).sizeBytes();
    }
    return last;
  }

  private static long bytesFrom(BatchTable batches, long offset) {
    long bytes = 0;
    for (int i = batches.firstEndingAbove(offset); i < batches.count(); i++) {
      bytes += batches.sizeBytes(i);
    }
    return bytes;
  }

  /**
   * Adds the batches that fit, as one stretch of the object. Ends before a block that is damaged or
   * did not come, and fails with that only when nothing comes before it: the next fetch meets it.
   */
  private boolean takeBlocks(
      List<Block> blocks,
      int first,
      int last,
      int firstSegment,
      List<CompletableFuture<Segment>> came) {
    Stretch stretch = new Stretch();
    boolean more = true;
    for (int i = first; i <= last && more; i++) {
      Block block = blocks.get(i);
      try {
        checks.requireIntact(block, segmentsOf(block, firstSegment, came));
      } catch (RuntimeException e) {
        if (data.isEmpty() && stretch.isEmpty()) {
          throw e;
        }
        more = false;
      }
      more = more && stretch.take(block);
    }
    stretch.addTo(firstSegment, came, blocks.get(blocks.size() - 1));
    return more;
  }

  private List<Segment> segmentsOf(
      Block block, int firstSegment, List<CompletableFuture<Segment>> came) {
    int from = segments.numberOf(block.position()) - firstSegment;
    int to = segments.numberOf(block.position() + block.sizeBytes() - 1L) - firstSegment;
    List<Segment> of = new ArrayList<>(to - from + 1);
    for (int i = from; i <= to; i++) {
      of.add(came.get(i).join());
    }
    return of;
  }

  private static void release(List<CompletableFuture<Segment>> came) {
    for (CompletableFuture<Segment> each : came) {
      if (!each.isCompletedExceptionally()) {
        each.join().release();
      }
    }
  }

  /** Consecutive batches, which lie in the object without a gap. */
  private final class Stretch {
    private long from = -1;
    private long to;
    private long nextOffset = data.nextOffset();

    boolean isEmpty() {
      return from < 0;
    }

    /** False when a batch of the block does not fit. */
    boolean take(Block block) {
      BatchTable batches = block.batches();
      int i = batches.firstEndingAbove(nextOffset);
      while (i < batches.count() && fits(batches, i)) {
        if (isEmpty()) {
          from = block.position() + batches.position(i);
          to = from;
        }
        to += batches.sizeBytes(i);
        nextOffset = batches.endOffset(i);
        i++;
      }
      return i == batches.count();
    }

    private boolean fits(BatchTable batches, int i) {
      long before = data.sizeBytes() + (isEmpty() ? 0 : to - from);
      return batches.endOffset(i) <= endOffset
          && (before == 0 || before + batches.sizeBytes(i) <= maxBytes);
    }

    /**
     * @param end the last block of the range: what comes behind it is other streams'
     */
    void addTo(int firstSegment, List<CompletableFuture<Segment>> came, Block end) {
      if (isEmpty()) {
        return;
      }
      int lastSegment = segments.numberOf(to - 1);
      for (int number = segments.numberOf(from); number <= lastSegment; number++) {
        data.add(came.get(number - firstSegment).join(), from, to);
      }
      data.endsAt(nextOffset);
      Segment last = came.get(lastSegment - firstSegment).join();
      if (to < last.endPosition() && to < end.position() + end.sizeBytes()) {
        segments.keep(last, client);
      }
    }
  }
}
