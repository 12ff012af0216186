package io.spillway.engine;

import io.spillway.cache.ByteBudget;
import io.spillway.cache.ReadAhead;
import io.spillway.cache.TailCache;
import io.spillway.catalog.CatalogCommand;
import io.spillway.catalog.CatalogCommand.Checkpoint;
import io.spillway.catalog.CatalogCommand.Claim;
import io.spillway.catalog.CatalogCommand.Close;
import io.spillway.catalog.CatalogCommand.DeleteStream;
import io.spillway.catalog.CatalogCommand.OpenWal;
import io.spillway.catalog.CatalogCommand.SealWal;
import io.spillway.catalog.CatalogCommand.SetRuleLevel;
import io.spillway.catalog.CatalogCommand.StreamToken;
import io.spillway.catalog.CatalogCommand.WalKind;
import io.spillway.catalog.StreamCatalog;
import io.spillway.catalog.StreamCatalog.Phase;
import io.spillway.catalog.StreamCatalog.StreamState;
import io.spillway.catalog.StreamCatalog.Verdict;
import io.spillway.catalog.StreamCatalog.WalPhase;
import io.spillway.catalog.StreamCatalog.WalState;
import io.spillway.object.MeteredObjectStore;
import io.spillway.object.ObjectStore;
import io.spillway.object.RequestMeter;
import io.spillway.runtime.Cancellable;
import io.spillway.runtime.FaultHandler;
import io.spillway.runtime.RandomSource;
import io.spillway.runtime.Scheduler;
import io.spillway.runtime.Threads;
import io.spillway.stream.StorageStats;
import io.spillway.stream.StreamException;
import io.spillway.stream.StreamHandle;
import io.spillway.stream.StreamStore;
import io.spillway.sweep.ObjectDeleter;
import io.spillway.sweep.OrphanSweeper;
import io.spillway.upload.Failures;
import io.spillway.upload.UploadLimits;
import io.spillway.upload.UploadPipeline;
import io.spillway.wal.PayloadVerifier;
import io.spillway.wal.StreamId;
import io.spillway.wal.WalException;
import io.spillway.wal.WriteAheadLog;
import io.spillway.wal.WriteAheadLog.Reservation;
import io.spillway.wal.WriterIncarnation;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.IntPredicate;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Streams over one WAL and one bucket: puts the WAL, the catalog, the uploads and the caches
 * together, and walks each stream through claim, append, upload, close.
 *
 * <p>The engine is given its WAL, catalog, store and threads, and closes none of them: whoever made
 * them does, after {@link #close}, in the order WAL, catalog, store, threads. An idle engine sends
 * no request.
 *
 * <p>A restart uploads what the WAL holds and closes its streams before anything is claimed. So the
 * catalog knows the exact start offset of each epoch (P11, KIP-101), and a claim never has anything
 * to drain but another broker.
 */
public final class StorageEngine implements StreamStore {

  private static final Logger LOG = LoggerFactory.getLogger(StorageEngine.class);

  private final EngineConfig config;
  private final WriteAheadLog wal;
  private final StreamCatalog catalog;
  private final ObjectStore store;
  private final RequestMeter requests;
  private final Scheduler scheduler;
  private final RandomSource random;
  private final FaultHandler faults;
  private final TailCache tail;
  private final UploadPipeline uploads;
  private final ObjectBlocks blocks;
  private final ObjectReads objectReads;
  private final ReadStats readStats = new ReadStats();
  private final ObjectDeleter deleter;
  private final OrphanSweeper sweeper;
  private final ForeignChains foreignChains;
  private final ConcurrentHashMap<StreamId, StreamLog> logs = new ConcurrentHashMap<>();
  private final ConcurrentHashMap<StreamId, CompletableFuture<?>> transitions =
      new ConcurrentHashMap<>();
  private final AtomicBoolean catalogFailed = new AtomicBoolean();
  private final AtomicBoolean stopping = new AtomicBoolean();
  private final AtomicReference<WalException.@Nullable Fenced> fenced = new AtomicReference<>();
  private volatile boolean walOpened;
  private volatile boolean sealing;
  private volatile boolean closed;
  private volatile IntPredicate isNodeFenced = nodeId -> false;
  private volatile boolean walSealed;
  private volatile long recoveredFrames;
  private @Nullable CompletableFuture<Long> drained;

  private StorageEngine(
      EngineConfig config,
      WriteAheadLog wal,
      StreamCatalog catalog,
      ObjectStore objectStore,
      Threads threads,
      RandomSource random,
      FaultHandler faults,
      PayloadVerifier verifier) {
    this.config = config;
    this.wal = wal;
    this.catalog = catalog;
    this.scheduler = threads.newScheduler("storage");
    this.random = random;
    this.faults = faults;
    if (objectStore instanceof RequestMeter meter) {
      this.store = objectStore;
      this.requests = meter;
    } else {
      MeteredObjectStore metered = new MeteredObjectStore(objectStore);
      this.store = metered;
      this.requests = metered;
    }
    this.tail = new TailCache(config.tailCacheBytes());
    UploadLimits limits =
        new UploadLimits(
            config.uploadBytes(),
            TimeUnit.MILLISECONDS.toNanos(config.uploadIntervalMs()),
            config.walFillUploadPercent(),
            wal.usage().capacityBytes(),
            config.uploadBufferBytes(),
            config.minPartBytes(),
            config.objectBlockBytes());
    this.uploads =
        new UploadPipeline(
            limits, wal, catalog, store, threads, scheduler, random, faults, this::checkFence);
    this.blocks =
        new ObjectBlocks(
            store,
            threads.newPool("read", config.readThreads()),
            config.readBufferBytes(),
            config.indexCacheBytes(),
            config.blockCacheBytes());
    this.objectReads = new ObjectReads(catalog, blocks, readStats);
    this.deleter = new ObjectDeleter(store, scheduler, threads.clock(), random);
    this.sweeper =
        new OrphanSweeper(
            store,
            catalog,
            deleter,
            scheduler,
            threads.clock(),
            random,
            TimeUnit.MILLISECONDS.toNanos(config.sweepIntervalMs()),
            uploads::buildingBirth);
    this.foreignChains =
        new ForeignChains(
            config.nodeId(),
            wal,
            catalog,
            store,
            threads,
            scheduler,
            random,
            faults,
            limits,
            verifier,
            deleter,
            this::submit);
  }

  /**
   * As the other {@code open}, for payloads without a checksum of their own ({@link
   * PayloadVerifier#NONE}).
   */
  public static CompletableFuture<StorageEngine> open(
      EngineConfig config,
      WriteAheadLog wal,
      StreamCatalog catalog,
      ObjectStore store,
      Threads threads,
      RandomSource random,
      FaultHandler faults) {
    return open(config, wal, catalog, store, threads, random, faults, PayloadVerifier.NONE);
  }

  /**
   * Opens the catalog, recovers the WAL for all its streams, uploads what it held, and opens its
   * next incarnation (P2, P3). Waits for the store as long as it takes.
   *
   * @param wal not yet recovered
   * @param catalog not yet opened
   * @param faults told when the catalog fails for good or an invariant is broken; a WAL tells of
   *     its own failure (P28), after which every append fails here and what is durable can be read
   * @param verifier of payloads in chains that other incarnations and other brokers left in the
   *     bucket
   * @return completes when streams may be claimed. Fails with {@link StartRefusedException}, with
   *     {@link WalException.Corrupt}, or with what the catalog failed with
   */
  public static CompletableFuture<StorageEngine> open(
      EngineConfig config,
      WriteAheadLog wal,
      StreamCatalog catalog,
      ObjectStore store,
      Threads threads,
      RandomSource random,
      FaultHandler faults,
      PayloadVerifier verifier) {
    StorageEngine engine =
        new StorageEngine(config, wal, catalog, store, threads, random, faults, verifier);
    return engine
        .start()
        .whenComplete(
            (opened, failure) -> {
              if (failure != null) {
                engine.close();
              }
            })
        .thenApply(opened -> engine);
  }

  private CompletableFuture<Void> start() {
    return catalog
        .open()
        .thenCompose(opened -> openOwnWal())
        .thenRun(
            () -> {
              sweeper.start();
              foreignChains.sweep();
            });
  }

  private CompletableFuture<Void> openOwnWal() {
    return foreignChains
        .drainOwn()
        .thenCompose(frames -> onScheduler(() -> recover(frames)))
        .thenCompose(
            recovery ->
                openIncarnation()
                    .thenCompose(
                        verdict -> {
                          requireOpened(verdict);
                          walOpened = true;
                          return recovery.logs().isEmpty() ? done() : uploads.flush();
                        })
                    .thenCompose(uploaded -> closeRecovered(recovery)));
  }

  private void requireOpened(Verdict verdict) {
    if (verdict instanceof Verdict.Rejected rejected && wal.isInObjectStore()) {
      throw new StartRefusedException.NodeIdInUse(
          "another process with node.id %d opened its WAL while this one started: %s"
              .formatted(config.nodeId(), rejected.reason()));
    }
    if (verdict instanceof Verdict.Rejected) {
      // It may have been abandoned while it was read.
      Recovery.requireOwnWal(catalog, wal.walId(), config.nodeId());
    }
    requireApplied("opening WAL " + wal.writer(), verdict);
  }

  /** P2; P8: a build that cannot take over a chain must not decide about one. */
  private CompletableFuture<Verdict> openIncarnation() {
    if (!wal.isInObjectStore()) {
      return submit(new OpenWal(commandId(), wal.writer(), WalKind.LOCAL));
    }
    CompletableFuture<Verdict> raised =
        submit(new SetRuleLevel(commandId(), StreamCatalog.RULE_LEVEL_TAKEOVER));
    CompletableFuture<Verdict> opened =
        submit(new OpenWal(commandId(), wal.writer(), WalKind.OBJECT));
    return raised.thenCompose(level -> opened);
  }

  /** The incarnation that a new WAL of the node gets: one more than any that the catalog knows. */
  public static long nextIncarnation(StreamCatalog catalog, int nodeId) {
    return 1
        + catalog.wals().stream()
            .map(WalState::writer)
            .filter(writer -> writer.nodeId() == nodeId)
            .mapToLong(WriterIncarnation::incarnation)
            .max()
            .orElse(0);
  }

  /**
   * @param drained frames that came from chains which this node left
   */
  private Recovery recover(long drained) {
    Recovery.requireOwnWal(catalog, wal.walId(), config.nodeId());
    long trimmed =
        catalog.wals().stream()
            .filter(known -> known.writer().walId().equals(wal.walId()))
            .mapToLong(WalState::trimPosition)
            .max()
            .orElse(0);
    wal.trim(trimmed);
    Recovery recovery = new Recovery(catalog, wal, this::newLog);
    long end = recovery.run();
    catalog.onUnreferenced(
        object -> {
          blocks.forget(object.key());
          deleter.delete(object.key());
        });
    uploads.startAt(recovery.logs(), end - 1, trimmed);
    recoveredFrames = drained + recovery.frames();
    if (recovery.frames() > 0) {
      LOG.info(
          "[wal={}] recovered {} frames, {} of them superfluous; {} bytes of {} streams are to be uploaded",
          wal.walId(),
          recovery.frames(),
          recovery.voidFrames(),
          uploads.pendingBytes(),
          recovery.logs().size());
    }
    return recovery;
  }

  /** P11: this WAL's streams are committed to their last batch, so nobody has to wait for it. */
  private CompletableFuture<Void> closeRecovered(Recovery recovery) {
    for (StreamLog log : recovery.logs()) {
      if (log.pendingBytes() > 0) {
        return CompletableFuture.failedFuture(
            new WalException.Corrupt(
                "WAL %s cannot give back batches of stream %s from offset %d on"
                    .formatted(wal.walId(), log.id(), log.committedEndOffset())));
      }
    }
    List<CompletableFuture<Void>> closing = new ArrayList<>();
    for (StreamState state : Recovery.streamsOf(catalog, wal.walId())) {
      closing.add(
          submit(new Close(commandId(), state.id(), wal.writer(), state.committedEndOffset()))
              .thenAccept(verdict -> requireClosed(state.id(), verdict)));
    }
    return allOf(closing).thenCompose(allClosed -> uploads.release());
  }

  /** Void is right for a stream that another broker has deleted meanwhile. */
  private void requireClosed(StreamId id, Verdict verdict) {
    Optional<StreamState> state = catalog.stream(id);
    if (state.isPresent() && Recovery.isOf(state.get(), wal.walId())) {
      requireApplied("closing stream " + id, verdict);
    }
  }

  @Override
  public CompletableFuture<StreamHandle> claim(
      StreamId id, int leaderEpoch, long metadataOffset, CheckpointSource checkpoints) {
    return inTurn(id, () -> claimNow(id, leaderEpoch, metadataOffset, checkpoints));
  }

  private CompletableFuture<StreamHandle> claimNow(
      StreamId id, int leaderEpoch, long metadataOffset, CheckpointSource checkpoints) {
    WalException.Fenced lost = fenced.get();
    if (lost != null) {
      return CompletableFuture.failedFuture(
          new StreamException.Fenced(String.valueOf(lost.getMessage())));
    }
    if (stopping.get()) {
      return CompletableFuture.failedFuture(new StreamException.Closed("storage is stopping"));
    }
    StreamLog known = logs.get(id);
    if (known != null && known.lost() != null) {
      logs.remove(id, known); // what it knows of the stream is another owner's past
    }
    StreamLog before = logs.get(id);
    ClaimedStream owner = before == null ? null : before.owner();
    if (owner != null && owner.leaderEpoch() >= leaderEpoch) {
      return CompletableFuture.failedFuture(
          new StreamException.Fenced(
              "claim of stream %s in epoch %d: it is claimed in epoch %d"
                  .formatted(id, leaderEpoch, owner.leaderEpoch())));
    }
    StreamToken token = new StreamToken(leaderEpoch, config.nodeId(), wal.writer().incarnation());
    return (before == null ? done() : quiet(before))
        .thenCompose(
            quiet ->
                submit(
                    new Claim(
                        commandId(),
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
    StreamLog log = logs.get(id);
    return (log == null ? done() : drain(log))
        .thenCompose(
            drained -> {
              long end =
                  log != null
                      ? log.committedEndOffset()
                      : catalog.stream(id).map(StreamState::committedEndOffset).orElse(0L);
              return submit(new Close(commandId(), id, wal.writer(), end));
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
    if (stopping.get()) {
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
        TimeUnit.MILLISECONDS.toNanos(config.drainPollMs()),
        () ->
            catalog
                .refresh()
                .thenCompose(position -> untilOpen(id, token))
                .whenComplete((open, failure) -> pass(open, failure, later)));
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
   * Says which brokers the controller has fenced, or knows no more: what their object WALs hold of
   * streams that are claimed here is then taken over (P13). Asked whenever a claim has to wait.
   */
  public void onNodesFenced(IntPredicate isFenced) {
    isNodeFenced = isFenced;
  }

  /** P14: what the WAL was fenced by has the streams, or will; the WAL has told of it. */
  private void onWalFailure(WalException cause) {
    if (cause instanceof WalException.Fenced lost) {
      fence(lost);
    }
  }

  /**
   * A claim may have come into force, and a newer one after it, before this broker looked. Nobody
   * here holds the stream then, and the newer claimant would wait for a close that never comes.
   */
  private CompletableFuture<Void> giveUpUnopened(StreamState state) {
    if (state.phase() != Phase.CLOSING
        || !state.writer().equals(wal.writer())
        || logs.containsKey(state.id())) {
      return done();
    }
    return submit(new Close(commandId(), state.id(), wal.writer(), state.committedEndOffset()))
        .thenAccept(verdict -> LOG.info("[stream={}] given up unopened: {}", state.id(), verdict));
  }

  private StreamHandle open(StreamState state, StreamToken token, CheckpointSource checkpoints) {
    WalException.Fenced lost = fenced.get();
    if (lost != null) {
      throw new StreamException.Fenced(String.valueOf(lost.getMessage()));
    }
    StreamLog known = logs.get(state.id());
    if (known != null && known.highWatermark() < state.committedEndOffset()) {
      // It was taken over and given back before this broker noticed: the log would go on in a past
      // that another owner has written beyond (G2).
      logs.remove(state.id(), known);
      uploads.onDropped(known, known.onLost("another broker has written to it since"));
    }
    StreamLog log = logs.computeIfAbsent(state.id(), id -> newLog(state));
    ClaimedStream claimed = new ClaimedStream(this, log, token.leaderEpoch(), checkpoints);
    log.open(claimed, state);
    return claimed;
  }

  private StreamLog newLog(StreamState state) {
    ReadAhead readAhead =
        new ReadAhead(
            Math.min(config.objectBlockBytes(), config.maxReadAheadBytes()),
            config.maxReadAheadBytes());
    return new StreamLog(state, wal, tail, uploads, readAhead, this::onWalFailure);
  }

  /** No more appends, those under way durable. */
  private static CompletableFuture<Void> quiet(StreamLog log) {
    log.seal();
    return log.whenQuiet();
  }

  /** P12: no more appends, those under way durable, all of it committed. */
  private CompletableFuture<Void> drain(StreamLog log) {
    return quiet(log)
        .thenCompose(quiet -> log.pendingBytes() == 0 ? done() : uploads.flush())
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

  CompletableFuture<Void> closeStream(ClaimedStream stream) {
    StreamLog log = stream.log();
    return inTurn(
        log.id(),
        () -> {
          if (!log.isOwner(stream) || logs.get(log.id()) != log) {
            return done(); // claimed again, closed, or deleted since
          }
          return drain(log)
              .thenCompose(drained -> commitCheckpoints(List.of(log)))
              .thenCompose(committed -> closeInCatalog(log));
        });
  }

  private CompletableFuture<Void> closeInCatalog(StreamLog log) {
    return submit(new Close(commandId(), log.id(), wal.writer(), log.committedEndOffset()))
        .thenAccept(
            verdict -> {
              logs.remove(log.id(), log);
              if (verdict instanceof Verdict.Rejected rejected) {
                LOG.warn("[stream={}] close is void: {}", log.id(), rejected.reason());
              }
            });
  }

  /** P22: what a stream is given up with is the state at its end. */
  private CompletableFuture<Void> commitCheckpoints(List<StreamLog> of) {
    List<Checkpoint> newest = new ArrayList<>();
    for (StreamLog log : of) {
      Optional<StateAt> state = log.captureCheckpoint();
      long known =
          catalog.stream(log.id())
              .flatMap(StreamState::checkpoint)
              .map(Checkpoint::offset)
              .orElse(-1L);
      if (state.isPresent()
          && state.get().offset() > known
          && state.get().offset() <= log.committedEndOffset()) {
        newest.add(new Checkpoint(log.id(), state.get().offset(), state.get().state()));
      }
    }
    return newest.isEmpty() ? done() : uploads.commitCheckpoints(newest);
  }

  @Override
  public CompletableFuture<Void> delete(StreamId id, long metadataOffset) {
    return submit(new DeleteStream(commandId(), id, metadataOffset))
        .thenAccept(
            verdict -> {
              if (verdict instanceof Verdict.Rejected rejected) {
                throw new StreamException.Fenced(
                    "deletion of stream %s is void: %s".formatted(id, rejected.reason()));
              }
              StreamLog gone = logs.remove(id);
              if (gone != null) {
                uploads.onDropped(gone, gone.onLost("deleted"));
              }
            });
  }

  @Override
  public List<StreamId> streams() {
    return catalog.streams().stream()
        .filter(
            id -> catalog.stream(id).filter(state -> state.phase() != Phase.DELETED).isPresent())
        .toList();
  }

  @Override
  public Reservation reserve(int bytes, boolean internal) {
    WalException.Fenced fence = fenced.get();
    if (fence != null) {
      throw fence;
    }
    if (stopping.get()) {
      throw new WalException.Unavailable("storage is stopping");
    }
    try {
      return wal.reserve(bytes, internal);
    } catch (WalException.Full e) {
      uploads.onWalFull();
      throw e;
    }
  }

  @Override
  public void cancel(Reservation reservation) {
    wal.cancel(reservation);
  }

  @Override
  public CompletableFuture<Void> flush() {
    return uploads.flush();
  }

  /** How full the WAL is; cheap enough to be asked at every request. */
  public WriteAheadLog.WalUsage walUsage() {
    return wal.usage();
  }

  @Override
  public StorageStats stats() {
    WriteAheadLog.WalUsage usage = wal.usage();
    return new StorageStats(
        usage.capacityBytes(),
        usage.usedBytes(),
        usage.deviceWrites(),
        usage.writtenBytes(),
        uploads.pendingBytes(),
        TimeUnit.NANOSECONDS.toMillis(uploads.oldestPendingNanos()),
        tail.bytes(),
        blocks.cachedBytes(),
        readStats.snapshot(),
        requests.requests(),
        uploads.uploadedBytes(),
        uploads.uploadedObjects(),
        deleter.deletedObjects(),
        recoveredFrames,
        uploads.damagedBatches(),
        uploads.unreadableStreams(),
        requests.reachable());
  }

  @Override
  public long shutdown(long timeoutNanos) {
    return drain(timeoutNanos).join();
  }

  /** {@link #shutdown} for callers that must not block; completes on a storage thread. */
  public synchronized CompletableFuture<Long> drain(long timeoutNanos) {
    CompletableFuture<Long> under = drained;
    if (under != null) {
      return under;
    }
    stopping.set(true);
    sweeper.close();
    CompletableFuture<Boolean> finished = new CompletableFuture<>();
    Cancellable deadline =
        scheduler.schedule(Math.max(0, timeoutNanos), () -> finished.complete(false));
    drainAll()
        .whenComplete(
            (isSealed, failure) -> {
              deadline.cancel();
              if (failure != null) {
                LOG.warn("storage could not be drained: {}", Failures.cause(failure).toString());
              }
              finished.complete(failure == null && isSealed);
            });
    under =
        finished.thenApply(
            isSealed -> {
              long left = uploads.pendingBytes();
              if (!isSealed && fenced.get() == null) {
                LOG.warn(
                    "[wal={}] is not drained: {} bytes are in it alone, keep it",
                    wal.walId(),
                    left);
              }
              close();
              return left;
            });
    drained = under;
    return under;
  }

  /** Whether the WAL was drained and sealed. */
  private CompletableFuture<Boolean> drainAll() {
    if (fenced.get() != null) {
      return CompletableFuture.completedFuture(false);
    }
    List<CompletableFuture<Void>> underWay = new ArrayList<>();
    transitions.values().forEach(each -> underWay.add(each.handle((done, failure) -> null)));
    return allOf(underWay).thenCompose(settled -> drainAll(List.copyOf(logs.values())));
  }

  private CompletableFuture<Boolean> drainAll(List<StreamLog> all) {
    all.forEach(StreamLog::seal);
    return allOf(all.stream().map(StreamLog::whenQuiet).toList())
        .thenCompose(quiet -> uploads.flush())
        .thenCompose(flushed -> commitCheckpoints(all))
        .thenCompose(
            committed ->
                allOf(
                    all.stream()
                        .filter(log -> log.committedEndOffset() == log.highWatermark())
                        .map(this::closeInCatalog)
                        .toList()))
        .thenCompose(closedAll -> uploads.release())
        .thenCompose(
            released ->
                uploads.pendingBytes() > 0 ? CompletableFuture.completedFuture(false) : seal());
  }

  private CompletableFuture<Boolean> seal() {
    sealing = true;
    return submit(new SealWal(commandId(), wal.writer()))
        .thenApply(
            verdict -> {
              requireApplied("sealing WAL " + wal.writer(), verdict);
              walSealed = true;
              return true;
            });
  }

  /**
   * Whether a shutdown has drained and sealed the WAL: from then on nothing needs its directory.
   * With nothing left in it but no seal, the next start still asks for it.
   */
  public boolean isSealed() {
    return walSealed;
  }

  @Override
  public void close() {
    stopping.set(true);
    if (!closed) {
      closed = true;
      sweeper.close();
      foreignChains.close();
      uploads.close();
      deleter.close();
      tail.close();
      blocks.clear();
    }
  }

  private CompletableFuture<Verdict> submit(CatalogCommand command) {
    return catalog
        .submit(command)
        .whenComplete(
            (verdict, failure) -> {
              if (failure == null) {
                checkFence();
              } else if (!closed && catalogFailed.compareAndSet(false, true)) {
                faults.onFault("catalog", Failures.cause(failure));
              }
            });
  }

  /**
   * P14: once the catalog says that this WAL has ended, or is another incarnation's, nothing that
   * is in it alone can ever be committed. From then on nothing is acknowledged, accepted or served
   * (G3, G4); the process has to begin anew.
   */
  private void checkFence() {
    if (!walOpened || sealing || closed || fenced.get() != null) {
      return;
    }
    for (WalState known : catalog.wals()) {
      if (known.writer().walId().equals(wal.walId())
          && (known.phase() != WalPhase.OPEN || !known.writer().equals(wal.writer()))) {
        WalException.Fenced reason =
            new WalException.Fenced(
                "writer %s is fenced: the catalog has its WAL as %s of %s%s"
                    .formatted(wal.writer(), known.phase(), known.writer(), successor()));
        if (fence(reason)) {
          faults.onFault("WAL " + wal.walId(), reason);
        }
      }
    }
  }

  /** Who writes as this node now, for a person. */
  private String successor() {
    return catalog.wals().stream()
        .filter(known -> known.phase() == WalPhase.OPEN)
        .map(WalState::writer)
        .filter(writer -> writer.nodeId() == config.nodeId())
        .map(writer -> "; now node %d writes WAL %s".formatted(writer.nodeId(), writer.walId()))
        .collect(Collectors.joining());
  }

  private boolean fence(WalException.Fenced reason) {
    if (!fenced.compareAndSet(null, reason)) {
      return false;
    }
    String why = String.valueOf(reason.getMessage());
    LOG.error("[wal={}] {}", wal.walId(), why);
    logs.values().forEach(log -> uploads.onDropped(log, log.onLost(why)));
    uploads.fail(reason);
    sweeper.close();
    foreignChains.close();
    return true;
  }

  private <T> CompletableFuture<T> onScheduler(Supplier<T> step) {
    CompletableFuture<T> done = new CompletableFuture<>();
    scheduler.execute(
        () -> {
          try {
            done.complete(step.get());
          } catch (RuntimeException e) {
            done.completeExceptionally(e);
          }
        });
    return done;
  }

  /** Claims, closes and the like of one stream run one after the other. */
  private <T> CompletableFuture<T> inTurn(StreamId id, Supplier<CompletableFuture<T>> step) {
    CompletableFuture<T> mine = new CompletableFuture<>();
    CompletableFuture<?> before = transitions.put(id, mine);
    CompletableFuture<?> turn =
        before == null ? done() : before.handle((result, failure) -> (Void) null);
    turn.thenCompose(now -> step.get())
        .whenComplete(
            (result, failure) -> {
              transitions.remove(id, mine);
              pass(result, failure, mine);
            });
    return mine;
  }

  private static <T> void pass(T result, @Nullable Throwable failure, CompletableFuture<T> to) {
    if (failure == null) {
      to.complete(result);
    } else {
      to.completeExceptionally(Failures.cause(failure));
    }
  }

  private static void requireApplied(String what, Verdict verdict) {
    if (verdict instanceof Verdict.Rejected rejected) {
      throw new IllegalStateException(what + " is void: " + rejected.reason());
    }
  }

  private static CompletableFuture<Void> done() {
    return CompletableFuture.completedFuture(null);
  }

  private static CompletableFuture<Void> allOf(List<CompletableFuture<Void>> futures) {
    return CompletableFuture.allOf(futures.toArray(CompletableFuture[]::new));
  }

  UUID commandId() {
    return new UUID(random.nextLong(), random.nextLong());
  }

  WriteAheadLog wal() {
    return wal;
  }

  StreamCatalog catalog() {
    return catalog;
  }

  ObjectReads objectReads() {
    return objectReads;
  }

  ReadStats readStats() {
    return readStats;
  }

  ByteBudget readBudget() {
    return blocks.budget();
  }
}
