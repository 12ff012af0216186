package io.spillway.kafka.transaction;

import io.spillway.request.coordinator.CoordinatorTopic;
import java.util.List;
import java.util.Map;
import org.apache.kafka.common.config.AbstractConfig;
import org.apache.kafka.common.config.ConfigDef;
import org.apache.kafka.common.config.TopicConfig;
import org.apache.kafka.common.utils.Utils;
import org.apache.kafka.coordinator.transaction.AddPartitionsToTxnConfig;
import org.apache.kafka.coordinator.transaction.TransactionLogConfig;
import org.apache.kafka.coordinator.transaction.TransactionStateManagerConfig;

/** The {@code transaction.*} and {@code transactional.*} settings, as Kafka parses them. */
record TransactionSettings(
    TransactionStateManagerConfig state,
    TransactionLogConfig log,
    AddPartitionsToTxnConfig adding) {

  /**
   * @throws org.apache.kafka.common.config.ConfigException naming the setting that is wrong
   */
  static TransactionSettings parse(Map<String, String> kafkaProperties) {
    ConfigDef definitions =
        Utils.mergeConfigs(
            List.of(
                TransactionStateManagerConfig.CONFIG_DEF,
                TransactionLogConfig.CONFIG_DEF,
                AddPartitionsToTxnConfig.CONFIG_DEF));
    // Without the line per setting that Kafka logs by default.
    AbstractConfig parsed = new AbstractConfig(definitions, kafkaProperties, false);
    return new TransactionSettings(
        new TransactionStateManagerConfig(parsed),
        new TransactionLogConfig(parsed),
        new AddPartitionsToTxnConfig(parsed));
  }

  CoordinatorTopic topic() {
    return new CoordinatorTopic(
        CoordinatorTopic.TRANSACTIONS,
        log.transactionTopicPartitions(),
        log.transactionTopicReplicationFactor(),
        Map.of(
            TopicConfig.UNCLEAN_LEADER_ELECTION_ENABLE_CONFIG,
            "false",
            TopicConfig.COMPRESSION_TYPE_CONFIG,
            "uncompressed",
            TopicConfig.CLEANUP_POLICY_CONFIG,
            TopicConfig.CLEANUP_POLICY_COMPACT,
            TopicConfig.MIN_IN_SYNC_REPLICAS_CONFIG,
            Integer.toString(log.transactionTopicMinISR()),
            TopicConfig.SEGMENT_BYTES_CONFIG,
            Integer.toString(log.transactionTopicSegmentBytes())));
  }

  /** Whether a producer may ask for transactions with that timeout. */
  boolean isValidTimeout(int timeoutMs) {
    return timeoutMs > 0 && timeoutMs <= state.transactionMaxTimeoutMs();
  }
}
