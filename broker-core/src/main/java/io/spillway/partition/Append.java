package io.spillway.partition;

import io.spillway.stream.StreamHandle;
import io.spillway.wal.Batch;
import io.spillway.wal.WalException;
import java.nio.ByteBuffer;
import java.util.List;
import org.apache.kafka.common.errors.ApiException;
import org.apache.kafka.common.protocol.Errors;
import org.jspecify.annotations.Nullable;

/** One batch from its arrival to its answer. Its fields are guarded by the partition's lock. */
final class Append implements StreamHandle.Listener {

  final ProduceBatch batch;

  /** Exactly the batch, as it came. */
  final ByteBuffer view;

  final long arrivedNanos;

  @Nullable PreparedBatch prepared;
  @Nullable BatchRefusedException refusal;
  @Nullable ApiException cause;

  /** What it is, when it ends a transaction. */
  @Nullable TransactionMarker marker;

  /** Whether it waits for that at the head of the queue. */
  boolean isBeingVerified;

  /** What it got when it had to wait for its transaction to be verified. */
  TransactionGuard guard = TransactionGuard.NONE;

  /** Whether the reservation belongs to the store, whatever happens. */
  boolean tookReservation;

  long baseOffset;
  long endOffset;
  private final Appender appender;

  Append(Appender appender, ProduceBatch batch, ByteBuffer view, long arrivedNanos) {
    this.appender = appender;
    this.batch = batch;
    this.view = view;
    this.arrivedNanos = arrivedNanos;
  }

  boolean isBeingPrepared() {
    return prepared == null && refusal == null;
  }

  PreparedBatch requirePrepared() {
    PreparedBatch batchOrNull = prepared;
    if (batchOrNull == null) {
      throw new IllegalStateException("batch is not prepared");
    }
    return batchOrNull;
  }

  String requireTransactionalId() {
    String idOrNull = batch.transactionalId();
    if (idOrNull == null) {
      throw new IllegalStateException("batch has no transactional id");
    }
    return idOrNull;
  }

  ApiException requireCause() {
    ApiException causeOrNull = cause;
    if (causeOrNull == null) {
      throw new IllegalStateException("batch was refused for no reason");
    }
    return causeOrNull;
  }

  /** Answers the client; not under the lock. */
  void tellRefused(Errors error, String message) {
    batch.callback().onRefused(error, message, List.of());
  }

  @Override
  public void onDurable(Batch durable) {
    appender.onDurable(this);
  }

  @Override
  public void onFailure(Batch failed, WalException failure) {
    appender.onFailure(this, failure);
  }
}
