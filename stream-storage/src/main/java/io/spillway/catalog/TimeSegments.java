package io.spillway.catalog;

import java.util.Arrays;
import java.util.Optional;

/**
 * For each run of up to {@value #EXTENTS} extents of a stream, an upper bound of their largest
 * timestamps: a search by time looks only into runs that may hold what it looks for. 16 bytes of
 * heap for {@value #EXTENTS} extents, wherever those are.
 *
 * <p>An extent belongs to the run in which its base offset lies; the first run begins at the
 * stream's beginning. A bound may be too high after extents have gone, never too low.
 */
final class TimeSegments {

  /** Extents in a run. */
  static final int EXTENTS = 128;

  private long[] baseOffsets = new long[0];
  private long[] bounds = new long[0];
  private int count;
  private int inLast;

  /** An extent behind all others. */
  void append(long baseOffset, long maxTimestampMs) {
    if (count > 0 && inLast < EXTENTS) {
      inLast++;
      bounds[count - 1] = Math.max(bounds[count - 1], maxTimestampMs);
      return;
    }
    addRun(baseOffset, maxTimestampMs);
    inLast = 1;
  }

  private void addRun(long baseOffset, long bound) {
    if (count == baseOffsets.length) {
      int length = Math.max(1, count + (count >> 1) + 1);
      baseOffsets = Arrays.copyOf(baseOffsets, count == 0 ? 1 : length);
      bounds = Arrays.copyOf(bounds, count == 0 ? 1 : length);
    }
    baseOffsets[count] = baseOffset;
    bounds[count] = bound;
    count++;
  }

  /** An extent in the place of others that covered the same offsets. */
  void replace(long baseOffset, long endOffset, long maxTimestampMs) {
    int run = runOf(baseOffset);
    if (run < 0) {
      append(baseOffset, maxTimestampMs);
      return;
    }
    bounds[run] = Math.max(bounds[run], maxTimestampMs);
    // Runs that would begin inside the extent have nothing, or what they have is behind it.
    int next = run + 1;
    while (next < count && baseOffsets[next] < endOffset) {
      bounds[run] = Math.max(bounds[run], bounds[next]);
      next++;
    }
    if (next == count && next > run + 1) {
      inLast = EXTENTS;
    }
    remove(run + 1, next);
  }

  /** Nothing that ends at or below the offset is left. */
  void dropTo(long offset) {
    int gone = 0;
    while (gone + 1 < count && baseOffsets[gone + 1] <= offset) {
      gone++;
    }
    remove(0, gone);
  }

  void clear() {
    count = 0;
    inLast = 0;
  }

  /**
   * Where to look.
   *
   * @param fromOffset where the run, or what is left of it, begins
   */
  record Run(long fromOffset, long endOffset) {}

  /** The first run that reaches beyond the offset and may hold such a timestamp. */
  Optional<Run> firstFrom(long offset, long timestampMs) {
    for (int run = Math.max(0, runOf(offset)); run < count; run++) {
      if (bounds[run] >= timestampMs) {
        long begin = run == 0 ? 0 : baseOffsets[run];
        long endOffset = run + 1 < count ? baseOffsets[run + 1] : Long.MAX_VALUE;
        return Optional.of(new Run(Math.max(offset, begin), endOffset));
      }
    }
    return Optional.empty();
  }

  private int runOf(long offset) {
    int at = Arrays.binarySearch(baseOffsets, 0, count, offset);
    return at >= 0 ? at : count == 0 ? -1 : Math.max(0, -at - 2);
  }

  private void remove(int from, int to) {
    System.arraycopy(baseOffsets, to, baseOffsets, from, count - to);
    System.arraycopy(bounds, to, bounds, from, count - to);
    count -= to - from;
  }

  void write(FieldWriter out) {
    out.i32(inLast).i32(count);
    for (int i = 0; i < count; i++) {
      out.i64(baseOffsets[i]).i64(bounds[i]);
    }
  }

  static TimeSegments read(FieldReader in) {
    TimeSegments segments = new TimeSegments();
    int inLast = in.i32();
    in.list(
        () -> {
          segments.addRun(in.i64(), in.i64());
          return segments;
        });
    segments.inLast = inLast;
    return segments;
  }
}
