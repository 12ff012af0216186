package io.spillway.partition;

import java.util.ArrayList;
import java.util.List;

/**
 * The aborted transactions of a partition, in the order of their markers, for as long as the log
 * holds these. Not safe for threads: the partition's lock guards it.
 *
 * <p>Why all are in memory and in each checkpoint, where Kafka keeps a file beside each segment: a
 * data object may be merged and hold many streams, and its marker is what ends a transaction, in
 * another object perhaps. What that costs stands in {@code docs/formats.md}.
 */
final class AbortedTransactions {

  private final List<AbortedTransaction> byMarker = new ArrayList<>();

  /** Its marker is above all others. */
  void add(AbortedTransaction aborted) {
    byMarker.add(aborted);
  }

  int size() {
    return byMarker.size();
  }

  /**
   * Those that have something in the range. Stable offsets only grow, so that nothing that begins
   * in the range comes after the first one whose last stable offset lies beyond it.
   */
  List<AbortedTransaction> within(long fromOffset, long endOffset) {
    List<AbortedTransaction> found = new ArrayList<>(0);
    for (int i = firstEndingAt(fromOffset); i < byMarker.size(); i++) {
      AbortedTransaction each = byMarker.get(i);
      if (each.firstOffset() < endOffset) {
        found.add(each);
      }
      if (each.lastStableOffset() >= endOffset) {
        break;
      }
    }
    return found;
  }

  /** Those whose markers lie below the offset. */
  List<AbortedTransaction> below(long endOffset) {
    return byMarker.subList(0, firstEndingAt(endOffset));
  }

  /** Forgets markers at or above the offset. */
  void truncateTo(long endOffset) {
    byMarker.subList(firstEndingAt(endOffset), byMarker.size()).clear();
  }

  /** Forgets markers that the log holds no more. */
  void trimTo(long logStartOffset) {
    int gone = firstEndingAt(logStartOffset);
    if (gone > 0) {
      byMarker.subList(0, gone).clear();
    }
  }

  /** Index of the first one whose marker is at the offset or above it. */
  private int firstEndingAt(long offset) {
    int low = 0;
    int high = byMarker.size();
    while (low < high) {
      int middle = (low + high) >>> 1;
      if (byMarker.get(middle).lastOffset() < offset) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    return low;
  }
}
