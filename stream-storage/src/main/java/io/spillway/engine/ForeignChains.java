package io.spillway.engine;

import io.spillway.cache.TailCache;
import io.spillway.catalog.CatalogCommand;
import io.spillway.catalog.CatalogCommand.Close;
import io.spillway.catalog.CatalogCommand.SealWal;
import io.spillway.catalog.CatalogCommand.StreamToken;
import io.spillway.catalog.CatalogCommand.WalKind;
import io.spillway.catalog.StreamCatalog;
import io.spillway.catalog.StreamCatalog.StreamState;
import io.spillway.catalog.StreamCatalog.Verdict;
import io.spillway.catalog.StreamCatalog.WalPhase;
import io.spillway.catalog.StreamCatalog.WalState;
import io.spillway.object.ObjectStore;
import io.spillway.objectwal.ChainFence;
import io.spillway.objectwal.ChainFence.Fenced;
import io.spillway.objectwal.ChainSweep;
import io.spillway.objectwal.SealedChain;
import io.spillway.read.ReadAhead;
import io.spillway.runtime.FaultHandler;
import io.spillway.runtime.RandomSource;
import io.spillway.runtime.Scheduler;
import io.spillway.runtime.Threads;
import io.spillway.sweep.ObjectDeleter;
import io.spillway.upload.Failures;
import io.spillway.upload.UploadLimits;
import io.spillway.upload.UploadPipeline;
import io.spillway.wal.PayloadVerifier;
import io.spillway.wal.StreamId;
import io.spillway.wal.WriteAheadLog;
import io.spillway.wal.WriterIncarnation;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.function.Function;
import java.util.function.Predicate;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What an engine does with chains that are not its WAL's: at its start it drains and seals those
 * that earlier incarnations of its node left (P3), later it takes over from brokers that the
 * controller has fenced (P13), and now and then it deletes what sealed chains hold (P25).
 */
final class ForeignChains implements AutoCloseable {

  private static final Logger LOG = LoggerFactory.getLogger(ForeignChains.class);

  private final int nodeId;
  private final WriteAheadLog wal;
  private final StreamCatalog catalog;
  private final ObjectStore store;
  private final Threads threads;
  private final Scheduler scheduler;
  private final RandomSource random;
  private final FaultHandler faults;
  private final UploadLimits limits;
  private final PayloadVerifier verifier;
  private final Function<CatalogCommand, CompletableFuture<Verdict>> submit;
  private final ChainFence fence;
  private final Takeovers takeovers;
  private final ChainSweep sweep;
  private volatile boolean closed;

  ForeignChains(
      int nodeId,
      WriteAheadLog wal,
      StreamCatalog catalog,
      ObjectStore store,
      Threads threads,
      Scheduler scheduler,
      RandomSource random,
      FaultHandler faults,
      UploadLimits limits,
      PayloadVerifier verifier,
      ObjectDeleter deleter,
      Function<CatalogCommand, CompletableFuture<Verdict>> submit) {
    this.nodeId = nodeId;
    this.wal = wal;
    this.catalog = catalog;
    this.store = store;
    this.threads = threads;
    this.scheduler = scheduler;
    this.random = random;
    this.faults = faults;
    this.limits = limits;
    this.verifier = verifier;
    this.submit = submit;
    this.fence = new ChainFence(store, catalog, scheduler, threads.clock(), random, () -> closed);
    this.sweep = new ChainSweep(store, catalog, deleter::delete, scheduler, random, () -> closed);
    this.takeovers =
        new Takeovers(catalog, this::drain, submit, this::commandId, this::sweepAfterSeal);
  }

  /**
   * P3: fences, uploads, closes and seals every chain that this node left open, as far as the
   * catalog has been replayed.
   *
   * @return frames that were not in objects
   */
  CompletableFuture<Long> drainOwn() {
    return drainOwn(0);
  }

  private CompletableFuture<Long> drainOwn(long frames) {
    Optional<WriterIncarnation> left = ownOpenChain();
    if (left.isEmpty()) {
      return CompletableFuture.completedFuture(frames);
    }
    WriterIncarnation writer = left.get();
    LOG.info("[wal={}] {} did not seal it, reading what it holds", writer.walId(), writer);
    return onScheduler(drain(writer.walId(), state -> true))
        .thenCompose(
            uploaded ->
                closeAll(writer)
                    .thenCompose(closedAll -> seal(writer))
                    .thenCompose(done -> drainOwn(frames + uploaded)));
  }

  private CompletableFuture<Long> onScheduler(ChainDrain drain) {
    CompletableFuture<Long> done = new CompletableFuture<>();
    scheduler.execute(
        () ->
            drain
                .run()
                .whenComplete(
                    (frames, failure) -> {
                      if (failure == null) {
                        done.complete(frames);
                      } else {
                        done.completeExceptionally(Failures.cause(failure));
                      }
                    }));
    return done;
  }

  private Optional<WriterIncarnation> ownOpenChain() {
    return catalog.wals().stream()
        .filter(known -> known.phase() == WalPhase.OPEN && known.kind() == WalKind.OBJECT)
        .map(WalState::writer)
        .filter(writer -> writer.nodeId() == nodeId && !writer.walId().equals(wal.walId()))
        .findFirst();
  }

  /**
   * P11, on the old writer's behalf. If it is alive it may commit once more in between: then the
   * close is void, and the next one names the new end. It can put nothing more into the chain.
   */
  private CompletableFuture<Void> closeAll(WriterIncarnation writer) {
    List<StreamState> open = Recovery.streamsOf(catalog, writer.walId());
    if (open.isEmpty()) {
      return CompletableFuture.completedFuture(null);
    }
    List<CompletableFuture<Verdict>> closing = new ArrayList<>();
    for (StreamState state : open) {
      closing.add(
          submit.apply(new Close(commandId(), state.id(), writer, state.committedEndOffset())));
    }
    return CompletableFuture.allOf(closing.toArray(CompletableFuture[]::new))
        .thenCompose(done -> closeAll(writer));
  }

  private CompletableFuture<Void> seal(WriterIncarnation writer) {
    return submit
        .apply(new SealWal(commandId(), writer))
        .thenAccept(
            verdict -> {
              LOG.info("[wal={}] is drained and sealed", writer.walId());
              sweepAfterSeal(writer.walId());
            });
  }

  /**
   * P13: the claimant of a stream recovers it from a chain. Completes on the scheduler when the
   * catalog has decided. On the scheduler.
   */
  CompletableFuture<Void> takeOver(StreamId id, StreamToken claimant, UUID walId) {
    return takeovers.recover(id, claimant, walId);
  }

  /** P25: deletes what sealed chains hold, some time. */
  void sweep() {
    onSwept(sweep.run());
  }

  private void sweepAfterSeal(UUID walId) {
    onSwept(sweep.run(walId));
  }

  private void onSwept(CompletableFuture<Void> swept) {
    swept.whenComplete(
        (done, failure) -> {
          if (failure != null && !closed) {
            LOG.warn("sealed chains could not be swept: {}", failure.toString());
          }
        });
  }

  @Override
  public void close() {
    closed = true;
  }

  private ChainDrain drain(UUID walId, Predicate<StreamState> wanted) {
    WriterIncarnation by =
        new WriterIncarnation(nodeId, wal.walId(), StorageEngine.nextIncarnation(catalog, nodeId));
    return new ChainDrain(catalog, fence, new DrainParts(), walId, by, wanted);
  }

  private UUID commandId() {
    return new UUID(random.nextLong(), random.nextLong());
  }

  private final class DrainParts implements ChainDrain.Parts {
    @Override
    public SealedChain chain(Fenced fenced) {
      return new SealedChain(
          fenced, store, scheduler, random, verifier, limits.bufferBytes() / 2, () -> closed);
    }

    @Override
    public UploadPipeline uploads(WriteAheadLog chain) {
      return new UploadPipeline(
          limits, chain, catalog, store, threads, scheduler, random, this::onFault, () -> {});
    }

    /** A stop cuts a drain off where it is; whoever claims next begins it anew. */
    private void onFault(String part, Throwable cause) {
      if (!closed) {
        faults.onFault(part, cause);
      }
    }

    @Override
    public StreamLog log(StreamState state, WriteAheadLog chain, UploadPipeline uploads) {
      return new StreamLog(
          state, chain, new TailCache(0), uploads, new ReadAhead(1, 1), cause -> {});
    }
  }
}
