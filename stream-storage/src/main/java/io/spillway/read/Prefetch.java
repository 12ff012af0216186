package io.spillway.read;

import io.spillway.catalog.CatalogCommand.Extent;
import io.spillway.catalog.CatalogException;
import io.spillway.format.v1.ObjectIndex.Block;
import io.spillway.read.ObjectRanges.Located;
import io.spillway.wal.StreamId;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;

/**
 * Gets the next window of a sequential reader while it is busy with the one before, over the ends
 * of extents and objects; checks what came, so that the reader finds it ready. Takes only what the
 * read budget has to spare. What fails here fails again, and is told, when the reader comes to it.
 */
final class Prefetch {

  private static final int MAX_EXTENTS = 8;

  private final ObjectRanges ranges;
  private final Segments segments;
  private final BlockChecks checks;
  private final StreamId stream;
  private final long client;
  private long nextOffset;
  private long bytesLeft;
  private long bytes;

  Prefetch(
      ObjectRanges ranges,
      Segments segments,
      BlockChecks checks,
      StreamId stream,
      long client,
      ReadAhead.Ask ask) {
    this.ranges = ranges;
    this.segments = segments;
    this.checks = checks;
    this.stream = stream;
    this.client = client;
    this.nextOffset = ask.fromOffset();
    this.bytesLeft = ask.bytes();
  }

  /** Completes when all has been asked for that will be. */
  CompletableFuture<@Nullable Void> run() {
    try {
      List<Extent> extents = ranges.catalog().extents(stream, nextOffset, MAX_EXTENTS);
      return run(extents, 0).exceptionally(failure -> null);
    } catch (CatalogException e) {
      return CompletableFuture.completedFuture(null); // its index is gone: the reader is told
    }
  }

  /** Exclusive bound of what is on its way. */
  long nextOffset() {
    return nextOffset;
  }

  /** How much that is. */
  long bytes() {
    return bytes;
  }

  private CompletableFuture<@Nullable Void> run(List<Extent> extents, int i) {
    if (i == extents.size() || bytesLeft <= 0) {
      return CompletableFuture.completedFuture(null);
    }
    return ranges
        .locate(extents.get(i), client)
        .thenCompose(
            located ->
                fetch(located)
                    ? run(extents, i + 1)
                    : CompletableFuture.<@Nullable Void>completedFuture(null));
  }

  /** Whether there was room for what this extent has. */
  private boolean fetch(Located located) {
    List<Block> blocks = located.range().blocks();
    int first = located.range().firstBlockEndingAbove(nextOffset);
    if (first == blocks.size()) {
      return true;
    }
    int end = first;
    long wanted = 0;
    while (end < blocks.size() && wanted < bytesLeft) {
      wanted += blocks.get(end).sizeBytes();
      end++;
    }
    int firstSegment = segments.numberOf(blocks.get(first).position());
    int lastSegment = lastSegmentOf(blocks.get(end - 1));
    List<CompletableFuture<Segment>> arriving = new ArrayList<>();
    int stop = segments.fetchAhead(located.object(), firstSegment, lastSegment, client, arriving);
    int taken = first;
    while (taken < end && lastSegmentOf(blocks.get(taken)) < stop) {
      bytes += blocks.get(taken).sizeBytes();
      bytesLeft -= blocks.get(taken).sizeBytes();
      nextOffset = blocks.get(taken).endOffset();
      taken++;
    }
    checkAsTheyCome(blocks.subList(first, taken), arriving);
    return taken == end;
  }

  private int lastSegmentOf(Block block) {
    return segments.numberOf(block.position() + block.sizeBytes() - 1L);
  }

  private void checkAsTheyCome(List<Block> blocks, List<CompletableFuture<Segment>> arriving) {
    if (arriving.isEmpty()) {
      return;
    }
    CompletableFuture.allOf(arriving.toArray(CompletableFuture[]::new))
        .whenComplete(
            (done, failure) -> {
              List<Segment> came = new ArrayList<>(arriving.size());
              for (CompletableFuture<Segment> each : arriving) {
                if (!each.isCompletedExceptionally()) {
                  came.add(each.join());
                }
              }
              try {
                blocks.forEach(block -> check(block, came));
              } finally {
                came.forEach(Segment::release);
              }
            });
  }

  /** If all of it is there: else the reader checks it. */
  private void check(Block block, List<Segment> came) {
    int first = segments.numberOf(block.position());
    int last = lastSegmentOf(block);
    List<Segment> in =
        came.stream()
            .filter(each -> each.key().number() >= first && each.key().number() <= last)
            .toList();
    if (in.size() == last - first + 1) {
      try {
        checks.requireIntact(block, in);
      } catch (RuntimeException e) {
        return; // the reader is told when it comes to it
      }
    }
  }
}
