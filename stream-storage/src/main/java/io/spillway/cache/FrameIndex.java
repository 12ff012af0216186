package io.spillway.cache;

import io.spillway.wal.WalSlice;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * The durable batches of one stream that the WAL still holds, in offset order: a ring of columns,
 * about 50 bytes per batch, so that a WAL far larger than memory can be indexed. Keeps references
 * to slices without retaining them: {@link TailCache} decides what stays in memory. The owner
 * guards it with a lock.
 */
public final class FrameIndex {

  private static final int INITIAL_CAPACITY = 8;

  private long[] bases = new long[INITIAL_CAPACITY];
  private long[] ends = new long[INITIAL_CAPACITY];
  private long[] positions = new long[INITIAL_CAPACITY];
  private long[] timestamps = new long[INITIAL_CAPACITY];
  private int[] sizes = new int[INITIAL_CAPACITY];
  private int[] flags = new int[INITIAL_CAPACITY];
  private @Nullable WalSlice[] slices = new WalSlice[INITIAL_CAPACITY];
  private int head;
  private int count;

  /** Adds the frame behind the others: higher offsets, higher position. */
  public void add(
      long baseOffset,
      long endOffset,
      long position,
      int sizeBytes,
      long maxTimestampMs,
      int batchFlags,
      @Nullable WalSlice slice) {
    if (count > 0 && (baseOffset < endOffset(count - 1) || position <= position(count - 1))) {
      throw new IllegalArgumentException(
          "frame [%d, %d) at %d cannot follow offset %d at %d"
              .formatted(
                  baseOffset, endOffset, position, endOffset(count - 1), position(count - 1)));
    }
    if (count == bases.length) {
      resize(count * 2);
    }
    int at = slot(count);
    bases[at] = baseOffset;
    ends[at] = endOffset;
    positions[at] = position;
    timestamps[at] = maxTimestampMs;
    sizes[at] = sizeBytes;
    flags[at] = batchFlags;
    slices[at] = slice;
    count++;
  }

  /** Frames held. */
  public int count() {
    return count;
  }

  public long baseOffset(int i) {
    return bases[slot(i)];
  }

  /** Exclusive. */
  public long endOffset(int i) {
    return ends[slot(i)];
  }

  public long position(int i) {
    return positions[slot(i)];
  }

  public long maxTimestampMs(int i) {
    return timestamps[slot(i)];
  }

  public int sizeBytes(int i) {
    return sizes[slot(i)];
  }

  /** The frame as a value; its slice is retained when it is still in memory, else null. */
  public WalFrame frame(int i) {
    int at = slot(i);
    WalSlice slice = slices[at];
    if (slice != null && !slice.block().tryRetain()) {
      slices[at] = null;
      slice = null;
    }
    return new WalFrame(
        bases[at], ends[at], positions[at], sizes[at], timestamps[at], flags[at], slice);
  }

  /** The first frame that ends above {@code offset}; {@link #count} when there is none. */
  public int firstEndingAbove(long offset) {
    int low = 0;
    int high = count;
    while (low < high) {
      int middle = (low + high) >>> 1;
      if (endOffset(middle) > offset) {
        high = middle;
      } else {
        low = middle + 1;
      }
    }
    return low;
  }

  /** Index of the first frame that begins above the WAL position; {@link #count} if none does. */
  public int firstBeyond(long walPosition) {
    int low = 0;
    int high = count;
    while (low < high) {
      int middle = (low + high) >>> 1;
      if (position(middle) > walPosition) {
        high = middle;
      } else {
        low = middle + 1;
      }
    }
    return low;
  }

  /** Forgets the first {@code frames} frames. */
  public void dropFirst(int frames) {
    for (int i = 0; i < frames; i++) {
      slices[slot(i)] = null;
    }
    head = slot(frames);
    count -= frames;
    if (bases.length > INITIAL_CAPACITY && count < bases.length / 4) {
      resize(Math.max(INITIAL_CAPACITY, Integer.highestOneBit(Math.max(1, count)) * 2));
    }
  }

  private int slot(int i) {
    return (head + i) & (bases.length - 1);
  }

  private void resize(int capacity) {
    bases = unrolled(bases, capacity);
    ends = unrolled(ends, capacity);
    positions = unrolled(positions, capacity);
    timestamps = unrolled(timestamps, capacity);
    sizes = unrolled(sizes, capacity);
    flags = unrolled(flags, capacity);
    @Nullable WalSlice[] moved = new WalSlice[capacity];
    for (int i = 0; i < count; i++) {
      moved[i] = slices[(head + i) & (slices.length - 1)];
    }
    slices = moved;
    head = 0;
  }

  private long[] unrolled(long[] column, int capacity) {
    long[] moved = new long[capacity];
    int first = Math.min(count, column.length - head);
    System.arraycopy(column, head, moved, 0, first);
    System.arraycopy(column, 0, moved, first, count - first);
    return moved;
  }

  private int[] unrolled(int[] column, int capacity) {
    int[] moved = new int[capacity];
    int first = Math.min(count, column.length - head);
    System.arraycopy(column, head, moved, 0, first);
    System.arraycopy(column, 0, moved, first, count - first);
    return moved;
  }

  @Override
  public String toString() {
    return count == 0 ? "no frames" : Arrays.asList(baseOffset(0), endOffset(count - 1)).toString();
  }
}
