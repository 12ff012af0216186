package io.spillway.cache;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.LongAdder;

/**
 * Bytes that may be in memory for reads under way; whoever finds none waits, fairly between clients
 * ({@link FairQueue}). Safe for any thread; never blocks one.
 */
public final class ByteBudget {

  private final long totalBytes;
  private final FairQueue<Waiter> waiters = new FairQueue<>();
  private final LongAdder waits = new LongAdder();
  private long takenBytes;

  public ByteBudget(long totalBytes) {
    this.totalBytes = totalBytes;
  }

  /** Completes once the bytes are the caller's. More than the whole budget waits for all of it. */
  public CompletableFuture<Void> take(long client, long bytes) {
    Waiter waiter = new Waiter(client, Math.min(bytes, totalBytes), new CompletableFuture<>());
    synchronized (waiters) {
      if (waiters.isEmpty() && takenBytes + waiter.bytes <= totalBytes) {
        takenBytes += waiter.bytes;
        return CompletableFuture.completedFuture(null);
      }
      waiters.add(waiter);
    }
    waits.increment();
    return waiter.turn;
  }

  /** Gives back what one {@link #take} of as many bytes took; wakes whoever is next. */
  public void give(long bytes) {
    List<Waiter> next = new ArrayList<>(0);
    synchronized (waiters) {
      takenBytes -= Math.min(bytes, totalBytes);
      Waiter first = waiters.peek();
      while (first != null && takenBytes + first.bytes <= totalBytes) {
        waiters.remove(first);
        takenBytes += first.bytes;
        next.add(first);
        first = waiters.peek();
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

  /** Reads that had to wait, since start. */
  public long waits() {
    return waits.sum();
  }

  private record Waiter(long client, long bytes, CompletableFuture<Void> turn)
      implements FairQueue.Item {}
}
