package io.spillway.metadata;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Map;
import org.apache.kafka.common.record.TimestampType;
import org.junit.jupiter.api.Test;

class TopicConfigTest {

  @Test
  void readsPoliciesFromAList() {
    TopicConfig both = TopicConfig.of(Map.of("cleanup.policy", "compact, delete"));
    assertThat(both.compacts()).isTrue();
    assertThat(both.deletes()).isTrue();
    TopicConfig none = TopicConfig.of(Map.of("cleanup.policy", ""));
    assertThat(none.compacts()).isFalse();
    assertThat(none.deletes()).isFalse();
  }

  @Test
  void keepsDefaultsWhereNothingIsSet() {
    TopicConfig config =
        TopicConfig.of(Map.of("retention.ms", "12345", "message.timestamp.type", "LogAppendTime"));
    assertThat(config.retentionMs()).isEqualTo(12345);
    assertThat(config.timestampType()).isEqualTo(TimestampType.LOG_APPEND_TIME);
    assertThat(config.maxMessageBytes()).isEqualTo(TopicConfig.DEFAULTS.maxMessageBytes());
  }

  @Test
  void namesTheSettingThatIsNoNumber() {
    assertThatThrownBy(() -> TopicConfig.of(Map.of("retention.ms", "soon")))
        .hasMessage("retention.ms=soon is not a number");
  }
}
