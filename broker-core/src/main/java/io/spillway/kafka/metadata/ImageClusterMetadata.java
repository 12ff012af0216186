package io.spillway.kafka.metadata;

import io.spillway.kafka.controller.FeatureLevels;
import io.spillway.kafka.controller.RequestedFactor;
import io.spillway.metadata.ClusterMetadata;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentMap;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.image.MetadataImage;
import org.apache.kafka.image.TopicImage;
import org.apache.kafka.metadata.BrokerRegistration;
import org.apache.kafka.metadata.PartitionRegistration;
import org.apache.kafka.server.common.KRaftVersion;
import org.apache.kafka.server.common.MetadataVersion;
import org.jspecify.annotations.Nullable;

/**
 * Our view over one of Kafka's images. Nothing is copied when a view is made; a topic is translated
 * when somebody asks for it, and the translation is kept while the topic does not change.
 */
final class ImageClusterMetadata implements ClusterMetadata {

  /** Translated topics, shared by the views of one control plane. */
  static final class Topics {
    private final ConcurrentMap<Uuid, ImageTopic> translated = new ConcurrentHashMap<>();

    @SuppressWarnings("ReferenceEquality") // the same object means unchanged; equals walks it all
    private ImageTopic of(TopicImage image) {
      ImageTopic known = translated.get(image.id());
      if (known == null || known.image != image) {
        known = new ImageTopic(image);
        translated.put(image.id(), known);
      }
      return known;
    }

    void forget(Collection<Uuid> deleted) {
      deleted.forEach(translated::remove);
    }
  }

  private final String clusterId;
  private final int controllerId;
  private final MetadataImage image;
  private final Topics topics;
  private final List<BrokerInfo> brokers;

  ImageClusterMetadata(String clusterId, int controllerId, MetadataImage image, Topics topics) {
    this.clusterId = clusterId;
    this.controllerId = controllerId;
    this.image = image;
    this.topics = topics;
    this.brokers =
        image.cluster().brokers().values().stream()
            .map(ImageClusterMetadata::brokerInfo)
            .sorted(Comparator.comparingInt(BrokerInfo::id))
            .toList();
  }

  MetadataImage image() {
    return image;
  }

  ImageClusterMetadata withController(int newControllerId) {
    return new ImageClusterMetadata(clusterId, newControllerId, image, topics);
  }

  @Override
  public long offset() {
    return image.provenance().lastContainedOffset();
  }

  @Override
  public String clusterId() {
    return clusterId;
  }

  @Override
  public int controllerId() {
    return controllerId;
  }

  @Override
  public Optional<TopicInfo> topic(String name) {
    return info(image.topics().getTopic(name));
  }

  @Override
  public Optional<TopicInfo> topic(Uuid id) {
    return info(image.topics().getTopic(id));
  }

  private Optional<TopicInfo> info(@Nullable TopicImage topic) {
    return topic == null ? Optional.empty() : Optional.of(topics.of(topic));
  }

  @Override
  public Collection<TopicInfo> topics() {
    List<TopicInfo> all = new ArrayList<>(image.topics().topicsById().size());
    for (TopicImage topic : image.topics().topicsById().values()) {
      all.add(topics.of(topic));
    }
    return all;
  }

  @Override
  public List<BrokerInfo> brokers() {
    return brokers;
  }

  @Override
  public Map<String, String> topicOverrides(String name) {
    return RequestedFactor.withoutIt(overrides(ConfigResource.Type.TOPIC, name));
  }

  @Override
  public Map<String, String> brokerOverrides(String brokerId) {
    return overrides(ConfigResource.Type.BROKER, brokerId);
  }

  @Override
  public Map<String, String> groupOverrides(String groupId) {
    return overrides(ConfigResource.Type.GROUP, groupId);
  }

  @Override
  public Map<String, String> clientMetricsOverrides(String name) {
    return overrides(ConfigResource.Type.CLIENT_METRICS, name);
  }

  private Map<String, String> overrides(ConfigResource.Type type, String name) {
    return image.configs().configMapForResource(new ConfigResource(type, name));
  }

  @Override
  public Collection<String> configured(ConfigResource.Type type) {
    List<String> names = new ArrayList<>();
    for (ConfigResource resource : image.configs().resourceData().keySet()) {
      if (resource.type() == type) {
        names.add(resource.name());
      }
    }
    Collections.sort(names);
    return names;
  }

  @Override
  public Map<String, Short> finalizedFeatures() {
    Map<String, Short> levels = new HashMap<>(image.features().finalizedVersions());
    image
        .features()
        .metadataVersion()
        .ifPresent(version -> levels.put(MetadataVersion.FEATURE_NAME, version.featureLevel()));
    // As with Kafka's brokers this one level is not in the image.
    levels.put(KRaftVersion.FEATURE_NAME, FeatureLevels.KRAFT_VERSION.featureLevel());
    return levels;
  }

  private static BrokerInfo brokerInfo(BrokerRegistration broker) {
    Map<String, Endpoint> endpoints = new HashMap<>();
    broker
        .listeners()
        .forEach(
            (name, endpoint) ->
                endpoints.put(name, new Endpoint(name, endpoint.host(), endpoint.port())));
    return new BrokerInfo(
        broker.id(), broker.epoch(), broker.fenced(), broker.rack(), Map.copyOf(endpoints));
  }

  private static final class ImageTopic implements TopicInfo {
    private final TopicImage image;
    private final List<PartitionInfo> partitions;

    ImageTopic(TopicImage image) {
      this.image = image;
      PartitionInfo[] byIndex = new PartitionInfo[image.partitions().size()];
      image.partitions().forEach((index, p) -> byIndex[index] = partitionInfo(index, p));
      this.partitions = List.of(byIndex);
    }

    @Override
    public String name() {
      return image.name();
    }

    @Override
    public Uuid id() {
      return image.id();
    }

    @Override
    public List<PartitionInfo> partitions() {
      return partitions;
    }

    private static PartitionInfo partitionInfo(int index, PartitionRegistration partition) {
      return new PartitionInfo(
          index,
          partition.leader,
          partition.leaderEpoch,
          partition.partitionEpoch,
          list(partition.replicas),
          list(partition.isr),
          list(partition.addingReplicas),
          list(partition.removingReplicas));
    }

    private static List<Integer> list(int[] ids) {
      List<Integer> list = new ArrayList<>(ids.length);
      for (int id : ids) {
        list.add(id);
      }
      return List.copyOf(list);
    }
  }
}
