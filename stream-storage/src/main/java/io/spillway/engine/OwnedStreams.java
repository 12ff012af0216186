package io.spillway.engine;

import io.spillway.catalog.CatalogCommand.Checkpoint;
import io.spillway.catalog.CatalogCommand.Close;
import io.spillway.catalog.StreamCatalog;
import io.spillway.catalog.StreamCatalog.StreamState;
import io.spillway.catalog.StreamCatalog.Verdict;
import io.spillway.stream.StreamException;
import io.spillway.stream.StreamStore.StateAt;
import io.spillway.upload.UploadPipeline;
import io.spillway.wal.StreamId;
import io.spillway.wal.WriteAheadLog;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Function;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The streams that this engine writes, and how it lets go of them (P11, P12). Claims, closes and
 * the like of one stream run one after the other. Safe for any thread.
 */
final class OwnedStreams {

  private static final Logger LOG = LoggerFactory.getLogger(OwnedStreams.class);

  /**
   * One that is under way, one that captures the state, and one that keeps it; and one to spare.
   */
  private static final int MAX_CHECKPOINT_UPLOADS = 4;

  private final WriteAheadLog wal;
  private final StreamCatalog catalog;
  private final CatalogWriter commands;
  private final UploadPipeline uploads;
  private final Function<StreamState, StreamLog> newLog;
  private final ConcurrentHashMap<StreamId, StreamLog> logs = new ConcurrentHashMap<>();
  private final ConcurrentHashMap<StreamId, CompletableFuture<?>> transitions =
      new ConcurrentHashMap<>();

  OwnedStreams(
      WriteAheadLog wal,
      StreamCatalog catalog,
      CatalogWriter commands,
      UploadPipeline uploads,
      Function<StreamState, StreamLog> newLog) {
    this.wal = wal;
    this.catalog = catalog;
    this.commands = commands;
    this.uploads = uploads;
    this.newLog = newLog;
  }

  @Nullable StreamLog get(StreamId id) {
    return logs.get(id);
  }

  StreamLog getOrCreate(StreamState state) {
    return logs.computeIfAbsent(state.id(), id -> newLog.apply(state));
  }

  /** Streams that a recovery found batches of: whoever claims one goes on with it. */
  void adopt(List<StreamLog> recovered) {
    recovered.forEach(log -> logs.put(log.id(), log));
  }

  /** Those that are still this broker's, as far as it knows. */
  List<StreamLog> held() {
    return logs.values().stream().filter(log -> log.lost() == null).toList();
  }

  /** Forgets what this engine knows of the stream. */
  void forget(StreamLog log) {
    logs.remove(log.id(), log);
  }

  /** The stream is deleted, or another's: what waits of it will never be committed. */
  void drop(StreamId id, String reason) {
    StreamLog gone = logs.remove(id);
    if (gone != null) {
      uploads.onDropped(gone, gone.onLost(reason));
    }
  }

  /** P14: nothing of any stream is acknowledged, accepted or served any more. */
  void loseAll(String reason) {
    logs.values().forEach(log -> uploads.onDropped(log, log.onLost(reason)));
  }

  /** Claims, closes and the like of one stream run one after the other. */
  <T> CompletableFuture<T> inTurn(StreamId id, Supplier<CompletableFuture<T>> step) {
    CompletableFuture<T> mine = new CompletableFuture<>();
    CompletableFuture<?> before = transitions.put(id, mine);
    CompletableFuture<?> turn =
        before == null ? Steps.done() : before.handle((result, failure) -> (Void) null);
    turn.thenCompose(now -> step.get())
        .whenComplete(
            (result, failure) -> {
              transitions.remove(id, mine);
              Steps.pass(result, failure, mine);
            });
    return mine;
  }

  /** Completes when no claim, close or the like is under way that was so at the call. */
  CompletableFuture<Void> whenSettled() {
    List<CompletableFuture<Void>> underWay = new ArrayList<>();
    transitions.values().forEach(each -> underWay.add(each.handle((done, failure) -> null)));
    return Steps.allOf(underWay);
  }

  /** No more appends, those under way durable. */
  static CompletableFuture<Void> quiet(StreamLog log) {
    log.seal();
    return log.whenQuiet();
  }

  /** P12: no more appends, those under way durable, all of it committed. */
  CompletableFuture<Void> drain(StreamLog log) {
    return quiet(log)
        .thenCompose(quiet -> log.pendingBytes() == 0 ? Steps.done() : uploads.flush())
        .thenAccept(
            uploaded -> {
              if (log.committedEndOffset() < log.highWatermark()) {
                throw new StreamException.Corrupt(
                    "stream %s is committed to %d of %d only: its batches cannot be read back"
                        .formatted(log.id(), log.committedEndOffset(), log.highWatermark()),
                    null);
              }
            });
  }

  CompletableFuture<Void> close(ClaimedStream stream) {
    StreamLog log = stream.log();
    return inTurn(
        log.id(),
        () -> {
          if (!log.isOwner(stream) || logs.get(log.id()) != log) {
            return Steps.done(); // claimed again, closed, or deleted since
          }
          return drain(log)
              .thenCompose(drained -> commitCheckpoints(List.of(log)))
              .thenCompose(committed -> closeInCatalog(log));
        });
  }

  /** P11: lets go of a recovered stream that nobody here has claimed, if all of it is committed. */
  CompletableFuture<Void> closeUnclaimed(StreamLog log) {
    return inTurn(
        log.id(),
        () ->
            log.owner() == null
                    && log.lost() == null
                    && logs.get(log.id()) == log
                    && log.committedEndOffset() == log.highWatermark()
                ? closeInCatalog(log)
                : Steps.done());
  }

  CompletableFuture<Void> closeInCatalog(StreamLog log) {
    return commands
        .submit(new Close(commands.commandId(), log.id(), wal.writer(), log.committedEndOffset()))
        .thenAccept(
            verdict -> {
              logs.remove(log.id(), log);
              if (verdict instanceof Verdict.Rejected rejected) {
                LOG.warn("[stream={}] close is void: {}", log.id(), rejected.reason());
              }
            });
  }

  /**
   * P22: keeps the state above at that offset or a later one, uploading what has to be below it.
   * While appends go on, a state is captured with one upload and kept with the next.
   */
  CompletableFuture<Void> commitCheckpoint(StreamLog log, long offset) {
    return commitCheckpoint(log, offset, MAX_CHECKPOINT_UPLOADS);
  }

  private CompletableFuture<Void> commitCheckpoint(StreamLog log, long offset, int uploadsLeft) {
    if (newestCheckpoint(log.id()) >= offset) {
      return Steps.done();
    }
    if (uploadsLeft == 0) {
      return CompletableFuture.failedFuture(
          new StreamException.Unavailable(
              "stream %s has no checkpoint at %d after %d uploads, the newest is at %d"
                  .formatted(log.id(), offset, MAX_CHECKPOINT_UPLOADS, newestCheckpoint(log.id())),
              null));
    }
    CompletableFuture<Void> uploaded = log.pendingBytes() == 0 ? Steps.done() : uploads.flush();
    return uploaded
        .thenCompose(flushed -> commitCheckpoints(List.of(log)))
        .thenCompose(committed -> commitCheckpoint(log, offset, uploadsLeft - 1));
  }

  private long newestCheckpoint(StreamId id) {
    return catalog.stream(id).flatMap(StreamState::checkpoint).map(Checkpoint::offset).orElse(-1L);
  }

  /** P22: what a stream is given up with is the state at its end. */
  CompletableFuture<Void> commitCheckpoints(List<StreamLog> of) {
    List<Checkpoint> newest = new ArrayList<>();
    for (StreamLog log : of) {
      Optional<StateAt> state = log.captureCheckpoint();
      if (state.isPresent()
          && state.get().offset() > newestCheckpoint(log.id())
          && state.get().offset() <= log.committedEndOffset()) {
        newest.add(new Checkpoint(log.id(), state.get().offset(), state.get().state()));
      }
    }
    return newest.isEmpty() ? Steps.done() : uploads.commitCheckpoints(newest);
  }
}
