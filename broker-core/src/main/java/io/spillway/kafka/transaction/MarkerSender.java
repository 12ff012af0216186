package io.spillway.kafka.transaction;

import io.spillway.partition.MarkerWriter;
import io.spillway.partition.TransactionMarker;
import io.spillway.runtime.Scheduler;
import java.util.ArrayDeque;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.function.Predicate;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.RetriableException;
import org.apache.kafka.common.protocol.Errors;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Writes markers, a bounded number at once, each until it is durable or there is nothing left to
 * write it to. Everything happens on one scheduler.
 *
 * <p>A partition that cannot take a marker now gets it later. A partition that the metadata does
 * not know is deleted: this broker coordinates because of metadata that is newer than any partition
 * it was told of, so that it cannot be one that is yet to come.
 *
 * <p>When a partition of the coordinator is loaded again, its markers wait for those that are being
 * written for the load before: a write that lingers could hit the transaction after the one it is
 * meant for, which before version 2 has the same epoch.
 */
final class MarkerSender {

  private static final Logger log = LoggerFactory.getLogger(MarkerSender.class);

  private static final int MAX_IN_FLIGHT = 512;
  private static final long FIRST_RETRY_NANOS = TimeUnit.MILLISECONDS.toNanos(20);
  private static final int DOUBLINGS = 6;
  private static final int FAILURES_UNTIL_WARNING = 10;

  /** What became of a marker. */
  enum Result {
    /** Durable, or its partition is gone. */
    DONE,
    /** The partition has seen a newer coordinator, or a newer epoch of the producer. */
    REFUSED
  }

  /** One load of one of the coordinator's partitions, by identity. */
  interface Load {
    TopicPartition partition();

    /** Whether somebody else sees to its endings: its markers are not wanted any more. */
    boolean isOver();
  }

  /**
   * @param whenSettled told once, on the scheduler, unless the load is over
   */
  record Marker(
      Load load,
      TopicPartition partition,
      TransactionMarker content,
      Consumer<Result> whenSettled) {}

  private record Attempt(Marker marker, int failures) {}

  private static final class InFlight {
    private final Load load;
    private final ArrayDeque<Attempt> ofLaterLoads = new ArrayDeque<>();
    private int count;

    InFlight(Load load) {
      this.load = load;
    }
  }

  private final MarkerWriter writer;
  private final Predicate<TopicPartition> exists;
  private final Scheduler scheduler;

  // Scheduler only.
  private final ArrayDeque<Attempt> queue = new ArrayDeque<>();
  private final Map<TopicPartition, InFlight> byCoordinator = new HashMap<>();
  private int inFlight;

  /**
   * @param exists whether the metadata knows a partition; at least as new as what made this broker
   *     a coordinator
   */
  MarkerSender(MarkerWriter writer, Predicate<TopicPartition> exists, Scheduler scheduler) {
    this.writer = writer;
    this.exists = exists;
    this.scheduler = scheduler;
  }

  /** Any thread. */
  void send(Marker marker) {
    scheduler.execute(() -> enqueue(new Attempt(marker, 0)));
  }

  private void enqueue(Attempt attempt) {
    queue.addLast(attempt);
    drain();
  }

  private void drain() {
    while (inFlight < MAX_IN_FLIGHT && !queue.isEmpty()) {
      Attempt attempt = queue.removeFirst();
      Load load = attempt.marker.load;
      if (load.isOver()) {
        continue;
      }
      InFlight sameCoordinator =
          byCoordinator.computeIfAbsent(load.partition(), tp -> new InFlight(load));
      if (sameCoordinator.load == load) {
        write(attempt, sameCoordinator);
      } else {
        sameCoordinator.ofLaterLoads.addLast(attempt);
      }
    }
  }

  private void write(Attempt attempt, InFlight sameCoordinator) {
    inFlight++;
    sameCoordinator.count++;
    writer
        .write(attempt.marker.partition, attempt.marker.content)
        .whenComplete(
            (error, failure) -> {
              Errors result = failure == null ? error : Errors.forException(failure);
              scheduler.execute(() -> onResult(attempt, sameCoordinator, result));
            });
  }

  private void onResult(Attempt attempt, InFlight sameCoordinator, Errors error) {
    inFlight--;
    if (--sameCoordinator.count == 0) {
      byCoordinator.remove(sameCoordinator.load.partition());
      queue.addAll(sameCoordinator.ofLaterLoads);
    }
    if (!attempt.marker.load.isOver()) {
      settle(attempt, error);
    }
    drain();
  }

  private void settle(Attempt attempt, Errors error) {
    Marker marker = attempt.marker;
    switch (error) {
      case NONE -> marker.whenSettled.accept(Result.DONE);
      case INVALID_PRODUCER_EPOCH, PRODUCER_FENCED, TRANSACTION_COORDINATOR_FENCED -> {
        log.error(
            "{} refuses the end of a transaction for good: {}, {}",
            marker.partition,
            error,
            marker.content);
        marker.whenSettled.accept(Result.REFUSED);
      }
      default -> retryOrDrop(attempt, error);
    }
  }

  private void retryOrDrop(Attempt attempt, Errors error) {
    Marker marker = attempt.marker;
    if (!exists.test(marker.partition)) {
      log.info("{} is deleted: it gets no marker, {}", marker.partition, marker.content);
      marker.whenSettled.accept(Result.DONE);
      return;
    }
    int failures = attempt.failures + 1;
    if (failures == FAILURES_UNTIL_WARNING || !(error.exception() instanceof RetriableException)) {
      log.warn(
          "a transaction waits for its end in {}: {}, trying again, {}",
          marker.partition,
          error,
          marker.content);
    }
    scheduler.schedule(
        FIRST_RETRY_NANOS << Math.min(attempt.failures, DOUBLINGS),
        () -> enqueue(new Attempt(marker, failures)));
  }
}
