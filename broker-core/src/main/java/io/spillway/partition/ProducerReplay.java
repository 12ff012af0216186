package io.spillway.partition;

import io.spillway.stream.FetchedData;
import io.spillway.stream.StreamHandle;
import io.spillway.stream.StreamStore.StateAt;
import java.nio.ByteBuffer;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Rebuilds a partition's producer state when it is opened: the checkpoint, then every batch from
 * there to the high watermark, markers included (P22).
 */
final class ProducerReplay {

  private static final Logger LOG = LoggerFactory.getLogger(ProducerReplay.class);
  private static final int CHUNK_BYTES = 1 << 20;

  /** What is in the log was judged when it came. */
  private static final short ANY_VERSION = 0;

  private final StreamHandle handle;
  private final long nowMs;
  private final ProducerStates states;
  private final CompletableFuture<ProducerStates> done = new CompletableFuture<>();
  private long offset;

  private ProducerReplay(StreamHandle handle, long nowMs, ProducerStates states, long offset) {
    this.handle = handle;
    this.nowMs = nowMs;
    this.states = states;
    this.offset = Math.max(offset, handle.logStartOffset());
  }

  /**
   * @param nowMs when producers found in batches count as last seen
   * @return the state at the high watermark; fails with {@link io.spillway.stream.StreamException}
   */
  static CompletableFuture<ProducerStates> run(StreamHandle handle, long nowMs) {
    ProducerReplay replay = startingPoint(handle, nowMs);
    replay.readOn();
    return replay.done;
  }

  /** A damaged checkpoint costs time, not state: everything is read then. */
  private static ProducerReplay startingPoint(StreamHandle handle, long nowMs) {
    Optional<StateAt> checkpoint = handle.checkpoint();
    if (checkpoint.isPresent()) {
      long at = checkpoint.get().offset();
      try {
        ProducerStates states = ProducerCheckpoint.decode(checkpoint.get().state(), at);
        states.trimTo(handle.logStartOffset());
        return new ProducerReplay(handle, nowMs, states, at);
      } catch (IllegalArgumentException e) {
        LOG.error(
            "producer state of stream {} at offset {} cannot be used; every batch is read instead",
            handle.id(),
            at,
            e);
      }
    }
    return new ProducerReplay(handle, nowMs, new ProducerStates(), 0);
  }

  /** Reads chunk after chunk; in a loop while data is at hand, so that the stack stays flat. */
  private void readOn() {
    while (offset < handle.highWatermark()) {
      CompletableFuture<FetchedData> chunk =
          handle.fetch(offset, handle.highWatermark(), CHUNK_BYTES);
      if (!chunk.isDone()) {
        chunk.whenComplete(
            (data, failure) -> {
              if (failure != null) {
                done.completeExceptionally(failure);
              } else if (applied(data)) {
                readOn();
              }
            });
        return;
      }
      if (chunk.isCompletedExceptionally()) {
        chunk.whenComplete((data, failure) -> done.completeExceptionally(failure));
        return;
      }
      if (!applied(chunk.join())) {
        return;
      }
    }
    done.complete(states);
  }

  private boolean applied(FetchedData data) {
    try (data) {
      long before = offset;
      BatchReader.forEachBatch(data.buffers(), this::apply);
      offset = Math.max(offset, data.nextOffset());
      if (offset == before) {
        throw new IllegalStateException(
            "nothing at offset " + offset + " of stream " + handle.id() + " below its end");
      }
      return true;
    } catch (RuntimeException e) {
      done.completeExceptionally(e);
      return false;
    }
  }

  private void apply(ByteBuffer batch) {
    long baseOffset = BatchHeader.baseOffset(batch);
    if (baseOffset < offset || BatchHeader.producerId(batch) < 0) {
      return;
    }
    long endOffset = baseOffset + BatchHeader.lastOffsetDelta(batch) + 1;
    if (!BatchHeader.isControl(batch)) {
      states.add(
          BatchHeader.producerId(batch),
          PreparedBatch.of(batch, PreparedBatch.NO_TIMESTAMP).appendedAt(baseOffset),
          BatchHeader.isTransactional(batch),
          nowMs,
          endOffset);
      return;
    }
    TransactionMarker marker = MarkerBatch.read(batch, ANY_VERSION);
    if (marker != null) {
      states.addMarker(marker, baseOffset, BatchHeader.maxTimestamp(batch), nowMs, endOffset);
    }
  }
}
