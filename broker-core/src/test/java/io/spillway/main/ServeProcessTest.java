package io.spillway.main;

import static org.assertj.core.api.Assertions.assertThat;

import io.spillway.clients.WireClient;
import io.spillway.peers.BrokerProcess;
import io.spillway.peers.ChildProcess;
import io.spillway.peers.Peers;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.common.protocol.ApiKeys;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** The process as whoever operates it sees it: its signals, its exit code, its log. */
@Timeout(value = 3, unit = TimeUnit.MINUTES)
class ServeProcessTest {

  private static final int CONNECTIONS = 30;

  @TempDir Path work;

  /** A process that is started in the background may ignore SIGINT, and so may its children. */
  @Test
  void ctrlCIsACleanStop() {
    List<String> env = List.of("env", "--default-signal=INT");
    try (ChildProcess probe =
        Peers.program("env", work, Map.of(), List.of("--default-signal=INT", "true"))) {
      int code = probe.awaitExit(Peers.PATIENCE);
      Assumptions.assumeTrue(code == 0, () -> "env has no --default-signal: " + probe.output());
    }
    try (BrokerProcess broker = BrokerProcess.startBy(env, work, settings(), Map.of())) {
      broker.process().interrupt();
      broker.process().awaitSuccess(Peers.PATIENCE);
      assertThat(broker.process().stderr()).noneMatch(line -> line.startsWith("spillway: "));
    }
  }

  @Test
  void requestsThatAreNotServedAreNamedInTheLogWithoutFillingIt() throws Exception {
    try (BrokerProcess broker = BrokerProcess.start(work, settings())) {
      for (int i = 0; i < CONNECTIONS; i++) {
        assertIsClosed(broker, (short) 999, (short) 7);
        assertIsClosed(broker, ApiKeys.METADATA.id, (short) 99);
      }
      broker.stop();
      List<String> lines =
          broker.process().stderr().stream()
              .filter(line -> line.contains("request not served"))
              .toList();
      assertThat(lines)
          .hasSizeBetween(1, CONNECTIONS)
          .first()
          .asString()
          .contains("api key 999 version 7", "client id old-client", "remote=/127.0.0.1:");
    }
  }

  private static void assertIsClosed(BrokerProcess broker, short apiKey, short version)
      throws Exception {
    byte[] clientId = "old-client".getBytes(java.nio.charset.StandardCharsets.US_ASCII);
    ByteBuffer frame = ByteBuffer.allocate(14 + clientId.length);
    frame.putInt(10 + clientId.length).putShort(apiKey).putShort(version).putInt(1);
    frame.putShort((short) clientId.length).put(clientId);
    try (WireClient client = new WireClient(broker.bootstrapServers())) {
      client.sendRaw(frame.array());
      assertThat(client.isClosedByBroker()).isTrue();
    }
  }

  private List<String> settings() {
    return List.of(
        "listeners=PLAINTEXT://127.0.0.1:0",
        "metrics.listener=off",
        "data.dir=" + work.resolve("data"));
  }
}
