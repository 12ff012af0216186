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
 * Broker CPU seconds per GiB moved while four consumer groups follow one producer at the tail,
 * Spillway beside Apache Kafka in the same run, every other round the other first. Moved is what
 * was produced and what each group received. Records of 1 KiB of random bytes, 16 partitions, one
 * consumer a group. Spillway's figure includes its uploads; Kafka runs without fsync, its default.
 *
 * <p>Usage: {@code FanOutBenchmark CHECKOUT [rounds=2 seconds=20 MBperSecond=20]}. About 3 minutes.
 * Prints a table in Markdown.
 */
@AmbientRuntime
public final class FanOutBenchmark {

  private static final int GROUPS = 4;
  private static final int PARTITIONS = 16;
  private static final int LINGER_MS = 5;
  private static final double GIB = 1 << 30;
  private static final double WARM_UP_SHARE = 0.5;

  private final Path root;
  private final double seconds;
  private final PacedLoad load;

  private FanOutBenchmark(Path root, double seconds, double bytesPerSecond) {
    this.root = root;
    this.seconds = seconds;
    this.load =
        new PacedLoad("tail", PARTITIONS, RandomRecords.RECORD_BYTES, bytesPerSecond, LINGER_MS);
  }

  public static void main(String[] arguments) throws Exception {
    Path root = Path.of(arguments[0]).toAbsolutePath().normalize();
    int rounds = arguments.length > 1 ? Integer.parseInt(arguments[1]) : 2;
    double seconds = arguments.length > 2 ? Double.parseDouble(arguments[2]) : 20;
    double rate = 1e6 * (arguments.length > 3 ? Double.parseDouble(arguments[3]) : 20);
    FanOutBenchmark benchmark = new FanOutBenchmark(root, seconds, rate);
    Map<String, List<double[]>> results =
        Rounds.measure(SystemUnderTest.SYSTEMS, rounds, "%.2f CPU-s/GiB moved", benchmark::measure);
    System.out.printf(
        "%d rounds of %.0f s at %.0f MB/s to %d groups; median (least-most)%n",
        rounds, seconds, rate / 1e6, GROUPS);
    print(results);
  }

  /**
   * CPU seconds per GiB moved, MB/s moved, then median and p99 in ms until a record is
   * acknowledged, and until a group has it.
   */
  private double[] measure(String system) throws Exception {
    try (WorkDirectory work = WorkDirectory.create(root, "fanout-" + system)) {
      Path directory = Files.createDirectory(work.path().resolve("broker"));
      try (SystemUnderTest broker = SystemUnderTest.start(system, root, directory, Pinning.NONE)) {
        try (Admin admin = Admin.create(Map.of("bootstrap.servers", broker.bootstrapServers()))) {
          admin.createTopics(Set.of(new NewTopic(load.topic(), PARTITIONS, (short) 1))).all().get();
        }
        Thread.sleep(SystemUnderTest.SETTLE_MS);
        return measure(broker);
      }
    }
  }

  private double[] measure(SystemUnderTest broker) throws Exception {
    try (TailGroups groups =
        TailGroups.start(broker.bootstrapServers(), load.topic(), PARTITIONS, GROUPS)) {
      long records = load.run(broker.bootstrapServers(), seconds * WARM_UP_SHARE).records();
      groups.await(records);
      broker.awaitSettled();
      double cpuBefore = broker.cpuSeconds();
      groups.startLatencies();
      PacedLoad.Result produced = load.run(broker.bootstrapServers(), seconds);
      groups.await(records + produced.records());
      broker.awaitSettled();
      double cpu = broker.cpuSeconds() - cpuBefore;
      double moved = (double) produced.records() * load.recordBytes() * (1 + GROUPS);
      return new double[] {
        cpu / (moved / GIB),
        moved / 1e6 / produced.seconds(),
        produced.latencies().percentileMs(0.5),
        produced.latencies().percentileMs(0.99),
        groups.latencies().percentileMs(0.5),
        groups.latencies().percentileMs(0.99)
      };
    }
  }

  private static void print(Map<String, List<double[]>> results) {
    Table table =
        new Table(
            "system",
            "broker CPU-s/GiB moved",
            "MB/s moved",
            "acknowledged p50 ms",
            "p99 ms",
            "received p50 ms",
            "p99 ms");
    results.forEach(
        (system, rows) ->
            table.add(
                system,
                Spread.of(rows, 0, "%.2f"),
                Spread.of(rows, 1, "%.0f"),
                Spread.of(rows, 2, "%.1f"),
                Spread.of(rows, 3, "%.1f"),
                Spread.of(rows, 4, "%.0f"),
                Spread.of(rows, 5, "%.0f")));
    table.printMarkdown(System.out);
  }
}
