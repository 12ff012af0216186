package io.spillway.config;

/**
 * The topics of the coordinators; the many {@code group.*} and {@code offsets.*} settings beside
 * them go to Kafka's classes through {@link BrokerConfig#kafkaProperties}.
 */
public record GroupConfig(
    int offsetsTopicPartitions,
    short offsetsTopicReplicationFactor,
    int coordinatorThreads,
    int transactionTopicPartitions,
    short transactionTopicReplicationFactor) {

  static GroupConfig of(SettingValues values) {
    return new GroupConfig(
        values.intValue("offsets.topic.num.partitions"),
        (short) values.intValue("offsets.topic.replication.factor"),
        values.intValue("group.coordinator.threads"),
        values.intValue("transaction.state.log.num.partitions"),
        (short) values.intValue("transaction.state.log.replication.factor"));
  }
}
