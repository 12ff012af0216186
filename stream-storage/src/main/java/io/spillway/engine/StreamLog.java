package io.spillway.engine;

import io.spillway.cache.FrameIndex;
import io.spillway.cache.TailCache;
import io.spillway.cache.WalFrame;
import io.spillway.catalog.StreamCatalog.StreamState;
import io.spillway.read.BatchTime;
import io.spillway.read.ReadAhead;
import io.spillway.stream.StreamException;
import io.spillway.stream.StreamHandle;
import io.spillway.stream.StreamStore.StateAt;
import io.spillway.upload.UploadPipeline;
import io.spillway.upload.UploadSource;
import io.spillway.wal.AppendListener;
import io.spillway.wal.Batch;
import io.spillway.wal.DurableFrame;
import io.spillway.wal.StreamId;
import io.spillway.wal.WalException;
import io.spillway.wal.WriteAheadLog;
import io.spillway.wal.WriteAheadLog.Reservation;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * One stream as this broker writes it: its next offset, its high watermark, how far it is
 * committed, and its batches in the WAL. A claim puts a {@link ClaimedStream} in charge; a recovery
 * uses one without.
 *
 * <p>Offsets move under its lock, which is short and never held while anything else is called.
 */
final class StreamLog implements UploadSource {

  /** Frames are handed to reads and uploads in lists no longer than this. */
  private static final int MAX_FRAMES = 4096;

  private final StreamId id;
  private final WriteAheadLog wal;
  private final TailCache tail;
  private final UploadPipeline uploads;
  private final ReadAhead readAhead;
  private final Consumer<WalException> onWalFailure;
  private final FrameIndex frames = new FrameIndex();
  private final List<CompletableFuture<Void>> quietWaiters = new ArrayList<>();
  private long nextOffset;
  private long pendingBytes;
  private long compactedEndOffset;
  private boolean closedToAppends = true;
  private volatile StreamException.@Nullable Fenced lost;
  private @Nullable WalException failure;
  private volatile @Nullable ClaimedStream owner;
  private volatile long logStartOffset;
  private volatile long highWatermark;
  private volatile long committedEndOffset;

  StreamLog(
      StreamState state,
      WriteAheadLog wal,
      TailCache tail,
      UploadPipeline uploads,
      ReadAhead readAhead,
      Consumer<WalException> onWalFailure) {
    this.id = state.id();
    this.wal = wal;
    this.tail = tail;
    this.uploads = uploads;
    this.readAhead = readAhead;
    this.onWalFailure = onWalFailure;
    this.logStartOffset = state.logStartOffset();
    this.committedEndOffset = state.committedEndOffset();
    this.highWatermark = state.committedEndOffset();
    this.nextOffset = state.committedEndOffset();
  }

  /** A batch found in the WAL at start-up; durable, so part of the stream (P27). */
  synchronized void onRecovered(long position, Batch batch) {
    if (batch.baseOffset() != nextOffset) {
      throw new StartRefusedException.WalIncomplete(
          wal.walId(),
          "WAL %s lacks batches of stream %s: expected offset %d, found %d at position %d; it is an old copy, or was changed; give it back as it was"
              .formatted(wal.walId(), id, nextOffset, batch.baseOffset(), position));
    }
    frames.add(
        batch.baseOffset(),
        batch.endOffset(),
        position,
        batch.sizeBytes(),
        batch.maxTimestampMs(),
        batch.flags(),
        null);
    nextOffset = batch.endOffset();
    highWatermark = nextOffset;
    pendingBytes += batch.sizeBytes();
  }

  /** From here on only this handle appends. */
  synchronized void open(ClaimedStream claimed, StreamState state) {
    owner = claimed;
    closedToAppends = false;
    logStartOffset = Math.max(logStartOffset, state.logStartOffset());
  }

  boolean isOwner(ClaimedStream claimed) {
    return owner == claimed;
  }

  @Nullable ClaimedStream owner() {
    return owner;
  }

  /** No append is accepted from here on. */
  synchronized void seal() {
    closedToAppends = true;
  }

  /** Where the next batch goes. */
  synchronized long nextOffset() {
    return nextOffset;
  }

  /** Completes when no append is under way; fails when the WAL failed. Seal before. */
  synchronized CompletableFuture<Void> whenQuiet() {
    CompletableFuture<Void> quiet = new CompletableFuture<>();
    WalException failed = failure;
    StreamException.Fenced gone = lost;
    if (gone != null) {
      quiet.completeExceptionally(gone);
    } else if (failed != null) {
      quiet.completeExceptionally(walFailed(failed));
    } else if (nextOffset == highWatermark) {
      quiet.complete(null);
    } else {
      quietWaiters.add(quiet);
    }
    return quiet;
  }

  private StreamException walFailed(WalException cause) {
    return new StreamException.Closed("stream " + id + ": " + cause.getMessage());
  }

  void append(
      ClaimedStream by,
      Reservation reservation,
      Batch batch,
      long clientKey,
      StreamHandle.Listener listener) {
    RuntimeException refusal = accept(by, batch);
    if (refusal != null) {
      wal.cancel(reservation);
      throw refusal;
    }
    wal.append(reservation, batch, clientKey, new Appended(batch, listener));
  }

  private synchronized @Nullable RuntimeException accept(ClaimedStream by, Batch batch) {
    StreamException.Fenced gone = lost;
    if (gone != null) {
      return gone;
    }
    if (closedToAppends || owner != by) {
      return new StreamException.Fenced(
          "stream %s was given up in epoch %d".formatted(id, by.leaderEpoch()));
    }
    if (batch.baseOffset() != nextOffset || !batch.stream().equals(id)) {
      return new IllegalArgumentException(
          "append to stream %s: expected offset %d, found batch [%d, %d) of %s"
              .formatted(id, nextOffset, batch.baseOffset(), batch.endOffset(), batch.stream()));
    }
    nextOffset = batch.endOffset();
    return null;
  }

  private void onDurable(Batch batch, DurableFrame frame, StreamHandle.Listener listener) {
    tail.add(frame.slice().block());
    StreamException.Fenced gone;
    List<CompletableFuture<Void>> quiet = List.of();
    synchronized (this) {
      gone = lost;
      if (gone == null) {
        frames.add(
            batch.baseOffset(),
            batch.endOffset(),
            frame.position(),
            frame.sizeBytes(),
            batch.maxTimestampMs(),
            batch.flags(),
            frame.slice());
        pendingBytes += frame.sizeBytes();
        dropForgettable();
        highWatermark = batch.endOffset();
      }
      if (nextOffset == highWatermark && !quietWaiters.isEmpty()) {
        quiet = List.copyOf(quietWaiters);
        quietWaiters.clear();
      }
    }
    if (gone != null) {
      // G4: it lies in the WAL, but no commit of it will ever be in force.
      listener.onFailure(batch, new WalException.Fenced(String.valueOf(gone.getMessage())));
      return;
    }
    uploads.onDurable(this, frame.sizeBytes(), frame.position());
    listener.onDurable(batch);
    quiet.forEach(waiter -> waiter.complete(null));
  }

  private void onFailure(Batch batch, WalException cause, StreamHandle.Listener listener) {
    List<CompletableFuture<Void>> quiet;
    synchronized (this) {
      failure = cause;
      quiet = List.copyOf(quietWaiters);
      quietWaiters.clear();
    }
    listener.onFailure(batch, cause);
    onWalFailure.accept(cause);
    quiet.forEach(waiter -> waiter.completeExceptionally(walFailed(cause)));
  }

  /** Frames that are committed and out of memory, or compacted, are of no use to anybody. */
  private void dropForgettable() {
    long cachedFrom = tail.cachedFrom();
    int drop = 0;
    while (drop < frames.count()
        && frames.endOffset(drop) <= committedEndOffset
        && (frames.position(drop) < cachedFrom || frames.endOffset(drop) <= compactedEndOffset)) {
      drop++;
    }
    if (drop > 0) {
      frames.dropFirst(drop);
    }
  }

  /**
   * P19: the tail cache may still have everything that was appended; whoever reads it again is
   * better served by the objects, which have less.
   */
  synchronized void onCompacted(long endOffset) {
    compactedEndOffset = Math.max(compactedEndOffset, endOffset);
    dropForgettable();
  }

  /** Called now and then: lets frames go that left the tail cache since. */
  synchronized void forgetEvicted() {
    dropForgettable();
  }

  /**
   * What the WAL holds from the batch with {@code offset} on: frames in memory (retained for the
   * caller), or frames out of memory, as the first one is. Empty when the first batch ends above
   * {@code endOffset}; null when the batch is in objects alone.
   */
  synchronized @Nullable List<WalFrame> read(long offset, long endOffset, long maxBytes) {
    int first = frames.firstEndingAbove(offset);
    if (first == frames.count() || frames.baseOffset(first) > offset) {
      return null;
    }
    List<WalFrame> found = frames(first, endOffset, maxBytes, MAX_FRAMES, true);
    if (!found.isEmpty()
        && found.get(0).slice() == null
        && found.get(0).endOffset() <= committedEndOffset) {
      return null;
    }
    return found;
  }

  @Override
  public synchronized List<WalFrame> frames(
      long fromOffset, long endOffset, long maxBytes, int maxFrames) {
    int first = frames.firstEndingAbove(fromOffset);
    return frames(first, endOffset, maxBytes, maxFrames, false);
  }

  private List<WalFrame> frames(
      int first, long endOffset, long maxBytes, int maxFrames, boolean alike) {
    List<WalFrame> found = new ArrayList<>();
    long bytes = 0;
    for (int i = first; i < frames.count() && found.size() < maxFrames; i++) {
      bytes += frames.sizeBytes(i);
      if (frames.endOffset(i) > endOffset || (bytes > maxBytes && !found.isEmpty())) {
        break;
      }
      WalFrame frame = frames.frame(i);
      if (alike && !found.isEmpty() && (frame.slice() == null) != (found.get(0).slice() == null)) {
        frame.release();
        break;
      }
      found.add(frame);
    }
    return found;
  }

  /** The first batch that only the WAL has and whose largest timestamp is at least this. */
  synchronized Optional<BatchTime> firstPendingAtOrAfter(long timestampMs) {
    for (int i = frames.firstEndingAbove(committedEndOffset); i < frames.count(); i++) {
      if (frames.maxTimestampMs(i) >= timestampMs && frames.endOffset(i) > logStartOffset) {
        return Optional.of(new BatchTime(frames.baseOffset(i), frames.maxTimestampMs(i)));
      }
    }
    return Optional.empty();
  }

  /** Of the batches that only the WAL has, the first with the largest timestamp. */
  synchronized Optional<BatchTime> pendingMaxTimestamp() {
    BatchTime largest = null;
    for (int i = frames.firstEndingAbove(committedEndOffset); i < frames.count(); i++) {
      if (frames.endOffset(i) > logStartOffset
          && (largest == null || frames.maxTimestampMs(i) > largest.maxTimestampMs())) {
        largest = new BatchTime(frames.baseOffset(i), frames.maxTimestampMs(i));
      }
    }
    return Optional.ofNullable(largest);
  }

  /** What only the WAL holds from {@code fromOffset} on, as one part. */
  synchronized Optional<StreamHandle.Part> pendingPart(long fromOffset) {
    long bytes = 0;
    long maxTimestampMs = -1;
    int first = frames.firstEndingAbove(Math.max(fromOffset, logStartOffset));
    for (int i = first; i < frames.count(); i++) {
      bytes += frames.sizeBytes(i);
      maxTimestampMs = Math.max(maxTimestampMs, frames.maxTimestampMs(i));
    }
    return first == frames.count()
        ? Optional.empty()
        : Optional.of(
            new StreamHandle.Part(frames.baseOffset(first), highWatermark, bytes, maxTimestampMs));
  }

  ReadAhead readAhead() {
    return readAhead;
  }

  long logStartOffset() {
    return logStartOffset;
  }

  long highWatermark() {
    return highWatermark;
  }

  synchronized void onTrimmed(long newLogStartOffset) {
    logStartOffset = Math.max(logStartOffset, newLogStartOffset);
  }

  @Override
  public StreamId id() {
    return id;
  }

  @Override
  public long committedEndOffset() {
    return committedEndOffset;
  }

  @Override
  public long durableEndOffset() {
    return highWatermark;
  }

  @Override
  public synchronized long durableEndOffsetUpTo(long walPosition) {
    int after = frames.firstBeyond(walPosition);
    long end = after == 0 ? committedEndOffset : frames.endOffset(after - 1);
    return Math.max(committedEndOffset, Math.min(end, highWatermark));
  }

  @Override
  public synchronized long pendingBytesBelow(long endOffset) {
    if (endOffset >= highWatermark) {
      return pendingBytes;
    }
    long bytes = 0;
    int end = frames.firstEndingAbove(endOffset);
    for (int i = frames.firstEndingAbove(committedEndOffset); i < end; i++) {
      bytes += frames.sizeBytes(i);
    }
    return bytes;
  }

  @Override
  public synchronized long pendingBytes() {
    return pendingBytes;
  }

  @Override
  public synchronized long firstPositionAbove(long offset) {
    int first = frames.firstEndingAbove(offset);
    return first == frames.count() ? Long.MAX_VALUE : frames.position(first);
  }

  @Override
  public Optional<StateAt> captureCheckpoint() {
    ClaimedStream claimed = owner;
    return claimed == null ? Optional.empty() : claimed.captureCheckpoint();
  }

  @Override
  public synchronized long onCommitted(long endOffset) {
    long released = 0;
    for (int i = frames.firstEndingAbove(committedEndOffset);
        i < frames.count() && frames.endOffset(i) <= endOffset;
        i++) {
      released += frames.sizeBytes(i);
    }
    committedEndOffset = Math.max(committedEndOffset, endOffset);
    pendingBytes -= released;
    dropForgettable();
    return released;
  }

  @Override
  public long onLost(String reason) {
    List<CompletableFuture<Void>> quiet;
    StreamException.Fenced gone =
        new StreamException.Fenced(
            "stream %s is no longer this broker's: %s".formatted(id, reason));
    long released;
    synchronized (this) {
      if (lost != null) {
        return 0;
      }
      lost = gone;
      closedToAppends = true;
      released = pendingBytes;
      pendingBytes = 0;
      frames.dropFirst(frames.count());
      quiet = List.copyOf(quietWaiters);
      quietWaiters.clear();
    }
    quiet.forEach(waiter -> waiter.completeExceptionally(gone));
    return released;
  }

  /** Why neither appends nor reads are answered any more, or null: this broker is fenced (G3). */
  StreamException.@Nullable Fenced lost() {
    return lost;
  }

  /** An append on its way: one per batch, told on the WAL's thread. */
  private final class Appended implements AppendListener {
    private final Batch batch;
    private final StreamHandle.Listener listener;

    Appended(Batch batch, StreamHandle.Listener listener) {
      this.batch = batch;
      this.listener = listener;
    }

    @Override
    public void onDurable(DurableFrame frame) {
      StreamLog.this.onDurable(batch, frame, listener);
    }

    @Override
    public void onFailure(WalException cause) {
      StreamLog.this.onFailure(batch, cause, listener);
    }
  }
}
