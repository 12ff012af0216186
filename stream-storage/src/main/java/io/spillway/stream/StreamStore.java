package io.spillway.stream;

import io.spillway.wal.StreamId;
import io.spillway.wal.WriteAheadLog.Reservation;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;

/**
 * Streams over one WAL and one bucket, for one broker. Safe for any thread; nothing blocks but
 * {@link #close}.
 */
public interface StreamStore extends AutoCloseable {

  /**
   * Becomes the stream's writer (P9-P13). Completes when appends and reads may begin: at once for a
   * stream this broker owns, or that nobody does; else after the previous writer has been drained.
   *
   * @param leaderEpoch the partition's leader epoch
   * @param metadataOffset offset of the metadata image that made this broker leader (P20)
   * @param checkpoints asked for the state above at each upload (P22)
   */
  CompletableFuture<StreamHandle> claim(
      StreamId id, int leaderEpoch, long metadataOffset, CheckpointSource checkpoints);

  /** Deletes the stream and frees its objects (P20). Fails nothing that is under way elsewhere. */
  CompletableFuture<Void> delete(StreamId id, long metadataOffset);

  /** Every stream the catalog holds, deleted ones left out: what to compare with the metadata. */
  List<StreamId> streams();

  /**
   * Takes room in the WAL before offsets are assigned (P29).
   *
   * @throws io.spillway.wal.WalException.Full when there is none
   * @throws io.spillway.wal.WalException.Unavailable when this WAL accepts nothing more
   */
  Reservation reserve(int bytes, boolean internal);

  /** Gives an unused reservation back. */
  void cancel(Reservation reservation);

  /** Uploads everything that is durable now; completes when it is committed. */
  CompletableFuture<Void> flush();

  StorageStats stats();

  /**
   * Stops: closes every stream, uploads what is left until the deadline, seals the WAL when it is
   * drained (P2). What is left stays in the WAL. Idempotent.
   *
   * @return bytes that remain in the WAL alone
   */
  long shutdown(long timeoutNanos);

  /** {@link #shutdown} without waiting for uploads. */
  @Override
  void close();

  /** State of the layer above that goes with a stream (P22). Called without any lock held. */
  @FunctionalInterface
  interface CheckpointSource {
    /** The state now, and the offset it is the state at; empty when there is nothing to keep. */
    Optional<StateAt> capture();
  }

  /** The state of the layer above at exactly {@code offset}. The bytes are not changed later. */
  record StateAt(long offset, java.nio.ByteBuffer state) {}
}
