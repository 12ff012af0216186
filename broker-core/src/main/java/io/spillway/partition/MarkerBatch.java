package io.spillway.partition;

import java.nio.ByteBuffer;
import java.util.Iterator;
import org.apache.kafka.common.record.internal.ControlRecordType;
import org.apache.kafka.common.record.internal.EndTransactionMarker;
import org.apache.kafka.common.record.internal.MemoryRecords;
import org.apache.kafka.common.record.internal.Record;
import org.jspecify.annotations.Nullable;

/** A marker as the log holds it: a control batch of one record, Kafka's own format (KIP-98). */
final class MarkerBatch {

  private MarkerBatch() {}

  /** Without an offset yet. */
  static ByteBuffer of(TransactionMarker marker, long timestampMs) {
    ControlRecordType type =
        marker.committed() ? ControlRecordType.COMMIT : ControlRecordType.ABORT;
    return MemoryRecords.withEndTransactionMarker(
            timestampMs,
            marker.producerId(),
            marker.producerEpoch(),
            new EndTransactionMarker(type, marker.coordinatorEpoch()))
        .buffer();
  }

  /**
   * @param bytes a whole control batch, from position on
   * @param transactionVersion of who wrote it; the log does not tell
   * @return null when it ends no transaction
   */
  static @Nullable TransactionMarker read(ByteBuffer bytes, short transactionVersion) {
    ByteBuffer batch = bytes.duplicate();
    batch.limit(batch.position() + BatchHeader.sizeBytes(batch));
    Iterator<Record> records = MemoryRecords.readableRecords(batch.slice()).records().iterator();
    if (!records.hasNext()) {
      return null; // compaction left the batch and took the record
    }
    Record record = records.next();
    ControlRecordType type = ControlRecordType.parse(record.key());
    if (type != ControlRecordType.COMMIT && type != ControlRecordType.ABORT) {
      return null;
    }
    return new TransactionMarker(
        BatchHeader.producerId(bytes),
        BatchHeader.producerEpoch(bytes),
        type == ControlRecordType.COMMIT,
        EndTransactionMarker.deserialize(record).coordinatorEpoch(),
        transactionVersion);
  }
}
