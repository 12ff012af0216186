package io.spillway.partition;

import io.spillway.partition.TransactionVerifier.Question;
import io.spillway.stream.FetchedData;
import java.nio.ByteBuffer;
import java.util.concurrent.CompletableFuture;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.protocol.Errors;

/**
 * A partition this broker leads, as the coordinators and the admin handlers see it; produce and
 * fetch have a richer view. Safe for any thread.
 */
public interface Partition {

  TopicPartition topicPartition();

  Uuid topicId();

  int leaderEpoch();

  long logStartOffset();

  /** Exclusive bound of durable data (HW). */
  long highWatermark();

  /** Exclusive bound for read_committed (LSO). */
  long lastStableOffset();

  /** Next offset to assign (LEO). */
  long logEndOffset();

  /** Bytes at or above the log start. */
  long sizeBytes();

  /** Appends what belongs to no transaction; see the other one. */
  default long appendInternal(ByteBuffer batches) {
    return appendInternal(batches, TransactionGuard.NONE, (short) 0);
  }

  /**
   * Appends batches made by a coordinator of this broker, markers included. Copies the bytes before
   * it returns (P32); throws a Kafka {@code ApiException} only before an offset is assigned.
   *
   * @param guard from {@link #verifyTransaction} for a transactional batch
   * @param transactionVersion by which a marker is judged
   * @return the end offset; durable when the high watermark reaches it
   */
  long appendInternal(ByteBuffer batches, TransactionGuard guard, short transactionVersion);

  /**
   * Has a transaction verified with its coordinator before a coordinator of this broker appends the
   * first batch of it here (P29). Completes on any thread.
   *
   * @return fails with the coordinator's error, or with a Kafka {@code ApiException} of the
   *     partition
   */
  CompletableFuture<TransactionGuard> verifyTransaction(
      String transactionalId, long producerId, short producerEpoch, Question question);

  /**
   * Ends a transaction in this partition; no coordinator of this broker may own what is in it
   * (P33). A marker waits until the partition is open. It may use what of the WAL is kept for
   * internal traffic (P35). Completes on any thread, and never fails.
   *
   * @return NONE once the marker is durable, and the last stable offset past it; else the error
   */
  CompletableFuture<Errors> appendMarker(TransactionMarker marker);

  /** Told of each new high watermark, in order, never under the partition's lock (P32). */
  void addHighWatermarkListener(HighWatermarkListener listener);

  void removeHighWatermarkListener(HighWatermarkListener listener);

  /**
   * Reads whole batches below the high watermark, from the one that holds {@code offset}: about
   * {@code maxBytes}, at least one batch; empty at the high watermark.
   */
  CompletableFuture<FetchedData> read(long offset, int maxBytes);

  /** DeleteRecords: moves the log start to {@code offset}, -1 for the high watermark. */
  CompletableFuture<Long> deleteRecords(long offset);

  @FunctionalInterface
  interface HighWatermarkListener {
    void onHighWatermark(TopicPartition tp, long highWatermark);

    /** P30: what was appended above the high watermark is void; reload. */
    default void onTruncated(TopicPartition tp, long endOffset) {}
  }
}
