package io.spillway.benchmarks;

import java.util.Arrays;

/** Durations, all of them kept; safe for any thread. */
final class Latencies {

  private static final double NANOS_PER_MS = 1e6;

  private long[] nanos = new long[1 << 16];
  private int count;
  private boolean sorted;

  synchronized void add(long durationNanos) {
    if (count == nanos.length) {
      nanos = Arrays.copyOf(nanos, 2 * count);
    }
    nanos[count] = durationNanos;
    count++;
    sorted = false;
  }

  synchronized int count() {
    return count;
  }

  /**
   * The smallest duration that at least this share of all do not exceed, in ms.
   *
   * @param share as 0.99
   */
  synchronized double percentileMs(double share) {
    if (count == 0) {
      throw new IllegalStateException("no durations");
    }
    if (!sorted) {
      Arrays.sort(nanos, 0, count);
      sorted = true;
    }
    int rank = (int) Math.ceil(share * count);
    return nanos[Math.min(count, Math.max(1, rank)) - 1] / NANOS_PER_MS;
  }
}
