package io.spillway.embed;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.management.BufferPoolMXBean;
import java.lang.management.ManagementFactory;
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
  void closeLeavesNoThreadAndNoTemporaryFile() throws Exception {
    cycle();
    Set<String> threadsBefore = brokerThreads();
    Path directory = cycle();
    assertThat(brokerThreads()).isEqualTo(threadsBefore);
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
    assertThat(brokerThreads()).isEqualTo(threadsBefore);
    long directAfter = directBytes();
    for (int i = 0; i < 20 && directAfter > directBefore + (1 << 20); i++) {
      directAfter = directBytes(); // buffers go when their owners have been collected
    }
    assertThat(directAfter).isLessThanOrEqualTo(directBefore + (1 << 20));
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

  /** Threads by name, numbers taken out; the clients' own and the JVM's are not the broker's. */
  private static Set<String> brokerThreads() {
    return Thread.getAllStackTraces().keySet().stream()
        .filter(Thread::isAlive)
        .map(thread -> thread.getName().replaceAll("[0-9]+", "#"))
        .filter(
            name -> List.of("kafka-producer", "kafka-admin").stream().noneMatch(name::startsWith))
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
