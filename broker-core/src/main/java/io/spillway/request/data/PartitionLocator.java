package io.spillway.request.data;

import io.spillway.metadata.ClusterMetadata;
import io.spillway.metadata.ClusterMetadata.BrokerInfo;
import io.spillway.metadata.ClusterMetadata.Endpoint;
import io.spillway.metadata.ClusterMetadata.PartitionInfo;
import io.spillway.metadata.ClusterMetadata.TopicInfo;
import io.spillway.partition.BrokerPartition;
import io.spillway.partition.PartitionManager;
import java.util.Optional;
import java.util.function.Supplier;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.protocol.Errors;
import org.jspecify.annotations.Nullable;

/** Finds the partition a request means, or the error that Kafka has for not finding it. */
final class PartitionLocator {

  private static final int NO_EPOCH = -1;

  private final PartitionManager partitions;
  private final Supplier<ClusterMetadata> metadata;

  /**
   * @param partition null when it is not served here; then the error says why
   * @param topic the name as far as it is known, else empty
   */
  record Located(@Nullable BrokerPartition partition, String topic, int index, Errors error) {
    TopicPartition topicPartition() {
      return new TopicPartition(topic, index);
    }
  }

  /** KIP-951: who leads a partition, and where, by the newest view. */
  record Leader(int id, int epoch, @Nullable String host, int port, String rack) {}

  PartitionLocator(PartitionManager partitions, Supplier<ClusterMetadata> metadata) {
    this.partitions = partitions;
    this.metadata = metadata;
  }

  PartitionManager partitions() {
    return partitions;
  }

  Located byName(String topic, int index) {
    BrokerPartition partition = partitions.find(new TopicPartition(topic, index));
    return partition != null
        ? served(partition, topic, index)
        : missing(metadata.get().topic(topic), topic, index, Errors.UNKNOWN_TOPIC_OR_PARTITION);
  }

  Located byId(Uuid topicId, int index) {
    BrokerPartition partition = partitions.find(topicId, index);
    return partition != null
        ? served(partition, partition.topicPartition().topic(), index)
        : missing(metadata.get().topic(topicId), "", index, Errors.UNKNOWN_TOPIC_ID);
  }

  private static Located served(BrokerPartition partition, String topic, int index) {
    Errors error = partition.unavailability();
    return new Located(error == Errors.NONE ? partition : null, topic, index, error);
  }

  private static Located missing(
      Optional<TopicInfo> topic, String name, int index, Errors unknownTopic) {
    if (topic.isEmpty()) {
      return new Located(null, name, index, unknownTopic);
    }
    boolean exists = index >= 0 && index < topic.get().partitions().size();
    return new Located(
        null,
        topic.get().name(),
        index,
        exists ? Errors.NOT_LEADER_OR_FOLLOWER : Errors.UNKNOWN_TOPIC_OR_PARTITION);
  }

  /** Who leads, with the address on the listener the client came through. */
  Optional<Leader> leaderOf(TopicPartition tp, String listener) {
    ClusterMetadata view = metadata.get();
    Optional<TopicInfo> topic = view.topic(tp.topic());
    if (topic.isEmpty() || tp.partition() >= topic.get().partitions().size()) {
      return Optional.empty();
    }
    PartitionInfo info = topic.get().partitions().get(tp.partition());
    for (BrokerInfo broker : view.brokers()) {
      if (broker.id() == info.leader()) {
        Endpoint endpoint = broker.endpoints().get(listener);
        return Optional.of(
            new Leader(
                info.leader(),
                info.leaderEpoch(),
                endpoint == null ? null : endpoint.host(),
                endpoint == null ? -1 : endpoint.port(),
                broker.rack().orElse("")));
      }
    }
    return Optional.empty();
  }

  /** KIP-320: how a client's idea of the leader epoch compares with ours; only -1 is no idea. */
  static Errors checkLeaderEpoch(BrokerPartition partition, int epochOfClient) {
    int current = partition.leaderEpoch();
    if (epochOfClient == NO_EPOCH || epochOfClient == current) {
      return Errors.NONE;
    }
    return epochOfClient < current ? Errors.FENCED_LEADER_EPOCH : Errors.UNKNOWN_LEADER_EPOCH;
  }
}
