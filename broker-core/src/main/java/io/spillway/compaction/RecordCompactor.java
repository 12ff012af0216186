package io.spillway.compaction;

import io.spillway.partition.LastBatch;
import io.spillway.stream.StoredBatch;
import io.spillway.stream.StreamRewriter.BatchFilter;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.Map;
import org.apache.kafka.common.record.internal.MemoryRecords;
import org.apache.kafka.common.record.internal.MemoryRecords.FilterResult;
import org.apache.kafka.common.record.internal.MemoryRecords.RecordFilter;
import org.apache.kafka.common.record.internal.MemoryRecords.RecordFilter.BatchRetention;
import org.apache.kafka.common.record.internal.MemoryRecords.RecordFilter.BatchRetentionResult;
import org.apache.kafka.common.record.internal.Record;
import org.apache.kafka.common.record.internal.RecordBatch;
import org.apache.kafka.common.utils.internals.BufferSupplier;
import org.jspecify.annotations.Nullable;

/**
 * Which records stay, by Kafka's rules; batches come in offset order from the log start on. A
 * record goes when a later one of its key is known, when its transaction was aborted, when it has
 * no key, and a tombstone when its delete horizon has passed. The horizon is written into a batch
 * when it is compacted first (KIP-534). A marker goes when nobody needs it ({@link Transactions})
 * and its horizon has passed.
 *
 * <p>A batch without records goes, but for the last one of each producer, whose sequence it keeps,
 * and the last one of a range, which stay as empty batches.
 *
 * <p>kafka-clients rewrites the batch: records keep offsets and timestamps, the batch its first and
 * last offset, its sequence and its codec.
 */
final class RecordCompactor implements BatchFilter {

  private final KeyOffsets keys;
  private final long endOffset;
  private final Map<Long, LastBatch> lastBatches;
  private final Transactions transactions;
  private final BufferSupplier decompression;
  private final Rules rules;
  private ByteBuffer output;
  private boolean isLastOfRange;
  private long recordsRead;
  private long recordsKept;

  /**
   * @param keys last offsets of the keys below {@code endOffset}
   * @param endOffset what is at or above stays
   * @param outputBytes memory for a batch; larger when a batch is
   */
  RecordCompactor(
      KeyOffsets keys,
      long endOffset,
      List<AbortedRange> aborted,
      Map<Long, LastBatch> lastBatches,
      long nowMs,
      long deleteRetentionMs,
      BufferSupplier decompression,
      int outputBytes) {
    this.keys = keys;
    this.endOffset = endOffset;
    this.lastBatches = lastBatches;
    this.transactions = new Transactions(aborted);
    this.decompression = decompression;
    this.rules = new Rules(nowMs, deleteRetentionMs);
    this.output = ByteBuffer.allocate(outputBytes);
  }

  long recordsRead() {
    return recordsRead;
  }

  long recordsKept() {
    return recordsKept;
  }

  @Override
  public @Nullable StoredBatch filter(StoredBatch stored, boolean isLast) {
    isLastOfRange = isLast;
    output.clear();
    FilterResult result =
        MemoryRecords.readableRecords(stored.bytes())
            .filterTo(rules, output, decompression, DirtyKeys.MAX_RECORD_BYTES);
    ByteBuffer written = result.outputBuffer();
    if (written.capacity() > output.capacity()) {
      output = written;
    }
    written.flip();
    recordsRead += result.messagesRead();
    recordsKept += result.messagesRetained();
    if (!written.hasRemaining()) {
      return null;
    }
    if (written.equals(stored.bytes())) {
      return stored;
    }
    // A batch without records is nothing to find by time.
    long maxTimestampMs = result.messagesRetained() == 0 ? -1 : result.maxTimestamp();
    return new StoredBatch(
        stored.baseOffset(), stored.endOffset(), maxTimestampMs, stored.flags(), written);
  }

  private final class Rules extends RecordFilter {
    private boolean isVoid;

    Rules(long nowMs, long deleteRetentionMs) {
      super(nowMs, deleteRetentionMs);
    }

    @Override
    protected BatchRetentionResult checkBatchRetention(RecordBatch batch) {
      boolean ofNothing = batch.isControlBatch() && transactions.isOfNothing(batch);
      isVoid =
          batch.isControlBatch()
              ? ofNothing && isPast(batch) && batch.lastOffset() < endOffset
              : transactions.isAborted(batch);
      BatchRetention empty =
          isLastOfRange || isLastOfProducer(batch)
              ? BatchRetention.RETAIN_EMPTY
              : isVoid ? BatchRetention.DELETE : BatchRetention.DELETE_EMPTY;
      return new BatchRetentionResult(empty, ofNothing);
    }

    private boolean isPast(RecordBatch batch) {
      return batch.deleteHorizonMs().isPresent()
          && batch.deleteHorizonMs().getAsLong() <= currentTime;
    }

    private boolean isLastOfProducer(RecordBatch batch) {
      LastBatch last = batch.hasProducerId() ? lastBatches.get(batch.producerId()) : null;
      if (last == null) {
        return false;
      }
      return last.lastOffset() >= 0
          ? batch.lastOffset() == last.lastOffset()
          : batch.isControlBatch() && batch.producerEpoch() == last.producerEpoch();
    }

    @Override
    protected boolean shouldRetainRecord(RecordBatch batch, Record record) {
      if (isVoid) {
        return false;
      }
      if (batch.isControlBatch() || record.offset() >= endOffset) {
        return true;
      }
      if (!record.hasKey() || record.offset() < keys.get(record.key())) {
        return false;
      }
      return record.hasValue() || !isPast(batch);
    }
  }
}
