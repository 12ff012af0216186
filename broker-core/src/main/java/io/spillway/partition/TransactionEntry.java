package io.spillway.partition;

import io.spillway.partition.TransactionVerifier.Question;
import org.apache.kafka.common.errors.ApiException;
import org.apache.kafka.common.errors.NotEnoughReplicasException;
import org.apache.kafka.common.protocol.Errors;
import org.jspecify.annotations.Nullable;

/**
 * Where a client's transactional batch waits until its coordinator has said that the partition
 * belongs to the transaction (P29): beside the partition's queue, so that nobody else waits for
 * that; at its head if it was in the queue already. Bounded in bytes and, by {@link Verifications},
 * in time.
 */
final class TransactionEntry {

  /** Produce from here on: the client adds no partition, and has an epoch per transaction. */
  private static final short FIRST_VERSION_THAT_ADDS = 12;

  private static final short FIRST_VERSION_WITH_ABORTABLE_ERROR = 11;

  private final PartitionState state;
  private final ProducerGate producers;
  private long heldBytes;

  /** Whom a batch comes back to. */
  interface Exit {
    /**
     * @param refusal null when the batch may be tried
     */
    void onVerified(Append append, @Nullable ApiException refusal);
  }

  TransactionEntry(PartitionState state, ProducerGate producers) {
    this.state = state;
    this.producers = producers;
  }

  static boolean hasEpochPerTransaction(short produceVersion) {
    return produceVersion >= FIRST_VERSION_THAT_ADDS;
  }

  /**
   * Under the lock: whether the batch must be {@link #hold held}. May give it a guard.
   *
   * @param isItsTurn whether nothing that came before it is in the partition's queue; what is held
   *     for the same transaction came before it, too
   */
  boolean mustWait(Append append, PreparedBatch batch, boolean isItsTurn) {
    if (append.guard != TransactionGuard.NONE) {
      return false;
    }
    Verifications verifications = producers.verifications();
    if (verifications.isUnsettled(batch.producerId, batch.producerEpoch)) {
      return true;
    }
    if (!isItsTurn || producers.isInTransaction(batch.producerId, batch.producerEpoch)) {
      return false;
    }
    TransactionGuard settled = verifications.settled(batch.producerId, batch.producerEpoch);
    if (settled != null) {
      append.guard = settled;
    }
    return settled == null;
  }

  /**
   * Under the lock: keeps the batch until its transaction is verified.
   *
   * @return to be run outside the lock
   * @throws ApiException when it cannot wait, or need not since it is too old
   */
  Verifications.Ask hold(Append append, PreparedBatch batch, boolean isHeadOfQueue, Exit exit) {
    producers.requireEpoch(batch.producerId, batch.producerEpoch);
    int sizeBytes = isHeadOfQueue ? 0 : append.view.remaining();
    if (heldBytes > 0 && heldBytes + sizeBytes > state.runtime.settings().parkedBytes()) {
      throw new NotEnoughReplicasException(
          "too many batches of partition " + state.tp + " wait for their transactions");
    }
    heldBytes += sizeBytes;
    short version = append.batch.requestVersion();
    Verifications.Started started =
        producers
            .verifications()
            .await(
                append.requireTransactionalId(),
                batch.producerId,
                batch.producerEpoch,
                hasEpochPerTransaction(version) ? Question.ADD : Question.IS_ADDED,
                answer -> {
                  synchronized (state.lock) {
                    heldBytes -= sizeBytes;
                  }
                  exit.onVerified(append, refusal(answer, version));
                });
    append.guard = started.guard();
    return started.ask();
  }

  /**
   * What a producer is told: a client takes the errors that are about the coordinator, and not the
   * batch, for final, unless it is new enough to know better.
   */
  static @Nullable ApiException refusal(Errors answer, short version) {
    return switch (answer) {
      case NONE -> null;
      case INVALID_TXN_STATE -> notInTransaction();
      case TRANSACTION_ABORTABLE ->
          version < FIRST_VERSION_WITH_ABORTABLE_ERROR ? notInTransaction() : answer.exception();
      case CONCURRENT_TRANSACTIONS ->
          hasEpochPerTransaction(version) ? answer.exception() : notVerified(answer);
      case NETWORK_EXCEPTION,
          REQUEST_TIMED_OUT,
          COORDINATOR_LOAD_IN_PROGRESS,
          COORDINATOR_NOT_AVAILABLE,
          NOT_COORDINATOR ->
          notVerified(answer);
      default -> answer.exception();
    };
  }

  private static ApiException notInTransaction() {
    return Errors.INVALID_TXN_STATE.exception("The partition was not added to the transaction");
  }

  private static ApiException notVerified(Errors answer) {
    return new NotEnoughReplicasException(
        "The transaction could not be verified with its coordinator: " + answer);
  }
}
