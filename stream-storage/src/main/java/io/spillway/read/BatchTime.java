package io.spillway.read;

import java.util.Optional;

/** Where a batch starts, and its largest timestamp. */
public record BatchTime(long baseOffset, long maxTimestampMs) {

  /** The later one; the first of two alike. */
  public static Optional<BatchTime> larger(Optional<BatchTime> first, Optional<BatchTime> second) {
    if (first.isEmpty() || second.isEmpty()) {
      return first.or(() -> second);
    }
    return second.get().maxTimestampMs > first.get().maxTimestampMs ? second : first;
  }
}
