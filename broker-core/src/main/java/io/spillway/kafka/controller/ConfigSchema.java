package io.spillway.kafka.controller;

import java.util.Map;
import org.apache.kafka.common.config.ConfigDef;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.coordinator.group.GroupConfig;
import org.apache.kafka.metadata.KafkaConfigSchema;
import org.apache.kafka.server.config.AbstractKafkaConfig;
import org.apache.kafka.server.config.ServerTopicConfigSynonyms;
import org.apache.kafka.server.metrics.ClientMetricsConfigs;
import org.apache.kafka.storage.internals.log.LogConfig;

/** Kafka's settings: names, types, defaults and how topic settings follow from broker settings. */
public final class ConfigSchema {

  private ConfigSchema() {}

  /** The definitions of one kind of resource. */
  public static ConfigDef definitions(ConfigResource.Type type) {
    return switch (type) {
      case TOPIC -> Definitions.TOPIC;
      case BROKER -> AbstractKafkaConfig.CONFIG_DEF;
      case GROUP -> GroupConfig.CONFIG_DEF;
      case CLIENT_METRICS -> ClientMetricsConfigs.configDef();
      case BROKER_LOGGER, UNKNOWN ->
          throw new IllegalArgumentException("no definitions for " + type);
    };
  }

  /** As Kafka's own has it: only settings of topics and brokers can be lists to append to. */
  public static KafkaConfigSchema schema() {
    return Definitions.SCHEMA;
  }

  private static final class Definitions {
    static final ConfigDef TOPIC = LogConfig.configDefCopy();
    static final KafkaConfigSchema SCHEMA =
        new KafkaConfigSchema(
            Map.of(
                ConfigResource.Type.BROKER,
                AbstractKafkaConfig.CONFIG_DEF,
                ConfigResource.Type.TOPIC,
                TOPIC),
            ServerTopicConfigSynonyms.ALL_TOPIC_CONFIG_SYNONYMS);
  }
}
