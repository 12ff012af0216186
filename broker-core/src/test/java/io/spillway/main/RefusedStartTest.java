package io.spillway.main;

import static org.assertj.core.api.Assertions.assertThat;

import io.spillway.peers.BrokerProcess;
import io.spillway.peers.ChildProcess;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** G9: processes that may not serve end with code 2 and one line that says why, and what to do. */
@Timeout(value = 3, unit = TimeUnit.MINUTES)
class RefusedStartTest {

  @TempDir Path work;

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          log.retention.hour=1   | log.retention.hour   | did you mean log.retention.hours?
          node.id=one            | node.id              | one
          wal.capacity.bytes=5   | wal.capacity.bytes=5 | 16777216
          wal.url=nfs://host/wal | wal.url              | nfs://host/wal
          """)
  void aSettingThatDoesNotFitIsNamedAndNothingElseIsSaid(String setting, String name, String why) {
    try (ChildProcess refused = launch("data", setting)) {
      assertThat(BrokerProcess.refusal(refused)).contains(name, why);
      assertThat(refused.stderr()).as("all it said").hasSize(1);
    }
    assertThat(work.resolve("data")).doesNotExist();
  }

  @Test
  void aPortInUseIsNamedWithTheSettingThatTakesAnother() throws Exception {
    try (ServerSocket taken = new ServerSocket(0, 1, InetAddress.getLoopbackAddress());
        ChildProcess refused =
            launch("data", "listeners=PLAINTEXT://127.0.0.1:" + taken.getLocalPort())) {
      assertThat(BrokerProcess.refusal(refused))
          .contains("127.0.0.1:" + taken.getLocalPort() + " of listener PLAINTEXT is in use")
          .contains("--set listeners=PLAINTEXT://127.0.0.1:0");
    }
  }

  @Test
  void aDirectoryInUseIsNamedWithItsHolder() {
    try (BrokerProcess first = BrokerProcess.start(work, settings("data"))) {
      try (ChildProcess refused = launch("data")) {
        assertThat(BrokerProcess.refusal(refused))
            .contains("directory " + work.resolve("data") + " is in use")
            .contains("process " + first.process().pid())
            .contains("--set data.dir=");
      }
      first.stop();
    }
  }

  private ChildProcess launch(String dataDir, String... more) {
    return BrokerProcess.launch(work, settings(dataDir, more));
  }

  private List<String> settings(String dataDir, String... more) {
    List<String> settings =
        new ArrayList<>(
            List.of(
                "listeners=PLAINTEXT://127.0.0.1:0",
                "metrics.listener=off",
                "data.dir=" + work.resolve(dataDir)));
    settings.addAll(List.of(more));
    return settings;
  }
}
