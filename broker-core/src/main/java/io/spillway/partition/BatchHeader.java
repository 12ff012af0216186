package io.spillway.partition;

import java.nio.ByteBuffer;
import java.util.zip.CRC32C;

/**
 * The header of a record batch of magic 2, read and patched in place at the buffer's position.
 *
 * <pre>
 * field                 type   byte  covered by the batch's CRC32C
 * baseOffset            int64     0  no
 * batchLength           int32     8  no   (bytes after this field)
 * partitionLeaderEpoch  int32    12  no
 * magic                 int8     16  no
 * crc                   int32    17  -
 * attributes            int16    21  yes  (0-2 codec, 3 LogAppendTime, 4 transactional, 5 control)
 * lastOffsetDelta       int32    23  yes
 * baseTimestamp         int64    27  yes  (ms)
 * maxTimestamp          int64    35  yes  (ms)
 * producerId            int64    43  yes
 * producerEpoch         int16    51  yes
 * baseSequence          int32    53  yes
 * recordCount           int32    57  yes
 * </pre>
 *
 * Source: Apache Kafka, "Record Batch" in the protocol documentation (KIP-98).
 */
final class BatchHeader {

  static final int SIZE_BYTES = 61;

  /** Base offset and length: what must be there to know the size of a batch. */
  static final int LOG_OVERHEAD_BYTES = 12;

  /** The least that {@code batchLength} can say of any batch, old formats included. */
  static final int MIN_LENGTH = 14;

  private static final int LENGTH = 8;
  private static final int LEADER_EPOCH = 12;
  private static final int MAGIC = 16;
  private static final int CRC = 17;
  private static final int ATTRIBUTES = 21;
  private static final int LAST_OFFSET_DELTA = 23;
  private static final int BASE_TIMESTAMP = 27;
  private static final int MAX_TIMESTAMP = 35;
  private static final int PRODUCER_ID = 43;
  private static final int PRODUCER_EPOCH = 51;
  private static final int BASE_SEQUENCE = 53;
  private static final int RECORD_COUNT = 57;

  private static final int CODEC_MASK = 0x07;
  private static final int LOG_APPEND_TIME = 0x08;
  private static final int TRANSACTIONAL = 0x10;
  private static final int CONTROL = 0x20;

  private BatchHeader() {}

  static long baseOffset(ByteBuffer batch) {
    return batch.getLong(batch.position());
  }

  /** What {@code batchLength} says, unchecked. */
  static int length(ByteBuffer batch) {
    return batch.getInt(batch.position() + LENGTH);
  }

  /** Bytes of the whole batch. */
  static int sizeBytes(ByteBuffer batch) {
    return LOG_OVERHEAD_BYTES + length(batch);
  }

  static int leaderEpoch(ByteBuffer batch) {
    return batch.getInt(batch.position() + LEADER_EPOCH);
  }

  static byte magic(ByteBuffer batch) {
    return batch.get(batch.position() + MAGIC);
  }

  static short attributes(ByteBuffer batch) {
    return batch.getShort(batch.position() + ATTRIBUTES);
  }

  static int codec(ByteBuffer batch) {
    return attributes(batch) & CODEC_MASK;
  }

  static boolean isLogAppendTime(ByteBuffer batch) {
    return (attributes(batch) & LOG_APPEND_TIME) != 0;
  }

  static boolean isTransactional(ByteBuffer batch) {
    return (attributes(batch) & TRANSACTIONAL) != 0;
  }

  static boolean isControl(ByteBuffer batch) {
    return (attributes(batch) & CONTROL) != 0;
  }

  static int lastOffsetDelta(ByteBuffer batch) {
    return batch.getInt(batch.position() + LAST_OFFSET_DELTA);
  }

  static long baseTimestamp(ByteBuffer batch) {
    return batch.getLong(batch.position() + BASE_TIMESTAMP);
  }

  static long maxTimestamp(ByteBuffer batch) {
    return batch.getLong(batch.position() + MAX_TIMESTAMP);
  }

  static long producerId(ByteBuffer batch) {
    return batch.getLong(batch.position() + PRODUCER_ID);
  }

  static short producerEpoch(ByteBuffer batch) {
    return batch.getShort(batch.position() + PRODUCER_EPOCH);
  }

  static int baseSequence(ByteBuffer batch) {
    return batch.getInt(batch.position() + BASE_SEQUENCE);
  }

  static int recordCount(ByteBuffer batch) {
    return batch.getInt(batch.position() + RECORD_COUNT);
  }

  static boolean isCrcValid(ByteBuffer batch) {
    return batch.getInt(batch.position() + CRC) == computeCrc(batch);
  }

  /** Both fields lie outside the CRC. */
  static void assign(ByteBuffer batch, long baseOffset, int leaderEpoch) {
    batch.putLong(batch.position(), baseOffset);
    batch.putInt(batch.position() + LEADER_EPOCH, leaderEpoch);
  }

  /** Corrects what the producer said, and computes the CRC anew. */
  static void setMaxTimestamp(ByteBuffer batch, long timestampMs) {
    batch.putLong(batch.position() + MAX_TIMESTAMP, timestampMs);
    batch.putInt(batch.position() + CRC, computeCrc(batch));
  }

  /** Makes it a batch of LogAppendTime and computes the CRC anew. */
  static void stampLogAppendTime(ByteBuffer batch, long timestampMs) {
    batch.putShort(batch.position() + ATTRIBUTES, (short) (attributes(batch) | LOG_APPEND_TIME));
    batch.putLong(batch.position() + MAX_TIMESTAMP, timestampMs);
    batch.putInt(batch.position() + CRC, computeCrc(batch));
  }

  private static int computeCrc(ByteBuffer batch) {
    ByteBuffer covered = batch.duplicate();
    covered.limit(batch.position() + sizeBytes(batch));
    covered.position(batch.position() + ATTRIBUTES);
    CRC32C crc = new CRC32C();
    crc.update(covered);
    return (int) crc.getValue();
  }
}
