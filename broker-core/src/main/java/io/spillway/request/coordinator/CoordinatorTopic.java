package io.spillway.request.coordinator;

import io.spillway.metadata.TopicNames;
import java.util.Map;
import org.apache.kafka.common.utils.Utils;

/**
 * A topic that is the log of coordinators, as the broker creates it when it is first needed. The
 * leader of a partition coordinates the keys that fall into it.
 *
 * @param partitions fixed once the topic exists
 * @param configs topic settings, as Kafka spells them
 */
public record CoordinatorTopic(
    String name, int partitions, short replicationFactor, Map<String, String> configs) {

  /** Groups and their offsets. */
  public static final String OFFSETS = TopicNames.CONSUMER_OFFSETS;

  /** Transactional ids and their transactions. */
  public static final String TRANSACTIONS = TopicNames.TRANSACTION_STATE;

  /** The partition whose leader coordinates the key, of a topic of that size. */
  public static int partitionOf(String key, int partitions) {
    return Utils.abs(key.hashCode()) % partitions;
  }
}
