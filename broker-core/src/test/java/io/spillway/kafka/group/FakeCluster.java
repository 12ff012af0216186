package io.spillway.kafka.group;

import io.spillway.kafka.metadata.KafkaImageSubscriber;
import io.spillway.metadata.ClusterMetadata;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.Consumer;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.metadata.ConfigRecord;
import org.apache.kafka.common.metadata.PartitionRecord;
import org.apache.kafka.common.metadata.RemoveTopicRecord;
import org.apache.kafka.common.metadata.TopicRecord;
import org.apache.kafka.image.MetadataDelta;
import org.apache.kafka.image.MetadataImage;
import org.apache.kafka.image.MetadataProvenance;
import org.apache.kafka.image.TopicImage;

/** Metadata of a cluster of one broker, told both ways: our view, and Kafka's image. */
final class FakeCluster implements ClusterMetadata {

  static final int NODE = 1;

  private final List<KafkaImageSubscriber> subscribers = new CopyOnWriteArrayList<>();
  private final Map<String, Short> features = new TreeMap<>(Map.of("group.version", (short) 1));
  private volatile MetadataImage image = MetadataImage.EMPTY;
  private volatile boolean fenced;

  void subscribe(KafkaImageSubscriber subscriber) {
    subscribers.add(subscriber);
    subscriber.onImage(new MetadataDelta.Builder().setImage(image).build(), image);
  }

  /** The same cluster, seen by a broker that starts. */
  FakeCluster afterRestart() {
    FakeCluster next = new FakeCluster();
    next.image = image;
    return next;
  }

  void withoutGroupVersion() {
    features.clear();
  }

  void fence() {
    fenced = true;
  }

  Uuid createTopic(String name, int partitions) {
    Uuid id = Uuid.randomUuid();
    change(
        delta -> {
          delta.replay(new TopicRecord().setName(name).setTopicId(id));
          for (int i = 0; i < partitions; i++) {
            delta.replay(
                new PartitionRecord()
                    .setTopicId(id)
                    .setPartitionId(i)
                    .setReplicas(List.of(NODE))
                    .setIsr(List.of(NODE))
                    .setLeader(NODE)
                    .setDirectories(List.of(Uuid.randomUuid())));
          }
        });
    return id;
  }

  void deleteTopic(String name) {
    Uuid id = topic(name).orElseThrow().id();
    change(delta -> delta.replay(new RemoveTopicRecord().setTopicId(id)));
  }

  void setGroupConfig(String groupId, String name, String value) {
    change(
        delta ->
            delta.replay(
                new ConfigRecord()
                    .setResourceType(ConfigResource.Type.GROUP.id())
                    .setResourceName(groupId)
                    .setName(name)
                    .setValue(value)));
  }

  private synchronized void change(Consumer<MetadataDelta> records) {
    MetadataDelta delta = new MetadataDelta.Builder().setImage(image).build();
    records.accept(delta);
    image = delta.apply(new MetadataProvenance(image.offset() + 1, 1, 0, true));
    subscribers.forEach(subscriber -> subscriber.onImage(delta, image));
  }

  @Override
  public long offset() {
    return image.offset();
  }

  @Override
  public String clusterId() {
    return "cluster";
  }

  @Override
  public int controllerId() {
    return NODE;
  }

  @Override
  public Optional<TopicInfo> topic(String name) {
    return Optional.ofNullable(image.topics().getTopic(name)).map(FakeCluster::info);
  }

  @Override
  public Optional<TopicInfo> topic(Uuid id) {
    return Optional.ofNullable(image.topics().getTopic(id)).map(FakeCluster::info);
  }

  private static TopicInfo info(TopicImage topic) {
    List<PartitionInfo> partitions = new ArrayList<>();
    for (int i = 0; i < topic.partitions().size(); i++) {
      partitions.add(
          new PartitionInfo(i, NODE, 0, 0, List.of(NODE), List.of(NODE), List.of(), List.of()));
    }
    return new Topic(topic.name(), topic.id(), partitions);
  }

  private record Topic(String name, Uuid id, List<PartitionInfo> partitions) implements TopicInfo {}

  @Override
  public Collection<TopicInfo> topics() {
    return image.topics().topicsByName().values().stream().map(FakeCluster::info).toList();
  }

  @Override
  public Collection<String> configured(ConfigResource.Type type) {
    return image.configs().resourceData().keySet().stream()
        .filter(resource -> resource.type() == type)
        .map(ConfigResource::name)
        .toList();
  }

  @Override
  public List<BrokerInfo> brokers() {
    return List.of(
        new BrokerInfo(
            NODE,
            1,
            fenced,
            Optional.empty(),
            Map.of("PLAINTEXT", new Endpoint("PLAINTEXT", "broker.example", 9092))));
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
  public Map<String, Short> finalizedFeatures() {
    return features;
  }
}
