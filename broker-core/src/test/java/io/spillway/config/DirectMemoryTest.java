package io.spillway.config;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class DirectMemoryTest {

  private static final long MIB = 1 << 20;

  private static final Map<String, Long> MIB_OF =
      Map.of(
          "queued.max.request.bytes", 40L,
          "tail.cache.bytes", 41L,
          "block.cache.bytes", 42L,
          "read.ahead.bytes", 43L,
          "fetch.response.bytes", 44L,
          "upload.buffer.bytes", 45L);

  private static DirectMemory with(Map<String, String> more) {
    Map<String, String> settings = new HashMap<>(more);
    MIB_OF.forEach((name, mib) -> settings.put(name, Long.toString(mib * MIB)));
    settings.put("socket.request.max.bytes", Long.toString(32 * MIB));
    settings.put("num.network.threads", "3");
    settings.put("wal.capacity.bytes", Long.toString(256 * MIB));
    return DirectMemory.of(BrokerConfig.of(settings));
  }

  @Test
  void whatTheSettingsAllowIsTheirSumAndWhatTheLogAndTheNetworkTake() {
    long budgets = MIB_OF.values().stream().mapToLong(mib -> mib).sum();
    int network = 3 * 4;

    assertThat(with(Map.of()).bytes())
        .as("16 MiB of blocks for reuse, and two on their way")
        .isEqualTo((budgets + network + 16 + 4) * MIB);
    Map<String, String> inBucket =
        Map.of(
            "wal.url", "object:",
            "wal.buffer.bytes", Long.toString(48 * MIB),
            "object.store.url", "s3://bucket");
    assertThat(with(inBucket).bytes())
        .as("60 MiB of blocks that wait, 16 for reuse, 16 of the store's client")
        .isEqualTo((budgets + network + 60 + 16 + 16) * MIB);
  }

  @Test
  void anExcessIsToldWithEachBudgetTheLimitAndWhatToSet() {
    DirectMemory memory = with(Map.of());

    assertThat(memory.excessOver(memory.bytes())).isEmpty();
    String told = memory.excessOver(memory.bytes() - 1).orElseThrow();
    assertThat(told)
        .doesNotContain("\n")
        .contains("allow 287 MiB")
        .contains("gives 286")
        .contains("-XX:MaxDirectMemorySize=287m");
    MIB_OF.forEach((name, mib) -> assertThat(told).contains(name + " " + mib));
  }

  @Test
  void theDefaultsFitTheLaunchersLimit() {
    for (String wal : List.of("", "object:")) {
      assertThat(DirectMemory.of(BrokerConfig.of(Map.of("wal.url", wal))).excessOver(1024 * MIB))
          .isEmpty();
    }
  }
}
