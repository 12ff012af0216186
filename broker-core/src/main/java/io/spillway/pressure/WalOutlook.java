package io.spillway.pressure;

import io.spillway.metrics.MetricsSink;
import io.spillway.metrics.MetricsSource;
import io.spillway.runtime.Cancellable;
import io.spillway.runtime.Clock;
import io.spillway.runtime.Scheduler;
import io.spillway.stream.StorageStats;
import io.spillway.wal.WriteAheadLog.WalUsage;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.OptionalLong;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import java.util.function.ToLongFunction;
import java.util.stream.LongStream;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Watches the write-ahead log fill and empty, twice a second.
 *
 * <p>What comes in is averaged over ten seconds. What goes out is averaged over twice the upload
 * interval, since uploads come in bursts, and is nothing as soon as the object store is known not
 * to answer: a log that was kept up with yesterday says nothing about how long it lasts now.
 */
public final class WalOutlook implements MetricsSource, AutoCloseable {

  private static final Logger LOG = LoggerFactory.getLogger(WalOutlook.class);

  private static final long SAMPLE_NANOS = TimeUnit.MILLISECONDS.toNanos(500);
  private static final long APPEND_WINDOW_NANOS = TimeUnit.SECONDS.toNanos(10);
  private static final double NANOS_PER_SECOND = 1e9;
  private static final double FULL = 0.97;

  /** An hour and more is no news. */
  private static final long TELL_BELOW_SECONDS = 3600;

  private final Supplier<StorageStats> storage;
  private final Supplier<WalUsage> usage;
  private final Clock clock;
  private final Scheduler scheduler;
  private final long uploadWindowNanos;

  private record Sample(long atNanos, long appendedBytes, long uploadedBytes, long waitingBytes) {}

  // The scheduler's thread only.
  private final Deque<Sample> samples = new ArrayDeque<>();
  private boolean told;
  private boolean closed;
  private @Nullable Cancellable next;

  private volatile WalForecast forecast = WalForecast.NONE;
  private volatile @Nullable WalUsage lastUsage;

  public WalOutlook(
      Supplier<StorageStats> storage,
      Supplier<WalUsage> usage,
      Clock clock,
      Scheduler scheduler,
      long uploadIntervalMs) {
    this.storage = storage;
    this.usage = usage;
    this.clock = clock;
    this.scheduler = scheduler;
    this.uploadWindowNanos =
        Math.max(
            APPEND_WINDOW_NANOS,
            TimeUnit.MILLISECONDS.toNanos(
                2 * Math.min(uploadIntervalMs, TimeUnit.MINUTES.toMillis(10))));
  }

  public void start() {
    scheduler.execute(this::sample);
  }

  /** The newest; at most half a second old. Any thread. */
  public WalForecast forecast() {
    return forecast;
  }

  /** Whether clients are about to be refused. */
  public boolean isFull() {
    return forecast.fill() >= FULL;
  }

  private void sample() {
    if (closed) {
      return;
    }
    StorageStats stats = storage.get();
    WalUsage used = usage.get();
    Sample now =
        new Sample(
            clock.nanoTime(),
            stats.unuploadedBytes() + stats.uploadedBytes(),
            stats.uploadedBytes(),
            used.waitingBytes());
    samples.addLast(now);
    while (now.atNanos() - samples.getFirst().atNanos() > uploadWindowNanos) {
      samples.removeFirst();
    }
    lastUsage = used;
    forecast = forecast(stats, used, now);
    maybeTell(forecast);
    next = scheduler.schedule(SAMPLE_NANOS, this::sample);
  }

  private WalForecast forecast(StorageStats stats, WalUsage used, Sample now) {
    double appended = rate(now, APPEND_WINDOW_NANOS, Sample::appendedBytes);
    double uploaded =
        stats.storeReachable() ? rate(now, uploadWindowNanos, Sample::uploadedBytes) : 0;
    // What waits for the bucket has not been appended in the sense of the others: it grows by
    // itself.
    double waiting = rate(now, APPEND_WINDOW_NANOS, Sample::waitingBytes);
    return new WalForecast(
        WalBound.nearestFill(used),
        WalBound.nearest(used),
        (long) appended,
        (long) uploaded,
        stats.storeReachable(),
        earlier(
            untilFull(WalBound.CAPACITY, used, appended - uploaded),
            untilFull(WalBound.BUFFER, used, waiting)));
  }

  private static OptionalLong untilFull(WalBound bound, WalUsage used, double growth) {
    if (bound.fill(used) >= FULL) {
      return OptionalLong.of(0);
    }
    return growth >= 1 ? OptionalLong.of((long) (bound.left(used) / growth)) : OptionalLong.empty();
  }

  private static OptionalLong earlier(OptionalLong one, OptionalLong other) {
    return LongStream.concat(one.stream(), other.stream()).min();
  }

  private double rate(Sample now, long windowNanos, ToLongFunction<Sample> counter) {
    for (Sample then : samples) {
      long nanos = now.atNanos() - then.atNanos();
      if (nanos <= windowNanos) {
        long bytes = counter.applyAsLong(now) - counter.applyAsLong(then);
        return nanos <= 0 ? 0 : Math.max(0, bytes) * NANOS_PER_SECOND / nanos;
      }
    }
    return 0;
  }

  /** Once per outage, and once when it is over. */
  private void maybeTell(WalForecast now) {
    boolean outage =
        !now.storeReachable() && now.secondsUntilFull().orElse(Long.MAX_VALUE) < TELL_BELOW_SECONDS;
    if (outage && !told) {
      told = true;
      LOG.warn("uploads are stopped: {}", now.inWords());
    } else if (told && now.storeReachable()) {
      told = false;
      LOG.info("uploads go on: {}", now.inWords());
    }
  }

  @Override
  public void collect(MetricsSink sink) {
    WalForecast now = forecast;
    sink.gauge(
        "spillway_wal_fill_ratio", "Of what clients may use of the write-ahead log", now.fill());
    WalUsage used = lastUsage;
    if (used != null && used.waitingCapacityBytes() > 0) {
      for (WalBound bound : WalBound.values()) {
        sink.gauge(
            "spillway_wal_bound_fill_ratio",
            "The same by what it can run out of; the larger one is the fill",
            bound.fill(used),
            "bound",
            bound.setting());
      }
    }
    sink.gauge(
        "spillway_wal_append_bytes_per_second",
        "Written to the write-ahead log, over the last ten seconds",
        now.appendBytesPerSecond());
    sink.gauge(
        "spillway_wal_seconds_until_full",
        "How long the write-ahead log lasts at the present rates; +Inf while it does not fill",
        now.secondsUntilFull().isPresent()
            ? (double) now.secondsUntilFull().getAsLong()
            : Double.POSITIVE_INFINITY);
  }

  @Override
  public void close() {
    scheduler.execute(
        () -> {
          closed = true;
          if (next != null) {
            next.cancel();
          }
        });
  }
}
