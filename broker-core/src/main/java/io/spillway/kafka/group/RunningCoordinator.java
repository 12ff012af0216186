package io.spillway.kafka.group;

import com.yammer.metrics.core.MetricsRegistry;
import io.spillway.kafka.controller.ClockTime;
import io.spillway.kafka.coordinator.Elections;
import io.spillway.kafka.coordinator.HostedCoordinator;
import io.spillway.kafka.coordinator.LedPartition;
import io.spillway.kafka.coordinator.PartitionLogLoader;
import io.spillway.kafka.coordinator.PartitionLogWriter;
import io.spillway.metadata.TopicConfigs;
import io.spillway.partition.LocalPartitions;
import io.spillway.request.coordinator.CoordinatorTopic;
import io.spillway.runtime.Clock;
import io.spillway.runtime.Scheduler;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.concurrent.Executor;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.metrics.Metrics;
import org.apache.kafka.coordinator.common.runtime.CoordinatorRecord;
import org.apache.kafka.coordinator.group.GroupConfigManager;
import org.apache.kafka.coordinator.group.GroupCoordinator;
import org.apache.kafka.coordinator.group.GroupCoordinatorRecordSerde;
import org.apache.kafka.coordinator.group.GroupCoordinatorService;
import org.apache.kafka.coordinator.group.metrics.GroupCoordinatorMetrics;
import org.apache.kafka.coordinator.group.metrics.GroupCoordinatorRuntimeMetrics;
import org.apache.kafka.image.MetadataDelta;
import org.apache.kafka.image.MetadataImage;
import org.apache.kafka.image.TopicImage;
import org.apache.kafka.server.share.persister.NoOpStatePersister;
import org.apache.kafka.server.util.timer.SystemTimer;
import org.apache.kafka.server.util.timer.SystemTimerReaper;

/**
 * One started Kafka {@link GroupCoordinatorService} with everything it stands on. Nothing of it is
 * shared between brokers: its metrics are in registries of its own that nobody exports.
 */
final class RunningCoordinator implements HostedCoordinator {

  private final GroupCoordinatorService service;
  private final GroupConfigManager groupConfigs;
  private final Metrics metrics;
  private final MetricsRegistry metricsRegistry;

  private RunningCoordinator(
      GroupCoordinatorService service,
      GroupConfigManager groupConfigs,
      Metrics metrics,
      MetricsRegistry metricsRegistry) {
    this.service = service;
    this.groupConfigs = groupConfigs;
    this.metrics = metrics;
    this.metricsRegistry = metricsRegistry;
  }

  /**
   * Builds and starts the service; it leads nothing yet.
   *
   * @param image the newest image; says how many offsets partitions there are
   */
  static RunningCoordinator start(
      int nodeId,
      CoordinatorSettings settings,
      Elections elections,
      LocalPartitions partitions,
      TopicConfigs topicConfigs,
      Clock clock,
      Executor loadPool,
      Scheduler scheduler,
      MetadataImage image) {
    Metrics metrics = new Metrics();
    MetricsRegistry metricsRegistry = new MetricsRegistry();
    GroupConfigManager groupConfigs = new GroupConfigManager(settings.group(), settings.share());
    PartitionLogLoader<CoordinatorRecord> loader =
        new PartitionLogLoader<>(
            elections.led(),
            elections::onLoadEnded,
            new GroupCoordinatorRecordSerde(),
            settings.group().offsetsLoadBufferSize(),
            clock,
            loadPool,
            scheduler);
    String timerName = "groups-" + nodeId;
    GroupCoordinatorService service =
        new GroupCoordinatorService.Builder(nodeId, settings.group())
            .withTime(new ClockTime(clock))
            .withTimer(new SystemTimerReaper(timerName + "-reaper", new SystemTimer(timerName)))
            .withWriter(new PartitionLogWriter(elections.led(), topicConfigs))
            .withLoader(loader)
            .withCoordinatorRuntimeMetrics(new GroupCoordinatorRuntimeMetrics(metrics))
            .withGroupCoordinatorMetrics(new GroupCoordinatorMetrics(metricsRegistry, metrics))
            .withGroupConfigManager(groupConfigs)
            .withPersister(new NoOpStatePersister())
            .withAuthorizerPlugin(Optional.empty())
            .withPartitionMetadataClient(new LocalWatermarks(partitions))
            .build();
    service.startup(() -> offsetsPartitions(image, settings));
    RunningCoordinator running =
        new RunningCoordinator(service, groupConfigs, metrics, metricsRegistry);
    image.configs().resourceData().keySet().forEach(r -> running.updateGroupConfig(r, image));
    service.onMetadataUpdate(new MetadataDelta.Builder().setImage(image).build(), image);
    return running;
  }

  private static int offsetsPartitions(MetadataImage image, CoordinatorSettings settings) {
    TopicImage topic = image.topics().getTopic(CoordinatorTopic.OFFSETS);
    return topic == null ? settings.group().offsetsTopicPartitions() : topic.partitions().size();
  }

  GroupCoordinator service() {
    return service;
  }

  @Override
  public void elect(LedPartition partition) {
    service.onElection(partition.topicPartition().partition(), partition.partition().leaderEpoch());
  }

  @Override
  public void resign(TopicPartition tp) {
    service.onResignation(tp.partition(), OptionalInt.empty());
  }

  /** May wait until the offsets of deleted topics are gone. */
  @Override
  public void onImage(MetadataDelta delta, MetadataImage image) {
    if (delta.configsDelta() != null) {
      delta.configsDelta().changes().keySet().forEach(r -> updateGroupConfig(r, image));
    }
    service.onMetadataUpdate(delta, image);
  }

  private void updateGroupConfig(ConfigResource resource, MetadataImage image) {
    if (resource.type() == ConfigResource.Type.GROUP) {
      groupConfigs.updateGroupConfig(resource.name(), image.configs().configProperties(resource));
    }
  }

  @Override
  public void close() {
    service.shutdown();
    metrics.close();
    metricsRegistry.shutdown();
  }
}
