package io.spillway.partition;

import java.util.ArrayDeque;
import java.util.concurrent.CompletableFuture;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/** At most so many asynchronous tasks at a time; the others wait in order. Any thread. */
final class AsyncPermits {

  private final ArrayDeque<Runnable> waiting = new ArrayDeque<>();
  private int free;
  private boolean starting;

  AsyncPermits(int permits) {
    this.free = permits;
  }

  /** Runs the task, in the call when a permit is free; its future gives the permit back. */
  <T> CompletableFuture<T> run(Supplier<CompletableFuture<T>> task) {
    CompletableFuture<T> done = new CompletableFuture<>();
    synchronized (this) {
      waiting.addLast(() -> start(task, done));
    }
    startWaiting();
    return done;
  }

  private <T> void start(Supplier<CompletableFuture<T>> task, CompletableFuture<T> done) {
    startSafely(task)
        .whenComplete(
            (value, failure) -> {
              synchronized (this) {
                free++;
              }
              startWaiting();
              if (failure == null) {
                done.complete(value);
              } else {
                done.completeExceptionally(failure);
              }
            });
  }

  private static <T> CompletableFuture<T> startSafely(Supplier<CompletableFuture<T>> task) {
    try {
      return task.get();
    } catch (RuntimeException e) {
      return CompletableFuture.failedFuture(e);
    }
  }

  /** One caller starts tasks at a time, so that tasks which are done at once do not nest. */
  private void startWaiting() {
    while (true) {
      Runnable next = nextToStart();
      if (next == null) {
        return;
      }
      next.run();
      synchronized (this) {
        starting = false;
      }
    }
  }

  private synchronized @Nullable Runnable nextToStart() {
    if (starting || free == 0 || waiting.isEmpty()) {
      return null;
    }
    starting = true;
    free--;
    return waiting.pollFirst();
  }
}
