package io.spillway.benchmarks;

import io.spillway.runtime.AmbientRuntime;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;

/**
 * How long a start after {@code kill -9} takes with the write-ahead log full of what no object has
 * yet, beside reading the same files from a cold disk. Recovery is the time to the ready line less
 * that of a start on an empty log with the same topic; its parts are scanning the log, and
 * uploading what it holds, by the times in the broker's own log. Records are {@link RandomRecords}
 * in 16 partitions; the page cache is dropped before each reading and each start.
 *
 * <p>Usage: {@code RecoveryBenchmark CHECKOUT [mebibytes=1024 rounds=3]}. About 2 minutes. Prints a
 * table in Markdown; the aim is at most twice the reading and half a second.
 */
@AmbientRuntime
public final class RecoveryBenchmark {

  private static final int PARTITIONS = 16;
  private static final double AIM_FACTOR = 2;
  private static final double AIM_SECONDS = 0.5;

  private final Path root;
  private final Path work;
  private final int mib;
  private final int metricsPort;

  private RecoveryBenchmark(Path root, Path work, int mib) throws IOException {
    this.root = root;
    this.work = work;
    this.mib = mib;
    this.metricsPort = SystemUnderTest.freePort();
  }

  public static void main(String[] arguments) throws Exception {
    Path root = Path.of(arguments[0]).toAbsolutePath().normalize();
    int mib = arguments.length > 1 ? Integer.parseInt(arguments[1]) : 1024;
    int rounds = arguments.length > 2 ? Integer.parseInt(arguments[2]) : 3;
    List<double[]> rows = new ArrayList<>();
    for (int round = 0; round < rounds; round++) {
      try (WorkDirectory work = WorkDirectory.create(root, "recovery")) {
        double[] row = new RecoveryBenchmark(root, work.path(), mib).run();
        rows.add(row);
        System.err.printf(
            Locale.ROOT,
            "round %d: read %.2f s, recovery %.2f s of %.2f s to the ready line%n",
            round,
            row[0],
            row[3],
            row[2]);
      }
    }
    System.out.printf(
        "%d MiB in the log, %d rounds; cold by %s; median (least-most)%n",
        mib, rounds, PageCache.method());
    Table table =
        new Table(
            "reading s",
            "empty start s",
            "start s",
            "recovery s",
            "scan s",
            "upload s",
            "recovery / (2 × reading + 0.5 s)",
            "CPU-s of the start",
            "resident MiB");
    table.add(
        Spread.of(rows, 0, "%.2f"),
        Spread.of(rows, 1, "%.2f"),
        Spread.of(rows, 2, "%.2f"),
        Spread.of(rows, 3, "%.2f"),
        Spread.of(rows, 4, "%.2f"),
        Spread.of(rows, 5, "%.2f"),
        Spread.of(rows, 6, "%.2f"),
        Spread.of(rows, 7, "%.2f"),
        Spread.of(rows, 8, "%.0f"));
    table.printMarkdown(System.out);
  }

  private double[] run() throws Exception {
    try (ReadyBroker first = start()) {
      try (Admin admin = Admin.create(Map.of("bootstrap.servers", first.bootstrapServers()))) {
        admin.createTopics(Set.of(new NewTopic("bench", PARTITIONS, (short) 1))).all().get();
      }
      RandomRecords.produce(first.bootstrapServers(), "bench", PARTITIONS, 1);
      first.stop();
    }
    PageCache.drop(work);
    double empty;
    long walBytes;
    try (ReadyBroker broker = start()) {
      empty = broker.atReady()[0];
      RandomRecords.produce(broker.bootstrapServers(), "bench", PARTITIONS, mib);
      walBytes = (long) MetricsPage.value(metricsPort, "spillway_wal_used_bytes");
      requireAllInTheLog();
      broker.kill();
    }
    PageCache.drop(work);
    double reading = RawRead.seconds(work.resolve("data/wal"), walBytes);
    PageCache.drop(work);
    try (ReadyBroker broker = start()) {
      double[] start = broker.atReady();
      requireRecovered();
      double recovery = Math.max(0, start[0] - empty);
      double aim = AIM_FACTOR * reading + AIM_SECONDS;
      broker.stop();
      StartLog log = StartLog.read(work.resolve("output.log"));
      return new double[] {
        reading,
        empty,
        start[0],
        recovery,
        log.secondsBetween("is open at record", "] recovered "),
        log.secondsBetween("] recovered ", "leads the metadata log"),
        recovery / aim,
        start[1],
        start[2]
      };
    }
  }

  private void requireAllInTheLog() throws Exception {
    double unuploaded = MetricsPage.value(metricsPort, "spillway_unuploaded_bytes");
    if (unuploaded < (double) mib * (1 << 20)) {
      throw new IllegalStateException(
          "expected %d MiB in the log alone, found %.0f bytes: something was uploaded"
              .formatted(mib, unuploaded));
    }
  }

  private void requireRecovered() throws Exception {
    if (MetricsPage.value(metricsPort, "spillway_wal_recovered_frames") == 0) {
      throw new IllegalStateException("nothing was recovered");
    }
  }

  /** With a log that uploads nothing by itself until it holds twice what is measured. */
  private ReadyBroker start() throws IOException {
    long bytes = (long) mib << 20;
    return ReadyBroker.start(
        root,
        work,
        List.of(
            "metrics.listener=127.0.0.1:" + metricsPort,
            "wal.capacity.bytes=" + Math.max(4 * bytes, 64L << 20),
            "upload.bytes=" + 2 * bytes,
            "upload.interval.ms=86400000"));
  }
}
