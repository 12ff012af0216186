package io.spillway.embed;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.management.BufferPoolMXBean;
import java.lang.management.ManagementFactory;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
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

  /** What one network allocator takes at a time: the last one may not have been collected yet. */
  private static final long ONE_CHUNK_BYTES = 4 << 20;

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
  void closeLeavesNoThreadAndNoTemporaryFile() throws Exception {
    cycle();
    Set<String> threadsBefore = brokerThreads();
    Path directory = cycle();
    assertThat(threadsBefore).containsAll(brokerThreads());
    assertThat(Files.exists(directory)).isFalse();
  }

  @Test
  @Tag("full")
  void fiftyCyclesLeakNothing() throws Exception {
    for (int i = 0; i < 5; i++) {
      cycle();
    }
    Set<String> threadsBefore = brokerThreads();
    long directBefore = directBytes();
    for (int i = 0; i < 50; i++) {
      cycle();
    }
    assertThat(threadsBefore).containsAll(brokerThreads());
    long directAfter = directBytes();
    for (int i = 0; i < 100 && directAfter > directBefore + ONE_CHUNK_BYTES; i++) {
      Thread.sleep(50); // buffers go when their owners have been collected, by another thread
      directAfter = directBytes();
    }
    assertThat(directAfter).isLessThanOrEqualTo(directBefore + ONE_CHUNK_BYTES);
  }

  private static Path cycle() throws Exception {
    try (Broker broker = Broker.builder().temporaryDirectory().start()) {
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

  /**
   * Threads by name, numbers taken out; the clients' own, and Netty's for the whole JVM, are left
   * out.
   */
  private static Set<String> brokerThreads() {
    return Thread.getAllStackTraces().keySet().stream()
        .filter(Thread::isAlive)
        .map(thread -> thread.getName().replaceAll("[0-9]+", "#"))
        .filter(
            name ->
                List.of("kafka-producer", "kafka-admin", "globalEventExecutor").stream()
                    .noneMatch(name::startsWith))
        .collect(Collectors.toCollection(TreeSet::new));
  }

  private static long directBytes() {
    System.gc();
    return ManagementFactory.getPlatformMXBeans(BufferPoolMXBean.class).stream()
        .filter(pool -> pool.getName().equals("direct"))
        .mapToLong(BufferPoolMXBean::getMemoryUsed)
        .sum();
  }
}
