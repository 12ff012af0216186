package io.spillway.upload;

import io.spillway.object.ObjectStoreException;
import io.spillway.object.RetryWarnings;
import io.spillway.runtime.Cancellable;
import io.spillway.runtime.Clock;
import io.spillway.runtime.RandomSource;
import io.spillway.runtime.Scheduler;
import io.spillway.stream.StreamException;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * Repeats store requests until they work: an outage is waited out with growing, jittered pauses,
 * however long it lasts. Attempts and completions run on one scheduler; all methods are called
 * there. Only requests that may be repeated belong here.
 */
public final class Retrier implements AutoCloseable {

  private static final long FIRST_PAUSE_NANOS = TimeUnit.MILLISECONDS.toNanos(100);
  private static final long MAX_PAUSE_NANOS = TimeUnit.SECONDS.toNanos(10);

  private final Scheduler scheduler;
  private final Clock clock;
  private final RandomSource random;
  private final RetryWarnings warnings;
  private final Set<Attempt<?>> waiting = new LinkedHashSet<>();
  private boolean closed;

  public Retrier(Scheduler scheduler, Clock clock, RandomSource random) {
    this.scheduler = scheduler;
    this.clock = clock;
    this.random = random;
    this.warnings = new RetryWarnings(clock);
  }

  /**
   * Completes with the first success, or with the first failure that a repetition will not change:
   * anything but an {@link ObjectStoreException}, or {@link ObjectStoreException.NotFound}. Fails
   * with {@link StreamException.Closed} when this is closed first.
   *
   * @param what for the log: {@code put data/3f/…}
   */
  public <T> CompletableFuture<T> untilDone(String what, Supplier<CompletableFuture<T>> request) {
    Attempt<T> attempt = new Attempt<>(what, request);
    attempt.start();
    return attempt.result;
  }

  /** A pause before the {@code failures}-th repetition, {@code failures ≥ 1}. */
  public long pauseNanos(int failures) {
    long pause = Math.min(MAX_PAUSE_NANOS, FIRST_PAUSE_NANOS << Math.min(failures - 1, 20));
    return pause / 2 + random.nextInt((int) TimeUnit.NANOSECONDS.toMicros(pause)) * 500L;
  }

  /** Ends every wait; requests under way are left to themselves. */
  @Override
  public void close() {
    closed = true;
    for (Attempt<?> attempt : List.copyOf(waiting)) {
      attempt.abandon();
    }
  }

  private final class Attempt<T> {
    private final String what;
    private final Supplier<CompletableFuture<T>> request;
    private final CompletableFuture<T> result = new CompletableFuture<>();
    private final long startedNanos = clock.nanoTime();
    private int failures;
    private @Nullable Cancellable pause;

    Attempt(String what, Supplier<CompletableFuture<T>> request) {
      this.what = what;
      this.request = request;
    }

    void start() {
      waiting.remove(this);
      if (closed) {
        abandon();
        return;
      }
      request
          .get()
          .whenComplete((value, failure) -> scheduler.execute(() -> onDone(value, failure)));
    }

    private void onDone(T value, @Nullable Throwable failure) {
      if (failure == null) {
        result.complete(value);
        return;
      }
      Throwable cause = Failures.cause(failure);
      if (!(cause instanceof ObjectStoreException)
          || cause instanceof ObjectStoreException.NotFound) {
        result.completeExceptionally(cause);
      } else if (closed) {
        abandon();
      } else {
        failures++;
        warnings.onFailure(what, startedNanos, failures, cause);
        waiting.add(this);
        pause = scheduler.schedule(pauseNanos(failures), this::start);
      }
    }

    void abandon() {
      waiting.remove(this);
      if (pause != null) {
        pause.cancel();
      }
      result.completeExceptionally(new StreamException.Closed("gave up: " + what));
    }
  }
}
