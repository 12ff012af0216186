package io.spillway.compaction;

import io.spillway.stream.StoredBatch;
import java.util.List;
import java.util.function.Consumer;
import org.apache.kafka.common.record.internal.MemoryRecords;
import org.apache.kafka.common.record.internal.Record;
import org.apache.kafka.common.record.internal.RecordBatch;
import org.apache.kafka.common.utils.internals.BufferSupplier;
import org.apache.kafka.common.utils.internals.CloseableIterator;

/**
 * Learns the last offset of each key of a dirty range. Where the map is full it stops: {@link
 * #endOffset} says how far it came. Batches come in offset order.
 */
final class DirtyKeys implements Consumer<StoredBatch> {

  /** A record that decompresses to more than that is not compacted. */
  static final int MAX_RECORD_BYTES = 128 << 20;

  private final KeyOffsets keys;
  private final long fromOffset;
  private final Transactions transactions;
  private final BufferSupplier buffers;
  private long endOffset;
  private boolean isFull;

  /**
   * @param fromOffset what is below is clean
   */
  DirtyKeys(KeyOffsets keys, long fromOffset, List<AbortedRange> aborted, BufferSupplier buffers) {
    this.keys = keys;
    this.fromOffset = fromOffset;
    this.transactions = new Transactions(aborted);
    this.buffers = buffers;
    this.endOffset = fromOffset;
  }

  @Override
  public void accept(StoredBatch stored) {
    if (isFull || stored.endOffset() <= fromOffset) {
      return;
    }
    for (RecordBatch batch : MemoryRecords.readableRecords(stored.bytes()).batches()) {
      if (batch.isControlBatch()) {
        transactions.isOfNothing(batch);
      } else if (!transactions.isAborted(batch)) {
        learn(batch);
      }
    }
    if (!isFull) {
      endOffset = stored.endOffset();
    }
  }

  private void learn(RecordBatch batch) {
    try (CloseableIterator<Record> records = batch.streamingIterator(buffers, MAX_RECORD_BYTES)) {
      while (records.hasNext() && !isFull) {
        Record record = records.next();
        if (record.hasKey()
            && record.offset() >= fromOffset
            && !keys.put(record.key(), record.offset())) {
          isFull = true;
          endOffset = record.offset();
        }
      }
    }
  }

  /** The last offset of every key below is known; what is at or above stays. */
  long endOffset() {
    return endOffset;
  }

  boolean isFull() {
    return isFull;
  }
}
