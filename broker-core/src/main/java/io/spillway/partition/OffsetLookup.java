package io.spillway.partition;

import io.spillway.stream.FetchedData;
import java.nio.ByteBuffer;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import org.apache.kafka.common.errors.CorruptRecordException;
import org.apache.kafka.common.record.internal.MemoryRecords;
import org.apache.kafka.common.record.internal.Record;
import org.apache.kafka.common.record.internal.RecordBatch;
import org.apache.kafka.common.utils.internals.BufferSupplier;
import org.apache.kafka.common.utils.internals.CloseableIterator;
import org.jspecify.annotations.Nullable;

/**
 * Finds the exact record for ListOffsets: storage names the batch, the records in it are read on a
 * worker.
 */
public final class OffsetLookup {

  private static final int CHUNK_BYTES = 64 << 10;

  private final Executor workers;

  /** A record's place; {@code leaderEpoch} is its batch's. */
  public record Found(long offset, long timestampMs, int leaderEpoch) {}

  public OffsetLookup(Executor workers) {
    this.workers = workers;
  }

  /**
   * The first record at or above the log start and below {@code endOffset} whose timestamp is ≥
   * {@code timestampMs}.
   */
  public CompletableFuture<Optional<Found>> firstAtOrAfter(
      BrokerPartition partition, long timestampMs, long endOffset) {
    return partition
        .findBatchByTimestamp(timestampMs)
        .thenCompose(
            batch ->
                batch.isEmpty()
                    ? nothing()
                    : scan(
                        partition,
                        Math.max(batch.get(), partition.logStartOffset()),
                        endOffset,
                        new FirstAtOrAfter(timestampMs, partition.logStartOffset(), endOffset)));
  }

  /** The first record with the largest timestamp, if there is a record with one. */
  public CompletableFuture<Optional<Found>> ofMaxTimestamp(
      BrokerPartition partition, long endOffset) {
    return partition
        .findBatchOfMaxTimestamp()
        .thenCompose(
            batch ->
                batch.isEmpty()
                    ? nothing()
                    : scan(
                        partition,
                        Math.max(batch.get(), partition.logStartOffset()),
                        endOffset,
                        new MaxOfFirstBatch(partition.logStartOffset(), endOffset)));
  }

  private static CompletableFuture<Optional<Found>> nothing() {
    return CompletableFuture.completedFuture(Optional.empty());
  }

  /** Reads on until the search has ended. */
  private CompletableFuture<Optional<Found>> scan(
      BrokerPartition partition, long offset, long endOffset, Search search) {
    if (offset >= endOffset) {
      return nothing();
    }
    return partition
        .read(offset, endOffset, CHUNK_BYTES, 0)
        .thenComposeAsync(
            data -> {
              long next = readAll(data, search);
              return search.ended || next <= offset
                  ? CompletableFuture.completedFuture(Optional.ofNullable(search.found))
                  : scan(partition, next, endOffset, search);
            },
            workers);
  }

  private static long readAll(FetchedData data, Search search) {
    try (data) {
      BatchReader.forEachBatch(
          data.buffers(),
          batch -> {
            if (!search.ended) {
              search.onBatch(batch);
            }
          });
      return data.nextOffset();
    } catch (IllegalArgumentException e) {
      throw new CorruptRecordException(String.valueOf(e.getMessage()), e);
    }
  }

  private abstract static class Search {
    boolean ended;
    @Nullable Found found;

    /** Looks at a whole batch, position to at least its size. */
    abstract void onBatch(ByteBuffer batch);

    static RecordBatch batchOf(ByteBuffer bytes) {
      ByteBuffer one = bytes.duplicate();
      one.limit(one.position() + BatchHeader.sizeBytes(one));
      return MemoryRecords.readableRecords(one.slice()).batches().iterator().next();
    }
  }

  private static final class FirstAtOrAfter extends Search {
    private final long timestampMs;
    private final long logStartOffset;
    private final long endOffset;

    FirstAtOrAfter(long timestampMs, long logStartOffset, long endOffset) {
      this.timestampMs = timestampMs;
      this.logStartOffset = logStartOffset;
      this.endOffset = endOffset;
    }

    @Override
    void onBatch(ByteBuffer bytes) {
      if (BatchHeader.baseOffset(bytes) >= endOffset) {
        ended = true;
        return;
      }
      if (BatchHeader.maxTimestamp(bytes) < timestampMs) {
        return;
      }
      RecordBatch batch = batchOf(bytes);
      try (CloseableIterator<Record> records = batch.streamingIterator(BufferSupplier.NO_CACHING)) {
        while (records.hasNext() && !ended) {
          Record record = records.next();
          if (record.timestamp() >= timestampMs && record.offset() >= logStartOffset) {
            ended = true;
            if (record.offset() < endOffset) {
              found = new Found(record.offset(), record.timestamp(), batch.partitionLeaderEpoch());
            }
          }
        }
      }
    }
  }

  private static final class MaxOfFirstBatch extends Search {
    private final long logStartOffset;
    private final long endOffset;

    MaxOfFirstBatch(long logStartOffset, long endOffset) {
      this.logStartOffset = logStartOffset;
      this.endOffset = endOffset;
    }

    @Override
    void onBatch(ByteBuffer bytes) {
      ended = true;
      RecordBatch batch = batchOf(bytes);
      long largest = RecordBatch.NO_TIMESTAMP;
      try (CloseableIterator<Record> records = batch.streamingIterator(BufferSupplier.NO_CACHING)) {
        while (records.hasNext()) {
          Record record = records.next();
          if (record.timestamp() > largest
              && record.offset() >= logStartOffset
              && record.offset() < endOffset) {
            largest = record.timestamp();
            found = new Found(record.offset(), record.timestamp(), batch.partitionLeaderEpoch());
          }
        }
      }
    }
  }
}
