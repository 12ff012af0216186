package io.spillway.request.data;

import io.spillway.request.Exchange;
import io.spillway.request.data.PartitionLocator.Located;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;

/**
 * P15 for requests that do not produce or fetch: waits, bounded, until the partitions a request
 * names are open. What is still not open then answers for itself.
 */
final class OpenPartitions {

  private static final long MAX_WAIT_NANOS = TimeUnit.SECONDS.toNanos(5);

  private final TimerWheel timers;

  OpenPartitions(TimerWheel timers) {
    this.timers = timers;
  }

  /**
   * Runs the task, in the call when nothing is opening. What it throws later, on another thread,
   * becomes the request's error.
   */
  void whenOpen(Exchange exchange, List<Located> partitions, Runnable task) {
    List<CompletableFuture<Void>> opening = new ArrayList<>(0);
    for (Located located : partitions) {
      if (located.partition() != null && !located.partition().isOpen()) {
        opening.add(located.partition().opened());
      }
    }
    if (opening.isEmpty()) {
      task.run();
      return;
    }
    CompletableFuture<Void> proceed = new CompletableFuture<>();
    TimerWheel.Timeout timeout = timers.schedule(MAX_WAIT_NANOS, () -> proceed.complete(null));
    CompletableFuture.allOf(opening.toArray(new CompletableFuture<?>[0]))
        .whenComplete((done, failure) -> proceed.complete(null));
    proceed.thenRun(
        () -> {
          timeout.cancel();
          try {
            task.run();
          } catch (RuntimeException e) {
            exchange.fail(e);
          }
        });
  }
}
