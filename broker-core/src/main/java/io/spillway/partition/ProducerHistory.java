package io.spillway.partition;

import io.spillway.partition.ProducerStates.AppendedBatch;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What one producer did in a partition, oldest step first: its last five durable batches (KIP-98),
 * its last durable marker, and all that is in flight. Each step has the state after it, so that the
 * state at the high watermark is that of the last step below (P22), and the steps above can be
 * dropped (P30).
 *
 * <p>Not safe for threads: the partition's lock guards it.
 */
final class ProducerHistory {

  static final int REMEMBERED_BATCHES = 5;

  private final ArrayDeque<Step> steps = new ArrayDeque<>(REMEMBERED_BATCHES + 2);
  private long lastSeenMs;

  /**
   * What is known of a producer beside its batches.
   *
   * @param coordinatorEpoch of its last marker, or -1
   * @param txnFirstOffset of its open transaction, or -1
   */
  record State(short producerEpoch, int coordinatorEpoch, long txnFirstOffset) {

    static final State NONE = new State((short) -1, -1, -1);

    boolean isInTransaction() {
      return txnFirstOffset >= 0;
    }
  }

  /**
   * A batch or a marker.
   *
   * @param batch null for a marker
   * @param timestampMs the records' own, the largest
   */
  record Step(
      State after,
      long baseOffset,
      long endOffset,
      long timestampMs,
      @Nullable AppendedBatch batch) {}

  /** The state at some offset, and the batches of its epoch, oldest first. */
  record Durable(State state, long timestampMs, List<AppendedBatch> batches) {}

  boolean isEmpty() {
    return steps.isEmpty();
  }

  State state() {
    return isEmpty() ? State.NONE : steps.getLast().after;
  }

  long timestampMs() {
    return steps.getLast().timestampMs;
  }

  long endOffset() {
    return steps.getLast().endOffset;
  }

  long lastSeenMs() {
    return lastSeenMs;
  }

  /** Of a producer that was heard of at some time. */
  void seenAt(long nowMs) {
    lastSeenMs = nowMs;
  }

  /**
   * @param highWatermark what is durable: of that, no more is kept than must be
   */
  void add(Step step, long highWatermark) {
    steps.addLast(step);
    prune(highWatermark);
  }

  /** The newest batch of the epoch, if there is one. */
  @Nullable AppendedBatch newestBatch() {
    return newestBatch(Integer.MAX_VALUE, batch -> true);
  }

  /** The batch that has these sequences, among the newest five, as Kafka looks for it. */
  @Nullable AppendedBatch find(int firstSequence, int lastSequence) {
    return newestBatch(
        REMEMBERED_BATCHES,
        batch -> batch.firstSequence() == firstSequence && batch.lastSequence() == lastSequence);
  }

  private interface Wanted {
    boolean test(AppendedBatch batch);
  }

  private @Nullable AppendedBatch newestBatch(int limit, Wanted wanted) {
    short epoch = state().producerEpoch;
    int seen = 0;
    Iterator<Step> newestFirst = steps.descendingIterator();
    while (seen < limit && newestFirst.hasNext()) {
      AppendedBatch batch = newestFirst.next().batch;
      if (batch != null) {
        seen++;
        if (batch.producerEpoch() == epoch && wanted.test(batch)) {
          return batch;
        }
      }
    }
    return null;
  }

  /** Whether any step of those remembered, or what it left open, has an offset in the range. */
  boolean hasStepIn(long fromOffset, long endOffset) {
    long open = state().txnFirstOffset;
    if (open >= fromOffset && open < endOffset) {
      return true;
    }
    for (Step step : steps) {
      if (step.endOffset > fromOffset && step.baseOffset < endOffset) {
        return true;
      }
    }
    return false;
  }

  /** P30: forgets every step above the high watermark. */
  void truncateTo(long highWatermark) {
    while (!isEmpty() && endOffset() > highWatermark) {
      steps.removeLast();
    }
  }

  /** The state at the high watermark, or null when nothing below is known. */
  @Nullable Durable durable(long highWatermark) {
    Step last = null;
    List<AppendedBatch> kept = new ArrayList<>(REMEMBERED_BATCHES);
    Iterator<Step> newestFirst = steps.descendingIterator();
    while (newestFirst.hasNext() && kept.size() < REMEMBERED_BATCHES) {
      Step step = newestFirst.next();
      if (step.endOffset <= highWatermark) {
        last = last == null ? step : last;
        AppendedBatch batch = step.batch;
        if (batch != null && batch.producerEpoch() == last.after.producerEpoch) {
          kept.add(0, batch);
        }
      }
    }
    return last == null ? null : new Durable(last.after, last.timestampMs, kept);
  }

  /** Takes over a state with its batches, all durable. */
  static ProducerHistory of(Durable durable, long atOffset) {
    ProducerHistory history = new ProducerHistory();
    for (AppendedBatch batch : durable.batches) {
      history.steps.addLast(
          new Step(
              durable.state, batch.baseOffset(), batch.endOffset(), durable.timestampMs, batch));
    }
    if (history.isEmpty()) {
      history.steps.addLast(new Step(durable.state, atOffset, atOffset, durable.timestampMs, null));
    }
    return history;
  }

  /** Keeps what is in flight, and of what is durable the last five batches and the last marker. */
  private void prune(long highWatermark) {
    if (steps.size() <= REMEMBERED_BATCHES) {
      return;
    }
    int spareBatches = -REMEMBERED_BATCHES;
    int spareMarkers = -1;
    for (Step step : steps) {
      if (step.endOffset > highWatermark) {
        break;
      }
      if (step.batch == null) {
        spareMarkers++;
      } else {
        spareBatches++;
      }
    }
    Iterator<Step> oldestFirst = steps.iterator();
    while (spareBatches > 0 || spareMarkers > 0) {
      boolean isMarker = oldestFirst.next().batch == null;
      if (isMarker ? spareMarkers > 0 : spareBatches > 0) {
        oldestFirst.remove();
      }
      spareMarkers -= isMarker ? 1 : 0;
      spareBatches -= isMarker ? 0 : 1;
    }
  }
}
