package io.spillway.benchmarks;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.Test;

class PinningTest {

  private static final List<String> COMMAND = List.of("java", "Main");

  @Test
  void startsTheCommandOnItsCoreAndAtItsPriority() {
    assertThat(Pinning.to("1").nicer(10).command(COMMAND))
        .containsExactly("taskset", "-c", "1", "nice", "-n", "10", "java", "Main");
  }

  @Test
  void leavesTheCommandAloneWithoutOne() {
    assertThat(Pinning.NONE.command(COMMAND)).isEqualTo(COMMAND);
  }
}
