package io.spillway.request.data;

import io.spillway.metadata.ClusterMetadata;
import io.spillway.partition.PartitionManager;
import io.spillway.request.ApiHandler;
import io.spillway.runtime.Clock;
import io.spillway.runtime.Scheduler;
import java.util.function.Supplier;

/** Handlers of this package for tests elsewhere. */
public final class TestHandlers {

  private TestHandlers() {}

  public static ApiHandler produce(
      PartitionManager partitions,
      Supplier<ClusterMetadata> metadata,
      Clock clock,
      Scheduler timers) {
    return new ProduceHandler(
        new PartitionLocator(partitions, metadata), new TimerWheel(clock, timers));
  }
}
