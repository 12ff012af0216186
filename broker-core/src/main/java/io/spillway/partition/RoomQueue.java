package io.spillway.partition;

import io.spillway.runtime.Scheduler;
import java.util.ArrayDeque;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * Who gets the room that uploads free in a full WAL: one batch of each client in turn, so that a
 * client with one record is not behind all that a burst has queued. While somebody waits, nobody
 * else takes room. Internal topics do not wait here: they have a share of their own (P35).
 */
final class RoomQueue {

  private static final long RETRY_NANOS = TimeUnit.MILLISECONDS.toNanos(20);

  /** Whose head waits for room. */
  interface Waiter {

    /** It is this one's turn: tries once to take room, on the caller's thread. */
    void onTurn();
  }

  private final Scheduler scheduler;
  private final Map<Long, ArrayDeque<Waiter>> waitingByClient = new HashMap<>();
  private final ArrayDeque<Long> turns = new ArrayDeque<>();
  private final Set<Waiter> registered = new HashSet<>();
  private volatile boolean contended;
  private boolean scheduled;
  private @Nullable Waiter turn;
  private @Nullable Waiter served;
  private boolean turnFailed;
  private boolean waitsAgain;

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

  /** There was no room: keeps the place of one whose turn it is, or gives a place at the end. */
  synchronized void await(long client, Waiter waiter) {
    if (turn == waiter) {
      turnFailed = true;
    } else if (served == waiter) {
      waitsAgain = true;
    } else {
      add(client, waiter);
    }
    schedule();
  }

  private void add(long client, Waiter waiter) {
    if (!registered.add(waiter)) {
      return;
    }
    ArrayDeque<Waiter> others = waitingByClient.get(client);
    if (others == null) {
      others = new ArrayDeque<>();
      waitingByClient.put(client, others);
      turns.addLast(client);
    }
    others.addLast(waiter);
    contended = true;
  }

  /** It took room, or has nothing to take it for: its turn is over. */
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
    boolean room = true;
    while (room) {
      Waiter next;
      synchronized (this) {
        next = turns.isEmpty() ? null : headOf(turns.getFirst());
        served = next;
        turn = next;
        turnFailed = false;
        waitsAgain = false;
      }
      if (next != null) {
        next.onTurn();
      }
      synchronized (this) {
        turn = null;
        served = null;
        room = next != null && !turnFailed;
        if (next != null && room) {
          passOn(next);
        }
      }
    }
    synchronized (this) {
      scheduled = false;
      schedule();
    }
  }

  private @Nullable Waiter headOf(Long client) {
    ArrayDeque<Waiter> waiters = waitingByClient.get(client);
    return waiters == null ? null : waiters.peekFirst();
  }

  /** What stands behind the head that was served queues anew, at the end. */
  private void passOn(Waiter done) {
    long client = turns.removeFirst();
    registered.remove(done);
    ArrayDeque<Waiter> waiters = waitingByClient.get(client);
    if (waiters != null) {
      waiters.pollFirst();
      if (waiters.isEmpty()) {
        waitingByClient.remove(client);
      } else {
        turns.addLast(client);
      }
    }
    if (waitsAgain) {
      add(client, done);
    }
    contended = !registered.isEmpty();
  }
}
