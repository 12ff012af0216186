package io.spillway.wal.format;

import io.spillway.wal.Batch;
import io.spillway.wal.PayloadVerifier;
import io.spillway.wal.StreamId;
import java.nio.ByteBuffer;
import java.util.UUID;
import java.util.zip.CRC32C;
import org.jspecify.annotations.Nullable;

/**
 * What precedes each payload in a block, version 1: 80 bytes, then the payload, then zeros up to a
 * multiple of 8. Integers are big-endian.
 *
 * <table>
 * <caption>Layout</caption>
 * <tr><th>byte</th><th>type</th><th>field</th><th>meaning, unit</th></tr>
 * <tr><td>0</td><td>u32</td><td>crc</td><td>CRC32C of bytes 4–79 and of the first {@code openBytes}
 *     of the payload</td></tr>
 * <tr><td>4</td><td>i32</td><td>payloadBytes</td><td></td></tr>
 * <tr><td>8</td><td>i64</td><td>position</td><td>of the payload, bytes over all incarnations</td></tr>
 * <tr><td>16</td><td>i64</td><td>incarnation</td><td></td></tr>
 * <tr><td>24</td><td>16 bytes</td><td>topicId</td><td>UUID of the stream</td></tr>
 * <tr><td>40</td><td>i32</td><td>partition</td><td>of the stream</td></tr>
 * <tr><td>44</td><td>i32</td><td>flags</td><td>{@link Batch#flags}</td></tr>
 * <tr><td>48</td><td>i64</td><td>baseOffset</td><td></td></tr>
 * <tr><td>56</td><td>i64</td><td>endOffset</td><td>exclusive</td></tr>
 * <tr><td>64</td><td>i64</td><td>maxTimestampMs</td><td>or -1</td></tr>
 * <tr><td>72</td><td>i32</td><td>openBytes</td><td>leading payload bytes under {@code crc}; the
 *     payload's own checksum covers the others ({@link PayloadVerifier})</td></tr>
 * <tr><td>76</td><td>i32</td><td>reserved</td><td>zero</td></tr>
 * </table>
 *
 * <p>Position and incarnation are in every frame because a torn block may hold pages of an older
 * block that had valid frames at the same place of a recycled file.
 */
public final class FrameHeader {

  public static final int BYTES = 80;

  private static final int ALIGNMENT_BYTES = 8;
  private static final int CRC_AT = 0;
  private static final int PAYLOAD_BYTES_AT = 4;
  private static final int POSITION_AT = 8;
  private static final int INCARNATION_AT = 16;
  private static final int TOPIC_ID_AT = 24;
  private static final int PARTITION_AT = 40;
  private static final int FLAGS_AT = 44;
  private static final int BASE_OFFSET_AT = 48;
  private static final int END_OFFSET_AT = 56;
  private static final int MAX_TIMESTAMP_AT = 64;
  private static final int OPEN_BYTES_AT = 72;
  private static final int RESERVED_AT = 76;

  private FrameHeader() {}

  /** Bytes of a frame with its header and filling. */
  public static long frameBytes(int payloadBytes) {
    return (BYTES + (long) payloadBytes + ALIGNMENT_BYTES - 1) & -ALIGNMENT_BYTES;
  }

  /**
   * Copies a batch into a block with its header before it and its filling behind it.
   *
   * @param block absolute access only; position and limit are left alone
   * @param at where in the block the frame begins
   * @param framePosition position of the frame in the WAL
   * @param openBytes of the payload
   */
  public static void write(
      ByteBuffer block,
      int at,
      long framePosition,
      long incarnation,
      Batch batch,
      int openBytes,
      CRC32C crc) {
    ByteBuffer payload = batch.payload();
    int payloadBytes = payload.remaining();
    UUID topicId = batch.stream().topicId();
    block.putInt(at + PAYLOAD_BYTES_AT, payloadBytes);
    block.putLong(at + POSITION_AT, framePosition + BYTES);
    block.putLong(at + INCARNATION_AT, incarnation);
    block.putLong(at + TOPIC_ID_AT, topicId.getMostSignificantBits());
    block.putLong(at + TOPIC_ID_AT + Long.BYTES, topicId.getLeastSignificantBits());
    block.putInt(at + PARTITION_AT, batch.stream().partition());
    block.putInt(at + FLAGS_AT, batch.flags());
    block.putLong(at + BASE_OFFSET_AT, batch.baseOffset());
    block.putLong(at + END_OFFSET_AT, batch.endOffset());
    block.putLong(at + MAX_TIMESTAMP_AT, batch.maxTimestampMs());
    block.putInt(at + OPEN_BYTES_AT, openBytes);
    block.putInt(at + RESERVED_AT, 0);
    block.put(at + BYTES, payload, payload.position(), payloadBytes);
    int endOfFrame = at + Math.toIntExact(frameBytes(payloadBytes));
    for (int i = at + BYTES + payloadBytes; i < endOfFrame; i++) {
      block.put(i, (byte) 0);
    }
    block.putInt(at + CRC_AT, crcOf(block, at, openBytes, crc));
  }

  /**
   * Whether a whole frame stands at an index, as it was written there.
   *
   * @param at where in the buffer the frame begins
   * @param limit index that the frame must not pass
   * @param framePosition that the frame must state
   * @return null when it does, else what is wrong, for a person
   */
  public static @Nullable String defect(
      ByteBuffer buffer,
      int at,
      int limit,
      long framePosition,
      PayloadVerifier verifier,
      CRC32C crc) {
    if (at + BYTES > limit) {
      return "the frame header passes the end of the block";
    }
    int payloadBytes = payloadBytes(buffer, at);
    int openBytes = buffer.getInt(at + OPEN_BYTES_AT);
    if (payloadBytes < 0 || payloadBytes > limit - at - BYTES) {
      return "the frame's payload of " + payloadBytes + " bytes passes the end of the block";
    }
    if (openBytes < 0 || openBytes > payloadBytes) {
      return "the frame leaves open " + openBytes + " of " + payloadBytes + " bytes";
    }
    if (buffer.getLong(at + POSITION_AT) != framePosition + BYTES) {
      return "the frame states position " + buffer.getLong(at + POSITION_AT);
    }
    int stored = buffer.getInt(at + CRC_AT);
    int computed = crcOf(buffer, at, openBytes, crc);
    if (stored != computed) {
      return "the frame's checksum is "
          + Integer.toHexString(computed)
          + ", stored is "
          + Integer.toHexString(stored);
    }
    if (openBytes < payloadBytes
        && !verifier.intact(buffer.slice(at + BYTES, payloadBytes), openBytes)) {
      return "the payload's own checksum does not match";
    }
    if (buffer.getLong(at + BASE_OFFSET_AT) < 0
        || buffer.getLong(at + END_OFFSET_AT) <= buffer.getLong(at + BASE_OFFSET_AT)) {
      return "the frame's offsets are not a range";
    }
    return null;
  }

  /** Bytes of payload that the frame at an index states. */
  public static int payloadBytes(ByteBuffer buffer, int at) {
    return buffer.getInt(at + PAYLOAD_BYTES_AT);
  }

  static long incarnation(ByteBuffer buffer, int at) {
    return buffer.getLong(at + INCARNATION_AT);
  }

  /** The batch of a frame without defect; its payload is a slice of the buffer. */
  public static Batch batch(ByteBuffer buffer, int at) {
    UUID topicId =
        new UUID(buffer.getLong(at + TOPIC_ID_AT), buffer.getLong(at + TOPIC_ID_AT + Long.BYTES));
    return new Batch(
        new StreamId(topicId, buffer.getInt(at + PARTITION_AT)),
        buffer.getLong(at + BASE_OFFSET_AT),
        buffer.getLong(at + END_OFFSET_AT),
        buffer.getLong(at + MAX_TIMESTAMP_AT),
        buffer.getInt(at + FLAGS_AT),
        buffer.slice(at + BYTES, payloadBytes(buffer, at)));
  }

  private static int crcOf(ByteBuffer buffer, int at, int openBytes, CRC32C crc) {
    crc.reset();
    crc.update(buffer.slice(at + PAYLOAD_BYTES_AT, BYTES - PAYLOAD_BYTES_AT + openBytes));
    return (int) crc.getValue();
  }
}
