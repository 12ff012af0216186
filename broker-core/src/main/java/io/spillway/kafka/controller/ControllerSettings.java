package io.spillway.kafka.controller;

import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import org.apache.kafka.common.config.ConfigDef;
import org.apache.kafka.server.config.AbstractKafkaConfig;
import org.jspecify.annotations.Nullable;

/**
 * What the control plane needs to know.
 *
 * @param clusterId the cluster's id, as Kafka shows it
 * @param brokerProperties the broker's properties that differ from Kafka's defaults, Kafka's names.
 *     Dynamic settings take precedence
 * @param sessionTimeoutMs how long a silent broker stays in the cluster
 * @param heartbeatIntervalMs how often this broker tells the controller that it lives
 */
public record ControllerSettings(
    String clusterId,
    int nodeId,
    Map<String, String> brokerProperties,
    int sessionTimeoutMs,
    int heartbeatIntervalMs,
    int numPartitions,
    short replicationFactor,
    Optional<String> rack,
    int checkpointEveryRecords) {

  /** One metadata image a few hundred changes: restart replays no more than these. */
  public static final int CHECKPOINT_EVERY_RECORDS = 500;

  public ControllerSettings {
    brokerProperties = Map.copyOf(brokerProperties);
  }

  /**
   * Reads Kafka's names from broker properties.
   *
   * @throws IllegalArgumentException naming a setting whose value is no number, or out of range
   */
  public static ControllerSettings of(
      String clusterId, int nodeId, Map<String, String> properties) {
    return new ControllerSettings(
        clusterId,
        nodeId,
        withoutDefaults(properties),
        number(properties, "broker.session.timeout.ms", 9_000, 1_000, Integer.MAX_VALUE),
        number(properties, "broker.heartbeat.interval.ms", 2_000, 10, Integer.MAX_VALUE),
        number(properties, "num.partitions", 1, 1, Integer.MAX_VALUE),
        (short) number(properties, "default.replication.factor", 1, 1, Short.MAX_VALUE),
        Optional.ofNullable(properties.get("broker.rack")),
        CHECKPOINT_EVERY_RECORDS);
  }

  /** A value that is Kafka's default as well is not shown to clients as one that somebody set. */
  private static Map<String, String> withoutDefaults(Map<String, String> properties) {
    Map<String, ConfigDef.ConfigKey> known = AbstractKafkaConfig.CONFIG_DEF.configKeys();
    Map<String, String> set = new HashMap<>(properties);
    set.entrySet()
        .removeIf(property -> isDefault(known.get(property.getKey()), property.getValue()));
    return set;
  }

  private static boolean isDefault(ConfigDef.@Nullable ConfigKey key, String value) {
    return key != null
        && key.hasDefault()
        && value.equals(ConfigDef.convertToString(key.defaultValue, key.type));
  }

  private static int number(
      Map<String, String> properties, String name, int defaultValue, int least, int most) {
    String value = properties.get(name);
    if (value == null) {
      return defaultValue;
    }
    int number;
    try {
      number = Integer.parseInt(value.trim());
    } catch (NumberFormatException e) {
      throw new IllegalArgumentException(name + "=" + value + " is not a number", e);
    }
    if (number < least || number > most) {
      throw new IllegalArgumentException(
          name + "=" + value + " is not between " + least + " and " + most);
    }
    return number;
  }
}
