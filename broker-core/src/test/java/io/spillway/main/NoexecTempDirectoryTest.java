package io.spillway.main;

import static org.assertj.core.api.Assertions.assertThat;

import io.spillway.peers.BrokerProcess;
import io.spillway.peers.ChildProcess;
import io.spillway.peers.Peers;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * A broker on a machine whose temporary directory is mounted {@code noexec}, as hardened ones are:
 * native libraries cannot be loaded from there, so they are unpacked under {@code data.dir}.
 *
 * <p>The broker gets a mount namespace of its own, in which such a file system lies over the
 * temporary directory: as root, or else as the root of a user namespace.
 */
@Tag("full")
@Timeout(value = 3, unit = TimeUnit.MINUTES)
class NoexecTempDirectoryTest {

  private static final int RECORDS = 50;

  @TempDir Path work;

  @Test
  void nativeLibrariesAreLoadedFromTheDataDirectory() throws Exception {
    Path temp = Files.createDirectories(work.resolve("temp"));
    List<String> wrapper = withNoexec(temp);
    requireNoexec(wrapper, temp);
    List<String> settings =
        List.of(
            "listeners=PLAINTEXT://127.0.0.1:0",
            "metrics.listener=off",
            "data.dir=" + work.resolve("data"));
    Map<String, String> environment =
        Map.of(
            "TMPDIR", temp.toString(), "JAVA_TOOL_OPTIONS", "-Djava.io.tmpdir=" + temp.toString());
    try (BrokerProcess broker = BrokerProcess.startBy(wrapper, work, settings, environment)) {
      // Each topic makes the broker read one compression and write another.
      recompress(broker, "snappy", "zstd");
      recompress(broker, "lz4", "snappy");
      recompress(broker, "zstd", "lz4");
      assertThat(loadedFrom(work.resolve("data").toRealPath(), broker.process().pid()))
          .as(broker.process().output())
          .anyMatch(name -> name.contains("netty_transport_native_epoll"))
          .anyMatch(name -> name.contains("zstd"))
          .anyMatch(name -> name.contains("snappy"))
          .anyMatch(name -> name.contains("lz4"));
      assertThat(broker.process().output()).doesNotContain("UnsatisfiedLinkError");
      broker.stop();
    }
    assertThat(work.resolve("data/tmp"))
        .as("unpacked libraries go with the process, and what it made for them")
        .doesNotExist();
  }

  /** Mounts over the directory, for itself alone, then becomes the command that follows. */
  private static List<String> withNoexec(Path directory) {
    boolean isRoot = "root".equals(System.getProperty("user.name"));
    return List.of(
        "unshare",
        isRoot ? "-m" : "-rm",
        "sh",
        "-c",
        "mount -t tmpfs -o noexec tmpfs \"$0\" && exec \"$@\"",
        directory.toString());
  }

  private void requireNoexec(List<String> wrapper, Path directory) throws IOException {
    List<String> probe = new ArrayList<>(wrapper.subList(1, wrapper.size()));
    Path script = directory.resolve("probe");
    String probing =
        "printf '#!/bin/sh\\nexit 0\\n' >%1$s && chmod +x %1$s && ! %1$s 2>/dev/null"
            .formatted(script);
    probe.addAll(List.of("sh", "-c", probing));
    try (ChildProcess mount = Peers.program(wrapper.get(0), work, Map.of(), probe)) {
      int code = mount.awaitExit(Peers.PATIENCE);
      Assumptions.assumeTrue(
          code == 0,
          () ->
              "a file system cannot be mounted noexec here, not even for oneself: "
                  + mount.output());
    }
  }

  private static void recompress(BrokerProcess broker, String of, String to) throws Exception {
    Map<String, Object> settings = Map.of("bootstrap.servers", broker.bootstrapServers());
    String topic = of + "-to-" + to;
    try (Admin admin = Admin.create(settings)) {
      NewTopic recompressed =
          new NewTopic(topic, 1, (short) 1).configs(Map.of("compression.type", to));
      admin.createTopics(List.of(recompressed)).all().get();
    }
    Map<String, Object> producing =
        Map.of("bootstrap.servers", broker.bootstrapServers(), "compression.type", of);
    try (KafkaProducer<String, String> producer =
        new KafkaProducer<>(producing, new StringSerializer(), new StringSerializer())) {
      List<Future<RecordMetadata>> sent = new ArrayList<>();
      for (int i = 0; i < RECORDS; i++) {
        sent.add(producer.send(new ProducerRecord<>(topic, value(i))));
      }
      for (Future<RecordMetadata> each : sent) {
        each.get();
      }
    }
    List<String> read = new ArrayList<>();
    try (KafkaConsumer<String, String> consumer =
        new KafkaConsumer<>(settings, new StringDeserializer(), new StringDeserializer())) {
      TopicPartition partition = new TopicPartition(topic, 0);
      consumer.assign(List.of(partition));
      consumer.seekToBeginning(List.of(partition));
      while (read.size() < RECORDS) {
        consumer.poll(Duration.ofSeconds(1)).forEach(record -> read.add(record.value()));
      }
    }
    assertThat(read).hasSize(RECORDS).first().isEqualTo(value(0));
    assertThat(read).last().isEqualTo(value(RECORDS - 1));
  }

  private static String value(int i) {
    return "value " + i + " ".repeat(200);
  }

  /** Shared objects under the directory that the process has mapped, deleted since or not. */
  private static List<String> loadedFrom(Path directory, long pid) throws IOException {
    try (var maps = Files.lines(Path.of("/proc", Long.toString(pid), "maps"))) {
      return maps.filter(line -> line.contains(directory + "/") && line.contains(".so")).toList();
    }
  }
}
