package io.spillway.engine;

import io.spillway.runtime.Scheduler;
import io.spillway.upload.Failures;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/** Small things that asynchronous steps need again and again. */
final class Steps {

  private Steps() {}

  static CompletableFuture<Void> done() {
    return CompletableFuture.completedFuture(null);
  }

  static CompletableFuture<Void> allOf(List<CompletableFuture<Void>> futures) {
    return CompletableFuture.allOf(futures.toArray(CompletableFuture[]::new));
  }

  /** Runs the step on the scheduler; what it throws fails the future. */
  static <T> CompletableFuture<T> on(Scheduler scheduler, Supplier<T> step) {
    CompletableFuture<T> done = new CompletableFuture<>();
    scheduler.execute(
        () -> {
          try {
            done.complete(step.get());
          } catch (RuntimeException e) {
            done.completeExceptionally(e);
          }
        });
    return done;
  }

  /** Completes {@code to} as something else ended, the failure unwrapped. */
  static <T> void pass(T result, @Nullable Throwable failure, CompletableFuture<T> to) {
    if (failure == null) {
      to.complete(result);
    } else {
      to.completeExceptionally(Failures.cause(failure));
    }
  }
}
