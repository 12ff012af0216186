package io.spillway.benchmarks;

import io.spillway.partition.KafkaBatchVerifier;
import io.spillway.runtime.AmbientRuntime;
import io.spillway.runtime.SystemClock;
import io.spillway.runtime.SystemRandom;
import io.spillway.runtime.SystemThreads;
import io.spillway.wal.AppendListener;
import io.spillway.wal.Batch;
import io.spillway.wal.DurableFrame;
import io.spillway.wal.StreamId;
import io.spillway.wal.WalConfig;
import io.spillway.wal.WalConfig.IoMode;
import io.spillway.wal.WalException;
import io.spillway.wal.WriteAheadLog.Reservation;
import io.spillway.wal.local.LocalWal;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Locale;
import java.util.UUID;
import java.util.concurrent.Semaphore;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;

/**
 * CPU-seconds per GiB and latency of the local WAL alone: one appender keeps a number of batches
 * under way; what is durable is trimmed at once, so that segments are recycled as in a broker that
 * uploads. The batches are made before; the figure holds all threads of the process, the appender
 * and the measuring of latencies included, but the JVM's compiler, which is shown beside it.
 *
 * <p>Usage: {@code WalBenchmark DIRECTORY [batchBytes=65536 inFlight=16 mebibytes=4096
 * AUTO|DIRECT|BUFFERED]}. The first fifth of the bytes is warm-up: it also prepares the segments.
 */
@AmbientRuntime
public final class WalBenchmark {

  private static final long CAPACITY_BYTES = 512L << 20;
  private static final long FULL_PAUSE_NANOS = 100_000;

  private final LocalWal wal;
  private final KafkaBatches payloads;
  private final int inFlight;
  private final Semaphore window;
  private final AtomicLong durable = new AtomicLong();
  private final AtomicInteger failures = new AtomicInteger();
  private long offset;

  private WalBenchmark(LocalWal wal, int batchBytes, int inFlight) {
    this.wal = wal;
    this.payloads = new KafkaBatches(batchBytes);
    this.inFlight = inFlight;
    this.window = new Semaphore(inFlight);
  }

  /** Runs once and prints one line. */
  public static void main(String[] args) throws IOException {
    Path directory = Path.of(args[0]);
    int batchBytes = args.length > 1 ? Integer.parseInt(args[1]) : 64 << 10;
    int inFlight = args.length > 2 ? Integer.parseInt(args[2]) : 16;
    long bytes = (args.length > 3 ? Long.parseLong(args[3]) : 4096) << 20;
    IoMode mode = args.length > 4 ? IoMode.valueOf(args[4]) : IoMode.AUTO;
    WalConfig config = WalConfig.of(directory, CAPACITY_BYTES).withIoMode(mode);
    try (SystemThreads threads =
            new SystemThreads("bench", new SystemClock(), (component, cause) -> {});
        LocalWal wal =
            LocalWal.open(
                config,
                1,
                threads,
                new SystemRandom(),
                (component, cause) -> {},
                new KafkaBatchVerifier())) {
      wal.recover((position, batch) -> {});
      WalBenchmark benchmark = new WalBenchmark(wal, batchBytes, inFlight);
      int batches = Math.toIntExact(bytes / batchBytes);
      benchmark.run(batches / 5);
      benchmark.measure(batches, System.out);
    }
  }

  private void measure(int batches, PrintStream out) throws IOException {
    ProcessCpu before = ProcessCpu.now();
    long start = System.nanoTime();
    long writes = wal.usage().deviceWrites();
    int[] latencies = run(batches);
    double seconds = (System.nanoTime() - start) / 1e9;
    double gib = (double) batches * payloads.sizeBytes() / (1 << 30);
    ProcessCpu cpu = ProcessCpu.now().minus(before);
    Arrays.sort(latencies);
    out.printf(
        Locale.ROOT,
        "batch=%d inFlight=%d GiB/s=%.2f cpu-s/GiB=%.3f compiler=%.3f p50=%dus p99=%dus blockKiB=%.0f fails=%d%n",
        payloads.sizeBytes(),
        inFlight,
        gib / seconds,
        cpu.ownSeconds() / gib,
        cpu.compilerSeconds() / gib,
        latencies[batches / 2],
        latencies[(int) (batches * 0.99)],
        gib * (1 << 20) / Math.max(1, wal.usage().deviceWrites() - writes),
        failures.get());
  }

  private int[] run(int batches) {
    int[] latencies = new int[batches];
    StreamId stream = new StreamId(new UUID(1, 1), 1);
    for (int i = 0; i < batches; i++) {
      window.acquireUninterruptibly();
      ByteBuffer payload = payloads.next();
      Batch batch = new Batch(stream, offset, offset + 1, 0, 0, payload);
      offset++;
      wal.append(
          reserve(payload.remaining()), batch, 1, new Timed(latencies, i, System.nanoTime()));
    }
    window.acquireUninterruptibly(inFlight);
    window.release(inFlight);
    return latencies;
  }

  private Reservation reserve(int bytes) {
    while (true) {
      try {
        return wal.reserve(bytes, false);
      } catch (WalException.Full e) {
        LockSupport.parkNanos(FULL_PAUSE_NANOS);
      }
    }
  }

  @AmbientRuntime
  private final class Timed implements AppendListener {
    private final int[] latencies;
    private final int index;
    private final long startNanos;

    Timed(int[] latencies, int index, long startNanos) {
      this.latencies = latencies;
      this.index = index;
      this.startNanos = startNanos;
    }

    @Override
    public void onDurable(DurableFrame frame) {
      latencies[index] = (int) ((System.nanoTime() - startNanos) / 1000);
      if (frame.position() - durable.get() > 16 << 20) {
        durable.set(frame.position());
        wal.trim(frame.position());
      }
      window.release();
    }

    @Override
    public void onFailure(WalException cause) {
      failures.incrementAndGet();
      window.release();
    }
  }
}
