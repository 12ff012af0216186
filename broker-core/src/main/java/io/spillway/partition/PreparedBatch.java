package io.spillway.partition;

import io.spillway.partition.ProducerStates.AppendedBatch;
import io.spillway.wal.Batch;
import java.nio.ByteBuffer;
import org.apache.kafka.common.record.internal.DefaultRecordBatch;

/** A validated batch on its way into the log. Its offsets are patched in place. */
final class PreparedBatch {

  static final long NO_TIMESTAMP = -1;

  final ByteBuffer payload;
  final int recordCount;
  final long maxTimestampMs;
  final int flags;
  final long producerId;
  final short producerEpoch;
  final int firstSequence;
  final int lastSequence;

  /** What the topic stamped on it, or {@link #NO_TIMESTAMP}. */
  final long logAppendTimeMs;

  private PreparedBatch(ByteBuffer payload, long logAppendTimeMs) {
    this.payload = payload;
    this.logAppendTimeMs = logAppendTimeMs;
    this.recordCount = BatchHeader.lastOffsetDelta(payload) + 1;
    this.maxTimestampMs = BatchHeader.maxTimestamp(payload);
    this.flags =
        (BatchHeader.isTransactional(payload) ? Batch.FLAG_TRANSACTIONAL : 0)
            | (BatchHeader.isControl(payload) ? Batch.FLAG_CONTROL : 0);
    this.producerId = BatchHeader.producerId(payload);
    this.producerEpoch = BatchHeader.producerEpoch(payload);
    this.firstSequence = BatchHeader.baseSequence(payload);
    this.lastSequence = lastSequence(payload);
  }

  /**
   * @param payload exactly one batch, position to limit
   */
  static PreparedBatch of(ByteBuffer payload, long logAppendTimeMs) {
    return new PreparedBatch(payload, logAppendTimeMs);
  }

  boolean hasProducerId() {
    return producerId >= 0;
  }

  boolean isTransactional() {
    return (flags & Batch.FLAG_TRANSACTIONAL) != 0;
  }

  boolean isControl() {
    return (flags & Batch.FLAG_CONTROL) != 0;
  }

  /** What producer state remembers of it once it has offsets. */
  AppendedBatch appendedAt(long baseOffset) {
    return new AppendedBatch(
        producerEpoch,
        firstSequence,
        lastSequence,
        baseOffset,
        baseOffset + recordCount,
        maxTimestampMs);
  }

  int sizeBytes() {
    return payload.remaining();
  }

  /** Sequences wrap from 2^31-1 to 0. */
  static int lastSequence(ByteBuffer batch) {
    int first = BatchHeader.baseSequence(batch);
    return first < 0
        ? first
        : DefaultRecordBatch.incrementSequence(first, BatchHeader.lastOffsetDelta(batch));
  }
}
