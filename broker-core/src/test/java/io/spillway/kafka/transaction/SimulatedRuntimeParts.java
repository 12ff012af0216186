package io.spillway.kafka.transaction;

import io.spillway.runtime.Scheduler;
import io.spillway.runtime.Threads;
import java.util.ArrayDeque;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.coordinator.common.runtime.CoordinatorEvent;
import org.apache.kafka.coordinator.common.runtime.CoordinatorEventProcessor;
import org.apache.kafka.server.util.timer.Timer;
import org.apache.kafka.server.util.timer.TimerTask;

/** Kafka's coordinator runtime on simulated threads. */
final class SimulatedRuntimeParts {

  private SimulatedRuntimeParts() {}

  static RuntimeParts on(Threads threads) {
    Scheduler timers = threads.newScheduler("coordinator-timer");
    return new RuntimeParts(
        metrics -> new Processor(threads.newScheduler("coordinator")), new SchedulerTimer(timers));
  }

  /** One event at a time; of one partition in order. */
  private static final class Processor implements CoordinatorEventProcessor {
    private final Scheduler scheduler;
    private final Map<TopicPartition, ArrayDeque<CoordinatorEvent>> queues = new HashMap<>();
    private boolean closed;

    Processor(Scheduler scheduler) {
      this.scheduler = scheduler;
    }

    @Override
    public void enqueueLast(CoordinatorEvent event) {
      queue(event).addLast(event);
      scheduler.execute(() -> runNext(event.key()));
    }

    @Override
    public void enqueueFirst(CoordinatorEvent event) {
      queue(event).addFirst(event);
      scheduler.execute(() -> runNext(event.key()));
    }

    private ArrayDeque<CoordinatorEvent> queue(CoordinatorEvent event) {
      if (closed) {
        throw new RejectedExecutionException("closed");
      }
      return queues.computeIfAbsent(event.key(), tp -> new ArrayDeque<>());
    }

    private void runNext(TopicPartition tp) {
      ArrayDeque<CoordinatorEvent> queue = queues.get(tp);
      CoordinatorEvent event = queue == null ? null : queue.pollFirst();
      if (event == null) {
        return;
      }
      try {
        event.run();
      } catch (Throwable t) {
        event.complete(t);
      }
    }

    @Override
    public void close() {
      closed = true;
      queues
          .values()
          .forEach(
              queue ->
                  queue.forEach(event -> event.complete(new RejectedExecutionException("closed"))));
      queues.clear();
    }
  }

  private record SchedulerTimer(Scheduler scheduler) implements Timer {
    @Override
    public void add(TimerTask task) {
      // What is cancelled does nothing when it runs: the tasks look at what they are for.
      scheduler.schedule(TimeUnit.MILLISECONDS.toNanos(task.delayMs), task);
    }

    @Override
    public boolean advanceClock(long timeoutMs) {
      return false;
    }

    @Override
    public int size() {
      return 0;
    }

    @Override
    public void close() {}
  }
}
