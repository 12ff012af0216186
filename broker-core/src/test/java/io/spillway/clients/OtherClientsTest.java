package io.spillway.clients;

import static org.assertj.core.api.Assertions.assertThat;

import io.spillway.embed.Broker;
import io.spillway.peers.ChildProcess;
import io.spillway.peers.ClientPeer;
import io.spillway.peers.Peers;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Clients that are not on our class path, one smoke each. */
class OtherClientsTest {

  private static final int LARGE_BYTES = 1_000_000;

  /** What librdkafka may send, well above what the broker takes. */
  private static final String MAX_BYTES = "message.max.bytes=2000000";

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

  @Tag("full")
  @ParameterizedTest
  @ValueSource(strings = {"none", "gzip", "snappy", "lz4", "zstd"})
  void kcatWritesTombstonesAndValuesFromOneByteToAMillion(String compression) throws Exception {
    String topic = "kcat-sizes-" + compression;
    String lines = "gone:\nsmall:v\nlarge:" + "v".repeat(LARGE_BYTES) + "\n";
    try (ChildProcess producer =
        kcat(
            "-P", "-t", topic, "-K:", "-Z", "-z", compression, "-X", MAX_BYTES, "-X", "acks=all")) {
      producer.feed(lines.getBytes(StandardCharsets.UTF_8));
      producer.awaitSuccess(Peers.PATIENCE);
    }
    try (ChildProcess consumer =
        kcat("-C", "-t", topic, "-o", "beginning", "-e", "-q", "-f", "%k %S %s\n")) {
      consumer.awaitSuccess(Peers.PATIENCE);
      assertThat(consumer.stdout())
          .containsExactlyInAnyOrder(
              "gone -1 ", "small 1 v", "large " + LARGE_BYTES + " " + "v".repeat(LARGE_BYTES));
    }
    assertThat(valueBytes(topic)).isEqualTo(Map.of("gone", -1, "small", 1, "large", LARGE_BYTES));
  }

  /**
   * A batch of one record without key is its value, a header of 61 bytes and eleven of lengths,
   * deltas and attributes.
   */
  @Tag("full")
  @Test
  void kcatWritesTheLargestRecordAndIsRefusedOneByteMore() throws Exception {
    int largest = 1_048_588 - 61 - 11;
    String topic = "kcat-largest";
    Path file = Files.writeString(work.resolve("largest"), "m".repeat(largest));
    Path above = Files.writeString(work.resolve("above"), "m".repeat(largest + 1));
    try (ChildProcess producer = kcat("-P", "-t", topic, "-X", MAX_BYTES, file.toString())) {
      producer.awaitSuccess(Peers.PATIENCE);
    }
    try (ChildProcess refused = kcat("-P", "-t", topic, "-X", MAX_BYTES, above.toString())) {
      assertThat(refused.awaitExit(Peers.PATIENCE)).as(refused.output()).isNotZero();
      assertThat(refused.output()).contains("Broker: Message size too large");
    }
    try (ChildProcess consumer =
        kcat("-C", "-t", topic, "-o", "beginning", "-e", "-q", "-f", "%o %S\n")) {
      consumer.awaitSuccess(Peers.PATIENCE);
      assertThat(consumer.stdout()).containsExactly("0 " + largest);
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
        Files.isDirectory(peer.resolve("node_modules/zstd-codec")),
        "kafkajs with its codecs is not installed; .ci/setup installs it");
    try (ChildProcess node =
        Peers.program(
            "node", peer, Map.of(), List.of("round-trip.js", broker.bootstrapServers(), "js"))) {
      node.awaitSuccess(Peers.PATIENCE);
      assertThat(node.stdout()).contains("round trip ok: 301");
    }
    // What its codecs made is what the Java client's undo, and no tombstone became an empty value.
    Map<String, Integer> read = valueBytes("js");
    assertThat(read).hasSize(301).containsEntry("key-11", -1).containsEntry("key-58", 1);
    for (int codec = 0; codec < 5; codec++) {
      assertThat(read).containsEntry("key-" + (60 * codec + 59), 1_000_000);
    }
  }

  /** Sizes of all values of the topic by key, as the Java client reads them; -1 for a tombstone. */
  private static Map<String, Integer> valueBytes(String topic) {
    Map<String, Integer> sizes = new HashMap<>();
    try (KafkaConsumer<String, String> consumer =
        new KafkaConsumer<>(
            Map.of("bootstrap.servers", broker.bootstrapServers()),
            new StringDeserializer(),
            new StringDeserializer())) {
      List<TopicPartition> partitions =
          consumer.partitionsFor(topic).stream()
              .map(info -> new TopicPartition(topic, info.partition()))
              .toList();
      consumer.assign(partitions);
      consumer.seekToBeginning(partitions);
      Map<TopicPartition, Long> ends = consumer.endOffsets(partitions);
      while (partitions.stream().anyMatch(tp -> consumer.position(tp) < ends.get(tp))) {
        for (ConsumerRecord<String, String> record : consumer.poll(Duration.ofMillis(200))) {
          int size = record.value() == null ? -1 : record.value().length();
          sizes.merge(String.valueOf(record.key()), size, Math::max);
        }
      }
    }
    return sizes;
  }

  private ChildProcess kcat(String... arguments) {
    List<String> all = new ArrayList<>(List.of("-b", broker.bootstrapServers()));
    all.addAll(List.of(arguments));
    return Peers.program("kcat", work, Map.of(), all);
  }
}
