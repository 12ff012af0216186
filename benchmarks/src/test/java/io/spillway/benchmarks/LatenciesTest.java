package io.spillway.benchmarks;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;

class LatenciesTest {

  private final Latencies latencies = new Latencies();

  @Test
  void aPercentileIsTheSmallestThatEnoughDoNotExceed() {
    for (int ms = 1_000; ms >= 1; ms--) {
      latencies.add(ms * 1_000_000L);
    }
    assertThat(latencies.percentileMs(0.5)).isEqualTo(500);
    assertThat(latencies.percentileMs(0.99)).isEqualTo(990);
    assertThat(latencies.percentileMs(0.999)).isEqualTo(999);
    assertThat(latencies.percentileMs(1)).isEqualTo(1_000);
    assertThat(latencies.percentileMs(0)).isEqualTo(1);
  }

  @Test
  void keepsMoreThanItBeganWithRoomFor() {
    int count = 100_000;
    for (int i = 0; i < count; i++) {
      latencies.add(i < count / 2 ? 1_000_000 : 2_000_000);
    }
    assertThat(latencies.count()).isEqualTo(count);
    assertThat(latencies.percentileMs(0.5)).isEqualTo(1);
    assertThat(latencies.percentileMs(0.51)).isEqualTo(2);
  }

  @Test
  void takesMoreAfterItWasAsked() {
    latencies.add(3_000_000);
    assertThat(latencies.percentileMs(0.5)).isEqualTo(3);
    latencies.add(1_000_000);
    assertThat(latencies.percentileMs(0.5)).isEqualTo(1);
  }

  @Test
  void hasNoPercentileOfNothing() {
    assertThatThrownBy(() -> latencies.percentileMs(0.5)).hasMessageContaining("no durations");
  }
}
