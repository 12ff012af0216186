package io.spillway.upload;

import io.spillway.cache.WalFrame;
import io.spillway.stream.StreamStore.StateAt;
import io.spillway.wal.StreamId;
import java.util.List;
import java.util.Optional;

/** A stream with batches in the WAL, as the upload sees it. Safe for any thread. */
public interface UploadSource {

  StreamId id();

  /** Everything below is committed. */
  long committedEndOffset();

  /** Exclusive bound of durable batches. */
  long durableEndOffset();

  /**
   * Exclusive bound of durable batches whose frames begin at or below the WAL position; the
   * committed end when there is none.
   */
  long durableEndOffsetUpTo(long walPosition);

  /** Bytes of batches from the committed end to {@code endOffset}, a batch boundary. */
  long pendingBytesBelow(long endOffset);

  /** Bytes of batches from the committed to the durable end. */
  long pendingBytes();

  /**
   * The next frames from {@code fromOffset}, a batch boundary: at least one if there is one below
   * {@code endOffset}, at most {@code maxFrames}, about {@code maxBytes}. Slices in memory are
   * retained for the caller.
   */
  List<WalFrame> frames(long fromOffset, long endOffset, long maxBytes, int maxFrames);

  /** WAL position of the first frame that ends above {@code offset}; MAX_VALUE without one. */
  long firstPositionAbove(long offset);

  /** P22: the state of the layer above now. Called without any lock held. */
  Optional<StateAt> captureCheckpoint();

  /**
   * The catalog holds everything below {@code endOffset}.
   *
   * @return bytes that waited until now and wait no more
   */
  long onCommitted(long endOffset);

  /**
   * The stream is deleted or another's: what waits will never be committed.
   *
   * @return bytes that wait no more
   */
  long onLost(String reason);
}
