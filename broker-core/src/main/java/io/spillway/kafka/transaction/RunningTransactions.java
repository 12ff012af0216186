package io.spillway.kafka.transaction;

import io.spillway.kafka.coordinator.HostedCoordinator;
import io.spillway.kafka.coordinator.LedPartition;
import io.spillway.runtime.Clock;
import io.spillway.runtime.Scheduler;
import java.util.concurrent.CompletableFuture;
import java.util.function.Supplier;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.image.MetadataDelta;
import org.apache.kafka.image.MetadataImage;

/** The started coordinator of transactions. */
record RunningTransactions(
    TransactionRuntime runtime, TransactionSteps steps, TransactionUpkeep upkeep)
    implements HostedCoordinator {

  /**
   * @param producerIds each once
   */
  static RunningTransactions start(
      TransactionSettings settings,
      TransactionRuntime runtime,
      Supplier<CompletableFuture<Long>> producerIds,
      ClusterFacts facts,
      Clock clock,
      Scheduler scheduler) {
    TransactionSteps steps = new TransactionSteps(runtime, producerIds);
    TransactionUpkeep upkeep =
        new TransactionUpkeep(runtime, steps, facts, settings.state(), clock, scheduler);
    upkeep.start();
    return new RunningTransactions(runtime, steps, upkeep);
  }

  @Override
  public void elect(LedPartition partition) {
    runtime.elect(partition);
  }

  @Override
  public void resign(TopicPartition tp) {
    runtime.resign(tp);
  }

  /** The newest image is asked where it matters. */
  @Override
  public void onImage(MetadataDelta delta, MetadataImage image) {}

  @Override
  public void close() {
    upkeep.close();
    runtime.close();
  }
}
