package io.spillway.partition;

import io.spillway.partition.ProducerStates.AppendedBatch;
import io.spillway.partition.TransactionVerifier.Question;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import org.apache.kafka.common.errors.ApiException;
import org.apache.kafka.common.errors.InvalidTxnStateException;
import org.apache.kafka.common.errors.OutOfOrderSequenceException;
import org.apache.kafka.common.errors.RetriableException;
import org.apache.kafka.common.protocol.Errors;
import org.jspecify.annotations.Nullable;

/**
 * Which producers' batches may pass: in sequence (KIP-98), in a verified transaction (KIP-890), and
 * not before one that was refused retriably has returned (P15). Every call is made under the
 * partition's lock, in one step with what it decides: nobody may see a batch gone and its refusal
 * not yet noted. What says so is for any thread.
 */
final class ProducerGate {

  private final PartitionState state;
  private final Verifications verifications;
  private volatile ProducerStates producers = new ProducerStates();
  private volatile boolean isLoaded;

  ProducerGate(PartitionState state) {
    this.state = state;
    this.verifications = new Verifications(state);
  }

  Verifications verifications() {
    return verifications;
  }

  // ---- what may pass ----

  /**
   * Judges a client's batch, in Kafka's order: a repeat of a remembered batch is found first.
   *
   * @return the batch that this one repeats, or null when it is the next
   * @throws org.apache.kafka.common.errors.ApiException when it may not pass
   */
  @Nullable AppendedBatch requireInSequence(
      PreparedBatch batch, TransactionGuard guard, boolean hasEpochPerTransaction) {
    long producerId = batch.producerId;
    AppendedBatch repeated =
        producers.findRepeated(
            producerId, batch.producerEpoch, batch.firstSequence, batch.lastSequence);
    if (repeated != null) {
      return repeated;
    }
    requireVerified(batch, guard);
    producers.requireEpoch(name(), producerId, batch.producerEpoch);
    if (batch.isTransactional()
        && hasEpochPerTransaction
        && batch.firstSequence != 0
        && producers.hasNoBatch(producerId)) {
      throw new OutOfOrderSequenceException(
          "Invalid sequence number for producer %d in partition %s: %d (incoming seq. number), expected 0 for the first batch of a transaction"
              .formatted(producerId, name(), batch.firstSequence));
    }
    producers.requireNextSequence(name(), producerId, batch.producerEpoch, batch.firstSequence);
    producers.requireTransactional(name(), producerId, batch.isTransactional());
    if (!producers.knows(producerId)) {
      state
          .runtime
          .refused()
          .requireReturned(state.tp, producerId, batch.producerEpoch, batch.firstSequence);
    }
    return null;
  }

  /**
   * Judges what a coordinator of this broker appends: that has no sequences.
   *
   * @throws org.apache.kafka.common.errors.ApiException when it may not pass
   */
  void requireAllowed(
      PreparedBatch batch, @Nullable TransactionMarker marker, TransactionGuard guard) {
    if (marker != null) {
      producers.requireMarker(name(), marker);
    } else if (batch.hasProducerId() && !batch.isControl()) {
      requireVerified(batch, guard);
      producers.requireEpoch(name(), batch.producerId, batch.producerEpoch);
      producers.requireTransactional(name(), batch.producerId, batch.isTransactional());
    }
  }

  private void requireVerified(PreparedBatch batch, TransactionGuard guard) {
    long producerId = batch.producerId;
    short epoch = batch.producerEpoch;
    if (!batch.isTransactional() || isInTransaction(producerId, epoch)) {
      return;
    }
    producers.requireEpoch(name(), producerId, epoch);
    if (!verifications.holds(producerId, epoch, guard)) {
      throw new InvalidTxnStateException(
          "Record was not part of an ongoing transaction: producer %d with epoch %d in partition %s"
              .formatted(producerId, epoch, name()));
    }
  }

  boolean isInTransaction(long producerId, short epoch) {
    return producers.isInTransaction(producerId, epoch);
  }

  /**
   * Has a transaction verified for a coordinator of this broker.
   *
   * @param verified given the guard, or the coordinator's error
   * @return to be run outside the lock
   */
  Verifications.Ask verify(
      String transactionalId,
      long producerId,
      short epoch,
      Question question,
      CompletableFuture<TransactionGuard> verified) {
    try {
      producers.requireEpoch(name(), producerId, epoch);
    } catch (ApiException e) {
      return () -> verified.completeExceptionally(e);
    }
    if (isInTransaction(producerId, epoch)) {
      return () -> verified.complete(TransactionGuard.NONE);
    }
    TransactionGuard settled = verifications.settled(producerId, epoch);
    if (settled != null) {
      return () -> verified.complete(settled);
    }
    CompletableFuture<Errors> answer = new CompletableFuture<>();
    Verifications.Started started =
        verifications.await(transactionalId, producerId, epoch, question, answer::complete);
    answer.thenAccept(
        error -> {
          if (error == Errors.NONE) {
            verified.complete(started.guard());
          } else {
            verified.completeExceptionally(error.exception());
          }
        });
    return started.ask();
  }

  /** See {@link ProducerStates#requireEpoch}. */
  void requireEpoch(long producerId, short epoch) {
    producers.requireEpoch(name(), producerId, epoch);
  }

  private String name() {
    return state.tp.toString();
  }

  // ---- what passed, and what did not ----

  /** A batch with a producer id, or a marker, was given its offset. */
  void onAccepted(PreparedBatch batch, @Nullable TransactionMarker marker, long baseOffset) {
    long nowMs = state.runtime.clock().currentTimeMillis();
    if (marker != null) {
      verifications.onMarker(marker.producerId(), marker.producerEpoch());
      producers.addMarker(marker, baseOffset, batch.maxTimestampMs, nowMs, state.highWatermark());
    } else if (batch.hasProducerId() && !batch.isControl()) {
      producers.add(
          batch.producerId,
          batch.appendedAt(baseOffset),
          batch.isTransactional(),
          nowMs,
          state.highWatermark());
      if (batch.isTransactional()) {
        verifications.onBegun(batch.producerId, batch.producerEpoch);
      }
      state.runtime.refused().onAccepted(state.tp, batch.producerId);
    }
  }

  /** Notes a refusal after which the producer comes again. */
  void onRefused(Append append, Errors error) {
    ByteBuffer header = append.view;
    if (BatchHeader.producerId(header) >= 0
        && BatchHeader.baseSequence(header) >= 0
        && error.exception() instanceof RetriableException) {
      state
          .runtime
          .refused()
          .onRefused(
              state.tp,
              BatchHeader.producerId(header),
              BatchHeader.producerEpoch(header),
              BatchHeader.baseSequence(header));
    }
  }

  /** Forgets what was never durable (P30). */
  void truncateTo(long highWatermark) {
    producers.truncateTo(highWatermark);
  }

  /** Forgets what the log holds no more. */
  void trimTo(long logStartOffset) {
    producers.trimTo(logStartOffset);
  }

  void load(ProducerStates replayed) {
    producers = replayed;
    isLoaded = true;
  }

  /** Any thread. */
  boolean isLoaded() {
    return isLoaded;
  }

  // ---- transactions ----

  /** Any thread; see {@link UnstableTransactions#firstOffset}. */
  long firstUnstableOffset() {
    return producers.firstUnstableOffset();
  }

  /** Any thread: whether {@link #onDurable} must be called when the high watermark moves. */
  boolean anyMarkerInFlight() {
    return producers.anyMarkerInFlight();
  }

  void onDurable(long highWatermark) {
    producers.onDurable(highWatermark);
  }

  List<AbortedTransaction> abortedWithin(long fromOffset, long endOffset) {
    return producers.abortedWithin(fromOffset, endOffset);
  }

  // ---- what is remembered ----

  /** Whether anything that is remembered has an offset in the range. */
  boolean hasStepIn(long fromOffset, long endOffset) {
    return producers.hasStepIn(fromOffset, endOffset);
  }

  ByteBuffer encode(long highWatermark) {
    return ProducerCheckpoint.encode(producers, highWatermark);
  }

  List<ActiveProducer> active() {
    return producers.active();
  }

  Map<Long, LastBatch> lastBatches() {
    return producers.lastBatches();
  }

  void expire() {
    producers.expire(
        state.runtime.clock().currentTimeMillis(),
        state.runtime.settings().producerIdExpirationMs(),
        state.highWatermark());
  }
}
