package io.spillway.benchmarks;

import io.spillway.runtime.AmbientRuntime;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;

/**
 * Requests to a bucket and what they cost: a broker with a local write-ahead log and one with its
 * log in the bucket, idle and at 1, 5 and 50 MB/s over 200 partitions. The bucket is S3Proxy on
 * this machine, so the counts are right and the times are not Amazon's. Counts are the brokers'
 * own, from their metrics page, each attempt counted. Both brokers are idle, and at 1 and 5 MB/s,
 * at the same time; 50 MB/s is one after the other.
 *
 * <p>Usage: {@code S3CostBenchmark CHECKOUT [secondsPerPhase=60 megabytesPerSecond=50]}. About 5
 * minutes: 5 phases. Prints two tables in Markdown. With a local log the counts of a phase depend
 * on whether an upload falls into it: make phases longer than a minute for the slow rates.
 */
@AmbientRuntime
public final class S3CostBenchmark {

  private static final int PARTITIONS = 200;
  private static final int LINGER_MS = 20;
  private static final double SLOW_MB = 1;
  private static final double MEDIUM_MB = 5;
  private static final double GIB = 1 << 30;
  private static final int SECONDS_PER_HOUR = 3_600;

  private final double seconds;
  private final Table table =
      new Table(
          "WAL",
          "load",
          "PUT-class per GiB",
          "PUT-class per s",
          "all per minute",
          "all per hour",
          "$ per hour",
          "requests counted");
  private final List<Subject> subjects = new ArrayList<>();

  private S3CostBenchmark(double seconds) {
    this.seconds = seconds;
  }

  /** A broker and where its metrics are. */
  private record Subject(String wal, ReadyBroker broker, int metricsPort) {
    StoreRequests requests() throws Exception {
      return StoreRequests.of(MetricsPage.read(metricsPort));
    }
  }

  public static void main(String[] arguments) throws Exception {
    Path root = Path.of(arguments[0]).toAbsolutePath().normalize();
    double seconds = arguments.length > 1 ? Double.parseDouble(arguments[1]) : 60;
    double fast = arguments.length > 2 ? Double.parseDouble(arguments[2]) : 50;
    S3CostBenchmark benchmark = new S3CostBenchmark(seconds);
    try (WorkDirectory work = WorkDirectory.create(root, "s3cost");
        S3ProxyProcess store = S3ProxyProcess.start(root, work.path())) {
      try (ReadyBroker local = benchmark.start(root, work.path(), store, "local", List.of());
          ReadyBroker object =
              benchmark.start(root, work.path(), store, "object", List.of("wal.url=object:"))) {
        benchmark.run(fast);
        local.stop();
        object.stop();
      }
    }
  }

  private ReadyBroker start(
      Path root, Path work, S3ProxyProcess store, String wal, List<String> more) throws Exception {
    int metricsPort = SystemUnderTest.freePort();
    List<String> settings = new ArrayList<>(more);
    settings.add("metrics.listener=127.0.0.1:" + metricsPort);
    settings.add("object.store.url=" + store.url(wal));
    ReadyBroker broker =
        ReadyBroker.start(root, Files.createDirectory(work.resolve(wal)), settings);
    subjects.add(new Subject(wal, broker, metricsPort));
    try (Admin admin = Admin.create(Map.of("bootstrap.servers", broker.bootstrapServers()))) {
      admin.createTopics(Set.of(new NewTopic("cost", PARTITIONS, (short) 1))).all().get();
    }
    return broker;
  }

  private void run(double fastMb) throws Exception {
    together(0);
    together(SLOW_MB);
    together(MEDIUM_MB);
    for (Subject subject : subjects) {
      measure(subject, fastMb);
    }
    System.out.printf(
        Locale.ROOT,
        "%d partitions, records of 1 KiB, %.0f s a phase; S3 Standard at list price: $%.4f for"
            + " 1,000 PUT, POST, LIST, $%.4f for 1,000 GET%n",
        PARTITIONS,
        seconds,
        StoreRequests.DOLLARS_PER_1000_PUTS,
        StoreRequests.DOLLARS_PER_1000_GETS);
    table.printMarkdown(System.out);
  }

  private void together(double megabytesPerSecond) throws Exception {
    ExecutorService threads =
        Executors.newFixedThreadPool(subjects.size(), work -> new Thread(work, "cost-load"));
    try {
      List<Callable<Void>> work = new ArrayList<>();
      for (Subject subject : subjects) {
        work.add(
            () -> {
              measure(subject, megabytesPerSecond);
              return null;
            });
      }
      for (Future<Void> each : threads.invokeAll(work)) {
        each.get();
      }
    } finally {
      threads.shutdownNow();
    }
  }

  private void measure(Subject subject, double megabytesPerSecond) throws Exception {
    StoreRequests before = subject.requests();
    long start = System.nanoTime();
    double bytes = 0;
    if (megabytesPerSecond == 0) {
      Thread.sleep((long) (seconds * 1_000));
    } else {
      PacedLoad load =
          new PacedLoad(
              "cost", PARTITIONS, RandomRecords.RECORD_BYTES, megabytesPerSecond * 1e6, LINGER_MS);
      bytes =
          (double) load.run(subject.broker.bootstrapServers(), seconds).records()
              * RandomRecords.RECORD_BYTES;
    }
    StoreRequests counted = subject.requests().minus(before);
    double elapsed = (System.nanoTime() - start) / 1e9;
    add(subject.wal, megabytesPerSecond, bytes, elapsed, counted);
  }

  private synchronized void add(
      String wal, double asked, double bytes, double elapsed, StoreRequests counted) {
    double hours = elapsed / SECONDS_PER_HOUR;
    String load =
        bytes == 0
            ? "idle"
            : String.format(Locale.ROOT, "%.0f MB/s (%.1f reached)", asked, bytes / 1e6 / elapsed);
    table.add(
        wal,
        load,
        bytes == 0 ? "" : String.format(Locale.ROOT, "%.0f", counted.putClass() / (bytes / GIB)),
        String.format(Locale.ROOT, "%.2f", counted.putClass() / elapsed),
        String.format(Locale.ROOT, "%.1f", counted.total() / elapsed * 60),
        String.format(Locale.ROOT, "%.0f", counted.total() / hours),
        String.format(Locale.ROOT, "%.4f", counted.dollars() / hours),
        counted.toString());
    System.err.printf(Locale.ROOT, "%s, %s: %s in %.0f s%n", wal, load, counted, elapsed);
  }
}
