package io.spillway.partition;

import io.spillway.metadata.TopicConfig;
import io.spillway.partition.ProducerStates.AppendedBatch;
import io.spillway.stream.StreamException;
import io.spillway.stream.StreamHandle;
import io.spillway.wal.Batch;
import io.spillway.wal.WalException;
import io.spillway.wal.WriteAheadLog.Reservation;
import java.nio.ByteBuffer;
import java.util.List;
import org.apache.kafka.common.errors.ApiException;
import org.apache.kafka.common.errors.InvalidRequestException;
import org.apache.kafka.common.errors.NotEnoughReplicasException;
import org.apache.kafka.common.protocol.Errors;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The write path of a partition, P29: validate the batch, have its transaction verified and reserve
 * room in the WAL without a lock; then under one short lock check the sequence, assign offsets,
 * patch them into the batch and queue it. Each batch is answered once, outside the lock.
 */
final class Appender {

  private static final Logger LOG = LoggerFactory.getLogger(Appender.class);

  private static final ProduceBatch NO_CLIENT =
      new ProduceBatch(
          null,
          (short) 0,
          null,
          "",
          0,
          new ProduceCallback() {
            @Override
            public void onAppended(long baseOffset, long logAppendTimeMs, long logStartOffset) {}

            @Override
            public void onRefused(Errors error, String message, List<RecordError> recordErrors) {}
          });

  private final PartitionState state;
  private final PartitionRuntime runtime;
  private final ProducerGate producers;
  private final RepeatedAppends repeats;
  private final InFlightAppends inFlight;
  private final AppendQueue queue;
  private final TransactionEntry entry;

  private enum Step {
    APPENDED,
    REPEATED,
    REFUSED,
    WAIT
  }

  Appender(
      PartitionState state,
      ProducerGate producers,
      RepeatedAppends repeats,
      InFlightAppends inFlight) {
    this.state = state;
    this.runtime = state.runtime;
    this.producers = producers;
    this.repeats = repeats;
    this.inFlight = inFlight;
    this.queue = new AppendQueue(state, producers, this::settle);
    this.entry = new TransactionEntry(state, producers);
  }

  /** See {@link BrokerPartition#append}. */
  void append(ProduceBatch batch) {
    BatchPreparer preparer = runtime.preparer();
    Append append;
    try {
      TopicConfig config = runtime.configs().topic(state.tp.topic());
      ByteBuffer view =
          preparer.requireValidHeader(batch.records(), batch.requestVersion(), config);
      if (BatchHeader.isTransactional(view) && batch.transactionalId() == null) {
        throw new BatchRefusedException(
            Errors.TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
            "a transactional batch in a request without a transactional id");
      }
      append = new Append(this, batch, view, runtime.clock().nanoTime());
      long nowMs = runtime.clock().currentTimeMillis();
      if (preparer.needsBody(view, config, nowMs)
          && (BatchPreparer.isCompressed(view) || BatchPreparer.needsRewrite(view, config))) {
        prepareElsewhere(append, config, nowMs);
        return;
      }
      append.prepared = preparer.finish(view, config, nowMs);
    } catch (BatchRefusedException e) {
      batch.callback().onRefused(e.error(), e.text(), e.recordErrors());
      return;
    }
    attempt(append, false);
  }

  /** Keeps the batch's place in the order while a worker reads its body. */
  private void prepareElsewhere(Append append, TopicConfig config, long nowMs) {
    if (!queue.park(append)) {
      return;
    }
    runtime
        .workers()
        .execute(
            () -> {
              PreparedBatch prepared = null;
              BatchRefusedException refusal = null;
              try {
                prepared = runtime.preparer().finish(append.view, config, nowMs);
              } catch (BatchRefusedException e) {
                refusal = e;
              }
              synchronized (state.lock) {
                append.prepared = prepared;
                append.refusal = refusal;
              }
              queue.unpark();
            });
  }

  /** Appends what waits, as far as it can be now. */
  void resume() {
    queue.unpark();
  }

  /** The head of the queue: returns whether it is dealt with, and gone from the queue. */
  private boolean settle(Append head) {
    BatchRefusedException refusal = head.refusal;
    if (refusal != null) {
      synchronized (state.lock) {
        producers.onRefused(head, refusal.error());
        queue.removeHead();
      }
      head.batch.callback().onRefused(refusal.error(), refusal.text(), refusal.recordErrors());
      return true;
    }
    if (state.isOver() || !head.batch.callback().isWanted()) {
      ApiException cause = state.unavailable();
      refuse(head, true, Errors.forException(cause), PartitionState.message(cause));
      return true;
    }
    return attempt(head, true);
  }

  /**
   * Takes a batch that must wait for its transaction.
   *
   * @return what to do outside the lock, or null if it need not wait
   * @throws ApiException when it may not
   */
  private Verifications.@Nullable Ask hold(
      Append append, PreparedBatch prepared, boolean isHeadOfQueue) {
    synchronized (state.lock) {
      if (state.openHandle() == null || state.truncating) {
        return null;
      }
      boolean isItsTurn = isHeadOfQueue || queue.isEmpty();
      if (!entry.mustWait(append, prepared, isItsTurn)) {
        return null;
      }
      append.isBeingVerified = isHeadOfQueue;
      return entry.hold(
          append, prepared, isHeadOfQueue, isHeadOfQueue ? this::onHeadVerified : this::onVerified);
    }
  }

  private void onVerified(Append append, @Nullable ApiException refusal) {
    if (refusal != null) {
      refuse(append, false, Errors.forException(refusal), PartitionState.message(refusal));
    } else if (!append.batch.callback().isWanted()) {
      refuse(append, false, Errors.REQUEST_TIMED_OUT, "the client waits no more");
    } else {
      attempt(append, false);
    }
  }

  private void onHeadVerified(Append append, @Nullable ApiException refusal) {
    synchronized (state.lock) {
      append.isBeingVerified = false;
      if (refusal != null) {
        append.refusal =
            new BatchRefusedException(
                Errors.forException(refusal), PartitionState.message(refusal));
      }
    }
    queue.unpark();
  }

  private boolean isBeingVerified(Append append) {
    synchronized (state.lock) {
      return append.isBeingVerified;
    }
  }

  /** Returns whether the batch is dealt with; if not, it is, or stays, parked. */
  private boolean attempt(Append append, boolean isHeadOfQueue) {
    PreparedBatch prepared = append.requirePrepared();
    Verifications.Ask ask;
    try {
      ask = prepared.isTransactional() ? hold(append, prepared, isHeadOfQueue) : null;
    } catch (ApiException e) {
      refuse(append, isHeadOfQueue, Errors.forException(e), PartitionState.message(e));
      return true;
    }
    if (ask != null) {
      ask.run();
      return !isHeadOfQueue || (!isBeingVerified(append) && settle(append));
    }
    if (!runtime.room().mayTry(queue)) {
      return waitForRoom(append, isHeadOfQueue);
    }
    Reservation reservation;
    try {
      reservation = runtime.store().reserve(prepared.sizeBytes(), false);
      runtime.room().onTaken(queue);
    } catch (WalException.Full e) {
      return waitForRoom(append, isHeadOfQueue);
    } catch (WalException | StreamException e) {
      refuse(append, isHeadOfQueue, PartitionState.errorOf(e), PartitionState.message(e));
      return true;
    }
    Step step;
    synchronized (state.lock) {
      step = appendLocked(append, prepared, reservation, isHeadOfQueue);
      if (step == Step.REFUSED) {
        producers.onRefused(append, Errors.forException(append.requireCause()));
      }
      if (step != Step.WAIT && isHeadOfQueue) {
        queue.removeHead();
      }
    }
    switch (step) {
      case APPENDED ->
          runtime
              .traffic()
              .onProduced(
                  state.tp.topic(),
                  append.batch.clientId(),
                  prepared.recordCount,
                  prepared.sizeBytes());
      case REPEATED -> {
        runtime.store().cancel(reservation);
        repeats.acknowledgeDurable();
      }
      case REFUSED -> {
        if (!append.tookReservation) {
          runtime.store().cancel(reservation);
        }
        ApiException cause = append.requireCause();
        append.tellRefused(Errors.forException(cause), PartitionState.message(cause));
      }
      case WAIT -> {
        runtime.store().cancel(reservation);
        if (!isHeadOfQueue && queue.park(append)) {
          queue.unpark();
        }
      }
    }
    return step != Step.WAIT;
  }

  private boolean waitForRoom(Append append, boolean isHeadOfQueue) {
    if (isHeadOfQueue || queue.park(append)) {
      runtime.room().await(append.batch.clientKey(), append.requirePrepared().sizeBytes(), queue);
    }
    return false;
  }

  /** Ends a batch that was not given offsets; the head of the queue leaves it. */
  private void refuse(Append append, boolean isHeadOfQueue, Errors error, String message) {
    synchronized (state.lock) {
      producers.onRefused(append, error);
      if (isHeadOfQueue) {
        queue.removeHead();
      }
    }
    append.tellRefused(error, message);
  }

  private Step appendLocked(
      Append append, PreparedBatch prepared, Reservation reservation, boolean isHeadOfQueue) {
    if (state.isOver()) {
      append.cause = state.unavailable();
      return Step.REFUSED;
    }
    StreamHandle current = state.openHandle();
    if (current == null || state.truncating || (!isHeadOfQueue && !queue.isEmpty())) {
      return Step.WAIT;
    }
    try {
      if (prepared.hasProducerId()) {
        AppendedBatch repeated =
            producers.requireInSequence(
                prepared,
                append.guard,
                TransactionEntry.hasEpochPerTransaction(append.batch.requestVersion()));
        if (repeated != null) {
          repeats.add(append, repeated);
          return Step.REPEATED;
        }
      }
      enqueue(current, prepared, reservation, append.batch.clientKey(), append);
      return Step.APPENDED;
    } catch (ApiException e) {
      append.cause = e;
    }
    return Step.REFUSED;
  }

  /**
   * Assigns offsets, once nothing but storage can refuse the batch any more.
   *
   * @throws ApiException when storage does; nothing has changed then, and the reservation is gone
   */
  private void enqueue(
      StreamHandle current,
      PreparedBatch prepared,
      Reservation reservation,
      long clientKey,
      Append append) {
    long baseOffset = state.logEndOffset;
    long endOffset = baseOffset + prepared.recordCount;
    BatchHeader.assign(prepared.payload, baseOffset, state.leaderEpoch);
    append.baseOffset = baseOffset;
    append.endOffset = endOffset;
    Batch batch =
        new Batch(
            state.streamId,
            baseOffset,
            endOffset,
            prepared.maxTimestampMs,
            prepared.flags,
            prepared.payload);
    inFlight.onQueued();
    append.tookReservation = true;
    try {
      current.append(reservation, batch, clientKey, append);
    } catch (RuntimeException e) {
      inFlight.onNotQueued();
      if (!(e instanceof StreamException || e instanceof WalException)) {
        LOG.error("append to partition {} at offset {} was not taken", state.tp, baseOffset, e);
      }
      throw PartitionState.errorOf(e).exception(PartitionState.message(e));
    }
    state.logEndOffset = endOffset;
    if (prepared.hasProducerId()) {
      producers.onAccepted(prepared, append.marker, baseOffset);
    }
  }

  // ---- what comes from inside the broker ----

  /** See {@link Partition#appendInternal}. */
  long appendInternal(ByteBuffer batches, TransactionGuard guard, short transactionVersion) {
    ByteBuffer copy = ByteBuffer.allocate(batches.remaining()).put(batches.duplicate()).flip();
    long endOffset = -1;
    while (copy.hasRemaining()) {
      ByteBuffer one = copy.slice(copy.position(), requireSizeOfFirst(copy));
      Append append = new Append(this, NO_CLIENT, one, 0);
      append.guard = guard;
      append.marker = BatchHeader.isControl(one) ? MarkerBatch.read(one, transactionVersion) : null;
      endOffset = appendOneInternal(append);
      copy.position(copy.position() + one.remaining());
    }
    return endOffset;
  }

  private static int requireSizeOfFirst(ByteBuffer batches) {
    if (batches.remaining() < BatchHeader.SIZE_BYTES
        || BatchHeader.sizeBytes(batches) > batches.remaining()) {
      throw new InvalidRequestException(
          "not a whole batch: " + batches.remaining() + " bytes are left");
    }
    return BatchHeader.sizeBytes(batches);
  }

  /** See {@link BrokerPartition#appendMarker}. */
  void appendMarker(TransactionMarker marker, ProduceCallback callback) {
    ByteBuffer batch = MarkerBatch.of(marker, runtime.clock().currentTimeMillis());
    Append append =
        new Append(this, new ProduceBatch(null, (short) 0, null, "", 0, callback), batch, 0);
    append.marker = marker;
    try {
      appendOneInternal(append);
    } catch (ApiException e) {
      append.tellRefused(Errors.forException(e), PartitionState.message(e));
    }
  }

  private long appendOneInternal(Append append) {
    PreparedBatch prepared = PreparedBatch.of(append.view, PreparedBatch.NO_TIMESTAMP);
    append.prepared = prepared;
    Reservation reservation;
    try {
      reservation = runtime.store().reserve(prepared.sizeBytes(), true);
    } catch (WalException.Full e) {
      throw new NotEnoughReplicasException(PartitionState.message(e), e);
    } catch (WalException | StreamException e) {
      throw PartitionState.errorOf(e).exception(PartitionState.message(e));
    }
    try {
      synchronized (state.lock) {
        StreamHandle current = state.openHandle();
        if (current == null || state.truncating) {
          throw state.unavailable();
        }
        producers.requireAllowed(prepared, append.marker, append.guard);
        enqueue(current, prepared, reservation, 0, append);
        return append.endOffset;
      }
    } catch (ApiException e) {
      if (!append.tookReservation) {
        runtime.store().cancel(reservation);
      }
      throw e;
    }
  }

  // ---- what the WAL tells ----

  void onDurable(Append append) {
    if (inFlight.onDurable(append)) {
      queue.unpark();
    }
  }

  void onFailure(Append append, WalException cause) {
    if (inFlight.onFailure(append, cause)) {
      queue.unpark();
    }
  }
}
