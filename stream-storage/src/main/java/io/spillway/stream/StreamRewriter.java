package io.spillway.stream;

import io.spillway.wal.StreamId;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Rewrites what of a stream lies in objects, in the background, as the layer above says: that one
 * knows what a batch means, this one where it is (P19). Only of streams that this broker has open.
 * Keeps to its budgets of bytes, requests and memory, and out of the way of uploads. Safe for any
 * thread; what is given to it is called on its own, one call at a time.
 */
public interface StreamRewriter {

  /** Where the stream stands; empty unless this broker has it open and the catalog can tell. */
  Optional<Standing> standing(StreamId stream);

  /**
   * Parts in objects, in offset order, from the log start or from the one that holds {@code
   * fromOffset}; empty when this broker has it not open or the catalog cannot tell.
   */
  List<StreamHandle.Part> parts(StreamId stream, long fromOffset);

  /** Takes the stream; empty when it is being rewritten, or another one is. */
  Optional<Session> begin(StreamId stream);

  /**
   * @param committedEndOffset everything below is in objects
   * @param compactedEndOffset everything below was compacted once
   */
  record Standing(long logStartOffset, long committedEndOffset, long compactedEndOffset) {}

  /** One stream that nobody else rewrites meanwhile. One call at a time. */
  interface Session extends AutoCloseable {

    /**
     * Shows every batch of the parts, in offset order.
     *
     * @param parts adjacent ones, as {@link StreamRewriter#parts} gave them; their offsets count
     * @param visitor the bytes of a batch are its during the call; what it throws ends the scan
     * @return fails with {@link StreamException.Corrupt} when they are damaged, with {@link
     *     StreamException.Closed} when this broker stops; {@link Outcome#VOID} when the parts are
     *     not as they were any more
     */
    CompletableFuture<Outcome> scan(List<StreamHandle.Part> parts, Consumer<StoredBatch> visitor);

    /**
     * Writes what the filter makes of the parts into one new object, which takes their place. When
     * that is in the catalog the old objects may go; until then nothing has changed.
     *
     * @return as for {@link #scan}
     */
    CompletableFuture<Outcome> rewrite(List<StreamHandle.Part> parts, BatchFilter filter);

    /** Remembers that everything below was compacted; {@link Outcome#VOID} by a fenced writer. */
    CompletableFuture<Outcome> compacted(long endOffset);

    /** Lets go of the stream. No call may be under way. */
    @Override
    void close();
  }

  /** What became of it. */
  enum Outcome {
    DONE,
    /** Nothing was to be changed. */
    UNCHANGED,
    /** The stream was trimmed through, deleted or claimed meanwhile: nothing has changed. */
    VOID
  }

  /** What becomes of each batch, in offset order. */
  @FunctionalInterface
  interface BatchFilter {
    /**
     * The batch itself, another one between the same offsets, or null: it goes. The bytes that are
     * given and those that are returned are read during the call, and until the next one.
     *
     * @param isLast of the range: it must stay, and end where it ended, since the range ends there
     */
    @Nullable StoredBatch filter(StoredBatch batch, boolean isLast);
  }
}
