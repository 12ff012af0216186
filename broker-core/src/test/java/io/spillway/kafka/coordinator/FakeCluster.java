package io.spillway.kafka.coordinator;

import io.spillway.kafka.metadata.KafkaImageSubscriber;
import io.spillway.metadata.ClusterMetadata;
import io.spillway.partition.TestMetadata;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.Consumer;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.metadata.ConfigRecord;
import org.apache.kafka.common.metadata.FeatureLevelRecord;
import org.apache.kafka.common.metadata.PartitionRecord;
import org.apache.kafka.common.metadata.RemoveTopicRecord;
import org.apache.kafka.common.metadata.TopicRecord;
import org.apache.kafka.image.MetadataDelta;
import org.apache.kafka.image.MetadataImage;
import org.apache.kafka.image.MetadataProvenance;

/**
 * Metadata of a cluster where one broker leads all, told both ways: our view, and Kafka's image.
 */
public final class FakeCluster {

  public static final int NODE = 1;

  private static final String GROUP_VERSION = "group.version";

  private final List<KafkaImageSubscriber> subscribers = new CopyOnWriteArrayList<>();
  private volatile MetadataImage image = MetadataImage.EMPTY;
  private volatile TestMetadata view = new TestMetadata();

  public FakeCluster() {
    view.feature(GROUP_VERSION, 1);
  }

  /** The newest view. */
  public ClusterMetadata view() {
    return view;
  }

  public void subscribe(KafkaImageSubscriber subscriber) {
    subscribers.add(subscriber);
    subscriber.onImage(new MetadataDelta.Builder().setImage(image).build(), image);
  }

  /** The same cluster, seen by a broker that starts. */
  public FakeCluster afterRestart() {
    FakeCluster next = new FakeCluster();
    next.image = image;
    next.view = view;
    return next;
  }

  public void withoutGroupVersion() {
    changeView(next -> next.withoutFeature(GROUP_VERSION));
  }

  public void fence() {
    changeView(next -> next.fence(NODE));
  }

  /** Finalizes a level of a feature. */
  public void feature(String name, int level) {
    changeView(next -> next.feature(name, level));
    change(
        delta ->
            delta.replay(new FeatureLevelRecord().setName(name).setFeatureLevel((short) level)));
  }

  public Uuid createTopic(String name, int partitions) {
    Uuid id = Uuid.randomUuid();
    changeView(
        next ->
            next.topic(name, id, Collections.nCopies(partitions, NODE).toArray(new Integer[0])));
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

  public void deleteTopic(String name) {
    Uuid id = view.topic(name).orElseThrow().id();
    changeView(next -> next.delete(name));
    change(delta -> delta.replay(new RemoveTopicRecord().setTopicId(id)));
  }

  public void setGroupConfig(String groupId, String name, String value) {
    changeView(next -> next.configure(ConfigResource.Type.GROUP, groupId));
    change(
        delta ->
            delta.replay(
                new ConfigRecord()
                    .setResourceType(ConfigResource.Type.GROUP.id())
                    .setResourceName(groupId)
                    .setName(name)
                    .setValue(value)));
  }

  private synchronized void changeView(Consumer<TestMetadata> change) {
    TestMetadata next = view.copy();
    change.accept(next);
    view = next;
  }

  private synchronized void change(Consumer<MetadataDelta> records) {
    MetadataDelta delta = new MetadataDelta.Builder().setImage(image).build();
    records.accept(delta);
    image = delta.apply(new MetadataProvenance(image.offset() + 1, 1, 0, true));
    subscribers.forEach(subscriber -> subscriber.onImage(delta, image));
  }
}
