package io.spillway.kafka.group;

import io.spillway.request.coordinator.CoordinatorTopic;
import java.util.List;
import java.util.Map;
import org.apache.kafka.common.config.AbstractConfig;
import org.apache.kafka.common.config.ConfigDef;
import org.apache.kafka.common.config.TopicConfig;
import org.apache.kafka.common.utils.Utils;
import org.apache.kafka.coordinator.group.GroupCoordinatorConfig;
import org.apache.kafka.coordinator.group.modern.share.ShareGroupConfig;

/** The {@code group.*} and {@code offsets.*} settings, as Kafka parses and checks them. */
record CoordinatorSettings(GroupCoordinatorConfig group, ShareGroupConfig share) {

  /**
   * @throws org.apache.kafka.common.config.ConfigException naming the setting that is wrong
   */
  static CoordinatorSettings parse(Map<String, String> kafkaProperties) {
    ConfigDef definitions =
        Utils.mergeConfigs(List.of(GroupCoordinatorConfig.CONFIG_DEF, ShareGroupConfig.CONFIG_DEF));
    // Without the line per setting that Kafka logs by default.
    AbstractConfig parsed = new AbstractConfig(definitions, kafkaProperties, false);
    return new CoordinatorSettings(
        new GroupCoordinatorConfig(parsed), new ShareGroupConfig(parsed));
  }

  CoordinatorTopic offsetsTopic() {
    return new CoordinatorTopic(
        CoordinatorTopic.OFFSETS,
        group.offsetsTopicPartitions(),
        group.offsetsTopicReplicationFactor(),
        Map.of(
            TopicConfig.CLEANUP_POLICY_CONFIG,
            TopicConfig.CLEANUP_POLICY_COMPACT,
            TopicConfig.COMPRESSION_TYPE_CONFIG,
            "producer",
            TopicConfig.SEGMENT_BYTES_CONFIG,
            Integer.toString(group.offsetsTopicSegmentBytes())));
  }
}
