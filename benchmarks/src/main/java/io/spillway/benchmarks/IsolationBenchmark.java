package io.spillway.benchmarks;

import io.spillway.runtime.AmbientRuntime;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Stream;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;

/**
 * What a replay does to a producer: acknowledgement latency of a steady 5 MB/s, alone and while 1,
 * 4 and 16 consumers read a cold backlog as fast as they can; Spillway, then Apache Kafka. The
 * broker has the first core to itself, all clients have the second, the readers at a lower priority
 * than the producer. Records of the producer are 4 KiB and wait for no company, so that a latency
 * is one request's; the backlog is {@link RandomRecords} in 16 partitions. The page cache is
 * dropped before each phase, and whenever a reader begins the backlog again.
 *
 * <p>Usage: {@code IsolationBenchmark CHECKOUT [secondsPerPhase=20 backlogMiB=2048
 * output=benchmarks/target/isolation]}. About 4 minutes. Prints a table in Markdown; writes {@code
 * isolation.csv} and {@code isolation.svg} into the output directory. Needs two cores.
 */
@AmbientRuntime
public final class IsolationBenchmark {

  private static final List<Integer> READERS = List.of(0, 1, 4, 16);
  private static final int BACKLOG_PARTITIONS = 16;
  private static final PacedLoad STEADY = new PacedLoad("steady", 4, 4096, 5e6, 0);
  private static final double WARM_UP_SHARE = 0.5;
  private static final int READER_NICENESS = 10;
  private static final Pinning BROKER = Pinning.to("0");
  private static final Pinning CLIENTS = Pinning.to("1");

  private final Path root;
  private final double seconds;
  private final int backlogMib;
  private final List<Phase> phases = new ArrayList<>();

  /** One phase of one system. */
  private record Phase(
      String system,
      int readers,
      Latencies latencies,
      double readMbPerSecond,
      double brokerCpuShare) {}

  private IsolationBenchmark(Path root, double seconds, int backlogMib) {
    this.root = root;
    this.seconds = seconds;
    this.backlogMib = backlogMib;
  }

  public static void main(String[] arguments) throws Exception {
    Path root = Path.of(arguments[0]).toAbsolutePath().normalize();
    double seconds = arguments.length > 1 ? Double.parseDouble(arguments[1]) : 20;
    int backlogMib = arguments.length > 2 ? Integer.parseInt(arguments[2]) : 2048;
    Path output =
        arguments.length > 3 ? Path.of(arguments[3]) : root.resolve("benchmarks/target/isolation");
    CLIENTS.applyToSelf();
    IsolationBenchmark benchmark = new IsolationBenchmark(root, seconds, backlogMib);
    for (String system : SystemUnderTest.SYSTEMS) {
      benchmark.measure(system);
    }
    benchmark.report(Files.createDirectories(output));
  }

  private void measure(String system) throws Exception {
    try (WorkDirectory work = WorkDirectory.create(root, "isolation-" + system)) {
      Path directory = Files.createDirectory(work.path().resolve("broker"));
      try (SystemUnderTest broker = SystemUnderTest.start(system, root, directory, BROKER)) {
        createTopics(broker);
        RandomRecords.produce(broker.bootstrapServers(), "backlog", BACKLOG_PARTITIONS, backlogMib);
        STEADY.run(broker.bootstrapServers(), seconds * WARM_UP_SHARE);
        broker.awaitSettled();
        for (int readers : READERS) {
          Phase phase = measure(broker, readers, directory);
          phases.add(phase);
          System.err.printf(
              Locale.ROOT,
              "%s, %d readers: p99 %.1f ms, reads %.0f MB/s%n",
              system,
              readers,
              phase.latencies.percentileMs(0.99),
              phase.readMbPerSecond);
        }
      }
    }
  }

  private static void createTopics(SystemUnderTest broker) throws Exception {
    try (Admin admin = Admin.create(Map.of("bootstrap.servers", broker.bootstrapServers()))) {
      admin
          .createTopics(
              Stream.of(
                      new NewTopic("backlog", BACKLOG_PARTITIONS, (short) 1),
                      new NewTopic(STEADY.topic(), STEADY.partitions(), (short) 1))
                  .toList())
          .all()
          .get();
    }
    Thread.sleep(SystemUnderTest.SETTLE_MS);
  }

  private Phase measure(SystemUnderTest broker, int consumers, Path directory) throws Exception {
    PageCache.drop(directory);
    if (consumers == 0) {
      double cpu = broker.cpuSeconds();
      PacedLoad.Result alone = STEADY.run(broker.bootstrapServers(), seconds);
      return phase(broker, 0, alone, 0, broker.cpuSeconds() - cpu);
    }
    try (ReaderProcess readers =
        ReaderProcess.start(
            broker,
            "backlog",
            BACKLOG_PARTITIONS,
            consumers,
            directory,
            CLIENTS.nicer(READER_NICENESS))) {
      double cpu = broker.cpuSeconds();
      long bytes = readers.bytes();
      PacedLoad.Result beside = STEADY.run(broker.bootstrapServers(), seconds);
      if (!readers.isAlive()) {
        throw new IOException("the readers ended before the producer did");
      }
      return phase(broker, consumers, beside, readers.bytes() - bytes, broker.cpuSeconds() - cpu);
    }
  }

  private static Phase phase(
      SystemUnderTest broker, int readers, PacedLoad.Result steady, long readBytes, double cpu) {
    return new Phase(
        broker.name(),
        readers,
        steady.latencies(),
        readBytes / 1e6 / steady.seconds(),
        cpu / steady.seconds());
  }

  private void report(Path output) throws IOException {
    System.out.printf(
        Locale.ROOT,
        "Steady %.0f MB/s; %.0f s a phase; backlog %d MiB of incompressible records (8 bits of"
            + " entropy a byte), made cold by %s; broker on core %s, clients on core %s.%n",
        STEADY.bytesPerSecond() / 1e6,
        seconds,
        backlogMib,
        PageCache.method(),
        BROKER.cores(),
        CLIENTS.cores());
    Table table =
        new Table(
            "system",
            "readers",
            "p50 ms",
            "p99 ms",
            "p99.9 ms",
            "p99 / alone",
            "read MB/s",
            "broker's core");
    for (Phase phase : phases) {
      table.add(
          phase.system,
          String.valueOf(phase.readers),
          format("%.2f", phase.latencies.percentileMs(0.5)),
          format("%.2f", phase.latencies.percentileMs(0.99)),
          format("%.2f", phase.latencies.percentileMs(0.999)),
          format("%.2f", phase.latencies.percentileMs(0.99) / alone(phase.system)),
          format("%.0f", phase.readMbPerSecond),
          format("%.0f %%", 100 * phase.brokerCpuShare));
    }
    table.printMarkdown(System.out);
    table.writeCsv(output.resolve("isolation.csv"));
    Files.writeString(output.resolve("isolation.svg"), plot().svg());
  }

  private double alone(String system) {
    return percentiles(system, 0.99)[0];
  }

  /** One for each of {@link #READERS}. */
  private double[] percentiles(String system, double share) {
    return phases.stream()
        .filter(phase -> phase.system.equals(system))
        .mapToDouble(phase -> phase.latencies.percentileMs(share))
        .toArray();
  }

  private SvgPlot plot() {
    SvgPlot plot =
        new SvgPlot(
            "Acknowledgement latency of a steady 5 MB/s producer",
            "ms",
            "consumers that read a cold backlog",
            READERS.stream().map(String::valueOf).toList());
    Map<String, String> colours = Map.of("spillway", "#1f77b4", "kafka", "#d62728");
    for (String system : SystemUnderTest.SYSTEMS) {
      String colour = colours.getOrDefault(system, "black");
      plot.add(system + " p50", colour, "2 3", percentiles(system, 0.5));
      plot.add(system + " p99", colour, "", percentiles(system, 0.99));
      plot.add(system + " p99.9", colour, "8 4", percentiles(system, 0.999));
    }
    return plot;
  }

  private static String format(String format, double value) {
    return String.format(Locale.ROOT, format, value);
  }
}
