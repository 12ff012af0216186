package io.spillway.sharedlog;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.UUID;
import org.junit.jupiter.api.Test;

class ClusterIdsTest {

  @Test
  void anIdIsWrittenAsKafkaWritesIt() {
    // What org.apache.kafka.common.Uuid makes of the same bits.
    assertThat(ClusterIds.text(new UUID(0, 0))).isEqualTo("AAAAAAAAAAAAAAAAAAAAAA");
    assertThat(ClusterIds.text(new UUID(-1, -1))).isEqualTo("_____________________w");
    assertThat(ClusterIds.text(UUID.fromString("e4be8083-79d2-853f-9e30-2b4afbef3ab3")))
        .isEqualTo("5L6Ag3nShT-eMCtK--86sw");
  }
}
