package io.spillway.request.coordinator;

import io.spillway.metadata.ClusterMetadata;
import io.spillway.metadata.ClusterMetadata.PartitionInfo;
import io.spillway.metadata.ClusterMetadata.TopicInfo;
import io.spillway.metadata.TopicCreator;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Supplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Which partition of a coordinator's topic a key falls into. Needs the cluster's metadata alone, so
 * that asking loads no coordinator. The first question creates the topic. Safe for any thread.
 */
public final class CoordinatorTopics {

  private static final Logger log = LoggerFactory.getLogger(CoordinatorTopics.class);

  private final Supplier<ClusterMetadata> metadata;
  private final TopicCreator topicCreator;

  /** Clients ask many times a second: a failure is worth a line only when it is a new one. */
  private final Map<String, String> lastCreationFailures = new ConcurrentHashMap<>();

  public CoordinatorTopics(Supplier<ClusterMetadata> metadata, TopicCreator topicCreator) {
    this.metadata = metadata;
    this.topicCreator = topicCreator;
  }

  /** Empty while there is no such topic, which is being created then. */
  public Optional<PartitionInfo> partitionOf(CoordinatorTopic topic, String key) {
    Optional<TopicInfo> found = metadata.get().topic(topic.name());
    if (found.isEmpty()) {
      create(topic);
      return Optional.empty();
    }
    var partitions = found.get().partitions();
    return Optional.of(partitions.get(CoordinatorTopic.partitionOf(key, partitions.size())));
  }

  private void create(CoordinatorTopic topic) {
    topicCreator
        .ensureTopic(topic.name(), topic.partitions(), topic.replicationFactor(), topic.configs())
        .whenComplete(
            (done, error) -> {
              String failure = error == null ? "" : String.valueOf(error.getMessage());
              String last = lastCreationFailures.put(topic.name(), failure);
              if (error != null && !failure.equals(last)) {
                log.warn(
                    "cannot create {}: what it is for has no coordinator", topic.name(), error);
              }
            });
  }
}
