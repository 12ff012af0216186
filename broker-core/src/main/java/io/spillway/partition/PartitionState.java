package io.spillway.partition;

import io.spillway.stream.StreamException;
import io.spillway.stream.StreamHandle;
import io.spillway.wal.StreamId;
import io.spillway.wal.WalException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.errors.ApiException;
import org.apache.kafka.common.errors.KafkaStorageException;
import org.apache.kafka.common.errors.NotLeaderOrFollowerException;
import org.apache.kafka.common.protocol.Errors;
import org.jspecify.annotations.Nullable;

/**
 * What the parts of one partition share. What is volatile is read by any thread; it is changed
 * under the lock, the handle excepted, which a claim may set first.
 */
final class PartitionState {

  /** Life: opening → open → resigned; a new epoch of the same leader goes back to opening. */
  enum Phase {
    OPENING,
    OPEN,
    /** What is stored cannot be read: nothing but an operator helps. */
    FAILED,
    RESIGNED
  }

  final TopicPartition tp;
  final Uuid topicId;
  final StreamId streamId;
  final PartitionRuntime runtime;

  /**
   * Guards this and the state of every part; held for microseconds, never while anything outside is
   * told.
   */
  final Object lock = new Object();

  volatile Phase phase = Phase.OPENING;
  volatile int leaderEpoch;
  volatile @Nullable StreamHandle handle;
  volatile long logEndOffset;

  /** P30: an append failed, and those behind it are failing; guarded by the lock. */
  boolean truncating;

  PartitionState(
      TopicPartition tp,
      Uuid topicId,
      StreamId streamId,
      int leaderEpoch,
      PartitionRuntime runtime) {
    this.tp = tp;
    this.topicId = topicId;
    this.streamId = streamId;
    this.leaderEpoch = leaderEpoch;
    this.runtime = runtime;
  }

  /** -1 before the first claim. */
  long highWatermark() {
    StreamHandle current = handle;
    return current == null ? -1 : current.highWatermark();
  }

  /** -1 before the first claim. */
  long logStartOffset() {
    StreamHandle current = handle;
    return current == null ? -1 : current.logStartOffset();
  }

  /** Whether it will never be open again. */
  boolean isOver() {
    Phase now = phase;
    return now == Phase.FAILED || now == Phase.RESIGNED;
  }

  /** The claimed stream while requests are served, else null. */
  @Nullable StreamHandle openHandle() {
    return phase == Phase.OPEN ? handle : null;
  }

  /** Why nothing is served now. */
  ApiException unavailable() {
    return phase == Phase.FAILED
        ? new KafkaStorageException("partition " + tp + " cannot be read; see the broker's log")
        : new NotLeaderOrFollowerException("this broker does not lead partition " + tp);
  }

  /** What a storage failure tells the producer. */
  static Errors errorOf(RuntimeException cause) {
    if (cause instanceof WalException.Full) {
      return Errors.NOT_ENOUGH_REPLICAS;
    }
    if (cause instanceof WalException.Fenced || cause instanceof StreamException.Fenced) {
      return Errors.NOT_LEADER_OR_FOLLOWER;
    }
    return Errors.KAFKA_STORAGE_ERROR;
  }

  static String message(RuntimeException cause) {
    return String.valueOf(cause.getMessage());
  }
}
