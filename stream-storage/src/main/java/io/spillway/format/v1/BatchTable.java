package io.spillway.format.v1;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.util.Arrays;

/**
 * Where each batch of a block is, and what it holds: growable columns, written and read as the
 * batch table of {@link ObjectLayout}. Not safe for several threads while it is filled.
 */
public final class BatchTable {

  private static final int INITIAL_CAPACITY = 16;

  private long[] bases = new long[INITIAL_CAPACITY];
  private long[] ends = new long[INITIAL_CAPACITY];
  private long[] timestamps = new long[INITIAL_CAPACITY];
  private int[] positions = new int[INITIAL_CAPACITY];
  private int[] sizes = new int[INITIAL_CAPACITY];
  private int[] flags = new int[INITIAL_CAPACITY];
  private int count;
  private int sizeBytes;
  private long maxTimestampMs = -1;
  private int allFlags;

  BatchTable() {}

  void add(long baseOffset, long endOffset, int bytes, long timestampMs, int batchFlags) {
    if (count == bases.length) {
      grow();
    }
    bases[count] = baseOffset;
    ends[count] = endOffset;
    timestamps[count] = timestampMs;
    positions[count] = sizeBytes;
    sizes[count] = bytes;
    flags[count] = batchFlags;
    count++;
    sizeBytes = Math.addExact(sizeBytes, bytes);
    maxTimestampMs = Math.max(maxTimestampMs, timestampMs);
    allFlags |= batchFlags;
  }

  void clear() {
    count = 0;
    sizeBytes = 0;
    maxTimestampMs = -1;
    allFlags = 0;
  }

  /** Batches in the block. */
  public int count() {
    return count;
  }

  public long baseOffset(int i) {
    return bases[i];
  }

  /** Exclusive. */
  public long endOffset(int i) {
    return ends[i];
  }

  /** Largest record timestamp, ms, or -1. */
  public long maxTimestampMs(int i) {
    return timestamps[i];
  }

  /** Of the first byte of the batch, from the start of the block. */
  public int position(int i) {
    return positions[i];
  }

  public int sizeBytes(int i) {
    return sizes[i];
  }

  public int flags(int i) {
    return flags[i];
  }

  /** The first batch that ends above {@code offset}; {@link #count} when there is none. */
  public int firstEndingAbove(long offset) {
    int at = Arrays.binarySearch(ends, 0, count, offset);
    return at < 0 ? -at - 1 : at + 1;
  }

  int sizeBytes() {
    return sizeBytes;
  }

  long maxTimestampMs() {
    return maxTimestampMs;
  }

  int allFlags() {
    return allFlags;
  }

  void encode(ByteArrayOutputStream to) {
    long previousEnd = count == 0 ? 0 : bases[0];
    for (int i = 0; i < count; i++) {
      writeVarint(to, bases[i] - previousEnd);
      writeVarint(to, ends[i] - bases[i]);
      writeVarint(to, sizes[i]);
      writeVarint(to, maxTimestampMs - timestamps[i]);
      writeVarint(to, flags[i] & 0xffffffffL);
      previousEnd = ends[i];
    }
  }

  /**
   * Reads the table of a block back.
   *
   * @throws IllegalArgumentException when the bytes are no table of {@code batches} batches that
   *     fill the block
   */
  static BatchTable decode(
      ByteBuffer from, int batches, long baseOffset, long endOffset, int blockBytes, long maxMs) {
    BatchTable table = new BatchTable();
    long previousEnd = baseOffset;
    for (int i = 0; i < batches; i++) {
      long base = previousEnd + readVarint(from);
      long end = base + readVarint(from);
      long bytes = readVarint(from);
      long timestampMs = maxMs - readVarint(from);
      long batchFlags = readVarint(from);
      if (base < previousEnd || end <= base || bytes <= 0 || bytes > blockBytes - table.sizeBytes) {
        throw new IllegalArgumentException("batch " + i + " does not fit its block");
      }
      table.add(base, end, (int) bytes, timestampMs, (int) batchFlags);
      previousEnd = end;
    }
    if (from.hasRemaining() || table.sizeBytes != blockBytes || previousEnd != endOffset) {
      throw new IllegalArgumentException("batches do not fill their block");
    }
    return table;
  }

  private void grow() {
    int capacity = count * 2;
    bases = Arrays.copyOf(bases, capacity);
    ends = Arrays.copyOf(ends, capacity);
    timestamps = Arrays.copyOf(timestamps, capacity);
    positions = Arrays.copyOf(positions, capacity);
    sizes = Arrays.copyOf(sizes, capacity);
    flags = Arrays.copyOf(flags, capacity);
  }

  private static void writeVarint(ByteArrayOutputStream to, long value) {
    long rest = value;
    while ((rest & ~0x7fL) != 0) {
      to.write((int) (rest & 0x7f) | 0x80);
      rest >>>= 7;
    }
    to.write((int) rest);
  }

  private static long readVarint(ByteBuffer from) {
    long value = 0;
    for (int shift = 0; shift < Long.SIZE; shift += 7) {
      if (!from.hasRemaining()) {
        throw new IllegalArgumentException("batch table ends too early");
      }
      byte next = from.get();
      value |= (next & 0x7fL) << shift;
      if (next >= 0) {
        return value;
      }
    }
    throw new IllegalArgumentException("number in batch table is too long");
  }
}
