package io.spillway.object;

import io.spillway.runtime.RandomSource;
import io.spillway.runtime.Scheduler;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import java.util.function.Predicate;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * Repeats requests to a store with exponential, jittered back-off. Delays are drawn from the upper
 * half of the step, so that brokers that failed together do not return together.
 *
 * <p>What a request repeats on is the caller's decision: only the caller knows what an ambiguous
 * answer means for it.
 */
public final class Retry {

  private final Scheduler scheduler;
  private final RandomSource random;
  private final Policy policy;
  private final BooleanSupplier stopped;
  private final RetryWarnings warnings;

  /**
   * @param scheduler where repeats are started
   * @param stopped once true, a failure is final
   */
  public Retry(Scheduler scheduler, RandomSource random, Policy policy, BooleanSupplier stopped) {
    this(scheduler, random, policy, stopped, new RetryWarnings(scheduler.clock()));
  }

  Retry(
      Scheduler scheduler,
      RandomSource random,
      Policy policy,
      BooleanSupplier stopped,
      RetryWarnings warnings) {
    this.scheduler = scheduler;
    this.random = random;
    this.policy = policy;
    this.stopped = stopped;
    this.warnings = warnings;
  }

  /**
   * Runs the attempt, now and again while it fails with what {@code again} accepts.
   *
   * @param what for the log: {@code create catalog/log/17}
   */
  public <T> CompletableFuture<T> run(
      String what,
      Supplier<CompletableFuture<T>> attempt,
      Predicate<? super ObjectStoreException> again) {
    Run<T> run = new Run<>(what, attempt, again);
    run.start();
    return run.result;
  }

  /** Unavailable or ambiguous: for requests that may be carried out twice. */
  public static boolean isTransient(ObjectStoreException e) {
    return e instanceof ObjectStoreException.Unavailable
        || e instanceof ObjectStoreException.Ambiguous;
  }

  /** The exception itself, out of the wrapper that future chains put around it. */
  public static Throwable unwrap(Throwable failure) {
    Throwable cause = failure.getCause();
    return failure instanceof CompletionException && cause != null ? cause : failure;
  }

  /**
   * @param maxAttempts the first one included
   */
  public record Policy(long initialDelayNanos, long maxDelayNanos, int maxAttempts) {
    /** From 50 ms to 5 s, for ever. */
    public static Policy forever() {
      return new Policy(
          TimeUnit.MILLISECONDS.toNanos(50), TimeUnit.SECONDS.toNanos(5), Integer.MAX_VALUE);
    }

    /** From 50 ms to 5 s, so many times. */
    public static Policy attempts(int maxAttempts) {
      return new Policy(
          TimeUnit.MILLISECONDS.toNanos(50), TimeUnit.SECONDS.toNanos(5), maxAttempts);
    }

    long delayNanos(int failures, RandomSource random) {
      int doublings = Math.min(failures - 1, 20);
      long step = Math.min(maxDelayNanos, initialDelayNanos << doublings);
      long half = Math.max(1, step / 2);
      return half + random.nextInt((int) Math.min(half, Integer.MAX_VALUE - 1) + 1);
    }
  }

  private final class Run<T> {
    private final String what;
    private final Supplier<CompletableFuture<T>> attempt;
    private final Predicate<? super ObjectStoreException> again;
    private final CompletableFuture<T> result = new CompletableFuture<>();
    private final long startedNanos = scheduler.clock().nanoTime();
    private int failures;

    Run(
        String what,
        Supplier<CompletableFuture<T>> attempt,
        Predicate<? super ObjectStoreException> again) {
      this.what = what;
      this.attempt = attempt;
      this.again = again;
    }

    void start() {
      CompletableFuture<T> started;
      try {
        started = attempt.get();
      } catch (RuntimeException | LinkageError e) {
        result.completeExceptionally(e);
        return;
      }
      started.whenComplete(this::onDone);
    }

    private void onDone(@Nullable T value, @Nullable Throwable failure) {
      if (failure == null) {
        result.complete(value);
        return;
      }
      Throwable cause = unwrap(failure);
      failures++;
      boolean repeat =
          cause instanceof ObjectStoreException e
              && failures < policy.maxAttempts()
              && !stopped.getAsBoolean()
              && again.test(e);
      if (!repeat) {
        result.completeExceptionally(cause);
        return;
      }
      warnings.onFailure(what, startedNanos, failures, cause);
      scheduler.schedule(policy.delayNanos(failures, random), this::start);
    }
  }
}
