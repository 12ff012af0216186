package io.spillway.benchmarks;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.util.List;
import org.junit.jupiter.api.Test;

class StartLogTest {

  private final StartLog log =
      new StartLog(
          List.of(
              "2026-11-27T10:00:00.000Z [a] INFO Catalog - is open at record 1",
              "2026-11-27T10:39:41.519Z [a] INFO Catalog - is open at record 7",
              "\tat a.stack.Trace",
              "2026-11-27T10:39:42.769Z [b] INFO Engine - [wal=1] recovered 3 frames"));

  @Test
  void tellsTheTimeBetweenTheLastOfEach() throws IOException {
    assertThat(log.secondsBetween("is open at record", "] recovered ")).isEqualTo(1.25);
  }

  @Test
  void namesWhatIsNotThere() {
    assertThatThrownBy(() -> log.secondsBetween("is open", "leads"))
        .hasMessageContaining("'leads'");
  }
}
