package io.spillway.partition;

import io.spillway.cache.FairQueue;
import io.spillway.runtime.Scheduler;
import java.util.HashSet;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * Who gets the room that uploads free in a full WAL: each client in its turn as many bytes as any
 * other ({@link FairQueue}), so that one that sends little is not behind all that a burst has
 * queued, in how many partitions and in how large batches ever. While somebody waits, nobody else
 * takes room. Internal topics do not wait here: they have a share of their own (P35).
 *
 * <p>A partition stands here with the first of its batches alone, in the turn of the client that
 * sent it; what is behind keeps the order of arrival, and queues anew when the first is gone. So
 * there is at most one place for each partition, and what waits in a partition is bounded by its
 * own queue.
 */
final class RoomQueue {

  /**
   * What a turn is worth: a usual full batch of a busy producer. A round of fifty clients is then 3
   * MiB, which even a slow bucket takes well within the time that a batch may wait.
   */
  static final int QUANTUM_BYTES = 64 << 10;

  private static final long RETRY_NANOS = TimeUnit.MILLISECONDS.toNanos(20);

  /** Whose head waits for room. */
  interface Waiter {

    /** It is this one's turn: tries once to take room, on the caller's thread. */
    void onTurn();
  }

  private record Place(long client, long bytes, Waiter waiter) implements FairQueue.Item {}

  private final Scheduler scheduler;
  private final FairQueue<Place> places = new FairQueue<>(QUANTUM_BYTES);
  private final Set<Waiter> waiting = new HashSet<>();
  private volatile boolean contended;
  private boolean scheduled;

  /** Who may take room now, once. */
  private @Nullable Waiter turn;

  /** Who is asked now whether it takes room, and the place it needs next when it does not go. */
  private @Nullable Waiter asked;

  private @Nullable Place next;

  RoomQueue(Scheduler scheduler) {
    this.scheduler = scheduler;
  }

  /** Whether this one may try now: nobody waits, or it is its turn, once. */
  boolean mayTry(Waiter waiter) {
    if (!contended) {
      return true;
    }
    synchronized (this) {
      return turn == waiter;
    }
  }

  /**
   * There was no room: keeps the place of one whose turn it is, or gives a place at the end.
   *
   * @param client whose batch the first that waits is
   * @param bytes of that batch
   */
  synchronized void await(long client, long bytes, Waiter waiter) {
    Place place = new Place(client, bytes, waiter);
    if (asked == waiter) {
      next = place;
    } else {
      add(place);
    }
    schedule();
  }

  private void add(Place place) {
    if (waiting.add(place.waiter)) {
      places.add(place);
      contended = true;
    }
  }

  /** It took room: its turn is over. */
  synchronized void onTaken(Waiter waiter) {
    if (turn == waiter) {
      turn = null;
    }
  }

  private void schedule() {
    if (!scheduled && contended) {
      scheduled = true;
      scheduler.schedule(RETRY_NANOS, this::giveTurns);
    }
  }

  /** One turn after the other until one finds no room. */
  private void giveTurns() {
    Place place = begin();
    while (place != null) {
      place.waiter.onTurn();
      place = end(place) ? begin() : null;
    }
    synchronized (this) {
      scheduled = false;
      schedule();
    }
  }

  private synchronized @Nullable Place begin() {
    Place place = places.peek();
    asked = place == null ? null : place.waiter;
    turn = asked;
    next = null;
    return place;
  }

  /** Whether it took room, or wants none any more; one that found none stays the next. */
  private synchronized boolean end(Place place) {
    boolean stays = turn != null && next != null;
    if (!stays) {
      Place behind = next;
      if (behind == null) {
        waiting.remove(place.waiter);
        contended = !waiting.isEmpty();
      } else {
        // Before the other goes: what is left of the turn is this one's, if it is the same
        // client's.
        places.add(behind);
      }
      places.remove(place);
    }
    asked = null;
    turn = null;
    next = null;
    return !stays;
  }
}
