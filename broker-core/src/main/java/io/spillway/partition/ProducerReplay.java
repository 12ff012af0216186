package io.spillway.partition;

import io.spillway.partition.ProducerStates.AppendedBatch;
import io.spillway.stream.FetchedData;
import io.spillway.stream.StreamHandle;
import io.spillway.stream.StreamStore.StateAt;
import java.nio.ByteBuffer;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Rebuilds a partition's producer state when it is opened: the checkpoint, then the headers of
 * every batch from there to the high watermark (P22).
 */
final class ProducerReplay {

  private static final Logger LOG = LoggerFactory.getLogger(ProducerReplay.class);
  private static final int CHUNK_BYTES = 1 << 20;

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
        ProducerStates states = ProducerStates.decode(checkpoint.get().state(), at);
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
      BatchReader.forEachHeader(data.buffers(), this::apply);
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

  private void apply(ByteBuffer header) {
    long baseOffset = BatchHeader.baseOffset(header);
    int firstSequence = BatchHeader.baseSequence(header);
    if (baseOffset < offset
        || BatchHeader.producerId(header) < 0
        || firstSequence < 0
        || BatchHeader.isControl(header)) {
      return;
    }
    long endOffset = baseOffset + BatchHeader.lastOffsetDelta(header) + 1;
    states.add(
        BatchHeader.producerId(header),
        new AppendedBatch(
            BatchHeader.producerEpoch(header),
            firstSequence,
            PreparedBatch.lastSequence(header),
            baseOffset,
            endOffset,
            BatchHeader.maxTimestamp(header)),
        nowMs,
        endOffset);
  }
}
