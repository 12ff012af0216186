package io.spillway.clients;

import static org.assertj.core.api.Assertions.assertThat;

import io.spillway.embed.Broker;
import io.spillway.peers.ChildProcess;
import io.spillway.peers.ClientPeer;
import io.spillway.peers.Peers;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Clients that are not on our class path, one smoke each. */
class OtherClientsTest {

  private static Broker broker;

  @TempDir Path work;

  @BeforeAll
  static void start() {
    broker = Broker.builder().temporaryDirectory().start();
  }

  @AfterAll
  static void stop() {
    broker.close();
  }

  @Test
  void javaClient39MakesTheRoundTrip() {
    try (ChildProcess peer =
        Peers.ownJava(
            "kafka-clients-3.9",
            work,
            ClientPeer.class.getName(),
            List.of(broker.bootstrapServers(), "java-3.9", "3.9.1"))) {
      peer.awaitSuccess(Peers.PATIENCE);
      assertThat(peer.stdout()).contains("round trip ok: 1000");
    }
  }

  @Test
  void javaClient44MakesTheRoundTrip() throws Exception {
    ClientPeer.main(new String[] {broker.bootstrapServers(), "java-4.4", "4.4.0"});
  }

  @ParameterizedTest
  @ValueSource(strings = {"none", "gzip", "snappy", "lz4", "zstd"})
  void kcatReadsBackWhatItWrote(String compression) {
    String topic = "kcat-" + compression;
    String lines =
        IntStream.range(0, 500)
            .mapToObj(i -> "key-" + i + ":value-" + i + " ".repeat(i) + "\n")
            .collect(Collectors.joining());
    try (ChildProcess producer =
        kcat("-P", "-t", topic, "-K:", "-z", compression, "-X", "acks=all", "-H", "from=kcat")) {
      producer.feed(lines.getBytes(StandardCharsets.UTF_8));
      producer.awaitSuccess(Peers.PATIENCE);
    }
    try (ChildProcess consumer =
        kcat("-C", "-t", topic, "-K:", "-o", "beginning", "-e", "-q", "-f", "%h|%k:%s\n")) {
      consumer.awaitSuccess(Peers.PATIENCE);
      assertThat(consumer.stdout())
          .containsExactlyInAnyOrderElementsOf(
              lines.lines().map(line -> "from=kcat|" + line).toList());
    }
  }

  @Test
  void kcatProducesIdempotentlyAndConsumesInAGroup() {
    String topic = "kcat-group";
    try (ChildProcess producer =
        kcat("-P", "-t", topic, "-X", "enable.idempotence=true", "-X", "linger.ms=1")) {
      producer.feed("one\ntwo\nthree\n".getBytes(StandardCharsets.UTF_8));
      producer.awaitSuccess(Peers.PATIENCE);
    }
    try (ChildProcess consumer =
        kcat("-G", "kcat-readers", "-X", "auto.offset.reset=earliest", "-c", "3", "-q", topic)) {
      consumer.awaitSuccess(Peers.PATIENCE);
      assertThat(consumer.stdout()).containsExactly("one", "two", "three");
    }
  }

  @Test
  void kcatListsTheClusterAndLooksUpATime() {
    try (ChildProcess producer = kcat("-P", "-t", "kcat-list")) {
      producer.feed("one\n".getBytes(StandardCharsets.UTF_8));
      producer.awaitSuccess(Peers.PATIENCE);
    }
    try (ChildProcess list = kcat("-L")) {
      list.awaitSuccess(Peers.PATIENCE);
      assertThat(String.join("\n", list.stdout()))
          .contains(broker.bootstrapServers())
          .contains("topic \"kcat-list\"");
    }
    try (ChildProcess query = kcat("-Q", "-t", "kcat-list:0:1")) {
      query.awaitSuccess(Peers.PATIENCE);
      assertThat(query.output()).contains("kcat-list [0] offset 0");
    }
  }

  @Test
  void kafkaJsMakesTheRoundTrip() throws Exception {
    Path peer = Peers.moduleDirectory().resolve("peers/kafkajs");
    Assumptions.assumeTrue(
        Files.isDirectory(peer.resolve("node_modules/kafkajs")),
        "kafkajs is not installed; .ci/setup installs it");
    try (ChildProcess node =
        Peers.program(
            "node", peer, Map.of(), List.of("round-trip.js", broker.bootstrapServers(), "js"))) {
      node.awaitSuccess(Peers.PATIENCE);
      assertThat(node.stdout()).contains("round trip ok: 300");
    }
  }

  private ChildProcess kcat(String... arguments) {
    List<String> all = new ArrayList<>(List.of("-b", broker.bootstrapServers()));
    all.addAll(List.of(arguments));
    return Peers.program("kcat", work, Map.of(), all);
  }
}
