package io.spillway.read;

import io.spillway.read.Request.Load;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;

/** A segment on its way, and who waits for it. Safe for any thread. */
final class Coming {

  private final SegmentKey key;
  private final int bytes;
  private final List<CompletableFuture<Segment>> waiters = new ArrayList<>(1);
  private volatile @Nullable Load load;
  private volatile boolean isForgotten;
  private boolean isWanted;
  private boolean isSettled;

  /**
   * @param bytes that the object has of it
   */
  Coming(SegmentKey key, int bytes) {
    this.key = key;
    this.bytes = bytes;
  }

  SegmentKey key() {
    return key;
  }

  int bytes() {
    return bytes;
  }

  void within(Load of) {
    load = of;
  }

  /** Null until it is known. */
  @Nullable Load load() {
    return load;
  }

  /** The object was let go: nobody will ask for it again. */
  void forget() {
    isForgotten = true;
  }

  boolean isForgotten() {
    return isForgotten;
  }

  /**
   * Waits for it.
   *
   * @param wanted by a reader, not only to have it in memory
   * @return completes with the segment, held for the caller; null when it has just come or failed
   */
  synchronized @Nullable CompletableFuture<Segment> join(boolean wanted) {
    return isSettled ? null : first(wanted);
  }

  /** As {@link #join}, before it has been asked for. */
  synchronized CompletableFuture<Segment> first(boolean wanted) {
    isWanted |= wanted;
    CompletableFuture<Segment> waiter = new CompletableFuture<>();
    waiters.add(waiter);
    return waiter;
  }

  /** Nobody may join from here on. Returns whether a reader has. */
  synchronized boolean settle() {
    isSettled = true;
    return isWanted;
  }

  /** After {@link #settle}: hands it to each who waits. The caller's own hold stays. */
  void complete(@Nullable Segment segment, @Nullable Throwable failure) {
    for (CompletableFuture<Segment> waiter : waiters) {
      if (segment != null) {
        segment.retain();
        waiter.complete(segment);
      } else if (failure != null) {
        waiter.completeExceptionally(failure);
      }
    }
  }
}
