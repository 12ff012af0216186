package io.spillway.engine;

import io.spillway.cache.BoundedCache;
import io.spillway.cache.ByteBudget;
import io.spillway.cache.LruCache;
import io.spillway.cache.TailCache;
import io.spillway.catalog.CatalogCommand;
import io.spillway.catalog.CatalogCommand.DeleteStream;
import io.spillway.catalog.StreamCatalog;
import io.spillway.catalog.StreamCatalog.Phase;
import io.spillway.catalog.StreamCatalog.StreamState;
import io.spillway.catalog.StreamCatalog.Verdict;
import io.spillway.catalog.StreamCatalog.WalState;
import io.spillway.merge.Merger;
import io.spillway.object.MeteredObjectStore;
import io.spillway.object.ObjectStore;
import io.spillway.object.RequestMeter;
import io.spillway.read.ObjectReads;
import io.spillway.read.ReadStats;
import io.spillway.rewrite.RewriteHost;
import io.spillway.rewrite.StreamLeases;
import io.spillway.rewrite.StreamRewrites;
import io.spillway.runtime.FaultHandler;
import io.spillway.runtime.RandomSource;
import io.spillway.runtime.Scheduler;
import io.spillway.runtime.Threads;
import io.spillway.stream.StorageStats;
import io.spillway.stream.StreamException;
import io.spillway.stream.StreamHandle;
import io.spillway.stream.StreamRewriter;
import io.spillway.stream.StreamStore;
import io.spillway.sweep.ObjectDeleter;
import io.spillway.sweep.OrphanSweeper;
import io.spillway.upload.UploadLimits;
import io.spillway.upload.UploadPipeline;
import io.spillway.wal.PayloadVerifier;
import io.spillway.wal.StreamId;
import io.spillway.wal.WalException;
import io.spillway.wal.WriteAheadLog;
import io.spillway.wal.WriteAheadLog.Reservation;
import io.spillway.wal.WriterIncarnation;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.IntPredicate;
import org.jspecify.annotations.Nullable;

/**
 * Streams over one WAL and one bucket: puts the WAL, the catalog, the uploads and the caches
 * together, and walks each stream through claim, append, upload, close.
 *
 * <p>The engine is given its WAL, catalog, store and threads, and closes none of them: whoever made
 * them does, after {@link #close}, in the order WAL, catalog, store, threads. An idle engine sends
 * no request.
 *
 * <p>A restart reads the WAL once and serves what it holds from there while that is uploaded: a
 * claim goes on where the WAL ends, and tells the catalog, which so knows the exact start offset of
 * each epoch (P11, KIP-101).
 */
public final class StorageEngine implements StreamStore {

  private final WriteAheadLog wal;
  private final StreamCatalog catalog;
  private final ObjectStore store;
  private final RequestMeter requests;
  private final CatalogWriter commands;
  private final WriterFence fence;
  private final TailCache tail;
  private final UploadPipeline uploads;
  private final ByteBudget readBackBudget;
  private final ObjectReads objectReads;
  private final ReadStats readStats = new ReadStats();
  private final ObjectDeleter deleter;
  private final OrphanSweeper sweeper;
  private final ForeignChains foreignChains;
  private final OwnedStreams streams;
  private final StreamLeases leases = new StreamLeases();
  private final Merger merger;
  private final StreamRewrites rewrites;
  private final StreamClaims claims;
  private final EngineStart start;
  private final EngineDrain drain;
  private final AtomicBoolean stopping = new AtomicBoolean();
  private volatile boolean closed;
  private @Nullable CompletableFuture<Long> drained;

  private StorageEngine(
      EngineConfig config,
      WriteAheadLog wal,
      StreamCatalog catalog,
      ObjectStore objectStore,
      Threads threads,
      RandomSource random,
      FaultHandler faults,
      PayloadVerifier verifier,
      BoundedCache.Factory caches) {
    this.wal = wal;
    this.catalog = catalog;
    Scheduler scheduler = threads.newScheduler("storage");
    if (objectStore instanceof RequestMeter meter) {
      this.store = objectStore;
      this.requests = meter;
    } else {
      MeteredObjectStore metered = new MeteredObjectStore(objectStore);
      this.store = metered;
      this.requests = metered;
    }
    this.commands = new CatalogWriter(catalog, random, faults, this::checkFence);
    this.fence = new WriterFence(config.nodeId(), wal, catalog, faults, this::onFenced);
    this.tail = new TailCache(config.tailCacheBytes());
    UploadLimits limits = config.uploadLimits(wal.usage().capacityBytes());
    this.uploads =
        new UploadPipeline(
            limits, wal, catalog, store, threads, scheduler, random, faults, fence::check);
    this.readBackBudget = new ByteBudget(config.readBackBytes());
    this.objectReads =
        new ObjectReads(
            config.reads(),
            catalog,
            store,
            threads.newPool("read", config.readThreads()),
            threads.clock(),
            caches,
            readStats);
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
            this::buildingBirth);
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
            commands::submit);
    this.streams = new OwnedStreams(wal, catalog, commands, uploads, this::newLog);
    RewriteHost rewriteHost = new Host();
    this.merger =
        new Merger(
            config.merge(),
            config.objectBlockBytes(),
            config.minPartBytes(),
            catalog,
            store,
            requests,
            threads.newScheduler("merge"),
            threads.clock(),
            random,
            leases,
            rewriteHost);
    this.rewrites =
        new StreamRewrites(
            config.rewrite(),
            config.objectBlockBytes(),
            config.minPartBytes(),
            catalog,
            store,
            requests,
            threads.newScheduler("rewrite"),
            threads.clock(),
            random,
            leases,
            rewriteHost);
    this.claims =
        new StreamClaims(
            this,
            config,
            wal,
            catalog,
            commands,
            fence,
            streams,
            foreignChains,
            scheduler,
            stopping::get);
    this.start =
        new EngineStart(
            config.nodeId(),
            wal,
            catalog,
            commands,
            fence,
            uploads,
            foreignChains,
            streams,
            scheduler,
            this::newLog,
            this::deleteUnreferenced);
    this.drain = new EngineDrain(wal, commands, fence, streams, uploads, scheduler);
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
    return open(
        config, wal, catalog, store, threads, random, faults, PayloadVerifier.NONE, LruCache::new);
  }

  /**
   * Opens the catalog, recovers the WAL for all its streams and opens its next incarnation (P2,
   * P3); what the WAL held is uploaded afterwards. Waits for the store as long as it takes.
   *
   * @param wal not yet recovered
   * @param catalog not yet opened
   * @param faults told when the catalog fails for good or an invariant is broken; a WAL tells of
   *     its own failure (P28), after which every append fails here and what is durable can be read
   * @param verifier of payloads in chains that other incarnations and other brokers left in the
   *     bucket
   * @param caches what keeps blocks and indexes of objects
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
      PayloadVerifier verifier,
      BoundedCache.Factory caches) {
    StorageEngine engine =
        new StorageEngine(config, wal, catalog, store, threads, random, faults, verifier, caches);
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
        .thenCompose(opened -> start.run())
        .thenRun(
            () -> {
              sweeper.start();
              merger.start();
              foreignChains.sweep();
            });
  }

  /**
   * P3, to be asked before a WAL is made: nothing is left behind by a start that is refused.
   *
   * @param here the WAL that is opened, when it is a local one
   * @throws StartRefusedException.WalMissing when the node has another local one, not drained
   */
  public static void requireNoOtherLocalWal(
      StreamCatalog catalog, int nodeId, Optional<UUID> here) {
    Recovery.requireNoOtherLocalWal(catalog, nodeId, here);
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

  /** Objects go as soon as nothing refers to them any more. */
  private void deleteUnreferenced() {
    catalog.onUnreferenced(
        object -> {
          objectReads.forget(object.key());
          deleter.delete(object.key());
        });
  }

  @Override
  public CompletableFuture<StreamHandle> claim(
      StreamId id, int leaderEpoch, long metadataOffset, CheckpointSource checkpoints) {
    return claims.claim(id, leaderEpoch, metadataOffset, checkpoints);
  }

  /**
   * Says which brokers the controller has fenced, or knows no more: what their object WALs hold of
   * streams that are claimed here is then taken over (P13). Asked whenever a claim has to wait.
   */
  public void onNodesFenced(IntPredicate isFenced) {
    claims.onNodesFenced(isFenced);
  }

  private StreamLog newLog(StreamState state) {
    return new StreamLog(
        state, wal, tail, uploads, objectReads.newReadAhead(), fence::onWalFailure);
  }

  CompletableFuture<Void> closeStream(ClaimedStream stream) {
    return streams.close(stream);
  }

  CompletableFuture<Void> commitCheckpoint(StreamLog log, long offset) {
    return streams.commitCheckpoint(log, offset);
  }

  @Override
  public CompletableFuture<Void> delete(StreamId id, long metadataOffset) {
    return commands
        .submit(new DeleteStream(commands.commandId(), id, metadataOffset))
        .thenAccept(
            verdict -> {
              if (verdict instanceof Verdict.Rejected rejected) {
                throw new StreamException.Fenced(
                    "deletion of stream %s is void: %s".formatted(id, rejected.reason()));
              }
              streams.drop(id, "deleted");
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
    WalException.Fenced fenced = fence.cause();
    if (fenced != null) {
      throw fenced;
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

  /** For whoever knows what batches mean. */
  public StreamRewriter rewriter() {
    return rewrites;
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
        objectReads.cachedBytes(),
        readStats.snapshot(),
        requests.requests(),
        uploads.uploadedBytes(),
        uploads.uploadedObjects(),
        deleter.deletedObjects(),
        start.recoveredFrames(),
        uploads.damagedBatches(),
        uploads.unreadableStreams(),
        requests.reachable(),
        objectReads.stats(readBackBudget.waits()),
        merger.stats(),
        rewrites.stats());
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
    merger.close();
    rewrites.close();
    under =
        drain
            .run(timeoutNanos)
            .thenApply(
                left -> {
                  close();
                  return left;
                });
    drained = under;
    return under;
  }

  /**
   * Whether a shutdown has drained and sealed the WAL: from then on nothing needs its directory.
   * With nothing left in it but no seal, the next start still asks for it.
   */
  public boolean isSealed() {
    return drain.isSealed();
  }

  @Override
  public void close() {
    stopping.set(true);
    if (!closed) {
      closed = true;
      fence.onEnding();
      commands.close();
      sweeper.close();
      merger.close();
      rewrites.close();
      foreignChains.close();
      uploads.close();
      deleter.close();
      tail.close();
      objectReads.close();
    }
  }

  private void checkFence() {
    fence.check();
  }

  /** P21: of the oldest object that this broker builds now. */
  private long buildingBirth() {
    return Math.min(
        uploads.buildingBirth(), Math.min(merger.buildingBirth(), rewrites.buildingBirth()));
  }

  /** P14. */
  private void onFenced(WalException.Fenced reason) {
    streams.loseAll(String.valueOf(reason.getMessage()));
    uploads.fail(reason);
    sweeper.close();
    merger.close();
    rewrites.close();
    foreignChains.close();
  }

  UUID commandId() {
    return commands.commandId();
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

  ByteBudget readBackBudget() {
    return readBackBudget;
  }

  private final class Host implements RewriteHost {
    @Override
    public CompletableFuture<Verdict> submit(CatalogCommand command) {
      return commands.submit(command);
    }

    @Override
    public WriterIncarnation writer() {
      return wal.writer();
    }

    @Override
    public boolean isOpen(StreamId stream) {
      StreamLog log = streams.get(stream);
      return log != null && log.lost() == null;
    }

    @Override
    public boolean mayRewrite() {
      return !stopping.get() && fence.cause() == null && !uploads.needsStore();
    }

    @Override
    public void onCompacted(StreamId stream, long endOffset) {
      StreamLog log = streams.get(stream);
      if (log != null) {
        log.onCompacted(endOffset);
      }
    }

    @Override
    public void discard(String objectKey) {
      deleter.delete(objectKey);
    }
  }
}
