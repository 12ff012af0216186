package io.spillway.benchmarks;

import com.sun.management.OperatingSystemMXBean;
import io.spillway.catalog.CatalogCommand;
import io.spillway.catalog.CatalogCommand.Claim;
import io.spillway.catalog.CatalogCommand.Commit;
import io.spillway.catalog.CatalogCommand.Extent;
import io.spillway.catalog.CatalogCommand.ObjectRef;
import io.spillway.catalog.CatalogCommand.OpenWal;
import io.spillway.catalog.CatalogCommand.RaiseOrphanFloor;
import io.spillway.catalog.CatalogCommand.StreamToken;
import io.spillway.catalog.CatalogCommand.WalKind;
import io.spillway.catalog.Indexing;
import io.spillway.catalog.LogStreamCatalog;
import io.spillway.catalog.LogStreamCatalog.Config;
import io.spillway.catalog.StreamCatalog.Verdict;
import io.spillway.catalog.index.RocksIndexHome;
import io.spillway.object.DirectoryObjectStore;
import io.spillway.object.ObjectStore;
import io.spillway.runtime.AmbientRuntime;
import io.spillway.runtime.SystemClock;
import io.spillway.runtime.SystemRandom;
import io.spillway.runtime.SystemThreads;
import io.spillway.sharedlog.ObjectSharedLog;
import io.spillway.wal.StreamId;
import io.spillway.wal.WriterIncarnation;
import java.io.IOException;
import java.io.PrintStream;
import java.lang.management.ManagementFactory;
import java.lang.management.MemoryPoolMXBean;
import java.lang.management.MemoryType;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.stream.Stream;

/**
 * A large catalog: what its heap, its start, a look-up, a commit and a checkpoint take.
 *
 * <p>Usage: {@code CatalogBenchmark fill|open|memory DIRECTORY [extents streams rangesPerObject]}.
 * {@code fill} commits the extents and leaves a checkpoint in a directory store; {@code open} opens
 * that catalog, first from the checkpoint alone, then with the index that this left, and measures;
 * {@code memory} opens it without an index, for comparison. One JVM each, so that heap figures mean
 * something; {@code open} is meant to be run with {@code -Xmx200m}.
 */
@AmbientRuntime
public final class CatalogBenchmark {

  private static final UUID TOPIC = new UUID(7, 7);
  private static final int LOOK_UPS = 100_000;
  private static final int COMMITS = 2_000;
  private static final int OFFSETS_PER_EXTENT = 1_000;

  private final Path directory;
  private final int extents;
  private final int streams;
  private final int rangesPerObject;
  private final SystemRandom random = new SystemRandom();
  private final WriterIncarnation writer = new WriterIncarnation(1, new UUID(9, 9), 1);

  private CatalogBenchmark(Path directory, int extents, int streams, int rangesPerObject) {
    this.directory = directory;
    this.extents = extents;
    this.streams = streams;
    this.rangesPerObject = rangesPerObject;
  }

  /** Runs one of the three and prints a line for each figure. */
  public static void main(String[] args) throws IOException {
    CatalogBenchmark benchmark =
        new CatalogBenchmark(
            Path.of(args[1]).toAbsolutePath(),
            args.length > 2 ? Integer.parseInt(args[2]) : 1_000_000,
            args.length > 3 ? Integer.parseInt(args[3]) : 10_000,
            args.length > 4 ? Integer.parseInt(args[4]) : 200);
    switch (args[0]) {
      case "fill" -> benchmark.fill(System.out);
      case "open" -> benchmark.open(System.out);
      case "memory" -> benchmark.openInMemory(System.out);
      default -> throw new IllegalArgumentException(args[0] + ": expected fill, open or memory");
    }
  }

  private void fill(PrintStream out) {
    try (Opened catalog = new Opened("fill", Config.standard(true), 50_000)) {
      long start = System.nanoTime();
      catalog.submit(new OpenWal(newId(), writer, WalKind.LOCAL));
      for (int i = 0; i < streams; i++) {
        StreamToken token = new StreamToken(1, 1, 1);
        catalog.later(new Claim(newId(), stream(i), token, writer, 0, -1));
      }
      for (int from = 0; from < extents; from += rangesPerObject) {
        catalog.later(commit(from, Math.min(extents, from + rangesPerObject)));
      }
      catalog.awaitAll();
      line(out, "commits of %,d extents: %.1f s", extents, seconds(start));
    }
    try (Opened catalog = new Opened("fill", new Config(1, 1, false), 50_000)) {
      long start = System.nanoTime();
      long newest = catalog.newestCheckpoint();
      catalog.submit(new RaiseOrphanFloor(newId(), 0));
      catalog.awaitCheckpointAfter(newest);
      line(out, "checkpoint of %,d extents: %.1f s", extents, seconds(start));
    }
  }

  private void open(PrintStream out) throws IOException {
    deleteIndex("open");
    long start = System.nanoTime();
    double cpu = cpuSeconds();
    try (Opened catalog = new Opened("open", new Config(100_000, 100_000, false), 50_000)) {
      line(out, "open from a checkpoint: %.2f s, %.2f CPU-s", seconds(start), cpuSeconds() - cpu);
      heap(out);
      measure(catalog, out);
    }
    start = System.nanoTime();
    cpu = cpuSeconds();
    try (Opened catalog = new Opened("open", new Config(1, 1, false), 50_000)) {
      line(out, "open from the index: %.2f s, %.2f CPU-s", seconds(start), cpuSeconds() - cpu);
      heap(out);
      long newest = catalog.newestCheckpoint();
      start = System.nanoTime();
      cpu = cpuSeconds();
      catalog.submit(new RaiseOrphanFloor(newId(), 0));
      catalog.awaitCheckpointAfter(newest);
      line(out, "checkpoint: %.2f s, %.2f CPU-s", seconds(start), cpuSeconds() - cpu);
      heap(out);
    }
  }

  private void openInMemory(PrintStream out) {
    long start = System.nanoTime();
    try (Opened catalog =
        new Opened("memory", new Config(100_000, 100_000, false), Integer.MAX_VALUE)) {
      line(out, "open in memory: %.2f s", seconds(start));
      heap(out);
      measure(catalog, out);
    }
  }

  private void measure(Opened catalog, PrintStream out) {
    SplittableRandom random = new SplittableRandom(1);
    lookUps(catalog, random, LOOK_UPS / 4); // warm-up
    long cpu = threadCpuNanos();
    long[] byOffset = lookUps(catalog, random, LOOK_UPS);
    latencies(out, "look-up by offset", byOffset, threadCpuNanos() - cpu);
    byTime(catalog, random, LOOK_UPS / 20);
    cpu = threadCpuNanos();
    long[] byTime = byTime(catalog, random, LOOK_UPS / 10);
    latencies(out, "look-up by time", byTime, threadCpuNanos() - cpu);
    long start = System.nanoTime();
    for (int i = 0; i < COMMITS; i++) {
      catalog.later(commit(extents + i * rangesPerObject, extents + (i + 1) * rangesPerObject));
    }
    catalog.awaitAll();
    double perSecond = COMMITS / seconds(start);
    line(out, "commits of %d ranges, back to back: %,.0f/s", rangesPerObject, perSecond);
    heap(out);
  }

  private long[] lookUps(Opened catalog, SplittableRandom random, int count) {
    long[] nanos = new long[count];
    for (int i = 0; i < count; i++) {
      StreamId id = stream(random.nextInt(streams));
      long offset = random.nextLong(perStream());
      long start = System.nanoTime();
      List<Extent> found = catalog.catalog.extents(id, offset, 1);
      nanos[i] = System.nanoTime() - start;
      if (found.size() != 1 || found.get(0).baseOffset() > offset) {
        throw new IllegalStateException("offset " + offset + " of " + id + ": " + found);
      }
    }
    return nanos;
  }

  private long[] byTime(Opened catalog, SplittableRandom random, int count) {
    long[] nanos = new long[count];
    for (int i = 0; i < count; i++) {
      StreamId id = stream(random.nextInt(streams));
      long timestampMs = random.nextLong(perStream());
      long start = System.nanoTime();
      Optional<Extent> found = catalog.catalog.firstExtentAtOrAfter(id, timestampMs);
      nanos[i] = System.nanoTime() - start;
      if (found.isEmpty()) {
        throw new IllegalStateException("time " + timestampMs + " of " + id + " is not found");
      }
    }
    return nanos;
  }

  /** Offsets, and milliseconds, that every stream has. */
  private long perStream() {
    return (long) (extents / streams) * OFFSETS_PER_EXTENT;
  }

  /** Extents number {@code from} to {@code to}, dealt to the streams in turn, in one object. */
  private Commit commit(int from, int to) {
    String key = "data/%02x/%020d-%032x".formatted(from & 0xFF, 0, from);
    List<Extent> ranges = new ArrayList<>();
    for (int i = from; i < to; i++) {
      long base = (long) (i / streams) * OFFSETS_PER_EXTENT;
      long end = base + OFFSETS_PER_EXTENT;
      ranges.add(
          new Extent(
              stream(i % streams), key, base, end, end - 1, (i - from) * 65_536L, 65_536, 4));
    }
    ObjectRef object = new ObjectRef(key, 0, 1 << 24, (1 << 24) - 4_096);
    return new Commit(newId(), writer, Optional.of(object), ranges, List.of(), 0);
  }

  private static StreamId stream(int number) {
    return new StreamId(TOPIC, number);
  }

  private UUID newId() {
    return new UUID(random.nextLong(), random.nextLong());
  }

  private static double seconds(long startNanos) {
    return (System.nanoTime() - startNanos) / 1e9;
  }

  /** CPU of this process so far: wall time says little on a machine that is busy. */
  private static double cpuSeconds() {
    return ManagementFactory.getPlatformMXBean(OperatingSystemMXBean.class).getProcessCpuTime()
        / 1e9;
  }

  private static long threadCpuNanos() {
    return ManagementFactory.getThreadMXBean().getCurrentThreadCpuTime();
  }

  private static void latencies(PrintStream out, String what, long[] nanos, long cpuNanos) {
    Arrays.sort(nanos);
    line(
        out,
        "%s: p50 %.1f µs, p99 %.1f µs, CPU %.1f µs each",
        what,
        nanos[nanos.length / 2] / 1e3,
        nanos[(int) (nanos.length * 0.99)] / 1e3,
        cpuNanos / 1e3 / nanos.length);
  }

  private static void heap(PrintStream out) {
    long peak = 0;
    for (MemoryPoolMXBean pool : ManagementFactory.getMemoryPoolMXBeans()) {
      if (pool.getType() == MemoryType.HEAP) {
        peak += pool.getPeakUsage().getUsed();
      }
    }
    System.gc();
    long used = ManagementFactory.getMemoryMXBean().getHeapMemoryUsage().getUsed();
    long most = Runtime.getRuntime().maxMemory();
    line(
        out,
        "heap after a collection: %d MB, peak %d MB of %d MB",
        used >> 20,
        peak >> 20,
        most >> 20);
  }

  private static void line(PrintStream out, String format, Object... values) {
    out.println(String.format(Locale.ROOT, format, values));
  }

  private void deleteIndex(String name) throws IOException {
    Path index = directory.resolve("index-" + name);
    if (Files.exists(index)) {
      try (Stream<Path> below = Files.walk(index)) {
        for (Path each : below.sorted(Comparator.reverseOrder()).toList()) {
          Files.delete(each);
        }
      }
    }
  }

  /** A catalog on its own threads. */
  @AmbientRuntime
  private final class Opened implements AutoCloseable {
    private static final int UNDER_WAY = 64;

    private final SystemThreads threads =
        new SystemThreads(
            "bench", new SystemClock(), (component, cause) -> cause.printStackTrace());
    private final ObjectStore store;
    private final LogStreamCatalog catalog;
    private final List<CompletableFuture<Verdict>> underWay = new ArrayList<>();

    Opened(String name, Config config, int minExtents) {
      store = DirectoryObjectStore.open(directory.resolve("store"), threads);
      Indexing indexing =
          new Indexing(
              new RocksIndexHome(directory.resolve("index-" + name)),
              threads.newScheduler("index"),
              minExtents,
              Indexing.DEFAULT_CHANGES_PER_WRITE);
      catalog =
          new LogStreamCatalog(
              new ObjectSharedLog(
                  store, "catalog", Optional.empty(), threads.newScheduler("log"), random),
              threads.newScheduler("catalog"),
              random,
              config,
              Optional.of(indexing));
      catalog.open().join();
    }

    void submit(CatalogCommand command) {
      later(command);
      awaitAll();
    }

    void later(CatalogCommand command) {
      underWay.add(catalog.submit(command));
      if (underWay.size() >= UNDER_WAY) {
        awaitAll();
      }
    }

    void awaitAll() {
      for (CompletableFuture<Verdict> each : underWay) {
        if (each.join() instanceof Verdict.Rejected rejected) {
          throw new IllegalStateException(rejected.reason());
        }
      }
      underWay.clear();
    }

    long newestCheckpoint() {
      return store.list("catalog/checkpoint/", "", 1_000).join().stream()
          .mapToLong(info -> Long.parseLong(info.key().substring(info.key().length() - 20)))
          .max()
          .orElse(-1);
    }

    void awaitCheckpointAfter(long number) {
      while (newestCheckpoint() <= number) {
        try {
          Thread.sleep(10);
        } catch (InterruptedException e) {
          throw new IllegalStateException(e);
        }
      }
    }

    @Override
    public void close() {
      catalog.close();
      store.close();
      threads.close();
    }
  }
}
