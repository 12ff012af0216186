package io.spillway.object;

import io.spillway.runtime.Clock;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Warns that requests to a store keep failing: of a request that has failed for 5 s, and at most
 * once a minute of all requests that share this. Time counts from the first attempt's begin, so
 * that a store that swallows requests is known as soon as one that refuses them. Safe for any
 * thread.
 */
public final class RetryWarnings {

  private static final Logger LOG = LoggerFactory.getLogger(RetryWarnings.class);
  private static final long FIRST_AFTER_NANOS = TimeUnit.SECONDS.toNanos(5);
  private static final long INTERVAL_NANOS = TimeUnit.MINUTES.toNanos(1);

  private final Clock clock;
  private final Consumer<String> log;
  private long nextNanos;

  public RetryWarnings(Clock clock) {
    this(clock, LOG::warn);
  }

  RetryWarnings(Clock clock, Consumer<String> log) {
    this.clock = clock;
    this.log = log;
    this.nextNanos = clock.nanoTime();
  }

  /**
   * To be called of each attempt that failed and is repeated.
   *
   * @param what {@code create catalog/log/17}
   * @param startedNanos when the first attempt began, on this clock
   * @param cause its message names the store
   */
  public void onFailure(String what, long startedNanos, int failures, Throwable cause) {
    long now = clock.nanoTime();
    if (isDue(now, startedNanos)) {
      log.accept(
          "%s has been failing for %d s (attempts: %d) and is tried again: %s; see that the object store can be reached from here and answers"
              .formatted(
                  what,
                  TimeUnit.NANOSECONDS.toSeconds(now - startedNanos),
                  failures,
                  cause.getMessage()));
    }
  }

  private synchronized boolean isDue(long now, long startedNanos) {
    boolean due = now - startedNanos >= FIRST_AFTER_NANOS && now - nextNanos >= 0;
    if (due) {
      nextNanos = now + INTERVAL_NANOS;
    }
    return due;
  }
}
