package io.spillway.partition;

import io.spillway.partition.ProducerStates.AppendedBatch;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.Map;
import org.apache.kafka.common.errors.RetriableException;
import org.apache.kafka.common.protocol.Errors;
import org.jspecify.annotations.Nullable;

/**
 * Which idempotent batches may pass: in sequence (KIP-98), and not before one that was refused
 * retriably has returned (P15). Every call is made under the partition's lock, in one step with
 * what it decides: nobody may see a batch gone and its refusal not yet noted.
 */
final class ProducerGate {

  private final PartitionState state;
  private ProducerStates producers = new ProducerStates();
  private boolean isLoaded;

  ProducerGate(PartitionState state) {
    this.state = state;
  }

  /**
   * @return the batch that this one repeats, or null when it is the next
   * @throws org.apache.kafka.common.errors.ApiException when it may not pass
   */
  @Nullable AppendedBatch requireInSequence(PreparedBatch batch) {
    AppendedBatch repeated =
        producers.check(
            state.tp.toString(),
            batch.producerId,
            batch.producerEpoch,
            batch.firstSequence,
            batch.lastSequence);
    if (repeated == null && !producers.knows(batch.producerId)) {
      state
          .runtime
          .refused()
          .requireReturned(state.tp, batch.producerId, batch.producerEpoch, batch.firstSequence);
    }
    return repeated;
  }

  void onAccepted(PreparedBatch batch, long baseOffset, long endOffset) {
    producers.add(
        batch.producerId,
        new AppendedBatch(
            batch.producerEpoch,
            batch.firstSequence,
            batch.lastSequence,
            baseOffset,
            endOffset,
            batch.maxTimestampMs),
        state.runtime.clock().currentTimeMillis(),
        state.highWatermark());
    state.runtime.refused().onAccepted(state.tp, batch.producerId);
  }

  /** Notes a refusal after which the producer comes again. */
  void onRefused(Append append, Errors error) {
    ByteBuffer header = append.view;
    if (BatchHeader.producerId(header) >= 0 && error.exception() instanceof RetriableException) {
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

  void load(ProducerStates replayed) {
    producers = replayed;
    isLoaded = true;
  }

  boolean isLoaded() {
    return isLoaded;
  }

  /** Whether any batch of those remembered has an offset in the range. */
  boolean hasBatchIn(long fromOffset, long endOffset) {
    return producers.hasBatchIn(fromOffset, endOffset);
  }

  ByteBuffer encode(long highWatermark) {
    return producers.encode(highWatermark);
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
