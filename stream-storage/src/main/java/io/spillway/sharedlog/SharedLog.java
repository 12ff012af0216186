package io.spillway.sharedlog;

import java.nio.ByteBuffer;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;

/**
 * A log of numbered immutable records in a bucket. Number {@code n} belongs to whoever created it;
 * a loser reads it, replays it, and decides again. Checkpoints bound the replay.
 *
 * <p>Numbers start at 0 and have no gaps. The caller keeps at most one create under way (P4).
 * Transient store failures are retried inside with jittered back-off, ambiguous creates are
 * resolved inside (P5); a future fails only with a {@link SharedLogException} (damage, another
 * cluster's log, a newer format) or when the log is closed.
 */
public interface SharedLog extends AutoCloseable {

  /**
   * The newest checkpoint, if any, and the number replay starts at. Also fails with {@link
   * io.spillway.object.ObjectStoreException.Refused} when the store will not be used by anybody
   * without an operator: no such bucket, access denied.
   */
  CompletableFuture<Start> open();

  /**
   * Instead of {@link #open}, for a caller that has the state after record {@code number} already:
   * that record, when replay may go on behind it. Empty when there is a checkpoint of a later
   * record, or no such record that can be read: then {@link #open} tells where to begin.
   */
  CompletableFuture<Optional<ByteBuffer>> resume(long number);

  /**
   * Tries to make {@code body} record {@code number}, the number after the newest known one. Fails
   * with {@link SharedLogException.Overtaken} when a checkpoint has passed the number: the record
   * may be part of it.
   */
  CompletableFuture<Created> create(long number, List<ByteBuffer> body);

  /**
   * Record {@code number}, or empty when it does not exist yet (P6: the answer counts, because the
   * implementation checks that no newer checkpoint has passed the number; a reader that has been
   * overtaken gets {@link SharedLogException.Overtaken} and starts again from {@link #open}).
   */
  CompletableFuture<Optional<ByteBuffer>> read(long number);

  /** Up to {@code limit} consecutive records from {@code number}; fewer at the end of the log. */
  CompletableFuture<List<ByteBuffer>> readFrom(long number, int limit);

  /**
   * Stores the state that results from records 0 to {@code number}, both included, then deletes the
   * records that the second-newest checkpoint, read back and verified, makes superfluous (P7).
   */
  CompletableFuture<Void> checkpoint(long number, List<ByteBuffer> state);

  /**
   * The cluster that the log belongs to: stands in every object, the first record decides. Known
   * after {@link #open}, and final once the log holds a record.
   */
  UUID clusterId();

  /** Fails what is under way with {@link SharedLogException.Closed}. The store stays open. */
  @Override
  void close();

  /**
   * @param checkpoint the newest checkpoint's state, if there is one
   * @param nextNumber the first number to replay
   */
  record Start(Optional<ByteBuffer> checkpoint, long nextNumber) {}

  /**
   * @param won whether the number is this call's
   * @param record what the number holds: the caller's body, or the winner's
   */
  record Created(boolean won, ByteBuffer record) {}
}
