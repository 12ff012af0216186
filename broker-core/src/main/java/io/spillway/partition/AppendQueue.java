package io.spillway.partition;

import io.spillway.partition.PartitionState.Phase;
import io.spillway.runtime.Cancellable;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.function.Predicate;
import org.apache.kafka.common.protocol.Errors;
import org.jspecify.annotations.Nullable;

/**
 * P15: batches that wait, in order of arrival, for the partition to open, for a worker to prepare
 * them, for room in the WAL, or, when that comes after, for their transaction to be verified.
 * Bounded in bytes and time.
 */
final class AppendQueue implements RoomQueue.Waiter {

  private static final long SWEEP_NANOS = TimeUnit.MILLISECONDS.toNanos(20);

  private final PartitionState state;
  private final ProducerGate producers;
  private final Predicate<Append> settle;
  private final ArrayDeque<Append> parked = new ArrayDeque<>();
  private long parkedBytes;
  private boolean unparking;
  private @Nullable Cancellable sweep;

  /**
   * @param settle tries the head of the queue, and removes it when it is dealt with; returns
   *     whether it is
   */
  AppendQueue(PartitionState state, ProducerGate producers, Predicate<Append> settle) {
    this.state = state;
    this.producers = producers;
    this.settle = settle;
  }

  /** Under the lock. */
  boolean isEmpty() {
    return parked.isEmpty();
  }

  /** Under the lock. */
  void removeHead() {
    Append head = parked.removeFirst();
    parkedBytes -= head.view.remaining();
  }

  /** Puts the batch at the end of the queue, or refuses it when the queue is full. */
  boolean park(Append append) {
    Errors error;
    synchronized (state.lock) {
      int sizeBytes = append.view.remaining();
      if (parked.isEmpty() || parkedBytes + sizeBytes <= state.runtime.settings().parkedBytes()) {
        parked.addLast(append);
        parkedBytes += sizeBytes;
        scheduleSweep();
        return true;
      }
      error = waitingError();
      producers.onRefused(append, error);
    }
    append.tellRefused(error, "too many batches wait for partition " + state.tp);
    return false;
  }

  /** Settles what waits, in order, as far as it can be now. One thread at a time. */
  void unpark() {
    while (true) {
      Append head;
      synchronized (state.lock) {
        head = parked.peekFirst();
        if (unparking || head == null || !isReady(head)) {
          return;
        }
        unparking = true;
      }
      boolean settled = false;
      try {
        settled = settle.test(head);
      } finally {
        synchronized (state.lock) {
          unparking = false;
        }
      }
      if (!settled) {
        return;
      }
    }
  }

  private boolean isReady(Append head) {
    return switch (state.phase) {
      case OPENING -> false;
      case OPEN -> !head.isBeingPrepared() && !head.isBeingVerified && !state.truncating;
      case FAILED, RESIGNED -> true;
    };
  }

  @Override
  public void onTurn() {
    unpark();
  }

  private void scheduleSweep() {
    Append head = parked.peekFirst();
    if (sweep == null && head != null) {
      long waitedNanos = state.runtime.clock().nanoTime() - head.arrivedNanos;
      sweep =
          state
              .runtime
              .scheduler()
              .schedule(Math.max(SWEEP_NANOS, parkNanos() - waitedNanos), this::refuseOverdue);
    }
  }

  private long parkNanos() {
    return TimeUnit.MILLISECONDS.toNanos(state.runtime.settings().parkMs());
  }

  /** Those that waited too long are at the head: the queue is in order of arrival. */
  private void refuseOverdue() {
    List<Append> overdue = new ArrayList<>();
    Errors error;
    synchronized (state.lock) {
      sweep = null;
      error = waitingError();
      long now = state.runtime.clock().nanoTime();
      while (!unparking) {
        Append head = parked.peekFirst();
        if (head == null || now - head.arrivedNanos < parkNanos() || head.isBeingPrepared()) {
          break;
        }
        producers.onRefused(head, error);
        removeHead();
        overdue.add(head);
      }
      if (!parked.isEmpty()) {
        scheduleSweep();
      }
    }
    for (Append append : overdue) {
      append.tellRefused(error, "partition " + state.tp + " could not take the batch in time");
    }
    if (!overdue.isEmpty()) {
      unpark();
    }
  }

  private Errors waitingError() {
    return state.phase == Phase.OPEN ? Errors.NOT_ENOUGH_REPLICAS : Errors.NOT_LEADER_OR_FOLLOWER;
  }
}
