package io.spillway.kafka.transaction;

import static io.spillway.kafka.transaction.Decision.refuse;

import io.spillway.kafka.transaction.Decision.Change;
import io.spillway.kafka.transaction.Decision.NeedsProducerId;
import io.spillway.request.transaction.ProducerOutcome;
import java.util.Optional;
import java.util.OptionalLong;
import org.apache.kafka.common.protocol.Errors;
import org.apache.kafka.common.record.internal.RecordBatch;
import org.apache.kafka.server.common.TransactionVersion;
import org.jspecify.annotations.Nullable;

/**
 * A producer begins, or goes on after an error (KIP-98, KIP-360). Whoever used the id before is
 * fenced by the new epoch. An open transaction is aborted first: the answer is {@code
 * CONCURRENT_TRANSACTIONS} until that is done, and the producer asks again.
 *
 * @param timeoutMs of its transactions, valid
 * @param claim who the producer says it is; without one any session before it is fenced
 * @param serverVersion of the cluster: how an open transaction is aborted
 */
record InitProducerIdRule(
    int timeoutMs, Optional<Claim> claim, TransactionVersion serverVersion, long nowMs)
    implements Rule {

  /** Who a producer says it is. */
  record Claim(long producerId, short epoch) {}

  @Override
  public Decision decide(@Nullable Transaction current, OptionalLong freshId) {
    if (current == null) {
      return freshId.isEmpty()
          ? new NeedsProducerId()
          : begin(Transaction.first(freshId.getAsLong(), timeoutMs, nowMs));
    }
    if (current.isEnding()) {
      return refuse(Errors.CONCURRENT_TRANSACTIONS);
    }
    if (claim.isPresent() && !isOrWas(claim.get(), current)) {
      return refuse(Errors.PRODUCER_FENCED);
    }
    return current.isOpen() ? fence(current, freshId) : next(current, freshId);
  }

  /**
   * The producer id may be the one before, if the claim repeats a request that was answered with
   * another one because the epochs were used up.
   */
  private static boolean isOrWas(Claim claim, Transaction current) {
    return claim.producerId == current.producerId()
        || (claim.producerId == current.previousProducerId()
            && Transaction.isExhausted(claim.epoch));
  }

  /**
   * Which epoch is claimed is not looked at before the transaction has ended: as in Kafka, a claim
   * of an old epoch aborts it and is fenced then.
   */
  private Decision fence(Transaction current, OptionalLong freshId) {
    Decision decision = new AbortRule(serverVersion, nowMs).decide(current, freshId);
    return decision instanceof Change change
        ? new Change(change.next(), ProducerOutcome.refused(Errors.CONCURRENT_TRANSACTIONS))
        : decision;
  }

  private Decision next(Transaction current, OptionalLong freshId) {
    short epoch = current.producerEpoch();
    boolean claimed = claim.isPresent();
    if (claimed && claim.get().epoch != epoch) {
      return repeated(current, claim.get());
    }
    short last = claimed ? epoch : RecordBatch.NO_PRODUCER_EPOCH;
    if (!Transaction.isExhausted(epoch)) {
      return begin(current.begun((short) (epoch + 1), last, timeoutMs, nowMs));
    }
    return freshId.isEmpty()
        ? new NeedsProducerId()
        : begin(current.renamed(freshId.getAsLong(), last, timeoutMs, nowMs));
  }

  /** A request whose answer was lost gets it again; any other epoch is fenced. */
  private Decision repeated(Transaction current, Claim repeat) {
    if (repeat.epoch != current.lastProducerEpoch()) {
      return refuse(Errors.PRODUCER_FENCED);
    }
    return begin(
        current.begun(current.producerEpoch(), current.lastProducerEpoch(), timeoutMs, nowMs));
  }

  private static Decision begin(Transaction next) {
    return new Change(next, ProducerOutcome.identity(next.producerId(), next.producerEpoch()));
  }
}
