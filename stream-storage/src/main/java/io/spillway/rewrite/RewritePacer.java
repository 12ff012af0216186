package io.spillway.rewrite;

import io.spillway.runtime.Cancellable;
import io.spillway.runtime.Clock;
import io.spillway.runtime.Scheduler;
import io.spillway.stream.StreamException;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * When background work may send its next request: not faster than its budgets of bytes and
 * requests, not while uploads need the store, and not soon after the store failed or throttled a
 * request, be it an upload's. One request waits at a time. Runs on one scheduler; all methods are
 * called there.
 */
public final class RewritePacer implements AutoCloseable {

  private static final double NANOS = 1e9;

  private final RewritePace pace;
  private final Scheduler scheduler;
  private final Clock clock;
  private final BooleanSupplier mayRun;
  private final Supplier<Map<String, Long>> requests;
  private final long pauseNanos;
  private long nextAtNanos;
  private long calmAtNanos;
  private long troubles;
  private boolean closed;
  private @Nullable CompletableFuture<Void> waiting;
  private @Nullable Cancellable timer;

  /**
   * @param mayRun false while something more important needs the store
   * @param requests counts by kind and outcome, of everybody's
   */
  public RewritePacer(
      RewritePace pace,
      Scheduler scheduler,
      Clock clock,
      BooleanSupplier mayRun,
      Supplier<Map<String, Long>> requests) {
    this.pace = pace;
    this.scheduler = scheduler;
    this.clock = clock;
    this.mayRun = mayRun;
    this.requests = requests;
    this.pauseNanos = TimeUnit.MILLISECONDS.toNanos(pace.pauseMs());
    this.nextAtNanos = clock.nanoTime();
    this.calmAtNanos = nextAtNanos;
    this.troubles = troublesNow();
  }

  /**
   * Completes when a request that moves so many bytes may be sent; fails with {@link
   * StreamException.Closed}.
   */
  public CompletableFuture<Void> permit(long bytes) {
    CompletableFuture<Void> permitted = new CompletableFuture<>();
    waiting = permitted;
    look(permitted, bytes);
    return permitted;
  }

  private void look(CompletableFuture<Void> permitted, long bytes) {
    timer = null;
    if (closed) {
      permitted.completeExceptionally(new StreamException.Closed("rewriting has stopped"));
      return;
    }
    long now = clock.nanoTime();
    long wait = Math.max(nextAtNanos - now, untilCalm(now));
    if (wait <= 0 && !mayRun.getAsBoolean()) {
      wait = pauseNanos;
    }
    if (wait > 0) {
      timer = scheduler.schedule(wait, () -> look(permitted, bytes));
      return;
    }
    double seconds =
        Math.max((double) bytes / pace.bytesPerSecond(), 1.0 / pace.requestsPerSecond());
    nextAtNanos = now + (long) (seconds * NANOS);
    waiting = null;
    permitted.complete(null);
  }

  private long untilCalm(long now) {
    long seen = troublesNow();
    if (seen != troubles) {
      troubles = seen;
      calmAtNanos = now + pauseNanos;
    }
    return calmAtNanos - now;
  }

  private long troublesNow() {
    long sum = 0;
    for (Map.Entry<String, Long> each : requests.get().entrySet()) {
      if (each.getKey().endsWith("/unavailable") || each.getKey().endsWith("/ambiguous")) {
        sum += each.getValue();
      }
    }
    return sum;
  }

  @Override
  public void close() {
    closed = true;
    Cancellable pending = timer;
    CompletableFuture<Void> left = waiting;
    if (pending != null) {
      pending.cancel();
    }
    if (left != null) {
      left.completeExceptionally(new StreamException.Closed("rewriting has stopped"));
    }
  }
}
