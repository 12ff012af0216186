package io.spillway.engine;

import io.spillway.cache.WalFrame;
import io.spillway.catalog.CatalogCommand.Checkpoint;
import io.spillway.catalog.CatalogCommand.Extent;
import io.spillway.catalog.CatalogCommand.Trim;
import io.spillway.catalog.StreamCatalog.EpochStart;
import io.spillway.catalog.StreamCatalog.Phase;
import io.spillway.catalog.StreamCatalog.StreamState;
import io.spillway.catalog.StreamCatalog.Verdict;
import io.spillway.read.BatchTime;
import io.spillway.read.ObjectReads;
import io.spillway.stream.FetchedData;
import io.spillway.stream.StreamException;
import io.spillway.stream.StreamHandle;
import io.spillway.stream.StreamStore.CheckpointSource;
import io.spillway.stream.StreamStore.StateAt;
import io.spillway.upload.Failures;
import io.spillway.wal.Batch;
import io.spillway.wal.StreamId;
import io.spillway.wal.WalException;
import io.spillway.wal.WriteAheadLog.Reservation;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.function.Supplier;

/** A stream in one leader epoch: what a claim gives out. Later claims leave it able to read. */
final class ClaimedStream implements StreamHandle {

  /** Reads that lose a race against an upload, a trim or a deletion look again so many times. */
  private static final int MAX_LOOKS = 4;

  private static final int PART_EXTENTS = 1024;

  private final StorageEngine engine;
  private final StreamLog log;
  private final int leaderEpoch;
  private final CheckpointSource checkpoints;

  ClaimedStream(
      StorageEngine engine, StreamLog log, int leaderEpoch, CheckpointSource checkpoints) {
    this.engine = engine;
    this.log = log;
    this.leaderEpoch = leaderEpoch;
    this.checkpoints = checkpoints;
  }

  StreamLog log() {
    return log;
  }

  Optional<StateAt> captureCheckpoint() {
    return checkpoints.capture();
  }

  @Override
  public StreamId id() {
    return log.id();
  }

  @Override
  public int leaderEpoch() {
    return leaderEpoch;
  }

  @Override
  public long logStartOffset() {
    return log.logStartOffset();
  }

  @Override
  public long highWatermark() {
    return log.highWatermark();
  }

  @Override
  public long committedEndOffset() {
    return log.committedEndOffset();
  }

  @Override
  public List<EpochStart> epochs() {
    return state().map(StreamState::epochs).orElse(List.of());
  }

  @Override
  public Optional<StateAt> checkpoint() {
    Optional<Checkpoint> newest = state().flatMap(StreamState::checkpoint);
    return newest.map(
        checkpoint -> new StateAt(checkpoint.offset(), checkpoint.state().asReadOnlyBuffer()));
  }

  @Override
  public CompletableFuture<Void> commitCheckpoint(long offset) {
    return engine.commitCheckpoint(log, offset);
  }

  @Override
  public void append(Reservation reservation, Batch batch, long clientKey, Listener listener) {
    log.append(this, reservation, batch, clientKey, listener);
  }

  @Override
  public CompletableFuture<FetchedData> fetch(
      long offset, long endOffset, int maxBytes, long clientKey) {
    return fetch(offset, endOffset, maxBytes, clientKey, MAX_LOOKS);
  }

  private CompletableFuture<FetchedData> fetch(
      long offset, long endOffset, int maxBytes, long clientKey, int looks) {
    StreamException.Fenced gone = log.lost();
    if (gone != null) {
      return CompletableFuture.failedFuture(gone);
    }
    long end = Math.min(endOffset, log.highWatermark());
    if (offset < log.logStartOffset() || offset > log.highWatermark()) {
      return CompletableFuture.failedFuture(
          new StreamException.OutOfRange(
              "offset %d of stream %s is outside [%d, %d]"
                  .formatted(offset, log.id(), log.logStartOffset(), log.highWatermark())));
    }
    if (offset >= end) {
      return CompletableFuture.completedFuture(MemoryData.nothing(offset));
    }
    List<WalFrame> frames = log.read(offset, end, maxBytes);
    CompletableFuture<FetchedData> data;
    if (frames == null) {
      data =
          engine.objectReads().fetch(log.id(), offset, end, maxBytes, log.readAhead(), clientKey);
    } else if (frames.isEmpty()) {
      data = CompletableFuture.completedFuture(MemoryData.nothing(offset));
    } else if (frames.get(0).slice() != null) {
      engine.readStats().onTail();
      data = CompletableFuture.completedFuture(MemoryData.ofFrames(frames));
    } else {
      data = readBack(frames, clientKey);
    }
    return lookingAgain(
        data, looks, () -> fetch(offset, endOffset, maxBytes, clientKey, looks - 1));
  }

  /** Frames that left memory, out of the WAL. */
  private CompletableFuture<FetchedData> readBack(List<WalFrame> frames, long clientKey) {
    engine.readStats().onWal();
    long bytes = frames.stream().mapToLong(WalFrame::sizeBytes).sum();
    return engine
        .readBackBudget()
        .take(clientKey, bytes)
        .thenCompose(
            taken -> {
              List<CompletableFuture<ByteBuffer>> reads = new ArrayList<>(frames.size());
              for (WalFrame frame : frames) {
                reads.add(engine.wal().read(frame.position(), frame.sizeBytes()));
              }
              return CompletableFuture.allOf(reads.toArray(CompletableFuture[]::new))
                  .handle(
                      (done, failure) -> {
                        engine.readBackBudget().give(bytes);
                        return upToDamage(frames, reads);
                      });
            });
  }

  /** The batches before the first that cannot be read; its failure when it is the first of all. */
  private static FetchedData upToDamage(
      List<WalFrame> frames, List<CompletableFuture<ByteBuffer>> reads) {
    int intact = 1;
    while (intact < reads.size() && !reads.get(intact).isCompletedExceptionally()) {
      intact++;
    }
    return MemoryData.of(
        reads.subList(0, intact).stream().map(CompletableFuture::join).toList(),
        frames.get(intact - 1).endOffset());
  }

  /**
   * What was looked up may be gone when it is read: trimmed out of the WAL because it was uploaded,
   * or out of the store because it was deleted. The next look finds where it is now.
   */
  private <T> CompletableFuture<T> lookingAgain(
      CompletableFuture<T> data, int looks, Supplier<CompletableFuture<T>> again) {
    if (data.isDone() && !data.isCompletedExceptionally()) {
      return data;
    }
    return data.handle(
            (value, failure) -> {
              if (failure == null) {
                return CompletableFuture.completedFuture(value);
              }
              Throwable cause = Failures.cause(failure);
              boolean gone =
                  cause instanceof ObjectReads.Gone || cause instanceof WalException.Unavailable;
              if (!gone || looks == 0) {
                return CompletableFuture.<T>failedFuture(readFailure(cause));
              }
              return latestCatalog(cause, looks)
                  .thenCompose(
                      known ->
                          learnTrim()
                              ? again.get()
                              : CompletableFuture.<T>failedFuture(readFailure(cause)));
            })
        .thenCompose(each -> each);
  }

  /**
   * Another broker deletes objects as soon as it sees a trim in the log, this broker's own trim
   * included, before it is applied here.
   */
  private CompletableFuture<Long> latestCatalog(Throwable cause, int looks) {
    return cause instanceof ObjectReads.Gone && looks < MAX_LOOKS
        ? engine.catalog().refresh().exceptionally(this::catalogUnavailable)
        : CompletableFuture.completedFuture(0L);
  }

  private long catalogUnavailable(Throwable failure) {
    throw new StreamException.Unavailable(
        "stream %s cannot be read now, nor can the catalog: %s"
            .formatted(log.id(), Failures.cause(failure).getMessage()),
        failure);
  }

  /** The catalog may know of a trim or a deletion before this handle does; false when deleted. */
  private boolean learnTrim() {
    Optional<StreamState> now = state().filter(state -> state.phase() != Phase.DELETED);
    now.ifPresent(state -> log.onTrimmed(Math.min(state.logStartOffset(), log.highWatermark())));
    return now.isPresent();
  }

  private RuntimeException readFailure(Throwable cause) {
    StreamException.Fenced gone = log.lost();
    if (gone != null) {
      return gone;
    }
    if (cause instanceof StreamException known) {
      return known;
    }
    if (state().filter(state -> state.phase() != Phase.DELETED).isEmpty()) {
      return new StreamException.Fenced("stream " + log.id() + " is deleted");
    }
    if (cause instanceof WalException.Unavailable) {
      return new StreamException.Closed("stream " + log.id() + ": " + cause.getMessage());
    }
    return new StreamException.Corrupt(
        "stream " + log.id() + " is damaged: " + cause.getMessage(), cause);
  }

  @Override
  public CompletableFuture<Optional<Long>> findBatchByTimestamp(long timestampMs) {
    return findBatchByTimestamp(timestampMs, MAX_LOOKS);
  }

  private CompletableFuture<Optional<Long>> findBatchByTimestamp(long timestampMs, int looks) {
    long start = log.logStartOffset();
    Optional<BatchTime> inWal = log.firstPendingAtOrAfter(timestampMs);
    CompletableFuture<Optional<Long>> found =
        engine
            .objectReads()
            .firstBatchAtOrAfter(log.id(), start, timestampMs)
            .thenApply(
                batch -> batch.or(() -> inWal).map(each -> Math.max(start, each.baseOffset())));
    return lookingAgain(found, looks, () -> findBatchByTimestamp(timestampMs, looks - 1));
  }

  @Override
  public CompletableFuture<Optional<Long>> findBatchOfMaxTimestamp() {
    return findBatchOfMaxTimestamp(MAX_LOOKS);
  }

  private CompletableFuture<Optional<Long>> findBatchOfMaxTimestamp(int looks) {
    long start = log.logStartOffset();
    Optional<BatchTime> inWal = log.pendingMaxTimestamp();
    CompletableFuture<Optional<Long>> found =
        engine
            .objectReads()
            .largestBatch(log.id(), start)
            .thenApply(
                inObjects ->
                    BatchTime.larger(inObjects, inWal)
                        .map(batch -> Math.max(start, batch.baseOffset())));
    return lookingAgain(found, looks, () -> findBatchOfMaxTimestamp(looks - 1));
  }

  @Override
  public CompletableFuture<Void> trim(long newLogStartOffset) {
    if (newLogStartOffset > log.highWatermark()) {
      return CompletableFuture.failedFuture(
          new StreamException.OutOfRange(
              "stream %s cannot start at %d, above its high watermark %d"
                  .formatted(log.id(), newLogStartOffset, log.highWatermark())));
    }
    if (newLogStartOffset <= log.logStartOffset()) {
      return CompletableFuture.completedFuture(null);
    }
    return engine
        .catalog()
        .submit(new Trim(engine.commandId(), log.id(), engine.wal().writer(), newLogStartOffset))
        .thenAccept(
            verdict -> {
              if (verdict instanceof Verdict.Rejected rejected) {
                throw new StreamException.Fenced(
                    "trim of stream %s is void: %s".formatted(log.id(), rejected.reason()));
              }
              log.onTrimmed(newLogStartOffset);
            });
  }

  @Override
  public long sizeBytes() {
    return state().map(StreamState::sizeBytes).orElse(0L) + log.pendingBytes();
  }

  @Override
  public List<Part> parts() {
    List<Part> parts = new ArrayList<>();
    long from = log.logStartOffset();
    List<Extent> extents;
    do {
      extents = engine.catalog().extents(log.id(), from, PART_EXTENTS);
      for (Extent extent : extents) {
        parts.add(
            new Part(
                extent.baseOffset(),
                extent.endOffset(),
                extent.sizeBytes(),
                extent.maxTimestampMs()));
        from = extent.endOffset();
      }
    } while (extents.size() == PART_EXTENTS);
    log.pendingPart(from).ifPresent(parts::add);
    return parts;
  }

  @Override
  public CompletableFuture<Void> close() {
    return engine.closeStream(this);
  }

  private Optional<StreamState> state() {
    return engine.catalog().stream(log.id());
  }
}
