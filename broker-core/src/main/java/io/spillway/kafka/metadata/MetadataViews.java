package io.spillway.kafka.metadata;

import io.spillway.metadata.MetadataSubscriber;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.function.Consumer;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.image.MetadataDelta;
import org.apache.kafka.image.MetadataImage;
import org.apache.kafka.image.TopicDelta;
import org.apache.kafka.image.writer.ImageReWriter;
import org.apache.kafka.image.writer.ImageWriterOptions;
import org.apache.kafka.raft.LeaderAndEpoch;

/**
 * The newest view of the metadata, and who is told of each: of what changed, or, who is new, of
 * everything. The newest view may be asked for by any thread; all else is the metadata thread's.
 */
final class MetadataViews implements KafkaImageSubscriber {

  private final String clusterId;
  private final Consumer<MetadataSubscriber.Changes> first;
  private final ImageClusterMetadata.Topics topics = new ImageClusterMetadata.Topics();
  private final List<KafkaImageSubscriber> imageSubscribers = new ArrayList<>();
  private final List<MetadataSubscriber> subscribers = new ArrayList<>();
  private volatile ImageClusterMetadata newest;

  /**
   * @param first told of changes before any subscriber, when the view is the newest already
   */
  MetadataViews(String clusterId, Consumer<MetadataSubscriber.Changes> first) {
    this.clusterId = clusterId;
    this.first = first;
    this.newest = new ImageClusterMetadata(clusterId, -1, MetadataImage.EMPTY, topics);
  }

  ImageClusterMetadata newest() {
    return newest;
  }

  void subscribe(MetadataSubscriber subscriber) {
    subscribers.add(subscriber);
    subscriber.onMetadata(newest, everything());
  }

  void subscribeToImages(KafkaImageSubscriber subscriber) {
    imageSubscribers.add(subscriber);
    MetadataImage image = newest.image();
    subscriber.onImage(everythingOf(image), image);
  }

  private static MetadataDelta everythingOf(MetadataImage image) {
    MetadataDelta delta = new MetadataDelta.Builder().setImage(MetadataImage.EMPTY).build();
    if (image.features().metadataVersion().isPresent()) {
      image.write(new ImageReWriter(delta), new ImageWriterOptions.Builder(image).build());
    }
    return delta;
  }

  private MetadataSubscriber.Changes everything() {
    Set<String> names = new HashSet<>();
    newest.image().topics().topicsByName().keySet().forEach(names::add);
    return new MetadataSubscriber.Changes(names, Set.of(), names, true);
  }

  @Override
  public void onImage(MetadataDelta delta, MetadataImage image) {
    newest = new ImageClusterMetadata(clusterId, newest.controllerId(), image, topics);
    MetadataSubscriber.Changes changes = changes(delta);
    topics.forget(changes.deletedTopics());
    first.accept(changes);
    for (KafkaImageSubscriber subscriber : imageSubscribers) {
      subscriber.onImage(delta, image);
    }
    for (MetadataSubscriber subscriber : subscribers) {
      subscriber.onMetadata(newest, changes);
    }
  }

  private static MetadataSubscriber.Changes changes(MetadataDelta delta) {
    Set<String> changed = new HashSet<>();
    Set<Uuid> deleted = Set.of();
    if (delta.topicsDelta() != null) {
      for (TopicDelta topic : delta.topicsDelta().changedTopics().values()) {
        changed.add(topic.name());
      }
      deleted = Set.copyOf(delta.topicsDelta().deletedTopicIds());
    }
    Set<String> configured = new HashSet<>();
    boolean brokers = false;
    if (delta.configsDelta() != null) {
      for (ConfigResource resource : delta.configsDelta().changes().keySet()) {
        if (resource.type() == ConfigResource.Type.TOPIC) {
          configured.add(resource.name());
        } else if (resource.type() == ConfigResource.Type.BROKER) {
          brokers = true;
        }
      }
    }
    return new MetadataSubscriber.Changes(changed, deleted, configured, brokers);
  }

  void onLeader(LeaderAndEpoch leader) {
    newest = newest.withController(leader.leaderId().orElse(-1));
  }
}
