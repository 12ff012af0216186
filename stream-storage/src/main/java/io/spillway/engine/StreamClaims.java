package io.spillway.engine;

import io.spillway.catalog.CatalogCommand.Claim;
import io.spillway.catalog.CatalogCommand.Close;
import io.spillway.catalog.CatalogCommand.StreamToken;
import io.spillway.catalog.CatalogCommand.WalKind;
import io.spillway.catalog.StreamCatalog;
import io.spillway.catalog.StreamCatalog.Phase;
import io.spillway.catalog.StreamCatalog.StreamState;
import io.spillway.catalog.StreamCatalog.Verdict;
import io.spillway.runtime.Scheduler;
import io.spillway.stream.StreamException;
import io.spillway.stream.StreamHandle;
import io.spillway.stream.StreamStore.CheckpointSource;
import io.spillway.upload.Failures;
import io.spillway.wal.StreamId;
import io.spillway.wal.WriteAheadLog;
import io.spillway.wal.WriterIncarnation;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import java.util.function.IntPredicate;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * How this engine becomes a stream's writer (P9-P13): it claims, waits until the writer before it
 * has been drained, or drains it itself where that is allowed, and opens the stream. Safe for any
 * thread.
 */
final class StreamClaims {

  private static final Logger LOG = LoggerFactory.getLogger(StreamClaims.class);

  private final StorageEngine engine;
  private final int nodeId;
  private final long drainPollMs;
  private final WriteAheadLog wal;
  private final StreamCatalog catalog;
  private final CatalogWriter commands;
  private final WriterFence fence;
  private final OwnedStreams streams;
  private final ForeignChains foreignChains;
  private final Scheduler scheduler;
  private final BooleanSupplier isStopping;
  private volatile IntPredicate isNodeFenced = fencedNodeId -> false;

  /**
   * @param engine what claimed streams read and write through
   */
  StreamClaims(
      StorageEngine engine,
      EngineConfig config,
      WriteAheadLog wal,
      StreamCatalog catalog,
      CatalogWriter commands,
      WriterFence fence,
      OwnedStreams streams,
      ForeignChains foreignChains,
      Scheduler scheduler,
      BooleanSupplier isStopping) {
    this.engine = engine;
    this.nodeId = config.nodeId();
    this.drainPollMs = config.drainPollMs();
    this.wal = wal;
    this.catalog = catalog;
    this.commands = commands;
    this.fence = fence;
    this.streams = streams;
    this.foreignChains = foreignChains;
    this.scheduler = scheduler;
    this.isStopping = isStopping;
  }

  /** P13: which brokers the controller has fenced. */
  void onNodesFenced(IntPredicate isFenced) {
    isNodeFenced = isFenced;
  }

  CompletableFuture<StreamHandle> claim(
      StreamId id, int leaderEpoch, long metadataOffset, CheckpointSource checkpoints) {
    return streams.inTurn(id, () -> claimNow(id, leaderEpoch, metadataOffset, checkpoints));
  }

  private CompletableFuture<StreamHandle> claimNow(
      StreamId id, int leaderEpoch, long metadataOffset, CheckpointSource checkpoints) {
    StreamException.Fenced fenced = fence.refusal();
    if (fenced != null) {
      return CompletableFuture.failedFuture(fenced);
    }
    if (isStopping.getAsBoolean()) {
      return CompletableFuture.failedFuture(new StreamException.Closed("storage is stopping"));
    }
    StreamLog known = streams.get(id);
    if (known != null && known.lost() != null) {
      streams.forget(known); // what it knows of the stream is another owner's past
    }
    StreamLog before = streams.get(id);
    ClaimedStream owner = before == null ? null : before.owner();
    if (owner != null && owner.leaderEpoch() >= leaderEpoch) {
      return CompletableFuture.failedFuture(
          new StreamException.Fenced(
              "claim of stream %s in epoch %d: it is claimed in epoch %d"
                  .formatted(id, leaderEpoch, owner.leaderEpoch())));
    }
    StreamToken token = new StreamToken(leaderEpoch, nodeId, wal.writer().incarnation());
    return (before == null ? Steps.done() : OwnedStreams.quiet(before))
        .thenCompose(
            quiet ->
                commands.submit(
                    new Claim(
                        commands.commandId(),
                        id,
                        token,
                        wal.writer(),
                        metadataOffset,
                        before == null ? -1 : before.nextOffset())))
        .thenCompose(verdict -> onClaimVerdict(id, token, verdict))
        .thenApply(state -> open(state, token, checkpoints));
  }

  private CompletableFuture<StreamState> onClaimVerdict(
      StreamId id, StreamToken token, Verdict verdict) {
    if (verdict instanceof Verdict.Rejected rejected) {
      return CompletableFuture.failedFuture(
          new StreamException.Fenced(
              "claim of stream %s in epoch %d is void: %s"
                  .formatted(id, token.leaderEpoch(), rejected.reason())));
    }
    if (verdict instanceof Verdict.MustDrain drain) {
      LOG.info(
          "[stream={} epoch={}] waits until {} is drained",
          id,
          token.leaderEpoch(),
          drain.unresolved());
      if (drain.unresolved().walId().equals(wal.walId())) {
        return closeOwn(id).thenCompose(closed -> untilOpen(id, token));
      }
    }
    return untilOpen(id, token);
  }

  /**
   * The stream was claimed by another broker and given back before this one had closed it: it is
   * this broker itself that the claim waits for.
   */
  private CompletableFuture<Void> closeOwn(StreamId id) {
    StreamLog log = streams.get(id);
    return (log == null ? Steps.done() : streams.drain(log))
        .thenCompose(
            drained -> {
              long end =
                  log != null
                      ? log.committedEndOffset()
                      : catalog.stream(id).map(StreamState::committedEndOffset).orElse(0L);
              return commands.submit(new Close(commands.commandId(), id, wal.writer(), end));
            })
        .thenAccept(verdict -> LOG.info("[stream={}] closed for a claim: {}", id, verdict));
  }

  /** P13: stays with the claim while another WAL has batches of the stream. */
  private CompletableFuture<StreamState> untilOpen(StreamId id, StreamToken token) {
    Optional<StreamState> state = catalog.stream(id);
    if (state.isEmpty()) {
      return CompletableFuture.failedFuture(
          new StreamException.Fenced("stream " + id + " is gone"));
    }
    if (state.get().phase() == Phase.OPEN && state.get().token().equals(token)) {
      return CompletableFuture.completedFuture(state.get());
    }
    if (isStopping.getAsBoolean()) {
      return CompletableFuture.failedFuture(new StreamException.Closed("storage is stopping"));
    }
    boolean waiting =
        state.get().phase() == Phase.CLOSING
            && state.get().claimant().filter(token::equals).isPresent();
    if (!waiting) {
      return giveUpUnopened(state.get())
          .thenCompose(
              givenUp ->
                  CompletableFuture.failedFuture(
                      new StreamException.Fenced(
                          "claim of stream %s in epoch %d was overtaken: it is %s of %s"
                              .formatted(
                                  id,
                                  token.leaderEpoch(),
                                  state.get().phase(),
                                  state.get().token()))));
    }
    if (mayTakeOver(state.get().writer())) {
      return takeOver(id, token, state.get().writer());
    }
    return lookAgain(id, token);
  }

  private CompletableFuture<StreamState> lookAgain(StreamId id, StreamToken token) {
    CompletableFuture<StreamState> later = new CompletableFuture<>();
    scheduler.schedule(
        TimeUnit.MILLISECONDS.toNanos(drainPollMs),
        () ->
            catalog
                .refresh()
                .thenCompose(position -> untilOpen(id, token))
                .whenComplete((open, failure) -> Steps.pass(open, failure, later)));
    return later;
  }

  /** Object mode only, and only if the controller says so: impatience is no reason (P13). */
  private boolean mayTakeOver(WriterIncarnation unresolved) {
    return isNodeFenced.test(unresolved.nodeId())
        && catalog.wals().stream()
            .anyMatch(
                known ->
                    known.writer().walId().equals(unresolved.walId())
                        && known.kind() == WalKind.OBJECT);
  }

  private CompletableFuture<StreamState> takeOver(
      StreamId id, StreamToken token, WriterIncarnation unresolved) {
    CompletableFuture<Void> decided = new CompletableFuture<>();
    scheduler.execute(
        () ->
            foreignChains
                .takeOver(id, token, unresolved.walId())
                .whenComplete(
                    (done, failure) -> {
                      if (failure == null) {
                        decided.complete(null);
                      } else {
                        decided.completeExceptionally(failure);
                      }
                    }));
    return decided
        .handle(
            (done, failure) -> {
              if (failure != null) {
                LOG.error(
                    "[stream={} epoch={}] cannot be recovered from WAL {} of {}",
                    id,
                    token.leaderEpoch(),
                    unresolved.walId(),
                    unresolved,
                    Failures.cause(failure));
              }
              return failure == null ? untilOpen(id, token) : lookAgain(id, token);
            })
        .thenCompose(each -> each);
  }

  /**
   * A claim may have come into force, and a newer one after it, before this broker looked. Nobody
   * here holds the stream then, and the newer claimant would wait for a close that never comes.
   */
  private CompletableFuture<Void> giveUpUnopened(StreamState state) {
    if (state.phase() != Phase.CLOSING
        || !state.writer().equals(wal.writer())
        || streams.get(state.id()) != null) {
      return Steps.done();
    }
    return commands
        .submit(
            new Close(commands.commandId(), state.id(), wal.writer(), state.committedEndOffset()))
        .thenAccept(verdict -> LOG.info("[stream={}] given up unopened: {}", state.id(), verdict));
  }

  private StreamHandle open(StreamState state, StreamToken token, CheckpointSource checkpoints) {
    StreamException.Fenced fenced = fence.refusal();
    if (fenced != null) {
      throw fenced;
    }
    StreamLog known = streams.get(state.id());
    if (known != null
        && (known.lost() != null || known.highWatermark() < state.committedEndOffset())) {
      // It was taken over and given back before this broker noticed, or while it claimed: the log
      // would go on in a past that another owner has written beyond (G2).
      streams.drop(state.id(), "another broker has written to it since");
    }
    StreamLog log = streams.getOrCreate(state);
    ClaimedStream claimed = new ClaimedStream(engine, log, token.leaderEpoch(), checkpoints);
    log.open(claimed, state);
    return claimed;
  }
}
