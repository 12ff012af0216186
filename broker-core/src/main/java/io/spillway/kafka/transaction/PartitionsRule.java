package io.spillway.kafka.transaction;

import static io.spillway.kafka.transaction.Decision.refuse;

import io.spillway.kafka.transaction.Decision.Change;
import io.spillway.kafka.transaction.Decision.Keep;
import io.spillway.request.transaction.ProducerOutcome;
import java.util.OptionalLong;
import java.util.Set;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.protocol.Errors;
import org.apache.kafka.server.common.TransactionVersion;
import org.jspecify.annotations.Nullable;

/**
 * Adds partitions to the transaction of a producer, which the first one opens.
 *
 * @param version what the client ends transactions with: 0 or 2
 */
record PartitionsRule(
    long producerId,
    short epoch,
    Set<TopicPartition> partitions,
    TransactionVersion version,
    long nowMs)
    implements Rule {

  @Override
  public Decision decide(@Nullable Transaction current, OptionalLong freshId) {
    // Before anything else: the producer may know its next identity already.
    if (current != null && current.isEnding()) {
      return refuse(Errors.CONCURRENT_TRANSACTIONS);
    }
    Errors error = mayAsk(current, producerId, epoch);
    if (error != Errors.NONE || current == null) {
      return refuse(error);
    }
    if (current.isOpen() && current.partitions().containsAll(partitions)) {
      return new Keep(ProducerOutcome.UNCHANGED);
    }
    return new Change(current.with(partitions, version, nowMs), ProducerOutcome.UNCHANGED);
  }

  /** Whether it is the producer, and its transaction is not being ended. */
  static Errors mayAsk(@Nullable Transaction current, long producerId, short epoch) {
    if (current == null || current.producerId() != producerId) {
      return Errors.INVALID_PRODUCER_ID_MAPPING;
    }
    if (current.producerEpoch() != epoch) {
      return Errors.PRODUCER_FENCED;
    }
    return current.isEnding() ? Errors.CONCURRENT_TRANSACTIONS : Errors.NONE;
  }
}
