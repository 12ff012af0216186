package io.spillway.wal;

import java.nio.ByteBuffer;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;

/**
 * A write-ahead log: a batch is durable before its append completes, and appends complete in order.
 *
 * <p>Life: {@link #recover} once, then appends, then {@link #close}. Positions grow forever, with
 * the bytes; what a difference of two means is the WAL's own affair. A trim gives the space below a
 * position back. All methods but {@code recover} and {@code close} are safe for any thread and
 * never block.
 */
public interface WriteAheadLog extends AutoCloseable {

  /** Identifies what is stored, over all incarnations; known before {@link #recover} (P3). */
  UUID walId();

  /** Whether what it holds is in the object store, where others can read it (P13). */
  default boolean isInObjectStore() {
    return false;
  }

  /** Who writes. Known after {@link #recover}; fails before. */
  WriterIncarnation writer();

  /**
   * Streams every frame at or above the trim position to the visitor, in append order, and opens a
   * new incarnation for writing (P26, P27). Blocks; memory use is bounded by a few blocks.
   *
   * @return where appends go on
   * @throws WalException.Corrupt when what is stored is damaged rather than torn
   */
  long recover(RecoveredFrameVisitor visitor);

  /**
   * Takes room for {@code bytes} of payload. The only place where {@link WalException.Full}, {@link
   * WalException.Unavailable} and {@link WalException.Fenced} are thrown before an offset is
   * assigned (P29).
   *
   * @param internal whether the share kept for internal topics may be used (P35)
   * @return the reserved bytes, frame overhead included; hand them to one {@link #append}, or to
   *     {@link #cancel}
   */
  Reservation reserve(int bytes, boolean internal);

  /** Gives an unused reservation back. */
  void cancel(Reservation reservation);

  /**
   * Queues a batch. The order of calls for one stream is its order in the WAL; between clients,
   * turns decide. Completions come in WAL order. Reads the payload until the listener is told; the
   * caller keeps ownership of its memory and may free it then.
   *
   * @param weightKey whose turn it is in the deficit round-robin between clients; 0 for internal
   *     traffic. Batches of one stream always keep their order.
   */
  void append(Reservation reservation, Batch batch, long weightKey, AppendListener listener);

  /**
   * Reads a payload back. The buffer is the caller's. Completes exceptionally with {@link
   * WalException.Corrupt} when the bytes are not those that were written, {@link
   * WalException.Unavailable} when the position is trimmed or the WAL closed.
   *
   * <p>Completion runs on a WAL read thread: must not block.
   */
  CompletableFuture<ByteBuffer> read(long position, int sizeBytes);

  /**
   * Everything below {@code position} may be reused. Only ever called with a position that the
   * catalog already holds (P17). Lower positions than before are ignored. Before {@link #recover}
   * it tells the recovery where to begin; what is trimmed but not yet reused may else be seen again
   * after a restart.
   */
  void trim(long position);

  /** A momentary view for metrics and back-pressure. */
  WalUsage usage();

  /** Completes what was appended, then stops. Idempotent. */
  @Override
  void close();

  /** Sees each recovered frame once. */
  @FunctionalInterface
  interface RecoveredFrameVisitor {
    /**
     * @param position as in {@link DurableFrame#position}
     * @param batch its payload is valid during the call only
     */
    void onFrame(long position, Batch batch);
  }

  /** Room taken by {@link #reserve}. */
  record Reservation(long bytes, boolean internal) {}

  /**
   * @param capacityBytes what the WAL can hold
   * @param usedBytes not yet trimmed or reserved
   * @param memoryBytes blocks in memory
   * @param deviceWrites since open
   * @param writtenBytes since open
   * @param waitingBytes of those used, not durable yet, where that is bounded apart
   * @param waitingCapacityBytes most that may wait; 0: it is not bounded apart
   */
  record WalUsage(
      long capacityBytes,
      long usedBytes,
      long memoryBytes,
      long deviceWrites,
      long writtenBytes,
      long waitingBytes,
      long waitingCapacityBytes) {

    /** Of a WAL that bounds only what it holds. */
    public WalUsage(
        long capacityBytes,
        long usedBytes,
        long memoryBytes,
        long deviceWrites,
        long writtenBytes) {
      this(capacityBytes, usedBytes, memoryBytes, deviceWrites, writtenBytes, 0, 0);
    }
  }
}
