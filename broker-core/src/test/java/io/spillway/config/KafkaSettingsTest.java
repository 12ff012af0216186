package io.spillway.config;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import org.apache.kafka.common.config.ConfigDef;
import org.apache.kafka.common.config.internals.BrokerSecurityConfigs;
import org.apache.kafka.common.utils.Utils;
import org.apache.kafka.coordinator.group.GroupCoordinatorConfig;
import org.apache.kafka.coordinator.group.modern.share.ShareGroupConfig;
import org.apache.kafka.coordinator.share.ShareCoordinatorConfig;
import org.apache.kafka.coordinator.transaction.AddPartitionsToTxnConfig;
import org.apache.kafka.coordinator.transaction.TransactionLogConfig;
import org.apache.kafka.coordinator.transaction.TransactionStateManagerConfig;
import org.apache.kafka.network.SocketServerConfigs;
import org.apache.kafka.raft.KRaftConfigs;
import org.apache.kafka.raft.MetadataLogConfig;
import org.apache.kafka.raft.QuorumConfig;
import org.apache.kafka.server.config.DelegationTokenManagerConfigs;
import org.apache.kafka.server.config.QuotaConfig;
import org.apache.kafka.server.config.ReplicationConfigs;
import org.apache.kafka.server.config.ServerConfigs;
import org.apache.kafka.server.log.remote.storage.RemoteLogManagerConfig;
import org.apache.kafka.server.metrics.MetricConfigs;
import org.apache.kafka.storage.internals.log.CleanerConfig;
import org.apache.kafka.storage.internals.log.LogConfig;
import org.junit.jupiter.api.Test;

/** The names in the table are Kafka's, as the Kafka on the class path has them. */
class KafkaSettingsTest {

  private static final Map<String, ConfigDef.ConfigKey> KAFKA = kafkaDefinitions();

  @Test
  void knowsEveryBrokerSettingOfKafka() {
    Set<String> known = new TreeSet<>(Settings.kafka().keySet());
    Settings.read().forEach(setting -> known.add(setting.name()));

    assertThat(known).containsAll(KAFKA.keySet());
  }

  @Test
  void namesNoSettingThatKafkaDoesNotHave() {
    Set<String> named = new TreeSet<>();
    for (Setting setting : Settings.kafka().values()) {
      if (setting.meaning() != Setting.Meaning.OLD) {
        named.add(setting.name());
      }
    }
    for (Setting setting : Settings.read()) {
      if (setting.meaning() == Setting.Meaning.USED) {
        named.add(setting.name());
      } else {
        assertThat(KAFKA).doesNotContainKey(setting.name());
      }
    }

    assertThat(KAFKA.keySet()).containsAll(named);
  }

  @Test
  void typesAndDefaultsOfWhatIsPassedOnAreKafkas() {
    for (Setting setting : Settings.kafka().values()) {
      ConfigDef.ConfigKey key = KAFKA.get(setting.name());
      if (key != null) {
        assertThat(setting.type().name()).as(setting.name()).isEqualTo(key.type.name());
        assertThat(Objects.requireNonNullElse(setting.defaultValue(), ""))
            .as(setting.name())
            .isEqualTo(text(key));
        if (setting.defaultValue() != null) {
          assertThat(setting.requireValid(setting.defaultValue())).isNotNull();
        }
      }
    }
  }

  @Test
  void rangesAreKafkas() {
    for (Setting setting : Settings.kafka().values()) {
      ConfigDef.ConfigKey key = KAFKA.get(setting.name());
      if (key != null && key.validator instanceof ConfigDef.Range range) {
        if (setting.type().integral()) {
          String expected = range.toString();
          String min = "[" + setting.min() + ",...";
          String max = setting.max() == setting.typeMax() ? "]" : "," + setting.max() + "]";
          assertThat(min + max).as(setting.name()).isEqualTo(expected);
        }
      }
    }
  }

  private static String text(ConfigDef.ConfigKey key) {
    if (!key.hasDefault() || key.defaultValue == null) {
      return "";
    }
    if (key.defaultValue instanceof List<?> list) {
      return String.join(",", list.stream().map(String::valueOf).toList());
    }
    return key.defaultValue instanceof Class<?> type
        ? type.getName()
        : String.valueOf(key.defaultValue);
  }

  private static Map<String, ConfigDef.ConfigKey> kafkaDefinitions() {
    return new TreeMap<>(
        Utils.mergeConfigs(
                List.of(
                    RemoteLogManagerConfig.configDef(),
                    ServerConfigs.CONFIG_DEF,
                    KRaftConfigs.CONFIG_DEF,
                    MetadataLogConfig.CONFIG_DEF,
                    SocketServerConfigs.CONFIG_DEF,
                    ReplicationConfigs.CONFIG_DEF,
                    GroupCoordinatorConfig.CONFIG_DEF,
                    CleanerConfig.CONFIG_DEF,
                    LogConfig.SERVER_CONFIG_DEF,
                    ShareGroupConfig.CONFIG_DEF,
                    ShareCoordinatorConfig.CONFIG_DEF,
                    TransactionLogConfig.CONFIG_DEF,
                    TransactionStateManagerConfig.CONFIG_DEF,
                    QuorumConfig.CONFIG_DEF,
                    MetricConfigs.CONFIG_DEF,
                    QuotaConfig.CONFIG_DEF,
                    BrokerSecurityConfigs.CONFIG_DEF,
                    DelegationTokenManagerConfigs.CONFIG_DEF,
                    AddPartitionsToTxnConfig.CONFIG_DEF))
            .configKeys());
  }
}
