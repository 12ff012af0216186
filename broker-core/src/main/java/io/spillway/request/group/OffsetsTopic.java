package io.spillway.request.group;

import io.spillway.metadata.TopicNames;
import java.util.Map;
import org.apache.kafka.common.utils.Utils;

/**
 * The topic that holds groups and their offsets, as the broker creates it when it is first needed.
 *
 * @param partitions {@code offsets.topic.num.partitions}
 * @param replicationFactor {@code offsets.topic.replication.factor}
 * @param configs topic settings, as Kafka spells them
 */
public record OffsetsTopic(int partitions, short replicationFactor, Map<String, String> configs) {

  public static final String NAME = TopicNames.CONSUMER_OFFSETS;

  /** The partition whose leader coordinates the group, of an offsets topic of that size. */
  public static int partitionOf(String groupId, int partitions) {
    return Utils.abs(groupId.hashCode()) % partitions;
  }
}
