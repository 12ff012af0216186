package io.spillway.config;

import java.net.InetAddress;
import java.net.UnknownHostException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;

/**
 * The whole configuration of a broker, valid.
 *
 * @param shutdownTimeoutMs how long a clean stop may take
 * @param kafkaProperties values under Kafka's names, for the classes of Kafka that this broker
 *     runs: what was set, and Spillway's defaults of the settings it reads itself
 * @param notes what an operator should know about settings that have less effect than in Kafka; one
 *     line each, to be logged at start
 */
public record BrokerConfig(
    NodeConfig node,
    ListenersConfig listeners,
    StorageConfig storage,
    BudgetConfig budgets,
    MergingConfig merging,
    CompactionConfig compaction,
    NetworkConfig network,
    TopicDefaults topics,
    GroupConfig groups,
    MetricsConfig metrics,
    long shutdownTimeoutMs,
    Map<String, String> kafkaProperties,
    List<String> notes) {

  /** The embedded default. */
  public static BrokerConfig defaults() {
    return of(Map.of());
  }

  /**
   * Checks the settings and their combination.
   *
   * @throws InvalidSettingException naming the first setting that cannot be used
   */
  public static BrokerConfig of(Map<String, String> settings) {
    return of(settings, BrokerConfig::localHostName);
  }

  /** As {@link #of(Map)}, with the name that an empty listener host stands for. */
  static BrokerConfig of(Map<String, String> settings, Supplier<String> localHostName) {
    SettingValues values = new SettingValues(settings);
    NodeConfig node = NodeConfig.of(values);
    return new BrokerConfig(
        node,
        ListenersConfig.of(values, localHostName),
        StorageConfig.of(values, node.dataDir()),
        BudgetConfig.of(values),
        MergingConfig.of(values),
        CompactionConfig.of(values),
        NetworkConfig.of(values),
        TopicDefaults.of(values),
        GroupConfig.of(values),
        MetricsConfig.of(values),
        values.longValue("shutdown.timeout.ms"),
        kafkaProperties(values, node),
        notes(values, settings));
  }

  private static Map<String, String> kafkaProperties(SettingValues values, NodeConfig node) {
    Map<String, String> properties = new LinkedHashMap<>();
    for (Setting setting : Settings.read()) {
      if (setting.meaning() == Setting.Meaning.USED) {
        values.text(setting.name()).ifPresent(value -> properties.put(setting.name(), value));
      }
    }
    for (Map.Entry<String, String> entry : values.given().entrySet()) {
      Setting setting = Settings.find(entry.getKey());
      if (setting != null
          && !entry.getValue().isEmpty()
          && (setting.meaning() == Setting.Meaning.KAFKA
              || setting.meaning() == Setting.Meaning.SHOWN)) {
        properties.put(setting.name(), entry.getValue());
      }
    }
    properties.put("node.id", Integer.toString(node.nodeId()));
    properties.put("broker.id", Integer.toString(node.nodeId()));
    return Map.copyOf(properties);
  }

  private static List<String> notes(SettingValues values, Map<String, String> settings) {
    List<String> notes = new ArrayList<>();
    List<String> without = new ArrayList<>();
    for (String name : settings.keySet()) {
      Setting setting = Settings.find(name);
      if (setting == null || setting.meaning().withoutEffect()) {
        without.add(name);
      }
    }
    if (!without.isEmpty()) {
      without.sort(null);
      notes.add(
          "settings of Kafka's that have no effect here (docs/configuration.md says why): "
              + String.join(", ", without));
    }
    String voters = values.given().getOrDefault("controller.quorum.voters", "");
    if (SettingValues.split(voters).size() > 1) {
      notes.add(
          "controller.quorum.voters names several controllers, but this broker is a cluster of its"
              + " own: it does not join them");
    }
    if (values.isGiven("log.dirs") || values.isGiven("log.dir")) {
      notes.add("log.dirs is not used: data is under data.dir=" + values.requiredText("data.dir"));
    }
    return List.copyOf(notes);
  }

  private static String localHostName() {
    try {
      return InetAddress.getLocalHost().getCanonicalHostName();
    } catch (UnknownHostException e) {
      throw new InvalidSettingException(
          "listeners",
          "a listener has no host and this machine's name is unknown ("
              + e.getMessage()
              + "): set advertised.listeners");
    }
  }
}
