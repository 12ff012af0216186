package io.spillway.cache;

import java.util.ArrayDeque;
import java.util.concurrent.CompletableFuture;

/**
 * Bytes that may be on their way from the store at the same time; whoever finds none waits its
 * turn, first come, first served. Safe for any thread; never blocks one.
 */
public final class ByteBudget {

  private final long totalBytes;
  private final ArrayDeque<Waiter> waiters = new ArrayDeque<>();
  private long takenBytes;

  public ByteBudget(long totalBytes) {
    this.totalBytes = totalBytes;
  }

  /** Completes once the bytes are the caller's. More than the whole budget waits for all of it. */
  public CompletableFuture<Void> take(long bytes) {
    long wanted = Math.min(bytes, totalBytes);
    synchronized (waiters) {
      if (waiters.isEmpty() && takenBytes + wanted <= totalBytes) {
        takenBytes += wanted;
        return CompletableFuture.completedFuture(null);
      }
      Waiter waiter = new Waiter(wanted, new CompletableFuture<>());
      waiters.addLast(waiter);
      return waiter.turn;
    }
  }

  /** Gives back what one {@link #take} of as many bytes took; wakes whoever is next. */
  public void give(long bytes) {
    ArrayDeque<Waiter> next = new ArrayDeque<>();
    synchronized (waiters) {
      takenBytes -= Math.min(bytes, totalBytes);
      Waiter first = waiters.peekFirst();
      while (first != null && takenBytes + first.bytes <= totalBytes) {
        waiters.removeFirst();
        takenBytes += first.bytes;
        next.addLast(first);
        first = waiters.peekFirst();
      }
    }
    for (Waiter waiter : next) {
      waiter.turn.complete(null);
    }
  }

  /** Bytes taken now. */
  public long takenBytes() {
    synchronized (waiters) {
      return takenBytes;
    }
  }

  private record Waiter(long bytes, CompletableFuture<Void> turn) {}
}
