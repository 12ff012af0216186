package io.spillway.benchmarks;

import io.spillway.runtime.AmbientRuntime;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;

/**
 * Broker CPU seconds per GiB produced, Spillway beside Apache Kafka in the same run: 1 KiB records
 * of random bytes, 16 KiB batches, acks=all, 16 partitions, one producer, every other round the
 * other system first. Spillway's figure includes its uploads; Kafka runs without fsync, its
 * default.
 *
 * <p>Arguments: the checkout, MiB per round, rounds. Prints a table in Markdown.
 */
@AmbientRuntime
public final class ProduceSideBySide {

  private static final int PARTITIONS = 16;
  private static final int WARM_UP_MIB = 512;

  private ProduceSideBySide() {}

  public static void main(String[] arguments) throws Exception {
    Path root = Path.of(arguments[0]).toAbsolutePath().normalize();
    int mib = Integer.parseInt(arguments[1]);
    int rounds = Integer.parseInt(arguments[2]);
    Map<String, List<double[]>> results =
        Rounds.measure(
            SystemUnderTest.SYSTEMS,
            rounds,
            "%.2f CPU-s/GiB, %.0f MiB/s, %.0f MiB resident",
            system -> measure(system, root, mib));
    print(results, mib, rounds);
  }

  private static double[] measure(String system, Path root, int mib) throws Exception {
    Path directory = Files.createTempDirectory(root.resolve("benchmarks/target"), system);
    try (SystemUnderTest broker = SystemUnderTest.start(system, root, directory, Pinning.NONE)) {
      try (Admin admin = Admin.create(Map.of("bootstrap.servers", broker.bootstrapServers()))) {
        admin.createTopics(Set.of(new NewTopic("bench", PARTITIONS, (short) 1))).all().get();
      }
      Thread.sleep(SystemUnderTest.SETTLE_MS);
      RandomRecords.produce(broker.bootstrapServers(), "bench", PARTITIONS, WARM_UP_MIB);
      broker.awaitSettled();
      double cpuBefore = broker.cpuSeconds();
      long start = System.nanoTime();
      RandomRecords.produce(broker.bootstrapServers(), "bench", PARTITIONS, mib);
      double seconds = (System.nanoTime() - start) / 1e9;
      broker.awaitSettled();
      double cpu = broker.cpuSeconds() - cpuBefore;
      return new double[] {
        cpu * 1024 / mib, mib / seconds, broker.residentBytes() / (1024.0 * 1024.0)
      };
    }
  }

  private static void print(Map<String, List<double[]>> results, int mib, int rounds) {
    System.out.printf("%d rounds of %d MiB; median (min-max)%n", rounds, mib);
    Table table = new Table("system", "broker CPU-s/GiB", "MiB/s", "resident MiB");
    results.forEach(
        (system, rows) ->
            table.add(
                system,
                Spread.of(rows, 0, "%.2f"),
                Spread.of(rows, 1, "%.0f"),
                Spread.of(rows, 2, "%.0f")));
    table.printMarkdown(System.out);
  }
}
