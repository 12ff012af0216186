package io.spillway.benchmarks;

import io.spillway.runtime.AmbientRuntime;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

/**
 * Reading a cold backlog with one local consumer, Spillway beside Apache Kafka in the same run:
 * MB/s, and broker CPU seconds per GiB read. The backlog is {@link RandomRecords} in 16 partitions,
 * Spillway's in a directory store. Before it is read, another topic has been read three times and
 * the broker been left alone until it does nothing more (so that compilation is done and not in the
 * figures), a third has been written (so that Spillway's tail cache holds nothing of the backlog),
 * and the page cache is dropped. The consumer has the client's default settings, but for a larger
 * {@code max.poll.records}.
 *
 * <p>Arguments: the checkout, MiB of the backlog, rounds, and optionally one system alone. Prints a
 * table in Markdown.
 */
@AmbientRuntime
public final class CatchUpBenchmark {

  private static final int PARTITIONS = 16;
  private static final int WARM_UP_MIB = 768;
  private static final int BEHIND_MIB = 256;
  private static final int WARM_UP_READS = 3;
  private static final int QUIET_TRIES = 60;
  private static final long QUIET_MS = 2_000;
  private static final double QUIET_CPU_SECONDS = 0.1;

  private CatchUpBenchmark() {}

  public static void main(String[] arguments) throws Exception {
    Path root = Path.of(arguments[0]).toAbsolutePath().normalize();
    int mib = Integer.parseInt(arguments[1]);
    int rounds = Integer.parseInt(arguments[2]);
    List<String> systems = arguments.length > 3 ? List.of(arguments[3]) : SystemUnderTest.SYSTEMS;
    Map<String, List<double[]>> results =
        Rounds.measure(
            systems,
            rounds,
            "%.0f MB/s, %.2f CPU-s/GiB, %.0f MiB resident",
            system -> measure(system, root, mib));
    print(results, mib, rounds);
  }

  private static double[] measure(String system, Path root, int mib) throws Exception {
    Path directory = Files.createTempDirectory(root.resolve("benchmarks/target"), system);
    try (SystemUnderTest broker = SystemUnderTest.start(system, root, directory, Pinning.NONE)) {
      String servers = broker.bootstrapServers();
      try (Admin admin = Admin.create(Map.of("bootstrap.servers", servers))) {
        admin
            .createTopics(
                Stream.of("warm-up", "backlog", "behind")
                    .map(topic -> new NewTopic(topic, PARTITIONS, (short) 1))
                    .toList())
            .all()
            .get();
      }
      Thread.sleep(SystemUnderTest.SETTLE_MS);
      RandomRecords.produce(servers, "warm-up", PARTITIONS, WARM_UP_MIB);
      RandomRecords.produce(servers, "backlog", PARTITIONS, mib);
      RandomRecords.produce(servers, "behind", PARTITIONS, BEHIND_MIB);
      broker.awaitSettled();
      for (int i = 0; i < WARM_UP_READS; i++) {
        consume(servers, "warm-up", RandomRecords.countOf(WARM_UP_MIB));
      }
      awaitQuiet(broker);
      PageCache.drop(directory);
      double cpuBefore = broker.cpuSeconds();
      long start = System.nanoTime();
      long bytes = consume(servers, "backlog", RandomRecords.countOf(mib));
      double seconds = (System.nanoTime() - start) / 1e9;
      double cpu = broker.cpuSeconds() - cpuBefore;
      return new double[] {
        bytes / 1e6 / seconds, cpu * (1 << 30) / bytes, broker.residentBytes() / 1048576.0
      };
    }
  }

  /** Reads the topic from its start; returns the bytes of values. */
  private static long consume(String servers, String topic, long count) {
    Map<String, Object> settings =
        Map.of("bootstrap.servers", servers, "max.poll.records", 10_000, "client.id", topic);
    List<TopicPartition> partitions =
        IntStream.range(0, PARTITIONS).mapToObj(i -> new TopicPartition(topic, i)).toList();
    try (KafkaConsumer<byte[], byte[]> consumer =
        new KafkaConsumer<>(settings, new ByteArrayDeserializer(), new ByteArrayDeserializer())) {
      consumer.assign(partitions);
      consumer.seekToBeginning(partitions);
      long bytes = 0;
      long read = 0;
      while (read < count) {
        for (var each : consumer.poll(Duration.ofSeconds(10))) {
          bytes += each.value().length;
          read++;
        }
      }
      return bytes;
    }
  }

  /** What it has compiled late is not the backlog's: waits until the broker does nothing more. */
  private static void awaitQuiet(SystemUnderTest broker) throws IOException, InterruptedException {
    double before = broker.cpuSeconds();
    for (int i = 0; i < QUIET_TRIES; i++) {
      Thread.sleep(QUIET_MS);
      double now = broker.cpuSeconds();
      if (now - before < QUIET_CPU_SECONDS) {
        return;
      }
      before = now;
    }
  }

  private static void print(Map<String, List<double[]>> results, int mib, int rounds) {
    System.out.printf(
        "%d rounds of %d MiB; median (min-max); page cache: %s%n", rounds, mib, PageCache.method());
    Table table = new Table("system", "MB/s", "broker CPU-s/GiB", "resident MiB");
    results.forEach(
        (system, rows) ->
            table.add(
                system,
                Spread.of(rows, 0, "%.0f"),
                Spread.of(rows, 1, "%.2f"),
                Spread.of(rows, 2, "%.0f")));
    table.printMarkdown(System.out);
  }
}
