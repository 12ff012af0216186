package io.spillway.kafka.transaction;

import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.coordinator.common.runtime.CoordinatorMetrics;
import org.apache.kafka.coordinator.common.runtime.CoordinatorMetricsShard;
import org.apache.kafka.timeline.SnapshotRegistry;

/** The runtime wants metrics of each shard; there are none, as in Kafka. */
final class NoShardMetrics extends CoordinatorMetrics {

  private record Shard(TopicPartition topicPartition) implements CoordinatorMetricsShard {
    @Override
    public void record(String sensorName) {}

    @Override
    public void record(String sensorName, double value) {}

    @Override
    public void commitUpTo(long offset) {}
  }

  @Override
  public CoordinatorMetricsShard newMetricsShard(SnapshotRegistry registry, TopicPartition tp) {
    return new Shard(tp);
  }

  @Override
  public void activateMetricsShard(CoordinatorMetricsShard shard) {}

  @Override
  public void deactivateMetricsShard(CoordinatorMetricsShard shard) {}

  @Override
  public void onUpdateLastCommittedOffset(TopicPartition tp, long offset) {}
}
