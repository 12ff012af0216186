package io.spillway.kafka.transaction;

import static java.util.Objects.requireNonNull;

import java.util.function.Function;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.utils.Time;
import org.apache.kafka.common.utils.internals.LogContext;
import org.apache.kafka.coordinator.common.runtime.CoordinatorExecutor;
import org.apache.kafka.coordinator.common.runtime.CoordinatorMetrics;
import org.apache.kafka.coordinator.common.runtime.CoordinatorShardBuilder;
import org.apache.kafka.coordinator.common.runtime.CoordinatorTimer;
import org.apache.kafka.timeline.SnapshotRegistry;
import org.jspecify.annotations.Nullable;

/** Makes the shard of one load; most of what the runtime offers is not needed. */
final class ShardBuilder implements CoordinatorShardBuilder<TransactionShard, TransactionRecord> {

  private final Function<TopicPartition, Endings> endings;
  private @Nullable SnapshotRegistry registry;
  private @Nullable TopicPartition partition;

  /**
   * @param endings makes those of one load
   */
  ShardBuilder(Function<TopicPartition, Endings> endings) {
    this.endings = endings;
  }

  @Override
  public ShardBuilder withSnapshotRegistry(SnapshotRegistry snapshotRegistry) {
    registry = snapshotRegistry;
    return this;
  }

  @Override
  public ShardBuilder withTopicPartition(TopicPartition topicPartition) {
    partition = topicPartition;
    return this;
  }

  @Override
  public ShardBuilder withLogContext(LogContext context) {
    return this;
  }

  @Override
  public ShardBuilder withTime(Time time) {
    return this;
  }

  @Override
  public ShardBuilder withTimer(CoordinatorTimer<TransactionRecord> timer) {
    return this;
  }

  @Override
  public ShardBuilder withExecutor(CoordinatorExecutor<TransactionRecord> executor) {
    return this;
  }

  @Override
  public ShardBuilder withCoordinatorMetrics(CoordinatorMetrics metrics) {
    return this;
  }

  @Override
  public TransactionShard build() {
    TopicPartition tp = requireNonNull(partition);
    return new TransactionShard(tp, requireNonNull(registry), endings.apply(tp));
  }
}
