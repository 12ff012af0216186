package io.spillway.sim;

import io.spillway.metadata.ClusterMetadata.PartitionInfo;
import io.spillway.metadata.ClusterMetadata.TopicInfo;
import io.spillway.metadata.MetadataSubscriber.Changes;
import io.spillway.metadata.TopicConfig;
import io.spillway.partition.TestMetadata;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Collectors;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.Uuid;

/** Says who leads which partition. Brokers hear of it later, each when it does. */
final class SimController {

  private final PartitionSimulation world;
  private final TestMetadata metadata = new TestMetadata();
  private final Map<String, TopicConfig> configs = new TreeMap<>();
  private long nextProducerId = 1_000;

  SimController(PartitionSimulation world) {
    this.world = world;
  }

  void createTopic(String name, Map<String, String> config, Integer... leaders) {
    configs.put(name, TopicConfig.of(config));
    publish(metadata.topic(name, new Uuid(world.random.nextLong(), 77), leaders));
  }

  TopicConfig config(String topic) {
    return configs.getOrDefault(topic, TopicConfig.DEFAULTS);
  }

  /** The view now; what comes later does not change it. */
  TestMetadata view() {
    return metadata.copy();
  }

  List<TopicPartition> partitions() {
    List<TopicPartition> all = new ArrayList<>();
    for (TopicInfo topic : metadata.topics()) {
      topic.partitions().forEach(p -> all.add(new TopicPartition(topic.name(), p.index())));
    }
    return all;
  }

  Uuid topicId(TopicPartition tp) {
    return metadata.topic(tp.topic()).orElseThrow().id();
  }

  PartitionInfo partition(TopicPartition tp) {
    return metadata.topic(tp.topic()).orElseThrow().partitions().get(tp.partition());
  }

  /** In the next epoch. */
  void lead(TopicPartition tp, int nodeId) {
    int epoch = partition(tp).leaderEpoch() + 1;
    world.note("lead " + tp + " by " + nodeId + " in epoch " + epoch);
    publish(metadata.lead(tp.topic(), tp.partition(), nodeId, epoch));
  }

  /** What the view says, as a change of everything. */
  Changes everything() {
    return new Changes(
        metadata.topics().stream().map(TopicInfo::name).collect(Collectors.toSet()),
        Set.of(),
        Set.of(),
        false);
  }

  long newProducerId() {
    return nextProducerId++;
  }

  private void publish(Changes changes) {
    TestMetadata view = view();
    world.servers().forEach(server -> server.learn(view, changes));
  }
}
