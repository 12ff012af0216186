package io.spillway.embed;

import static org.assertj.core.api.Assertions.assertThat;

import io.spillway.embed.BrokerWithOutages.Running;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** G7, G9. */
@Timeout(300) // a process on a loaded machine
class DirectMemoryLimitTest {

  @TempDir Path work;

  @Test
  void aBrokerWhoseBudgetsExceedWhatTheJvmGivesSaysSoAtItsStart_G7_G9() {
    try (Running broker = start("-XX:MaxDirectMemorySize=200m")) {
      while (!broker.process.output().contains("this JVM gives 200")) {
        assertThat(broker.process.isAlive()).isTrue();
        Thread.onSpinWait();
      }
      assertThat(broker.process.output()).contains("WARN").contains("tail.cache.bytes 128");
    }
  }

  private Running start(String limit) {
    return BrokerWithOutages.start(
        work,
        List.of("-Xmx256m", limit),
        work.resolve("down"),
        0,
        List.of("data.dir=" + work.resolve("data")));
  }
}
