package io.spillway.embed;

import static org.assertj.core.api.Assertions.assertThat;

import io.spillway.config.BrokerConfig;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import org.junit.jupiter.api.Test;

class AbandonCommandTest {

  private static final UUID WAL = new UUID(1, 2);

  @Test
  void aShellTakesItAsItIs() throws Exception {
    String store = "s3://bucket/a?endpoint=http://127.0.0.1:9000&pathStyle=true";
    String command =
        AbandonCommand.of(
            BrokerConfig.of(Map.of("data.dir", "/var/it's here/$HOME", "object.store.url", store)),
            WAL);

    assertThat(wordsInAShell(command))
        .containsExactly(
            "spillway",
            "wal",
            "abandon",
            "--set",
            "data.dir=/var/it's here/$HOME",
            "--set",
            "object.store.url=" + store,
            WAL.toString(),
            "--yes");
  }

  @Test
  void itHoldsNoSecret() {
    String command =
        AbandonCommand.of(
            BrokerConfig.of(
                Map.of(
                    "object.store.url", "s3://bucket",
                    "object.store.access.key", "AKIA1",
                    "object.store.secret.key", "hush")),
            WAL);

    assertThat(command).endsWith("--yes (and --config FILE with the store's keys)");
    assertThat(command).doesNotContain("AKIA1", "hush");
  }

  private static List<String> wordsInAShell(String command) throws Exception {
    Process shell =
        new ProcessBuilder("sh", "-c", "printf '%s\\n' " + command)
            .redirectError(ProcessBuilder.Redirect.INHERIT)
            .start();
    String words =
        new String(shell.getInputStream().readAllBytes(), StandardCharsets.UTF_8).strip();
    assertThat(shell.waitFor()).isZero();
    return words.lines().toList();
  }
}
