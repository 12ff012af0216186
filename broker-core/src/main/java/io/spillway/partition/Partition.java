package io.spillway.partition;

import io.spillway.stream.FetchedData;
import java.nio.ByteBuffer;
import java.util.concurrent.CompletableFuture;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.Uuid;

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

  /**
   * Appends batches made by a coordinator of this broker. Copies the bytes before it returns (P32);
   * throws a Kafka {@code ApiException} only before an offset is assigned.
   *
   * @return the end offset; durable when the high watermark reaches it
   */
  long appendInternal(ByteBuffer batches);

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
