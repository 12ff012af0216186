package io.spillway.kafka.controller;

import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.apache.kafka.common.config.ConfigDef;
import org.apache.kafka.common.config.ConfigException;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.errors.InvalidConfigurationException;
import org.apache.kafka.common.errors.InvalidRequestException;
import org.apache.kafka.common.internals.Topic;
import org.apache.kafka.controller.ConfigurationValidator;
import org.apache.kafka.coordinator.group.GroupConfig;
import org.apache.kafka.coordinator.group.GroupCoordinatorConfig;
import org.apache.kafka.coordinator.group.modern.share.ShareGroupConfig;
import org.apache.kafka.server.config.AbstractKafkaConfig;
import org.apache.kafka.server.config.DynamicBrokerConfig;
import org.apache.kafka.server.metrics.ClientMetricsConfigs;
import org.apache.kafka.storage.internals.log.LogConfig;
import org.jspecify.annotations.Nullable;

/**
 * Checks names and values of dynamic settings before the controller writes them, as Kafka's own
 * controller and brokers do. Runs on the controller's thread.
 */
final class ResourceConfigValidator implements ConfigurationValidator {

  private final Map<String, String> brokerProperties;
  private @Nullable GroupLimits groupLimits;

  ResourceConfigValidator(Map<String, String> brokerProperties) {
    this.brokerProperties = Map.copyOf(brokerProperties);
  }

  /** What a group's own settings must stay within. */
  private record GroupLimits(GroupCoordinatorConfig groups, ShareGroupConfig shareGroups) {}

  @Override
  public void validate(ConfigResource resource) {
    validateName(resource);
  }

  @Override
  public void validate(
      ConfigResource resource, Map<String, String> newConfigs, Map<String, String> existing) {
    validateName(resource);
    requireValues(resource, newConfigs);
    switch (resource.type()) {
      case TOPIC -> LogConfig.validate(RequestedFactor.withoutIt(newConfigs));
      case BROKER -> validateBroker(resource.name(), newConfigs, existing);
      case GROUP -> {
        GroupConfig.validateNames(newConfigs);
        GroupLimits limits = groupLimits();
        GroupConfig.validate(newConfigs, limits.groups(), limits.shareGroups());
      }
      case CLIENT_METRICS -> ClientMetricsConfigs.validate(resource.name(), newConfigs);
      case BROKER_LOGGER, UNKNOWN -> throw unexpected(resource);
    }
  }

  private static void validateName(ConfigResource resource) {
    String name = resource.name();
    switch (resource.type()) {
      case TOPIC -> {
        if (name.isEmpty()) {
          throw new InvalidRequestException("Default topic resources are not allowed.");
        }
        Topic.validate(name);
      }
      case BROKER -> validateBrokerId(name);
      case GROUP -> {
        if (name.isEmpty()) {
          throw new InvalidRequestException("Default group resources are not allowed.");
        }
      }
      case CLIENT_METRICS -> {
        if (name.isEmpty()) {
          throw new InvalidRequestException("Subscription name can't be empty");
        }
      }
      case BROKER_LOGGER, UNKNOWN -> throw unexpected(resource);
    }
  }

  private static void validateBrokerId(String name) {
    if (name.isEmpty()) {
      return; // the cluster's default
    }
    int id;
    try {
      id = Integer.parseInt(name);
    } catch (NumberFormatException e) {
      throw new InvalidRequestException("Unable to parse broker name as a base 10 number.", e);
    }
    if (id < 0) {
      throw new InvalidRequestException("Invalid negative broker ID.");
    }
  }

  private static void requireValues(ConfigResource resource, Map<String, String> configs) {
    Set<String> withoutValue = new TreeSet<>();
    configs.forEach(
        (name, value) -> {
          if (value == null) {
            withoutValue.add(name);
          }
        });
    if (!withoutValue.isEmpty()) {
      throw new InvalidConfigurationException(
          "Null value not supported for "
              + resource.type().name().toLowerCase(java.util.Locale.ROOT)
              + " configs: "
              + String.join(",", withoutValue));
    }
  }

  private static void validateBroker(
      String brokerId, Map<String, String> configs, Map<String, String> existing) {
    Map<String, ConfigDef.ConfigKey> known = AbstractKafkaConfig.CONFIG_DEF.configKeys();
    Set<String> notDynamic = new TreeSet<>();
    for (Map.Entry<String, String> config : configs.entrySet()) {
      ConfigDef.ConfigKey key = known.get(config.getKey());
      if (key == null) {
        throw new InvalidConfigurationException("Unknown broker config name: " + config.getKey());
      }
      boolean changes = !config.getValue().equals(existing.get(config.getKey()));
      if (changes && !DynamicSettings.canChange(config.getKey())) {
        notDynamic.add(config.getKey());
        continue;
      }
      requireValid(key, config.getValue());
    }
    if (!notDynamic.isEmpty()) {
      throw new InvalidRequestException("Cannot update these configs dynamically: " + notDynamic);
    }
    if (brokerId.isEmpty()) {
      java.util.Properties properties = new java.util.Properties();
      properties.putAll(configs);
      Set<String> perBroker = DynamicBrokerConfig.perBrokerConfigs(properties);
      if (!perBroker.isEmpty()) {
        throw new ConfigException(
            "Cannot update these configs at default cluster level, broker id must be specified: "
                + new TreeSet<>(perBroker));
      }
    }
  }

  /** Kafka's brokers call such a value of theirs an invalid request, not an invalid setting. */
  private static void requireValid(ConfigDef.ConfigKey key, String text) {
    try {
      Object value = ConfigDef.parseType(key.name, text, key.type);
      if (key.validator != null) {
        key.validator.ensureValid(key.name, value);
      }
    } catch (ConfigException e) {
      throw new InvalidRequestException(e.getMessage(), e);
    }
  }

  private GroupLimits groupLimits() {
    GroupLimits limits = groupLimits;
    if (limits == null) {
      limits =
          new GroupLimits(
              GroupCoordinatorConfig.fromProps(brokerProperties),
              ShareGroupConfig.fromProps(brokerProperties));
      groupLimits = limits;
    }
    return limits;
  }

  private static InvalidRequestException unexpected(ConfigResource resource) {
    return new InvalidRequestException(
        "Unknown resource type " + resource.type() + ": its settings are not kept here");
  }
}
