package io.spillway.partition;

import io.spillway.partition.Partition.HighWatermarkListener;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicLong;

/** Who is told that a partition's high watermark moved. Nothing is told under its lock (P32). */
final class HighWatermarkWatch {

  private final PartitionState state;
  private final List<HighWatermarkListener> listeners = new CopyOnWriteArrayList<>();
  private final Set<Waiter> waiters = ConcurrentHashMap.newKeySet();
  private final AtomicLong durableBytes = new AtomicLong();

  /** Touched by one thread at a time: the WAL's, or who opens. */
  private volatile long announced;

  HighWatermarkWatch(PartitionState state) {
    this.state = state;
  }

  void add(HighWatermarkListener listener) {
    listeners.add(listener);
  }

  void remove(HighWatermarkListener listener) {
    listeners.remove(listener);
  }

  void add(Waiter waiter) {
    waiters.add(waiter);
  }

  void remove(Waiter waiter) {
    waiters.remove(waiter);
  }

  /** Bytes that became durable since the partition was opened. */
  long durableBytes() {
    return durableBytes.get();
  }

  /** By the WAL's thread alone. */
  void onDurable(int sizeBytes) {
    durableBytes.lazySet(durableBytes.get() + sizeBytes);
  }

  /** What was durable before is no news. */
  void startAt(long highWatermark) {
    announced = highWatermark;
  }

  /** Whether the high watermark is news, from now on known. */
  boolean advanceTo(long highWatermark) {
    if (highWatermark <= announced) {
      return false;
    }
    announced = highWatermark;
    return true;
  }

  void announce(long highWatermark) {
    for (HighWatermarkListener listener : listeners) {
      listener.onHighWatermark(state.tp, highWatermark);
    }
    wakeWaiters();
  }

  void announceTruncation(long logEndOffset) {
    for (HighWatermarkListener listener : listeners) {
      listener.onTruncated(state.tp, logEndOffset);
    }
  }

  void wakeWaiters() {
    for (Waiter waiter : waiters) {
      waiter.onProgress();
    }
  }
}
