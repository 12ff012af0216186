package io.spillway.kafka.metadata;

import io.spillway.kafka.controller.ConfigSchema;
import io.spillway.kafka.controller.ControllerSettings;
import io.spillway.metadata.ClusterMetadata;
import io.spillway.metadata.MetadataSubscriber;
import io.spillway.metadata.TopicConfig;
import io.spillway.metadata.TopicConfigs;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentMap;
import java.util.function.Supplier;

/**
 * Settings in force, resolved by Kafka's own schema and kept until something they follow from
 * changes.
 */
final class KafkaTopicConfigs implements TopicConfigs {

  private final ControllerSettings settings;
  private final Supplier<? extends ClusterMetadata> view;
  private final ConcurrentMap<String, TopicConfig> resolved = new ConcurrentHashMap<>();

  KafkaTopicConfigs(ControllerSettings settings, Supplier<? extends ClusterMetadata> view) {
    this.settings = settings;
    this.view = view;
  }

  @Override
  public TopicConfig topic(String name) {
    TopicConfig known = resolved.get(name);
    return known == null ? resolve(name) : known;
  }

  /** Kept only when the view did not move meanwhile: {@link #onChanges} may have passed already. */
  @SuppressWarnings("ReferenceEquality") // views are told apart by identity
  private TopicConfig resolve(String name) {
    ClusterMetadata from = view.get();
    Map<String, String> effective = new HashMap<>();
    ConfigSchema.schema()
        .resolveEffectiveTopicConfigs(
            settings.brokerProperties(),
            from.brokerOverrides(""),
            from.brokerOverrides(Integer.toString(settings.nodeId())),
            from.topicOverrides(name))
        .forEach(
            (key, entry) -> {
              if (entry.value() != null) {
                effective.put(key, entry.value());
              }
            });
    TopicConfig config = TopicConfig.of(effective);
    if (from.topic(name).isPresent()) {
      resolved.put(name, config);
      if (view.get() != from) {
        resolved.remove(name, config);
      }
    }
    return config;
  }

  /** On the metadata thread, after the view changed. */
  void onChanges(MetadataSubscriber.Changes changes) {
    if (changes.brokerConfigs() || !changes.deletedTopics().isEmpty()) {
      resolved.clear();
    } else {
      changes.configuredTopics().forEach(resolved::remove);
    }
  }
}
