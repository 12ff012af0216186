package io.spillway.kafka.transaction;

import io.spillway.kafka.transaction.Decision.Change;
import io.spillway.kafka.transaction.Decision.Keep;
import io.spillway.request.transaction.ProducerOutcome;
import java.util.OptionalLong;
import org.apache.kafka.common.record.internal.RecordBatch;
import org.apache.kafka.server.common.TransactionVersion;
import org.jspecify.annotations.Nullable;

/**
 * The coordinator aborts an open transaction itself and fences its producer with the next epoch,
 * which the markers carry. Anything but an open transaction stays as it is.
 *
 * <p>From version 2 on it is what an abort by the client would be: a producer that aborts after it
 * was timed out is told its new epoch and goes on. Before, it is fenced for good.
 *
 * @param serverVersion of the cluster
 */
record AbortRule(TransactionVersion serverVersion, long nowMs) implements Rule {

  @Override
  public Decision decide(@Nullable Transaction current, OptionalLong freshId) {
    if (current == null || !current.isOpen()) {
      return new Keep(ProducerOutcome.UNCHANGED);
    }
    if (serverVersion.supportsEpochBump()) {
      return new EndTransactionRule.Ending(false, serverVersion, nowMs).end(current, freshId);
    }
    Transaction next =
        current.ending(
            false,
            (short) (current.producerEpoch() + 1),
            RecordBatch.NO_PRODUCER_EPOCH,
            RecordBatch.NO_PRODUCER_ID,
            TransactionVersion.TV_0,
            nowMs);
    return new Change(next, ProducerOutcome.UNCHANGED);
  }
}
