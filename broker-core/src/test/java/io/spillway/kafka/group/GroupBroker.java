package io.spillway.kafka.group;

import static org.assertj.core.api.Assertions.assertThat;

import io.spillway.kafka.coordinator.FakeCluster;
import io.spillway.kafka.coordinator.FakePartition;
import io.spillway.kafka.coordinator.FakePartitions;
import io.spillway.kafka.coordinator.WirePipeline;
import io.spillway.metadata.TopicConfig;
import io.spillway.request.coordinator.CoordinatorTopic;
import io.spillway.runtime.SystemClock;
import io.spillway.runtime.SystemThreads;
import io.spillway.runtime.Threads;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.BooleanSupplier;
import java.util.function.Function;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.message.OffsetFetchRequestData;
import org.apache.kafka.common.message.OffsetFetchRequestData.OffsetFetchRequestGroup;
import org.apache.kafka.common.message.OffsetFetchResponseData;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.protocol.ApiMessage;

/**
 * What a broker makes of groups, with the request pipeline in front and partitions in memory below.
 */
final class GroupBroker implements AutoCloseable {

  static final int OFFSETS_PARTITIONS = 4;

  final FakeCluster cluster;
  final FakePartitions partitions;
  final List<Throwable> faults = new CopyOnWriteArrayList<>();
  final GroupCoordinators groups;
  private final Threads threads;
  private final WirePipeline pipeline;

  GroupBroker() {
    this(Map.of());
  }

  GroupBroker(Map<String, String> properties) {
    this(new FakeCluster(), new FakePartitions(), properties);
  }

  private GroupBroker(
      FakeCluster cluster, FakePartitions partitions, Map<String, String> properties) {
    this.cluster = cluster;
    this.partitions = partitions;
    this.threads =
        new SystemThreads("test", new SystemClock(), (component, cause) -> faults.add(cause));
    Map<String, String> all = new HashMap<>();
    all.put("offsets.topic.num.partitions", Integer.toString(OFFSETS_PARTITIONS));
    all.put("group.initial.rebalance.delay.ms", "0");
    all.put("group.consumer.min.assignment.interval.ms", "0");
    all.put("group.consumer.assignment.interval.ms", "0");
    all.put("group.coordinator.threads", "2");
    all.putAll(properties);
    this.groups =
        GroupCoordinators.create(
            FakeCluster.NODE,
            all,
            partitions,
            cluster::view,
            topic -> TopicConfig.DEFAULTS,
            threads);
    cluster.subscribe(groups.imageSubscriber());
    this.pipeline = new WirePipeline(groups.handlers(), threads.clock());
  }

  /** With an offsets topic that this broker leads. */
  static GroupBroker serving() {
    return serving(Map.of());
  }

  static GroupBroker serving(Map<String, String> properties) {
    GroupBroker broker = new GroupBroker(properties);
    broker.createTopic(CoordinatorTopic.OFFSETS, OFFSETS_PARTITIONS);
    return broker;
  }

  /** Another broker on what is durable here. */
  GroupBroker restarted() {
    FakePartitions logs = partitions.afterRestart();
    close();
    return new GroupBroker(cluster.afterRestart(), logs, Map.of());
  }

  Uuid createTopic(String name, int count) {
    Uuid id = cluster.createTopic(name, count);
    for (int i = 0; i < count; i++) {
      partitions.lead(new FakePartition(new TopicPartition(name, i), id));
    }
    return id;
  }

  FakePartition offsetsPartition(String groupId) {
    return partitions.get(
        new TopicPartition(
            CoordinatorTopic.OFFSETS, CoordinatorTopic.partitionOf(groupId, OFFSETS_PARTITIONS)));
  }

  // ---- requests

  CompletableFuture<ApiMessage> send(ApiKeys api, int version, ApiMessage body) {
    return pipeline.send(api, version, body);
  }

  <R extends ApiMessage> R call(ApiKeys api, int version, ApiMessage body, Class<R> type) {
    return pipeline.call(api, version, body, type);
  }

  <R extends ApiMessage> R retrying(
      ApiKeys api, int version, ApiMessage body, Class<R> type, Function<R, Short> errorOf) {
    return pipeline.retrying(api, version, body, type, errorOf);
  }

  /** Until the group's offsets partition is loaded; asks what a loading coordinator refuses. */
  void awaitLoaded(String groupId) {
    retrying(
        ApiKeys.OFFSET_FETCH,
        9,
        new OffsetFetchRequestData()
            .setGroups(List.of(new OffsetFetchRequestGroup().setGroupId(groupId).setTopics(null))),
        OffsetFetchResponseData.class,
        answer -> answer.groups().get(0).errorCode());
  }

  static void until(BooleanSupplier condition) {
    WirePipeline.until(condition);
  }

  static void backOff() {
    WirePipeline.backOff();
  }

  static <T> T await(CompletableFuture<T> future) {
    return WirePipeline.await(future);
  }

  @Override
  public void close() {
    groups.close();
    threads.close();
    assertThat(faults).isEmpty();
  }
}
