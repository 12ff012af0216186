package io.spillway.partition;

import static java.util.Objects.requireNonNull;

import io.spillway.metadata.ClusterMetadata;
import io.spillway.metadata.MetadataSubscriber.Changes;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.config.ConfigResource;

/**
 * A view of the metadata that a test makes up, and changes. Brokers 1 to 3, none of them fenced.
 */
public final class TestMetadata implements ClusterMetadata {

  private static final List<Integer> NODES = List.of(1, 2, 3);

  private final Map<String, Topic> topics = new TreeMap<>();
  private final Map<String, Short> features = new TreeMap<>();
  private final Map<ConfigResource.Type, TreeSet<String>> configured = new HashMap<>();
  private final Set<Integer> fenced = new TreeSet<>();
  private long offset;

  private record Topic(String name, Uuid id, List<PartitionInfo> partitions) implements TopicInfo {}

  /** What it is now, and stays. */
  public TestMetadata copy() {
    TestMetadata copy = new TestMetadata();
    copy.topics.putAll(topics);
    copy.features.putAll(features);
    configured.forEach((type, names) -> copy.configured.put(type, new TreeSet<>(names)));
    copy.fenced.addAll(fenced);
    copy.offset = offset;
    return copy;
  }

  public void feature(String name, int level) {
    features.put(name, (short) level);
  }

  public void withoutFeature(String name) {
    features.remove(name);
  }

  public void fence(int nodeId) {
    fenced.add(nodeId);
  }

  /** Something of that kind has settings of its own. */
  public void configure(ConfigResource.Type type, String name) {
    configured.computeIfAbsent(type, any -> new TreeSet<>()).add(name);
  }

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
    List<PartitionInfo> partitions = new ArrayList<>(topic.partitions);
    partitions.set(index, partition(index, leader, leaderEpoch));
    topics.put(name, new Topic(name, topic.id, partitions));
    offset++;
    return new Changes(Set.of(name), Set.of(), Set.of(), false);
  }

  public Changes delete(String name) {
    Topic topic = requireNonNull(topics.remove(name));
    offset++;
    return new Changes(Set.of(), Set.of(topic.id()), Set.of(), false);
  }

  private static PartitionInfo partition(int index, int leader, int leaderEpoch) {
    return new PartitionInfo(index, leader, leaderEpoch, 0, NODES, NODES, List.of(), List.of());
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
    return NODES.stream().map(this::broker).toList();
  }

  private BrokerInfo broker(int id) {
    return new BrokerInfo(
        id,
        1,
        fenced.contains(id),
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
    return List.copyOf(configured.getOrDefault(type, new TreeSet<>()));
  }

  @Override
  public Map<String, Short> finalizedFeatures() {
    return Map.copyOf(features);
  }
}
