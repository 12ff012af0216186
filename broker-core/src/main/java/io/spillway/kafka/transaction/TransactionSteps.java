package io.spillway.kafka.transaction;

import io.spillway.kafka.transaction.Decision.NeedsProducerId;
import java.util.OptionalLong;
import java.util.concurrent.CompletableFuture;
import java.util.function.Supplier;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.CoordinatorLoadInProgressException;

/**
 * Takes steps of transactional ids, with a producer id from the controller for those that need it.
 */
final class TransactionSteps {

  private final TransactionRuntime runtime;
  private final Supplier<CompletableFuture<Long>> producerIds;

  /**
   * @param producerIds each once
   */
  TransactionSteps(TransactionRuntime runtime, Supplier<CompletableFuture<Long>> producerIds) {
    this.runtime = runtime;
    this.producerIds = producerIds;
  }

  /** The rule is asked again, with a fresh producer id, when it needs one. */
  CompletableFuture<Decision> take(String name, TopicPartition tp, String id, Rule rule) {
    return runtime
        .decide(name, tp, id, rule, OptionalLong.empty())
        .thenCompose(
            decision ->
                decision instanceof NeedsProducerId
                    ? producerId()
                        .thenCompose(
                            fresh -> runtime.decide(name, tp, id, rule, OptionalLong.of(fresh)))
                    : CompletableFuture.completedFuture(decision));
  }

  private CompletableFuture<Long> producerId() {
    return producerIds
        .get()
        .exceptionallyCompose(
            failure ->
                CompletableFuture.failedFuture(
                    new CoordinatorLoadInProgressException(
                        "no producer ids from the controller now", failure)));
  }
}
