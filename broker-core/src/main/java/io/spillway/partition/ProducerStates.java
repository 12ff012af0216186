package io.spillway.partition;

import io.spillway.partition.ProducerHistory.Durable;
import io.spillway.partition.ProducerHistory.State;
import io.spillway.partition.ProducerHistory.Step;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import org.apache.kafka.common.errors.InvalidProducerEpochException;
import org.apache.kafka.common.errors.InvalidTxnStateException;
import org.apache.kafka.common.errors.OutOfOrderSequenceException;
import org.apache.kafka.common.errors.TransactionCoordinatorFencedException;
import org.jspecify.annotations.Nullable;

/**
 * What a partition remembers of its idempotent and transactional producers (KIP-98, KIP-890): the
 * history of each, the transactions that are not decided or not durably so, and those that were
 * aborted. One structure holds what is durable and what is in flight, so that the state at the high
 * watermark can be taken for a checkpoint (P22, {@link ProducerCheckpoint}), and the state above it
 * dropped (P30), at any time.
 *
 * <p>The rules and the order in which they are judged are those of Apache Kafka 4.4. Nothing that
 * is asked changes anything; what was asked before is true when something is added.
 *
 * <p>Not safe for threads: the partition's lock guards it, but for {@link #firstUnstableOffset} and
 * {@link #anyMarkerInFlight}.
 */
final class ProducerStates {

  /** From this version on each transaction has an epoch of its own (KIP-890). */
  private static final short EPOCH_PER_TRANSACTION = 2;

  private final Map<Long, ProducerHistory> histories = new HashMap<>();
  private final UnstableTransactions unstable = new UnstableTransactions();
  private final AbortedTransactions aborted = new AbortedTransactions();

  /**
   * A batch of a producer. Offsets are half-open; {@code maxTimestampMs} is the records' own. A
   * coordinator's batch has no sequences: -1.
   */
  record AppendedBatch(
      short producerEpoch,
      int firstSequence,
      int lastSequence,
      long baseOffset,
      long endOffset,
      long maxTimestampMs) {}

  // ---- what is known ----

  boolean knows(long producerId) {
    return histories.containsKey(producerId);
  }

  /** Whether the producer has an open transaction here, begun or carried on in that epoch. */
  boolean isInTransaction(long producerId, short epoch) {
    State state = stateOf(producerId);
    return state.isInTransaction() && state.producerEpoch() == epoch;
  }

  private State stateOf(long producerId) {
    ProducerHistory history = histories.get(producerId);
    return history == null ? State.NONE : history.state();
  }

  /** The batch of the producer's epoch that has these sequences, among the last five. */
  @Nullable AppendedBatch findRepeated(
      long producerId, short epoch, int firstSequence, int lastSequence) {
    ProducerHistory history = histories.get(producerId);
    return history == null || history.state().producerEpoch() != epoch
        ? null
        : history.find(firstSequence, lastSequence);
  }

  /** Whether no batch is known of the epoch that the producer has. */
  boolean hasNoBatch(long producerId) {
    ProducerHistory history = histories.get(producerId);
    return history == null || history.newestBatch() == null;
  }

  /** See {@link UnstableTransactions#firstOffset}. */
  long firstUnstableOffset() {
    return unstable.firstOffset();
  }

  /** Whether {@link #onDurable} must be called when the high watermark moves. */
  boolean anyMarkerInFlight() {
    return unstable.anyEnding();
  }

  /** See {@link AbortedTransactions#within}. */
  List<AbortedTransaction> abortedWithin(long fromOffset, long endOffset) {
    return aborted.within(fromOffset, endOffset);
  }

  // ---- what may come next ----

  /**
   * @throws InvalidProducerEpochException when a newer epoch was seen
   */
  void requireEpoch(String partition, long producerId, short epoch) {
    short seen = stateOf(producerId).producerEpoch();
    if (epoch < seen) {
      throw olderEpoch(partition, producerId, epoch, seen);
    }
  }

  /**
   * An unknown producer may begin anywhere: its state may have expired (KIP-360).
   *
   * @throws OutOfOrderSequenceException when sequences are missing, or a new epoch begins above 0
   */
  void requireNextSequence(String partition, long producerId, short epoch, int firstSequence) {
    ProducerHistory history = histories.get(producerId);
    if (history == null) {
      return;
    }
    short current = history.state().producerEpoch();
    if (epoch != current) {
      if (firstSequence != 0) {
        throw new OutOfOrderSequenceException(
            "Invalid sequence number for new epoch of producer %d in partition %s: %d (request epoch), %d (seq. number), %d (current producer epoch)"
                .formatted(producerId, partition, epoch, firstSequence, current));
      }
      return;
    }
    AppendedBatch newest = history.newestBatch();
    int lastSequence = newest == null ? -1 : newest.lastSequence();
    if (!follows(lastSequence, firstSequence)) {
      throw new OutOfOrderSequenceException(
          "Out of order sequence number for producer %d in partition %s: %d (incoming seq. number), %d (current end sequence number)"
              .formatted(producerId, partition, firstSequence, lastSequence));
    }
  }

  /**
   * @throws InvalidTxnStateException when the batch belongs to no transaction, and one is open
   */
  void requireTransactional(String partition, long producerId, boolean isTransactional) {
    long open = stateOf(producerId).txnFirstOffset();
    if (!isTransactional && open >= 0) {
      throw new InvalidTxnStateException(
          "Expected a transactional write from producer %d in partition %s: its transaction is open since offset %d"
              .formatted(producerId, partition, open));
    }
  }

  /**
   * Judges a marker. With an epoch for each transaction the marker's must be above the producer's;
   * the same epoch is a repeat when nothing is open, or the last epoch there is.
   *
   * @throws InvalidProducerEpochException when a newer epoch was seen
   * @throws TransactionCoordinatorFencedException when a newer coordinator was
   */
  void requireMarker(String partition, TransactionMarker marker) {
    State state = stateOf(marker.producerId());
    short epoch = marker.producerEpoch();
    short seen = state.producerEpoch();
    boolean isRepeat = !state.isInTransaction() || epoch == Short.MAX_VALUE;
    boolean mustBeAbove = marker.transactionVersion() >= EPOCH_PER_TRANSACTION && !isRepeat;
    if (epoch < seen || (mustBeAbove && epoch == seen)) {
      throw olderEpoch(partition, marker.producerId(), epoch, seen);
    }
    if (marker.coordinatorEpoch() < state.coordinatorEpoch()) {
      throw new TransactionCoordinatorFencedException(
          "Coordinator epoch %d of the marker for producer %d in partition %s is older than the last seen %d"
              .formatted(
                  marker.coordinatorEpoch(),
                  marker.producerId(),
                  partition,
                  state.coordinatorEpoch()));
    }
  }

  private static InvalidProducerEpochException olderEpoch(
      String partition, long producerId, short epoch, short seen) {
    return new InvalidProducerEpochException(
        "Epoch of producer %d in %s is %d, the last seen epoch is %d"
            .formatted(producerId, partition, epoch, seen));
  }

  private static boolean follows(int lastSequence, int nextSequence) {
    return nextSequence == lastSequence + 1L
        || (nextSequence == 0 && lastSequence == Integer.MAX_VALUE);
  }

  // ---- what came ----

  /**
   * Remembers a batch that was given its offsets; the first transactional one opens a transaction.
   *
   * @param highWatermark what is durable: batches below it beyond the last five are forgotten
   */
  void add(
      long producerId,
      AppendedBatch batch,
      boolean isTransactional,
      long nowMs,
      long highWatermark) {
    ProducerHistory history = histories.computeIfAbsent(producerId, id -> new ProducerHistory());
    State before = history.state();
    long open = before.txnFirstOffset();
    if (isTransactional && open < 0) {
      open = batch.baseOffset();
      unstable.onBegun(open);
    }
    State after =
        open == before.txnFirstOffset() && batch.producerEpoch() == before.producerEpoch()
            ? before
            : new State(batch.producerEpoch(), before.coordinatorEpoch(), open);
    history.add(
        new Step(after, batch.baseOffset(), batch.endOffset(), batch.maxTimestampMs(), batch),
        highWatermark);
    history.seenAt(nowMs);
  }

  /**
   * Remembers a marker that was given its offset; it ends the open transaction, if there is one.
   */
  void addMarker(
      TransactionMarker marker, long offset, long timestampMs, long nowMs, long highWatermark) {
    long producerId = marker.producerId();
    ProducerHistory history = histories.computeIfAbsent(producerId, id -> new ProducerHistory());
    long first = history.state().txnFirstOffset();
    if (first >= 0) {
      long stable = unstable.onEnded(first, offset + 1);
      if (!marker.committed()) {
        aborted.add(new AbortedTransaction(producerId, first, offset, stable));
      }
    }
    State after = new State(marker.producerEpoch(), marker.coordinatorEpoch(), -1);
    history.add(new Step(after, offset, offset + 1, timestampMs, null), highWatermark);
    history.seenAt(nowMs);
    unstable.onDurable(highWatermark);
  }

  /** Markers below the high watermark have ended their transactions for every reader. */
  void onDurable(long highWatermark) {
    unstable.onDurable(highWatermark);
  }

  /** P30: forgets all above the high watermark, and producers of which there is nothing else. */
  void truncateTo(long highWatermark) {
    histories.values().forEach(history -> history.truncateTo(highWatermark));
    histories.values().removeIf(ProducerHistory::isEmpty);
    unstable.truncateTo(highWatermark);
    aborted.truncateTo(highWatermark);
  }

  /** Forgets aborted transactions whose markers the log holds no more. */
  void trimTo(long logStartOffset) {
    aborted.trimTo(logStartOffset);
  }

  /**
   * Forgets producers that were last heard of {@code expirationMs} ago, or longer, and have nothing
   * in flight and no transaction open.
   */
  void expire(long nowMs, long expirationMs, long highWatermark) {
    histories
        .values()
        .removeIf(
            history ->
                nowMs - history.lastSeenMs() >= expirationMs
                    && history.endOffset() <= highWatermark
                    && !history.state().isInTransaction());
  }

  /** Whether anything that is remembered of a producer has an offset in the range. */
  boolean hasStepIn(long fromOffset, long endOffset) {
    for (ProducerHistory history : histories.values()) {
      if (history.hasStepIn(fromOffset, endOffset)) {
        return true;
      }
    }
    return false;
  }

  List<ActiveProducer> active() {
    List<ActiveProducer> active = new ArrayList<>(histories.size());
    histories.forEach(
        (id, history) -> {
          State state = history.state();
          AppendedBatch newest = history.newestBatch();
          active.add(
              new ActiveProducer(
                  id,
                  state.producerEpoch(),
                  newest == null ? -1 : newest.lastSequence(),
                  history.timestampMs(),
                  state.coordinatorEpoch(),
                  state.txnFirstOffset()));
        });
    return active;
  }

  /** The last batch of each producer, without one if its epoch has none yet. */
  Map<Long, LastBatch> lastBatches() {
    Map<Long, LastBatch> last = new HashMap<>();
    histories.forEach(
        (id, history) -> {
          AppendedBatch newest = history.newestBatch();
          last.put(
              id,
              new LastBatch(
                  newest == null ? -1 : newest.endOffset() - 1, history.state().producerEpoch()));
        });
    return last;
  }

  // ---- what a checkpoint has ----

  /** A producer at the high watermark. */
  record DurableProducer(long lastSeenMs, Durable durable) {}

  /** The producers at the high watermark, by id: what is above is left out (P22). */
  SortedMap<Long, DurableProducer> durableProducers(long highWatermark) {
    SortedMap<Long, DurableProducer> durable = new TreeMap<>();
    histories.forEach(
        (id, history) -> {
          Durable known = history.durable(highWatermark);
          if (known != null) {
            durable.put(id, new DurableProducer(history.lastSeenMs(), known));
          }
        });
    return durable;
  }

  /** The aborted transactions at the high watermark. */
  List<AbortedTransaction> durableAborted(long highWatermark) {
    return aborted.below(highWatermark);
  }

  /** Takes over a producer as it was at the offset. */
  void restore(long producerId, DurableProducer producer, long atOffset) {
    ProducerHistory history = ProducerHistory.of(producer.durable, atOffset);
    history.seenAt(producer.lastSeenMs);
    histories.put(producerId, history);
    if (history.state().isInTransaction()) {
      unstable.onBegun(history.state().txnFirstOffset());
    }
  }

  /** Takes over an aborted transaction; in the order of their markers. */
  void restore(AbortedTransaction transaction) {
    aborted.add(transaction);
  }
}
