package io.spillway.kafka.group;

import io.spillway.kafka.metadata.KafkaImageSubscriber;
import io.spillway.metadata.ClusterMetadata;
import io.spillway.metadata.TopicConfigs;
import io.spillway.partition.LocalPartitions;
import io.spillway.partition.MarkerWriter;
import io.spillway.request.ApiHandler;
import io.spillway.request.coordinator.CoordinatorTopic;
import io.spillway.request.group.ClassicGroupHandler;
import io.spillway.request.group.ConsumerGroupHandler;
import io.spillway.request.group.GroupAdminHandler;
import io.spillway.request.group.GroupLag;
import io.spillway.request.group.GroupLagReader;
import io.spillway.request.group.OffsetCommitHandler;
import io.spillway.request.group.OffsetDeleteHandler;
import io.spillway.request.group.OffsetFetchHandler;
import io.spillway.request.group.TxnOffsetCommitHandler;
import io.spillway.runtime.Threads;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;

/**
 * Everything about groups that one broker serves. Making it is cheap: the coordinator itself is
 * started by what first needs it.
 *
 * <p>Close it before the partitions it writes to and before its threads; requests that wait are
 * answered, with a retriable error.
 */
public final class GroupCoordinators implements AutoCloseable {

  private final GroupCoordinatorAdapter coordinator;
  private final CoordinatorTopic offsetsTopic;
  private final List<ApiHandler> handlers;
  private final GroupLag lag;

  private GroupCoordinators(
      GroupCoordinatorAdapter coordinator,
      CoordinatorTopic offsetsTopic,
      List<ApiHandler> handlers,
      GroupLag lag) {
    this.coordinator = coordinator;
    this.offsetsTopic = offsetsTopic;
    this.handlers = handlers;
    this.lag = lag;
  }

  /**
   * Makes it and subscribes it to the partitions.
   *
   * @param kafkaProperties the broker's properties; those of groups and offsets are taken
   * @param metadata the newest view of the cluster
   * @throws org.apache.kafka.common.config.ConfigException naming the setting that is wrong
   */
  public static GroupCoordinators create(
      int nodeId,
      Map<String, String> kafkaProperties,
      LocalPartitions partitions,
      Supplier<ClusterMetadata> metadata,
      TopicConfigs topicConfigs,
      Threads threads) {
    CoordinatorSettings settings = CoordinatorSettings.parse(kafkaProperties);
    GroupCoordinatorAdapter coordinator =
        new GroupCoordinatorAdapter(nodeId, settings, partitions, topicConfigs, threads);
    List<ApiHandler> handlers =
        List.of(
            new ClassicGroupHandler(coordinator),
            new ConsumerGroupHandler(coordinator, metadata),
            new OffsetCommitHandler(coordinator, metadata),
            new OffsetFetchHandler(coordinator, metadata),
            new OffsetDeleteHandler(coordinator, metadata),
            new TxnOffsetCommitHandler(coordinator, metadata),
            new GroupAdminHandler(coordinator));
    partitions.subscribe(coordinator.elections());
    return new GroupCoordinators(
        coordinator,
        settings.offsetsTopic(),
        handlers,
        new GroupLagReader(coordinator, coordinator::isRunning, partitions));
  }

  public List<ApiHandler> handlers() {
    return handlers;
  }

  /** Ends transactions in the offsets partitions this broker leads (P33). */
  public MarkerWriter markers() {
    return coordinator;
  }

  /** The log of the coordinator, as it is to be created. */
  public CoordinatorTopic offsetsTopic() {
    return offsetsTopic;
  }

  /** To be subscribed to the control plane's raw images before partitions are led. */
  public KafkaImageSubscriber imageSubscriber() {
    return coordinator.images();
  }

  public GroupLag lag() {
    return lag;
  }

  @Override
  public void close() {
    coordinator.close();
  }
}
