package io.spillway.kafka.controller;

import io.spillway.config.Setting;
import io.spillway.config.Settings;
import java.util.Set;
import java.util.stream.Collectors;
import org.apache.kafka.server.config.ConfigSynonym;
import org.apache.kafka.server.config.DynamicBrokerConfig;
import org.apache.kafka.server.config.ServerTopicConfigSynonyms;

/**
 * Which of a broker's settings can be changed while it runs: of those that Kafka can change, the
 * defaults of topics, which act at once, and the ones that have no effect here at their start
 * either. What acts only when the broker starts is refused: an accepted change is never without the
 * effect it has in Kafka where the setting has one here.
 */
public final class DynamicSettings {

  private static final Set<String> TOPIC_DEFAULTS =
      ServerTopicConfigSynonyms.ALL_TOPIC_CONFIG_SYNONYMS.values().stream()
          .flatMap(synonyms -> synonyms.stream().map(ConfigSynonym::name))
          .collect(Collectors.toUnmodifiableSet());

  private DynamicSettings() {}

  /** Whether an AlterConfigs of the broker's setting is taken. */
  public static boolean canChange(String name) {
    if (!DynamicBrokerConfig.ALL_DYNAMIC_CONFIGS.contains(name)) {
      return false;
    }
    Setting setting = Settings.find(name);
    return setting == null || TOPIC_DEFAULTS.contains(name) || setting.meaning().withoutEffect();
  }
}
