package io.spillway.partition;

import static java.util.Objects.requireNonNull;

import io.spillway.metadata.ClusterMetadata;
import io.spillway.metadata.MetadataSubscriber.Changes;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.config.ConfigResource;

/** A view of the metadata that a test makes up. Two brokers: 1 and 2. */
public final class TestMetadata implements ClusterMetadata {

  private final Map<String, Topic> topics = new TreeMap<>();
  private long offset;

  private record Topic(String name, Uuid id, List<PartitionInfo> partitions) implements TopicInfo {}

  /** A topic with one partition per leader, in epoch 0. */
  public Changes topic(String name, Uuid id, Integer... leaders) {
    List<PartitionInfo> partitions = new ArrayList<>();
    for (int leader : leaders) {
      partitions.add(partition(partitions.size(), leader, 0));
    }
    topics.put(name, new Topic(name, id, partitions));
    offset++;
    return new Changes(Set.of(name), Set.of(), Set.of(), false);
  }

  public Changes lead(String name, int index, int leader, int leaderEpoch) {
    Topic topic = requireNonNull(topics.get(name));
    topic.partitions.set(index, partition(index, leader, leaderEpoch));
    offset++;
    return new Changes(Set.of(name), Set.of(), Set.of(), false);
  }

  public Changes delete(String name) {
    Topic topic = requireNonNull(topics.remove(name));
    offset++;
    return new Changes(Set.of(), Set.of(topic.id()), Set.of(), false);
  }

  private static PartitionInfo partition(int index, int leader, int leaderEpoch) {
    return new PartitionInfo(
        index, leader, leaderEpoch, 0, List.of(1, 2), List.of(1, 2), List.of(), List.of());
  }

  @Override
  public long offset() {
    return offset;
  }

  @Override
  public String clusterId() {
    return "cluster";
  }

  @Override
  public int controllerId() {
    return 1;
  }

  @Override
  public Optional<TopicInfo> topic(String name) {
    return Optional.ofNullable(topics.get(name));
  }

  @Override
  public Optional<TopicInfo> topic(Uuid id) {
    return topics.values().stream()
        .filter(topic -> topic.id().equals(id))
        .findFirst()
        .map(TopicInfo.class::cast);
  }

  @Override
  public Collection<TopicInfo> topics() {
    return List.copyOf(topics.values());
  }

  @Override
  public List<BrokerInfo> brokers() {
    return List.of(broker(1), broker(2));
  }

  private static BrokerInfo broker(int id) {
    return new BrokerInfo(
        id,
        1,
        false,
        Optional.empty(),
        Map.of("PLAINTEXT", new Endpoint("PLAINTEXT", "broker-" + id, 9092)));
  }

  @Override
  public Map<String, String> topicOverrides(String name) {
    return Map.of();
  }

  @Override
  public Map<String, String> brokerOverrides(String brokerId) {
    return Map.of();
  }

  @Override
  public Map<String, String> groupOverrides(String groupId) {
    return Map.of();
  }

  @Override
  public Map<String, String> clientMetricsOverrides(String name) {
    return Map.of();
  }

  @Override
  public Collection<String> configured(ConfigResource.Type type) {
    return List.of();
  }

  @Override
  public Map<String, Short> finalizedFeatures() {
    return Map.of();
  }
}
