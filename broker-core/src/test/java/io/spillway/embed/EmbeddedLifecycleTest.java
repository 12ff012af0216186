package io.spillway.embed;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.StringSerializer;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** The broker as a guest in somebody else's process. */
@Timeout(value = 15, unit = TimeUnit.MINUTES)
class EmbeddedLifecycleTest {

  /** What stays is there once: pools of the JVM, classes, clients' own threads on their way out. */
  private static final int WARM_UP_CYCLES = 3;

  @TempDir Path work;

  @Test
  void severalBrokersRunInOneProcess() throws Exception {
    try (Broker first = Broker.builder().temporaryDirectory().start();
        Broker second = Broker.builder().temporaryDirectory().start()) {
      assertThat(first.bootstrapServers()).isNotEqualTo(second.bootstrapServers());
      produce(first, "only-here");
      try (Admin admin = Admin.create(Map.of("bootstrap.servers", second.bootstrapServers()))) {
        assertThat(admin.listTopics().names().get()).doesNotContain("only-here");
      }
    }
  }

  @Test
  void whatWasWrittenIsThereAfterCloseAndStart() throws Exception {
    try (Broker broker = Broker.builder().dataDirectory(work.resolve("kept")).port(0).start()) {
      produce(broker, "kept");
    }
    try (Broker broker = Broker.builder().dataDirectory(work.resolve("kept")).port(0).start();
        Admin admin = Admin.create(Map.of("bootstrap.servers", broker.bootstrapServers()))) {
      assertThat(admin.listTopics().names().get()).contains("kept");
    }
  }

  @Test
  void twoBrokersOnOneDirectoryAreRefusedByName() {
    Path directory = work.resolve("shared");
    try (Broker broker = Broker.builder().dataDirectory(directory).port(0).start()) {
      assertThat(broker.bootstrapServers()).isNotEmpty();
      assertThatThrownBy(() -> Broker.builder().dataDirectory(directory).port(0).start())
          .hasMessageContaining(directory.toString());
    }
  }

  @Test
  void aStartRefusedForAPortInUseLeavesNothingBehind() throws Exception {
    Path fresh = work.resolve("new/data");
    Path used = Files.createDirectories(work.resolve("used"));
    Files.writeString(used.resolve("note"), "mine");
    try (ServerSocket taken = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      for (Path directory : List.of(fresh, used)) {
        assertThatThrownBy(
                () -> Broker.builder().dataDirectory(directory).port(taken.getLocalPort()).start())
            .isInstanceOf(BrokerStartException.class)
            .hasMessageContaining("is in use");
      }
    }
    assertThat(work.resolve("new")).doesNotExist();
    try (var files = Files.list(used)) {
      assertThat(files.map(file -> file.getFileName().toString())).containsExactly("note");
    }
  }

  @Test
  void closeLeavesNoTemporaryFile() throws Exception {
    assertThat(cycle()).doesNotExist();
  }

  @Test
  void closeLeavesNoThreadNoMemoryAndNoOpenFile() throws Exception {
    assumeTrue(
        Files.isDirectory(Footprint.OPEN_FILES),
        () -> "open files cannot be counted here: no " + Footprint.OPEN_FILES);
    cyclesLeakNothing(5);
  }

  @Test
  @Tag("full")
  void fiftyCyclesLeakNothing() throws Exception {
    cyclesLeakNothing(50);
  }

  private static void cyclesLeakNothing(int cycles) throws Exception {
    for (int i = 0; i < WARM_UP_CYCLES; i++) {
      cycle();
    }
    Footprint before = Footprint.take();
    for (int i = 0; i < cycles; i++) {
      cycle();
    }
    assertThat(Footprint.grownSince(before)).isEmpty();
  }

  /** Of a broker with an index of its catalog, whose files RocksDB holds. */
  private static Path cycle() throws Exception {
    try (Broker broker =
        Broker.builder().temporaryDirectory().set("catalog.index.min.extents", "0").start()) {
      produce(broker, "cycle");
      return broker.dataDirectory();
    }
  }

  private static void produce(Broker broker, String topic) throws Exception {
    try (KafkaProducer<String, String> producer =
        new KafkaProducer<>(
            Map.of("bootstrap.servers", broker.bootstrapServers()),
            new StringSerializer(),
            new StringSerializer())) {
      producer.send(new ProducerRecord<>(topic, "key", "value")).get();
    }
  }
}
