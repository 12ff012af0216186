package io.spillway.partition;

import java.util.TreeMap;
import java.util.TreeSet;

/**
 * P31: the transactions that hold the last stable offset back, by their first offsets: those
 * without a marker, and those whose marker is not durable yet. The partition's lock guards it; what
 * is volatile is read by any thread.
 */
final class UnstableTransactions {

  /** When there is none. */
  static final long NONE = Long.MAX_VALUE;

  private final TreeSet<Long> open = new TreeSet<>();

  /** End offsets of markers, by the first offsets of what they end. */
  private final TreeMap<Long, Long> ending = new TreeMap<>();

  private volatile long firstOffset = NONE;
  private volatile boolean anyEnding;

  /** Whoever wants the last stable offset takes the high watermark first, then this. */
  long firstOffset() {
    return firstOffset;
  }

  /** Whether {@link #onDurable} has something to do, now or later. */
  boolean anyEnding() {
    return anyEnding;
  }

  void onBegun(long first) {
    open.add(first);
    update();
  }

  /**
   * @return what is stable once that marker and all before it are durable
   */
  long onEnded(long first, long markerEndOffset) {
    open.remove(first);
    ending.put(first, markerEndOffset);
    update();
    return open.isEmpty() ? markerEndOffset : open.first();
  }

  /** Markers below the high watermark hold nothing back any more. */
  void onDurable(long highWatermark) {
    if (!ending.isEmpty()) {
      ending.values().removeIf(markerEndOffset -> markerEndOffset <= highWatermark);
      update();
    }
  }

  /** P30: forgets what began above the high watermark, and reopens what ended there. */
  void truncateTo(long highWatermark) {
    onDurable(highWatermark);
    open.tailSet(highWatermark, true).clear();
    open.addAll(ending.headMap(highWatermark, false).keySet());
    ending.clear();
    update();
  }

  private void update() {
    long firstOpen = open.isEmpty() ? NONE : open.first();
    firstOffset = ending.isEmpty() ? firstOpen : Math.min(firstOpen, ending.firstKey());
    anyEnding = !ending.isEmpty();
  }
}
