package io.spillway.kafka.transaction;

import static io.spillway.kafka.transaction.Decision.refuse;

import io.spillway.kafka.transaction.Decision.Change;
import io.spillway.kafka.transaction.Decision.Keep;
import io.spillway.kafka.transaction.Decision.NeedsProducerId;
import io.spillway.request.transaction.ProducerOutcome;
import java.util.OptionalLong;
import org.apache.kafka.common.protocol.Errors;
import org.apache.kafka.common.record.internal.RecordBatch;
import org.apache.kafka.coordinator.transaction.TransactionState;
import org.apache.kafka.server.common.TransactionVersion;
import org.jspecify.annotations.Nullable;

/**
 * A producer ends its transaction (KIP-98, and KIP-890 from version 2 on).
 *
 * <p>While the transaction before is being ended, every producer of the id waits. Before version 2
 * the epoch stays, so that a repeat and the end of the next transaction look alike; the state alone
 * answers. From version 2 on each transaction has an epoch of its own. A request with the epoch
 * before the present one repeats the last end, one with the present epoch is about the transaction
 * after it, which may be empty when it is aborted:
 *
 * <pre>
 * state            commit, repeat   commit, present   abort, repeat    abort, present
 * Empty            fenced           invalid state     fenced           next epoch
 * Ongoing          fenced           next epoch        fenced           next epoch
 * CompleteCommit   done             invalid state     invalid state    next epoch
 * CompleteAbort    invalid state    invalid state     done             next epoch
 * </pre>
 *
 * <p>Done answers who the producer is now. After its last epoch it has another producer id: a
 * repeat then still names the id before.
 *
 * @param version what the client ends transactions with: 0 or 2
 */
record EndTransactionRule(
    long producerId, short epoch, boolean commit, TransactionVersion version, long nowMs)
    implements Rule {

  @Override
  public Decision decide(@Nullable Transaction current, OptionalLong freshId) {
    if (current == null) {
      return refuse(Errors.INVALID_PRODUCER_ID_MAPPING);
    }
    return version.supportsEpochBump()
        ? withEpochs(current, freshId)
        : byStateAlone(current, freshId);
  }

  private Decision byStateAlone(Transaction current, OptionalLong freshId) {
    if (current.producerId() != producerId) {
      return refuse(Errors.INVALID_PRODUCER_ID_MAPPING);
    }
    if (current.producerEpoch() != epoch) {
      return refuse(Errors.PRODUCER_FENCED);
    }
    if (current.isEnding()) {
      return refuse(Errors.CONCURRENT_TRANSACTIONS);
    }
    return current.isOpen()
        ? ending().end(current, freshId)
        : ended(current, ProducerOutcome.UNCHANGED);
  }

  private Decision withEpochs(Transaction current, OptionalLong freshId) {
    // Before anything else: the producer may know its next identity already.
    if (current.isEnding()) {
      return refuse(Errors.CONCURRENT_TRANSACTIONS);
    }
    boolean renamed = repeatsUnderFormerId(current);
    if (current.producerId() != producerId && !renamed) {
      return refuse(Errors.INVALID_PRODUCER_ID_MAPPING);
    }
    boolean hasEnded = !current.isOpen() && current.state() != TransactionState.EMPTY;
    boolean repeats = hasEnded && (renamed || current.producerEpoch() == epoch + 1);
    if (repeats) {
      return ended(
          current, ProducerOutcome.identity(current.producerId(), current.producerEpoch()));
    }
    if (current.producerEpoch() != epoch) {
      return refuse(Errors.PRODUCER_FENCED);
    }
    boolean nothingToCommit = commit && !current.isOpen();
    return nothingToCommit ? refuse(Errors.INVALID_TXN_STATE) : ending().end(current, freshId);
  }

  private boolean repeatsUnderFormerId(Transaction current) {
    return current.producerId() != producerId
        && current.previousProducerId() == producerId
        && epoch == Transaction.LAST_CLIENT_EPOCH
        && current.producerEpoch() == 0;
  }

  /** The last end again, or the opposite of it. */
  private Decision ended(Transaction current, ProducerOutcome done) {
    boolean none = current.state() == TransactionState.EMPTY;
    return none || current.committed() != commit
        ? refuse(Errors.INVALID_TXN_STATE)
        : new Keep(done);
  }

  private Ending ending() {
    return new Ending(commit, version, nowMs);
  }

  /** How a transaction is ended, whoever ends it. */
  record Ending(boolean commit, TransactionVersion version, long nowMs) {

    Decision end(Transaction current, OptionalLong freshId) {
      if (!version.supportsEpochBump()) {
        return new Change(
            current.ending(
                commit,
                current.producerEpoch(),
                current.lastProducerEpoch(),
                RecordBatch.NO_PRODUCER_ID,
                version,
                nowMs),
            ProducerOutcome.UNCHANGED);
      }
      boolean last = Transaction.isExhausted(current.producerEpoch());
      if (last && freshId.isEmpty()) {
        return new NeedsProducerId();
      }
      long nextId = last ? freshId.getAsLong() : RecordBatch.NO_PRODUCER_ID;
      Transaction next =
          current.ending(
              commit,
              nextEpoch(current.producerEpoch()),
              current.producerEpoch(),
              nextId,
              version,
              nowMs);
      return new Change(
          next,
          last
              ? ProducerOutcome.identity(nextId, (short) 0)
              : ProducerOutcome.identity(next.producerId(), next.producerEpoch()));
    }

    /** An epoch below version 2 may have been bumped to the very last one already. */
    private static short nextEpoch(short epoch) {
      return epoch == Short.MAX_VALUE ? epoch : (short) (epoch + 1);
    }
  }
}
