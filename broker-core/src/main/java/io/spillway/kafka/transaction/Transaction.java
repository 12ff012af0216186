package io.spillway.kafka.transaction;

import java.util.HashSet;
import java.util.Set;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.record.internal.RecordBatch;
import org.apache.kafka.coordinator.transaction.TransactionState;
import org.apache.kafka.server.common.TransactionVersion;

/**
 * What the coordinator knows of one transactional id. A value: each transition makes another one,
 * so that the runtime can go back to what it was. The rules that say which transition is due stand
 * in {@link InitProducerIdRule}, {@link PartitionsRule} and {@link EndTransactionRule}.
 *
 * <p>There is no state between "fenced" and "being aborted": both are one step here, since steps of
 * one id come one after the other.
 *
 * @param previousProducerId who the producer was before the last step
 * @param nextProducerId who the producer is once the transaction is complete; -1 when it stays
 * @param lastProducerEpoch the epoch that a repeated request may still carry (KIP-360); -1 for
 *     none. Not in the log, as in Kafka: after a reload such a repeat is fenced
 * @param timeoutMs after which an open transaction is aborted; {@link Integer#MAX_VALUE} is never
 * @param partitions of the transaction; empty unless it is open or being ended
 * @param startMs wall-clock time of the first partition; -1 when there is no transaction
 * @param lastUpdateMs wall-clock time
 * @param clientVersion the transaction version of who last began or ended one
 */
record Transaction(
    long producerId,
    long previousProducerId,
    long nextProducerId,
    short producerEpoch,
    short lastProducerEpoch,
    int timeoutMs,
    TransactionState state,
    Set<TopicPartition> partitions,
    long startMs,
    long lastUpdateMs,
    TransactionVersion clientVersion) {

  static final long NO_START = -1;

  /** The last epoch a client gets: one more is kept back to fence with. */
  static final short LAST_CLIENT_EPOCH = Short.MAX_VALUE - 1;

  Transaction {
    partitions = Set.copyOf(partitions);
  }

  static boolean isExhausted(short epoch) {
    return epoch >= LAST_CLIENT_EPOCH;
  }

  /** An id that nobody has used so far. */
  static Transaction first(long producerId, int timeoutMs, long nowMs) {
    return new Transaction(
        producerId,
        producerId,
        RecordBatch.NO_PRODUCER_ID,
        (short) 0,
        RecordBatch.NO_PRODUCER_EPOCH,
        timeoutMs,
        TransactionState.EMPTY,
        Set.of(),
        NO_START,
        nowMs,
        TransactionVersion.TV_0);
  }

  /** The same producer id for a new session of the producer. */
  Transaction begun(short epoch, short lastEpoch, int newTimeoutMs, long nowMs) {
    return begun(producerId, epoch, lastEpoch, newTimeoutMs, nowMs);
  }

  /** Another producer id, since the epochs of this one are used up. */
  Transaction renamed(long newProducerId, short lastEpoch, int newTimeoutMs, long nowMs) {
    return begun(newProducerId, (short) 0, lastEpoch, newTimeoutMs, nowMs);
  }

  private Transaction begun(
      long newProducerId, short epoch, short lastEpoch, int newTimeoutMs, long nowMs) {
    return new Transaction(
        newProducerId,
        producerId,
        RecordBatch.NO_PRODUCER_ID,
        epoch,
        lastEpoch,
        newTimeoutMs,
        TransactionState.EMPTY,
        Set.of(),
        NO_START,
        nowMs,
        clientVersion);
  }

  /** Opens a transaction, or adds to the open one. */
  Transaction with(Set<TopicPartition> added, TransactionVersion version, long nowMs) {
    Set<TopicPartition> all = new HashSet<>(partitions);
    all.addAll(added);
    return new Transaction(
        producerId,
        producerId,
        nextProducerId,
        producerEpoch,
        lastProducerEpoch,
        timeoutMs,
        TransactionState.ONGOING,
        all,
        isOpen() ? startMs : nowMs,
        nowMs,
        version);
  }

  /**
   * The decision: from here on the end is certain.
   *
   * @param epoch the markers'
   * @param nextId another producer id for what comes after, or -1
   */
  Transaction ending(
      boolean committed,
      short epoch,
      short lastEpoch,
      long nextId,
      TransactionVersion version,
      long nowMs) {
    return new Transaction(
        producerId,
        producerId,
        nextId,
        epoch,
        lastEpoch,
        timeoutMs,
        committed ? TransactionState.PREPARE_COMMIT : TransactionState.PREPARE_ABORT,
        partitions,
        isOpen() ? startMs : nowMs,
        nowMs,
        version);
  }

  /** Every marker is durable. */
  Transaction complete(long nowMs) {
    boolean renamed = nextProducerId != RecordBatch.NO_PRODUCER_ID;
    return new Transaction(
        renamed ? nextProducerId : producerId,
        producerId,
        RecordBatch.NO_PRODUCER_ID,
        renamed ? 0 : producerEpoch,
        lastProducerEpoch,
        timeoutMs,
        committed() ? TransactionState.COMPLETE_COMMIT : TransactionState.COMPLETE_ABORT,
        Set.of(),
        startMs,
        nowMs,
        clientVersion);
  }

  boolean isOpen() {
    return state == TransactionState.ONGOING;
  }

  /** Decided, and the markers are not all known to be durable. */
  boolean isEnding() {
    return state == TransactionState.PREPARE_COMMIT || state == TransactionState.PREPARE_ABORT;
  }

  /** Which way it ends, or ended. */
  boolean committed() {
    return state == TransactionState.PREPARE_COMMIT || state == TransactionState.COMPLETE_COMMIT;
  }

  boolean isTimedOut(long nowMs) {
    return isOpen() && timeoutMs != Integer.MAX_VALUE && startMs + timeoutMs < nowMs;
  }
}
