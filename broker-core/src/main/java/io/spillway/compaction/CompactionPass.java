package io.spillway.compaction;

import io.spillway.stream.StreamHandle.Part;
import io.spillway.stream.StreamRewriter.Outcome;
import io.spillway.stream.StreamRewriter.Session;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.apache.kafka.common.utils.internals.BufferSupplier;
import org.jspecify.annotations.Nullable;

/**
 * One pass over a partition: learns the keys of what is dirty, as far as memory goes, then filters
 * everything below from the log start on, some parts at a time, in offset order, and says in the
 * end how far it came. Order matters: a tombstone that goes must leave nothing older of its key
 * behind, wherever the pass stops.
 */
final class CompactionPass {

  /** Parts that are rewritten together have no more, but for a part that alone has. */
  static final long GROUP_BYTES = 64L << 20;

  private static final int OUTPUT_BYTES = 64 << 10;

  private final CompactedLog log;
  private final CompactionPlan plan;
  private final Session session;
  private final long nowMs;
  private final BufferSupplier buffers = BufferSupplier.create();
  private final KeyOffsets keys;
  private final List<AbortedRange> aborted;
  private final DirtyKeys dirty;
  private @Nullable RecordCompactor compactor;

  /**
   * What a pass did.
   *
   * @param endOffset everything below is compacted; -1 when it was void
   * @param isPartial whether memory for keys did not do for all that is dirty
   */
  record Done(long endOffset, long keys, long recordsRead, long recordsKept, boolean isPartial) {}

  /**
   * @param keyBytes memory for keys
   */
  CompactionPass(
      CompactedLog log, CompactionPlan plan, Session session, long nowMs, long keyBytes) {
    this.log = log;
    this.plan = plan;
    this.session = session;
    this.nowMs = nowMs;
    this.keys = new KeyOffsets(keyBytes);
    this.aborted = log.abortedBelow(log.cleanableEndOffset());
    this.dirty = new DirtyKeys(keys, plan.dirtyFromOffset(), aborted, buffers);
  }

  /** Fails with what storage failed with, or with what makes a record unreadable. */
  CompletableFuture<Done> run() {
    return session
        .scan(plan.dirtyParts(), dirty)
        .thenCompose(outcome -> outcome == Outcome.VOID ? voided() : filter())
        .whenComplete((done, failure) -> buffers.close());
  }

  private CompletableFuture<Done> filter() {
    RecordCompactor filter =
        new RecordCompactor(
            keys,
            dirty.endOffset(),
            aborted,
            log.lastBatches(),
            nowMs,
            log.config().deleteRetentionMs(),
            buffers,
            OUTPUT_BYTES);
    compactor = filter;
    return next(groups().iterator(), filter);
  }

  private CompletableFuture<Done> next(Iterator<List<Part>> groups, RecordCompactor filter) {
    if (!groups.hasNext()) {
      return session
          .compacted(dirty.endOffset())
          .thenCompose(
              outcome ->
                  outcome == Outcome.VOID
                      ? voided()
                      : CompletableFuture.completedFuture(done(dirty.endOffset())));
    }
    return session
        .rewrite(groups.next(), filter)
        .thenCompose(outcome -> outcome == Outcome.VOID ? voided() : next(groups, filter));
  }

  private CompletableFuture<Done> voided() {
    return CompletableFuture.completedFuture(done(-1));
  }

  private Done done(long endOffset) {
    RecordCompactor filter = compactor;
    return new Done(
        endOffset,
        keys.size(),
        filter == null ? 0 : filter.recordsRead(),
        filter == null ? 0 : filter.recordsKept(),
        dirty.isFull());
  }

  /** Of the parts that begin below where the keys end. */
  private List<List<Part>> groups() {
    List<List<Part>> groups = new ArrayList<>();
    long bytes = 0;
    for (Part part : plan.parts()) {
      if (part.baseOffset() >= dirty.endOffset()) {
        break;
      }
      if (groups.isEmpty() || bytes + part.sizeBytes() > GROUP_BYTES) {
        groups.add(new ArrayList<>());
        bytes = 0;
      }
      groups.get(groups.size() - 1).add(part);
      bytes += part.sizeBytes();
    }
    return groups;
  }
}
