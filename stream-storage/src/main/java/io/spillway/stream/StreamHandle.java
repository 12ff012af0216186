package io.spillway.stream;

import io.spillway.catalog.StreamCatalog.EpochStart;
import io.spillway.stream.StreamStore.StateAt;
import io.spillway.wal.Batch;
import io.spillway.wal.StreamId;
import io.spillway.wal.WalException;
import io.spillway.wal.WriteAheadLog.Reservation;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;

/**
 * A stream this broker may write. The caller assigns offsets and calls {@link #append} in their
 * order; the handle owns durability, the high watermark and reads.
 */
public interface StreamHandle {

  StreamId id();

  int leaderEpoch();

  long logStartOffset();

  /** Exclusive bound of durable data (HW). Never goes back. */
  long highWatermark();

  /** Everything below is in objects. */
  long committedEndOffset();

  /** Leader epochs with their start offsets, ascending, this epoch's included (KIP-101). */
  List<EpochStart> epochs();

  /** The newest checkpoint: {@code state} is the state at exactly that offset (P22). */
  Optional<StateAt> checkpoint();

  /**
   * Keeps a checkpoint at {@code offset} or above, as one must who trims what the state above would
   * otherwise be rebuilt from (P22); uploads what is below it first. Completes at once when there
   * is such a checkpoint.
   *
   * @param offset at most the high watermark
   */
  CompletableFuture<Void> commitCheckpoint(long offset);

  /**
   * Queues a batch whose base offset is the end offset of the batch before it. The payload is read
   * until the listener is told. Takes the reservation, also when it throws; then nothing else has
   * changed.
   *
   * @param clientKey whose turn it is between clients; 0 for internal traffic
   */
  void append(Reservation reservation, Batch batch, long clientKey, Listener listener);

  /**
   * Reads whole batches from the one that holds {@code offset} up to {@code endOffset}, about
   * {@code maxBytes} but at least one batch; empty when {@code offset ≥ endOffset}.
   *
   * @param endOffset exclusive, at most the high watermark
   * @param clientKey whose turn it is between clients that read what is not in memory; 0 for the
   *     broker itself
   * @return completes at once, in the call, when the data is in memory (the tail); else on a read
   *     thread. Fails with {@link StreamException}
   */
  CompletableFuture<FetchedData> fetch(long offset, long endOffset, int maxBytes, long clientKey);

  /** {@link #fetch(long, long, int, long)} for the broker itself. */
  default CompletableFuture<FetchedData> fetch(long offset, long endOffset, int maxBytes) {
    return fetch(offset, endOffset, maxBytes, 0);
  }

  /**
   * Where to look for the first record whose timestamp ≥ {@code timestampMs}: the base offset of
   * the first batch at or above the log start whose largest timestamp is. Empty when there is none.
   */
  CompletableFuture<Optional<Long>> findBatchByTimestamp(long timestampMs);

  /** Base offset of the batch with the largest timestamp, if there is a batch. */
  CompletableFuture<Optional<Long>> findBatchOfMaxTimestamp();

  /** Moves the log start forward (P18); completes when that is durable. Never moves it back. */
  CompletableFuture<Void> trim(long newLogStartOffset);

  /** Bytes of batches at or above the log start, in objects and in the WAL. */
  long sizeBytes();

  /**
   * Parts of the stream in offset order for retention: extents in objects, then at most one entry
   * for what is in the WAL alone.
   */
  List<Part> parts();

  /** P12: uploads what is durable, then gives the stream up. No append may be under way. */
  CompletableFuture<Void> close();

  /** Told what became of an append; called on the WAL's thread, in offset order. */
  interface Listener {
    /** The batch is durable: {@link StreamHandle#highWatermark} is already at its end offset. */
    void onDurable(Batch batch);

    /** P30: the batch and all later ones are void. */
    void onFailure(Batch batch, WalException cause);
  }

  /**
   * @param maxTimestampMs largest timestamp in it, or -1
   */
  record Part(long baseOffset, long endOffset, long sizeBytes, long maxTimestampMs) {}
}
