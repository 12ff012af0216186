package io.spillway.benchmarks;

import io.spillway.catalog.LogStreamCatalog;
import io.spillway.engine.EngineConfig;
import io.spillway.engine.StorageEngine;
import io.spillway.object.DirectoryObjectStore;
import io.spillway.object.ObjectStore;
import io.spillway.partition.KafkaBatchVerifier;
import io.spillway.runtime.AmbientRuntime;
import io.spillway.runtime.FaultHandler;
import io.spillway.runtime.Scheduler;
import io.spillway.runtime.SystemClock;
import io.spillway.runtime.SystemRandom;
import io.spillway.runtime.SystemThreads;
import io.spillway.sharedlog.ObjectSharedLog;
import io.spillway.stream.StreamHandle;
import io.spillway.wal.Batch;
import io.spillway.wal.StreamId;
import io.spillway.wal.WalConfig;
import io.spillway.wal.WalException;
import io.spillway.wal.local.LocalWal;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;

/**
 * CPU-seconds per GiB of the storage engine's two halves, apart: appending Kafka batches to a local
 * log, and uploading them to a directory store with the catalog's commit. It appends as much as a
 * broker uploads at a time, waits until that is durable, uploads it, and so on; each half is
 * charged with what the process used meanwhile, the JVM's compiler shown apart. The batches are
 * made before.
 *
 * <p>Usage: {@code UploadBenchmark DIRECTORY [mebibytes=4096 valueBytes=16384 streams=16]}. About a
 * minute. The first fifth is warm-up. Prints one line.
 */
@AmbientRuntime
public final class UploadBenchmark {

  private static final long MIB = 1 << 20;
  private static final double GIB = 1 << 30;
  private static final long WAL_BYTES = 512 * MIB;
  private static final long ROUND_BYTES = 48 * MIB;
  private static final int IN_FLIGHT = 64;
  private static final EngineConfig CONFIG =
      EngineConfig.defaults(1).withUploads(2 * ROUND_BYTES, TimeUnit.DAYS.toMillis(1));

  private final StorageEngine engine;
  private final KafkaBatches batches;
  private final List<StreamHandle> streams = new ArrayList<>();
  private final Semaphore window = new Semaphore(IN_FLIGHT);
  private final AtomicReference<@Nullable WalException> failure = new AtomicReference<>();
  private final StreamHandle.Listener listener = new Acknowledged();
  private final long[] nextOffsets;
  private long rounds;
  private double appendSeconds;
  private ProcessCpu appendCpu = ProcessCpu.NONE;
  private double uploadSeconds;
  private ProcessCpu uploadCpu = ProcessCpu.NONE;

  private UploadBenchmark(StorageEngine engine, KafkaBatches batches, int streams) {
    this.engine = engine;
    this.batches = batches;
    this.nextOffsets = new long[streams];
    for (int i = 0; i < streams; i++) {
      StreamId id = new StreamId(new UUID(1, 1), i);
      this.streams.add(engine.claim(id, 0, 1, Optional::empty).join());
    }
  }

  public static void main(String[] arguments) throws IOException {
    Path directory = Files.createDirectories(Path.of(arguments[0]));
    long mebibytes = arguments.length > 1 ? Long.parseLong(arguments[1]) : 4096;
    int valueBytes = arguments.length > 2 ? Integer.parseInt(arguments[2]) : 16 << 10;
    int streams = arguments.length > 3 ? Integer.parseInt(arguments[3]) : 16;
    System.out.println(run(directory, mebibytes * MIB, valueBytes, streams));
  }

  /** In a directory that is empty, and is left as the engine leaves it. */
  static String run(Path directory, long bytes, int valueBytes, int streams) throws IOException {
    SystemRandom random = new SystemRandom();
    FaultHandler faults =
        (what, cause) -> {
          throw new IllegalStateException(what, cause);
        };
    try (SystemThreads threads = new SystemThreads("bench", new SystemClock(), faults);
        ObjectStore store = DirectoryObjectStore.open(directory.resolve("store"), threads);
        LogStreamCatalog catalog = catalog(store, threads.newScheduler("catalog"), random);
        LocalWal wal =
            LocalWal.open(
                WalConfig.of(directory.resolve("wal"), WAL_BYTES),
                1,
                threads,
                random,
                faults,
                new KafkaBatchVerifier());
        StorageEngine engine =
            StorageEngine.open(CONFIG, wal, catalog, store, threads, random, faults).join()) {
      KafkaBatches batches = new KafkaBatches(valueBytes);
      UploadBenchmark benchmark = new UploadBenchmark(engine, batches, streams);
      long rounds = Math.max(2, bytes / ROUND_BYTES);
      benchmark.rounds(Math.max(1, rounds / 5));
      benchmark.reset();
      benchmark.rounds(rounds);
      return benchmark.line();
    }
  }

  private static LogStreamCatalog catalog(
      ObjectStore store, Scheduler scheduler, SystemRandom random) {
    return new LogStreamCatalog(
        new ObjectSharedLog(store, "catalog", Optional.empty(), scheduler, random),
        scheduler,
        random,
        LogStreamCatalog.Config.standard(true));
  }

  private void rounds(long count) throws IOException {
    for (long i = 0; i < count; i++) {
      ProcessCpu before = ProcessCpu.now();
      long start = System.nanoTime();
      append();
      ProcessCpu between = ProcessCpu.now();
      long appended = System.nanoTime();
      engine.flush().join();
      uploadSeconds += (System.nanoTime() - appended) / 1e9;
      uploadCpu = uploadCpu.plus(ProcessCpu.now().minus(between));
      appendSeconds += (appended - start) / 1e9;
      appendCpu = appendCpu.plus(between.minus(before));
      rounds++;
    }
  }

  private void reset() {
    rounds = 0;
    appendSeconds = 0;
    appendCpu = ProcessCpu.NONE;
    uploadSeconds = 0;
    uploadCpu = ProcessCpu.NONE;
  }

  private int batchesPerRound() {
    return (int) (ROUND_BYTES / batches.sizeBytes());
  }

  private void append() {
    for (int i = 0; i < batchesPerRound(); i++) {
      window.acquireUninterruptibly();
      StreamHandle stream = streams.get(i % streams.size());
      ByteBuffer payload = batches.next();
      long base = nextOffsets[i % streams.size()]++;
      stream.append(
          engine.reserve(payload.remaining(), false),
          new Batch(stream.id(), base, base + 1, 0, 0, payload),
          1,
          listener);
    }
    window.acquireUninterruptibly(IN_FLIGHT);
    window.release(IN_FLIGHT);
    WalException failed = failure.get();
    if (failed != null) {
      throw failed;
    }
  }

  private String line() {
    double gib = rounds * batchesPerRound() * (double) batches.sizeBytes() / GIB;
    return String.format(
        Locale.ROOT,
        "batch=%d streams=%d GiB=%.1f append: %.3f cpu-s/GiB (compiler %.3f), %.2f GiB/s;"
            + " upload: %.3f cpu-s/GiB (compiler %.3f), %.2f GiB/s, %d objects",
        batches.sizeBytes(),
        streams.size(),
        gib,
        appendCpu.ownSeconds() / gib,
        appendCpu.compilerSeconds() / gib,
        gib / appendSeconds,
        uploadCpu.ownSeconds() / gib,
        uploadCpu.compilerSeconds() / gib,
        gib / uploadSeconds,
        engine.stats().uploadedObjects());
  }

  private final class Acknowledged implements StreamHandle.Listener {
    @Override
    public void onDurable(Batch batch) {
      window.release();
    }

    @Override
    public void onFailure(Batch batch, WalException cause) {
      failure.compareAndSet(null, cause);
      window.release();
    }
  }
}
