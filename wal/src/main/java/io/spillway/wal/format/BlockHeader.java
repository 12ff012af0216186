package io.spillway.wal.format;

import io.spillway.wal.WalConfig;
import java.nio.ByteBuffer;
import java.util.UUID;
import java.util.zip.CRC32C;
import org.jspecify.annotations.Nullable;

/**
 * The first 128 bytes of a block, version 1. A block is one aligned device write and is never
 * changed (P26). It begins at a multiple of 4 KiB in its segment file, and its file offset is its
 * position less the segment's base position. Frames follow the header without gaps, each as {@link
 * FrameHeader} says; zeros fill the rest. Integers are big-endian.
 *
 * <table>
 * <caption>Layout</caption>
 * <tr><th>byte</th><th>type</th><th>field</th><th>meaning, unit</th></tr>
 * <tr><td>0</td><td>u32</td><td>magic</td><td>{@code SWLB}, in every version</td></tr>
 * <tr><td>4</td><td>u16</td><td>version</td><td>1, in every version at this place</td></tr>
 * <tr><td>6</td><td>u16</td><td>flags</td><td>1: first of its incarnation; 2: last of a clean
 *     stop</td></tr>
 * <tr><td>8</td><td>i32</td><td>nodeId</td><td></td></tr>
 * <tr><td>12</td><td>i32</td><td>frameCount</td><td>frames</td></tr>
 * <tr><td>16</td><td>16 bytes</td><td>walId</td><td>UUID, in every version</td></tr>
 * <tr><td>32</td><td>i64</td><td>incarnation</td><td>from 1</td></tr>
 * <tr><td>40</td><td>i64</td><td>position</td><td>of this block, bytes over all incarnations; in
 *     every version</td></tr>
 * <tr><td>48</td><td>i64</td><td>previousEnd</td><td>position where the block before this one ends:
 *     less than {@code position} where the rest of a segment was skipped; in the first block of an
 *     incarnation it is where the previous incarnation ended</td></tr>
 * <tr><td>56</td><td>i64</td><td>durableUpTo</td><td>position below which everything was known
 *     durable when this block was made</td></tr>
 * <tr><td>64</td><td>i64</td><td>trimPosition</td><td>as known then</td></tr>
 * <tr><td>72</td><td>i64</td><td>writtenAtMs</td><td>wall clock, for people only</td></tr>
 * <tr><td>80</td><td>i32</td><td>lengthBytes</td><td>of the block, a multiple of 4 KiB</td></tr>
 * <tr><td>84</td><td>i32</td><td>usedBytes</td><td>header and frames, without the filling</td></tr>
 * <tr><td>88</td><td>36 bytes</td><td>reserved</td><td>zero</td></tr>
 * <tr><td>124</td><td>u32</td><td>crc</td><td>CRC32C of bytes 0–123, in every version</td></tr>
 * </table>
 *
 * <p>Frames have checksums of their own ({@link FrameHeader}), which include their position and
 * incarnation: together with {@code frameCount} and {@code usedBytes} they bind the whole block.
 */
public record BlockHeader(
    int flags,
    int nodeId,
    int frameCount,
    UUID walId,
    long incarnation,
    long position,
    long previousEnd,
    long durableUpTo,
    long trimPosition,
    long writtenAtMs,
    int lengthBytes,
    int usedBytes) {

  public static final int BYTES = 128;
  public static final int VERSION = 1;
  public static final int FLAG_FIRST_OF_INCARNATION = 1;
  public static final int FLAG_CLEAN_STOP = 2;

  static final int MAGIC = 0x53574C42;

  private static final int VERSION_AT = 4;
  private static final int FLAGS_AT = 6;
  private static final int NODE_ID_AT = 8;
  private static final int FRAME_COUNT_AT = 12;
  private static final int WAL_ID_AT = 16;
  private static final int INCARNATION_AT = 32;
  private static final int POSITION_AT = 40;
  private static final int PREVIOUS_END_AT = 48;
  private static final int DURABLE_UP_TO_AT = 56;
  private static final int TRIM_POSITION_AT = 64;
  private static final int WRITTEN_AT_AT = 72;
  private static final int LENGTH_AT = 80;
  private static final int USED_AT = 84;
  private static final int RESERVED_AT = 88;
  private static final int CRC_AT = 124;

  public boolean isFirstOfIncarnation() {
    return (flags & FLAG_FIRST_OF_INCARNATION) != 0;
  }

  public boolean isCleanStop() {
    return (flags & FLAG_CLEAN_STOP) != 0;
  }

  public long endPosition() {
    return position + lengthBytes;
  }

  /** Writes the header at index 0 of the block; leaves position and limit alone. */
  public void write(ByteBuffer block, CRC32C crc) {
    block.putInt(0, MAGIC);
    block.putShort(VERSION_AT, (short) VERSION);
    block.putShort(FLAGS_AT, (short) flags);
    block.putInt(NODE_ID_AT, nodeId);
    block.putInt(FRAME_COUNT_AT, frameCount);
    block.putLong(WAL_ID_AT, walId.getMostSignificantBits());
    block.putLong(WAL_ID_AT + Long.BYTES, walId.getLeastSignificantBits());
    block.putLong(INCARNATION_AT, incarnation);
    block.putLong(POSITION_AT, position);
    block.putLong(PREVIOUS_END_AT, previousEnd);
    block.putLong(DURABLE_UP_TO_AT, durableUpTo);
    block.putLong(TRIM_POSITION_AT, trimPosition);
    block.putLong(WRITTEN_AT_AT, writtenAtMs);
    block.putInt(LENGTH_AT, lengthBytes);
    block.putInt(USED_AT, usedBytes);
    for (int at = RESERVED_AT; at < CRC_AT; at += Integer.BYTES) {
      block.putInt(at, 0);
    }
    block.putInt(CRC_AT, crcOf(block, 0, crc));
  }

  /** The header at an index, or null when there is no valid one of this version. */
  static @Nullable BlockHeader read(ByteBuffer buffer, int at, CRC32C crc) {
    if (validVersionAt(buffer, at, crc) != VERSION) {
      return null;
    }
    BlockHeader header =
        new BlockHeader(
            buffer.getShort(at + FLAGS_AT) & 0xFFFF,
            buffer.getInt(at + NODE_ID_AT),
            buffer.getInt(at + FRAME_COUNT_AT),
            new UUID(buffer.getLong(at + WAL_ID_AT), buffer.getLong(at + WAL_ID_AT + Long.BYTES)),
            buffer.getLong(at + INCARNATION_AT),
            buffer.getLong(at + POSITION_AT),
            buffer.getLong(at + PREVIOUS_END_AT),
            buffer.getLong(at + DURABLE_UP_TO_AT),
            buffer.getLong(at + TRIM_POSITION_AT),
            buffer.getLong(at + WRITTEN_AT_AT),
            buffer.getInt(at + LENGTH_AT),
            buffer.getInt(at + USED_AT));
    return header.isPlausible() ? header : null;
  }

  /** Position that a header of any version states. */
  static long positionAt(ByteBuffer buffer, int at) {
    return buffer.getLong(at + POSITION_AT);
  }

  /**
   * The version of the block header at an index, or -1 when there is none with a valid checksum.
   */
  static int validVersionAt(ByteBuffer buffer, int at, CRC32C crc) {
    if (buffer.getInt(at) != MAGIC || buffer.getInt(at + CRC_AT) != crcOf(buffer, at, crc)) {
      return -1;
    }
    return buffer.getShort(at + VERSION_AT) & 0xFFFF;
  }

  private boolean isPlausible() {
    return lengthBytes >= WalConfig.ALIGNMENT_BYTES
        && lengthBytes % WalConfig.ALIGNMENT_BYTES == 0
        && usedBytes >= BYTES
        && usedBytes <= lengthBytes
        && frameCount >= 0
        && position >= 0;
  }

  private static int crcOf(ByteBuffer buffer, int at, CRC32C crc) {
    crc.reset();
    crc.update(buffer.slice(at, CRC_AT));
    return (int) crc.getValue();
  }
}
