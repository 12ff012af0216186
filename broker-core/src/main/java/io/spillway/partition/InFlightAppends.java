package io.spillway.partition;

import io.spillway.wal.WalException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.kafka.common.protocol.Errors;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Batches that have offsets and are not durable yet. When one fails, all behind it do; then the
 * partition is truncated to its high watermark (P30).
 */
final class InFlightAppends {

  private static final Logger LOG = LoggerFactory.getLogger(InFlightAppends.class);

  private final PartitionState state;
  private final ProducerGate producers;
  private final RepeatedAppends repeats;
  private final HighWatermarkWatch watch;

  /** Raised under the lock, lowered by the WAL's thread when a batch is durable or void. */
  private final AtomicInteger count = new AtomicInteger();

  /** Whether the last batch in flight has something to do: truncate, or tell who waits. */
  private volatile boolean lastOneMatters;

  /** Who waits for the last one; guarded by the lock. */
  private final List<CompletableFuture<Void>> drained = new ArrayList<>();

  InFlightAppends(
      PartitionState state,
      ProducerGate producers,
      RepeatedAppends repeats,
      HighWatermarkWatch watch) {
    this.state = state;
    this.producers = producers;
    this.repeats = repeats;
    this.watch = watch;
  }

  /** Under the lock, before the WAL has the batch. */
  void onQueued() {
    count.incrementAndGet();
  }

  /** Under the lock: the WAL did not take the batch. */
  void onNotQueued() {
    count.decrementAndGet();
  }

  /** Answers the client; returns whether appends that waited may go on. */
  boolean onDurable(Append append) {
    PreparedBatch prepared = append.requirePrepared();
    watch.onDurable(prepared.sizeBytes());
    long highWatermark = state.highWatermark();
    if (producers.anyMarkerInFlight()) {
      // Before anybody hears of it: who waits for the end of a transaction then reads what it
      // wrote.
      synchronized (state.lock) {
        producers.onDurable(highWatermark);
      }
    }
    append
        .batch
        .callback()
        .onAppended(append.baseOffset, prepared.logAppendTimeMs, state.logStartOffset());
    if (watch.advanceTo(highWatermark)) {
      repeats.acknowledgeDurable();
      watch.announce(highWatermark);
    }
    return finishOne();
  }

  /** P30: this batch and all later ones are void. Returns whether appends may go on. */
  boolean onFailure(Append append, WalException cause) {
    Errors error = PartitionState.errorOf(cause);
    synchronized (state.lock) {
      lastOneMatters = true;
      if (!state.truncating) {
        state.truncating = true;
        LOG.error("append to partition {} at offset {} failed", state.tp, append.baseOffset, cause);
      }
      producers.onRefused(append, error);
    }
    append.tellRefused(error, PartitionState.message(cause));
    return finishOne();
  }

  private boolean finishOne() {
    if (count.decrementAndGet() > 0 || !lastOneMatters) {
      return false;
    }
    boolean truncated = false;
    List<CompletableFuture<Void>> toTell;
    synchronized (state.lock) {
      if (count.get() > 0) {
        return false;
      }
      lastOneMatters = false;
      if (state.truncating) {
        truncate();
        truncated = true;
      }
      toTell = new ArrayList<>(drained);
      drained.clear();
    }
    if (truncated) {
      repeats.refuseAll();
      watch.announceTruncation(state.logEndOffset);
    }
    for (CompletableFuture<Void> waiting : toTell) {
      waiting.complete(null);
    }
    return true;
  }

  private void truncate() {
    long highWatermark = state.highWatermark();
    LOG.warn(
        "partition {} drops offsets [{}, {}), which were never durable",
        state.tp,
        highWatermark,
        state.logEndOffset);
    state.logEndOffset = highWatermark;
    producers.truncateTo(highWatermark);
    state.truncating = false;
  }

  /** Completes when nothing is in flight. Under the lock. */
  CompletableFuture<Void> whenDrained() {
    lastOneMatters = true;
    if (count.get() == 0 && !state.truncating) {
      return CompletableFuture.completedFuture(null);
    }
    CompletableFuture<Void> waiting = new CompletableFuture<>();
    drained.add(waiting);
    return waiting;
  }
}
