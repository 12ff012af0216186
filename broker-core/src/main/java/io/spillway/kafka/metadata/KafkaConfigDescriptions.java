package io.spillway.kafka.metadata;

import io.spillway.kafka.controller.ConfigSchema;
import io.spillway.kafka.controller.ControllerSettings;
import io.spillway.kafka.controller.DynamicSettings;
import io.spillway.metadata.ClusterMetadata;
import io.spillway.metadata.ConfigDescriptions;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.function.Supplier;
import org.apache.kafka.clients.admin.ConfigEntry.ConfigSource;
import org.apache.kafka.clients.admin.ConfigEntry.ConfigType;
import org.apache.kafka.common.config.ConfigDef;
import org.apache.kafka.common.config.ConfigDef.ConfigKey;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.errors.InvalidRequestException;
import org.apache.kafka.common.errors.UnknownTopicOrPartitionException;
import org.apache.kafka.common.internals.Topic;
import org.apache.kafka.coordinator.group.GroupConfig;
import org.apache.kafka.metadata.KafkaConfigSchema;
import org.apache.kafka.server.config.AbstractKafkaConfig;
import org.apache.kafka.server.config.ConfigSynonym;
import org.apache.kafka.server.config.DynamicBrokerConfig;
import org.apache.kafka.server.config.ServerTopicConfigSynonyms;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Settings as Kafka's brokers describe them: each from the strongest source that has it, with all
 * the weaker ones as synonyms.
 */
final class KafkaConfigDescriptions implements ConfigDescriptions {

  private static final List<ConfigSource> STRENGTH =
      List.of(
          ConfigSource.DYNAMIC_BROKER_CONFIG,
          ConfigSource.DYNAMIC_DEFAULT_BROKER_CONFIG,
          ConfigSource.STATIC_BROKER_CONFIG,
          ConfigSource.DEFAULT_CONFIG);

  private static final Comparator<Sourced> BY_STRENGTH =
      Comparator.comparingInt(sourced -> STRENGTH.indexOf(sourced.source()));

  private final ControllerSettings settings;
  private final Supplier<? extends ClusterMetadata> view;

  KafkaConfigDescriptions(ControllerSettings settings, Supplier<? extends ClusterMetadata> view) {
    this.settings = settings;
    this.view = view;
  }

  @Override
  public List<Description> describe(ConfigResource resource) {
    ClusterMetadata from = view.get();
    String name = resource.name();
    return switch (resource.type()) {
      case TOPIC -> topic(from, name);
      case BROKER -> broker(from, name);
      case GROUP -> group(from, name);
      case CLIENT_METRICS -> clientMetrics(from, name);
      case BROKER_LOGGER -> loggers(name);
      case UNKNOWN ->
          throw new InvalidRequestException("Unsupported resource type: " + resource.type());
    };
  }

  private List<Description> topic(ClusterMetadata from, String name) {
    Topic.validate(name);
    if (from.topic(name).isEmpty()) {
      throw new UnknownTopicOrPartitionException("no topic " + name);
    }
    Map<String, String> overrides = from.topicOverrides(name);
    Sources broker = new Sources(from);
    List<Description> entries = new ArrayList<>();
    for (ConfigKey key : visible(ConfigResource.Type.TOPIC)) {
      List<Sourced> chain = new ArrayList<>();
      add(chain, key.name, overrides.get(key.name), ConfigSource.DYNAMIC_TOPIC_CONFIG);
      List<Sourced> weaker = new ArrayList<>();
      for (ConfigSynonym synonym :
          ServerTopicConfigSynonyms.ALL_TOPIC_CONFIG_SYNONYMS.getOrDefault(key.name, List.of())) {
        for (Sourced sourced : broker.of(synonym.name())) {
          weaker.add(sourced.converted(synonym.converter()));
        }
      }
      weaker.sort(BY_STRENGTH);
      chain.addAll(weaker);
      entries.add(entry(key, chain, defaultOf(key), false));
    }
    return entries;
  }

  private List<Description> broker(ClusterMetadata from, String id) {
    if (id.isEmpty()) {
      return clusterDefaults(from);
    }
    if (!id.equals(Integer.toString(settings.nodeId()))) {
      throw new InvalidRequestException(
          "Unexpected broker id, expected "
              + settings.nodeId()
              + " or empty string, but received "
              + id);
    }
    Sources broker = new Sources(from);
    List<Description> entries = new ArrayList<>();
    for (ConfigKey key : visible(ConfigResource.Type.BROKER)) {
      List<Sourced> chain = new ArrayList<>();
      for (String synonym : DynamicBrokerConfig.brokerConfigSynonyms(key.name, true)) {
        chain.addAll(broker.of(synonym));
      }
      chain.sort(BY_STRENGTH);
      // As Kafka does: a value of another name may be in another unit.
      while (!chain.isEmpty() && !chain.get(0).name().equals(key.name)) {
        chain.remove(0);
      }
      entries.add(entry(key, chain, null, !DynamicSettings.canChange(key.name)));
    }
    return entries;
  }

  private static List<Description> clusterDefaults(ClusterMetadata from) {
    List<Description> entries = new ArrayList<>();
    Map<String, String> overrides = from.brokerOverrides("");
    for (ConfigKey key : visible(ConfigResource.Type.BROKER)) {
      String value = overrides.get(key.name);
      if (value != null) {
        List<Sourced> chain = new ArrayList<>();
        add(chain, key.name, value, ConfigSource.DYNAMIC_DEFAULT_BROKER_CONFIG);
        entries.add(entry(key, chain, null, false));
      }
    }
    return entries;
  }

  private List<Description> group(ClusterMetadata from, String id) {
    if (id.isEmpty()) {
      throw new InvalidRequestException("Group name must not be empty");
    }
    Map<String, String> overrides = from.groupOverrides(id);
    Sources broker = new Sources(from);
    List<Description> entries = new ArrayList<>();
    for (ConfigKey key : visible(ConfigResource.Type.GROUP)) {
      List<Sourced> chain = new ArrayList<>();
      add(chain, key.name, overrides.get(key.name), ConfigSource.DYNAMIC_GROUP_CONFIG);
      GroupConfig.brokerSynonym(key.name).ifPresent(s -> chain.addAll(broker.of(s)));
      entries.add(entry(key, chain, defaultOf(key), false));
    }
    return entries;
  }

  private static List<Description> clientMetrics(ClusterMetadata from, String name) {
    if (name.isEmpty()) {
      throw new InvalidRequestException("Client metrics subscription name must not be empty");
    }
    Map<String, String> overrides = from.clientMetricsOverrides(name);
    List<Description> entries = new ArrayList<>();
    for (ConfigKey key : visible(ConfigResource.Type.CLIENT_METRICS)) {
      List<Sourced> chain = new ArrayList<>();
      add(chain, key.name, overrides.get(key.name), ConfigSource.DYNAMIC_CLIENT_METRICS_CONFIG);
      entries.add(entry(key, chain, defaultOf(key), false));
    }
    return entries;
  }

  /** The one logger whose level can be asked for everywhere; levels are set at start. */
  private List<Description> loggers(String id) {
    if (!id.equals(Integer.toString(settings.nodeId()))) {
      throw new InvalidRequestException(
          "Unexpected broker id, expected " + settings.nodeId() + " but received " + id);
    }
    Logger root = LoggerFactory.getLogger(Logger.ROOT_LOGGER_NAME);
    String level =
        root.isTraceEnabled()
            ? "TRACE"
            : root.isDebugEnabled()
                ? "DEBUG"
                : root.isInfoEnabled() ? "INFO" : root.isWarnEnabled() ? "WARN" : "ERROR";
    return List.of(
        new Description(
            Logger.ROOT_LOGGER_NAME,
            level,
            ConfigSource.DYNAMIC_BROKER_LOGGER_CONFIG,
            false,
            true,
            List.of(),
            ConfigType.STRING,
            null));
  }

  /**
   * A value and where it comes from.
   *
   * @param raw as it was set, by the synonym's name and unit
   * @param value in the unit of the setting described
   */
  private record Sourced(String name, String raw, String value, ConfigSource source) {

    Sourced converted(Function<String, String> converter) {
      return new Sourced(name, raw, converter.apply(raw), source);
    }
  }

  /** What this broker's own settings say, from all sources. */
  private final class Sources {
    private final Map<String, String> own;
    private final Map<String, String> cluster;

    Sources(ClusterMetadata from) {
      own = from.brokerOverrides(Integer.toString(settings.nodeId()));
      cluster = from.brokerOverrides("");
    }

    List<Sourced> of(String name) {
      List<Sourced> chain = new ArrayList<>();
      add(chain, name, own.get(name), ConfigSource.DYNAMIC_BROKER_CONFIG);
      add(chain, name, cluster.get(name), ConfigSource.DYNAMIC_DEFAULT_BROKER_CONFIG);
      String fixed = settings.brokerProperties().get(name);
      add(chain, name, fixed, ConfigSource.STATIC_BROKER_CONFIG);
      ConfigKey key = AbstractKafkaConfig.CONFIG_DEF.configKeys().get(name);
      if (key != null) {
        add(chain, name, defaultOf(key), ConfigSource.DEFAULT_CONFIG);
      }
      return chain;
    }
  }

  private static List<ConfigKey> visible(ConfigResource.Type type) {
    List<ConfigKey> keys = new ArrayList<>();
    for (ConfigKey key : ConfigSchema.definitions(type).configKeys().values()) {
      if (!key.internalConfig) {
        keys.add(key);
      }
    }
    return keys;
  }

  private static @Nullable String defaultOf(ConfigKey key) {
    return key.hasDefault() ? ConfigDef.convertToString(key.defaultValue, key.type) : null;
  }

  private static void add(
      List<Sourced> chain, String name, @Nullable String value, ConfigSource source) {
    if (value != null) {
      chain.add(new Sourced(name, value, value, source));
    }
  }

  /**
   * @param chain what sets it, the strongest first
   * @param ownDefault its value when nothing does; as with Kafka that is no synonym
   */
  private static Description entry(
      ConfigKey key, List<Sourced> chain, @Nullable String ownDefault, boolean readOnly) {
    boolean sensitive = key.type == ConfigDef.Type.PASSWORD;
    List<Synonym> synonyms = new ArrayList<>();
    for (Sourced sourced : chain) {
      synonyms.add(new Synonym(sourced.name(), sensitive ? null : sourced.raw(), sourced.source()));
    }
    Sourced first = chain.isEmpty() ? null : chain.get(0);
    String value = first == null ? ownDefault : first.value();
    return new Description(
        key.name,
        sensitive ? null : value,
        first == null ? ConfigSource.DEFAULT_CONFIG : first.source(),
        sensitive,
        readOnly,
        synonyms,
        KafkaConfigSchema.translateConfigType(key.type),
        key.documentation);
  }
}
