package io.spillway.object;

import io.spillway.runtime.Clock;
import io.spillway.runtime.Scheduler;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;

/**
 * Requests of one kind: so many at once, so many a second, the rest in order of arrival.
 *
 * <p>A store that answers "slow down" halves the rate that it was in fact asked at; without such an
 * answer the rate doubles every five seconds.
 */
final class RequestLane {

  private static final double MIN_PER_SECOND = 1;
  private static final double DOUBLING_SECONDS = 5;
  private static final double BURST_SECONDS = 0.25;
  private static final long HALVING_INTERVAL_NANOS = TimeUnit.SECONDS.toNanos(1);
  private static final long WINDOW_NANOS = TimeUnit.SECONDS.toNanos(10);
  private static final double NANOS = 1e9;

  private final Scheduler scheduler;
  private final Clock clock;
  private final double maxPerSecond;
  private final Queue<Waiting<?>> waiting = new ArrayDeque<>();
  private int free;
  private double perSecond;
  private double tokens;
  private long refilledAtNanos;
  private long halvedAtNanos;
  private long windowStartNanos;
  private long windowStarts;
  private boolean timerSet;
  private boolean closed;

  RequestLane(RequestBudget budget, Scheduler scheduler, Clock clock) {
    this.scheduler = scheduler;
    this.clock = clock;
    this.free = budget.maxAtOnce();
    this.maxPerSecond = budget.maxPerSecond();
    this.perSecond = maxPerSecond;
    this.tokens = burst();
    long now = clock.nanoTime();
    this.refilledAtNanos = now;
    this.halvedAtNanos = now - HALVING_INTERVAL_NANOS;
    this.windowStartNanos = now;
  }

  <T> CompletableFuture<T> run(Supplier<CompletableFuture<T>> request) {
    Waiting<T> added = new Waiting<>(request, new CompletableFuture<>());
    synchronized (this) {
      if (closed) {
        return CompletableFuture.failedFuture(closedException());
      }
      waiting.add(added);
    }
    startWhatMay();
    return added.result;
  }

  /** Started in a second at most, for now. */
  synchronized double perSecond() {
    refill(clock.nanoTime());
    return perSecond;
  }

  private void startWhatMay() {
    while (true) {
      Waiting<?> next;
      synchronized (this) {
        if (waiting.isEmpty() || free == 0 || !takeToken()) {
          return;
        }
        free--;
        windowStarts++;
        next = waiting.remove();
      }
      next.start();
    }
  }

  /** False: there will be one when the timer runs. */
  private boolean takeToken() {
    refill(clock.nanoTime());
    if (tokens >= 1) {
      tokens--;
      return true;
    }
    if (!timerSet) {
      timerSet = true;
      long delayNanos = (long) Math.ceil((1 - tokens) / perSecond * NANOS);
      scheduler.schedule(Math.max(1, delayNanos), this::onTimer);
    }
    return false;
  }

  private void onTimer() {
    synchronized (this) {
      timerSet = false;
    }
    startWhatMay();
  }

  private void refill(long now) {
    double seconds = (now - refilledAtNanos) / NANOS;
    refilledAtNanos = now;
    perSecond = Math.min(maxPerSecond, perSecond * Math.pow(2, seconds / DOUBLING_SECONDS));
    tokens = Math.min(burst(), tokens + perSecond * seconds);
    if (now - windowStartNanos > WINDOW_NANOS) {
      windowStartNanos = now;
      windowStarts = 0;
    }
  }

  private double burst() {
    return Math.max(1, perSecond * BURST_SECONDS);
  }

  private void ended(boolean throttled) {
    synchronized (this) {
      free++;
      if (throttled) {
        slowDown(clock.nanoTime());
      }
    }
    startWhatMay();
  }

  /** Requests that were under way together ask for it once. */
  private void slowDown(long now) {
    if (now - halvedAtNanos < HALVING_INTERVAL_NANOS) {
      return;
    }
    refill(now);
    double seconds = Math.max(1, (now - windowStartNanos) / NANOS);
    perSecond = Math.max(MIN_PER_SECOND, Math.min(perSecond, windowStarts / seconds) / 2);
    tokens = Math.min(tokens, burst());
    halvedAtNanos = now;
    windowStartNanos = now;
    windowStarts = 0;
  }

  /** Fails what waits. */
  void close() {
    List<Waiting<?>> left;
    synchronized (this) {
      closed = true;
      left = new ArrayList<>(waiting);
      waiting.clear();
    }
    left.forEach(each -> each.result.completeExceptionally(closedException()));
  }

  private static ObjectStoreException closedException() {
    return new ObjectStoreException.Unavailable("the object store is closed", null);
  }

  private final class Waiting<T> {
    private final Supplier<CompletableFuture<T>> request;
    private final CompletableFuture<T> result;

    Waiting(Supplier<CompletableFuture<T>> request, CompletableFuture<T> result) {
      this.request = request;
      this.result = result;
    }

    void start() {
      CompletableFuture<T> started;
      try {
        started = request.get();
      } catch (RuntimeException e) {
        started = CompletableFuture.failedFuture(e);
      }
      started.whenComplete(
          (value, failure) -> {
            if (failure == null) {
              ended(false);
              result.complete(value);
            } else {
              Throwable cause = Retry.unwrap(failure);
              ended(cause instanceof ObjectStoreException.Unavailable e && e.throttled());
              result.completeExceptionally(cause);
            }
          });
    }
  }
}
