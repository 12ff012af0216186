package io.spillway.upload;

import io.spillway.catalog.CatalogCommand.Checkpoint;
import io.spillway.catalog.CatalogCommand.Commit;
import io.spillway.catalog.CatalogCommand.Extent;
import io.spillway.catalog.StreamCatalog;
import io.spillway.catalog.StreamCatalog.Phase;
import io.spillway.catalog.StreamCatalog.StreamState;
import io.spillway.catalog.StreamCatalog.Verdict;
import io.spillway.object.ObjectStore;
import io.spillway.runtime.Cancellable;
import io.spillway.runtime.FaultHandler;
import io.spillway.runtime.RandomSource;
import io.spillway.runtime.Scheduler;
import io.spillway.runtime.Threads;
import io.spillway.stream.StreamException;
import io.spillway.upload.ObjectUpload.Uploaded;
import io.spillway.wal.StreamId;
import io.spillway.wal.WriteAheadLog;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Moves durable batches from the WAL into objects: when enough wait, when they have waited long
 * enough, when the WAL fills up, or when somebody asks.
 *
 * <p>One cut at a time: what is durable at its start is its target, object after object until the
 * target is reached. For each object: store it, then one commit that names it, carries due
 * checkpoints and releases the WAL below the first frame that is still wanted (P16, P17, P22), and
 * only when that commit is in the log, trim the WAL. An outage makes a cut wait, holding at most
 * its buffers; appends never wait for it.
 *
 * <p>Its state belongs to its scheduler; the public methods are safe for any thread and return at
 * once.
 */
public final class UploadPipeline implements AutoCloseable {

  private static final Logger LOG = LoggerFactory.getLogger(UploadPipeline.class);

  /** When to look again for batches that the WAL could not give back. */
  private static final long UNREADABLE_PAUSE_NANOS = TimeUnit.SECONDS.toNanos(10);

  /** An upload for want of room has to free at least one of so many parts of the WAL. */
  private static final int MIN_RELEASE_SHARE = 16;

  private final UploadLimits limits;
  private final WriteAheadLog wal;
  private final StreamCatalog catalog;
  private final ObjectStore store;
  private final Threads threads;
  private final Scheduler scheduler;
  private final RandomSource random;
  private final FaultHandler faults;
  private final Runnable afterVerdict;
  private final Retrier retrier;

  private final PendingSources pending = new PendingSources();
  private final UploadTrigger trigger;
  private final WalRelease release;
  private final AtomicLong uploadedBytes = new AtomicLong();
  private final AtomicLong uploadedObjects = new AtomicLong();
  private final AtomicLong damagedBatches = new AtomicLong();
  private volatile long cutSinceNanos;
  private volatile boolean cutting;

  // Confined to the scheduler.
  private final Map<UploadSource, Long> targets = new HashMap<>();
  private final DueCheckpoints checkpoints = new DueCheckpoints();
  private List<CompletableFuture<Void>> nextWaiters = new ArrayList<>();
  private List<CompletableFuture<Void>> cutWaiters = new ArrayList<>();
  private @Nullable ObjectUpload upload;
  private @Nullable Cancellable pause;
  private long buildingBirth = Long.MAX_VALUE;
  private int failures;
  private volatile boolean closed;

  /**
   * @param afterVerdict looks whether this WAL may still be written, whenever the catalog has moved
   */
  public UploadPipeline(
      UploadLimits limits,
      WriteAheadLog wal,
      StreamCatalog catalog,
      ObjectStore store,
      Threads threads,
      Scheduler scheduler,
      RandomSource random,
      FaultHandler faults,
      Runnable afterVerdict) {
    this.limits = limits;
    this.wal = wal;
    this.catalog = catalog;
    this.store = store;
    this.threads = threads;
    this.scheduler = scheduler;
    this.random = random;
    this.faults = faults;
    this.afterVerdict = afterVerdict;
    this.retrier = new Retrier(scheduler, threads.clock(), random);
    this.release = new WalRelease(wal, catalog);
    this.trigger =
        new UploadTrigger(limits, wal, threads.clock(), scheduler, this::isCutting, this::maybeCut);
  }

  /**
   * A batch became durable. Called in WAL order, after the source shows it.
   *
   * @param position in the WAL; every later batch lies above
   */
  public void onDurable(UploadSource source, int bytes, long position) {
    trigger.onDurable(pending.onDurable(source, bytes, position), bytes);
  }

  /** The WAL refused a batch for want of room: see whether an upload gives some back. */
  public void onWalFull() {
    trigger.signal();
  }

  /** Batches that waited are wanted no more: their stream is deleted, or another's. */
  public void onDropped(UploadSource source, long bytes) {
    pending.onDropped(source, bytes);
  }

  /** Uploads what is durable now; completes on the scheduler, when the catalog has all of it. */
  public CompletableFuture<Void> flush() {
    CompletableFuture<Void> done = new CompletableFuture<>();
    scheduler.execute(
        () -> {
          if (closed) {
            done.completeExceptionally(new StreamException.Closed("uploads have stopped"));
            return;
          }
          nextWaiters.add(done);
          maybeCut();
        });
    return done;
  }

  /**
   * P17: tells the catalog how far the WAL is free when no upload does, and trims it. Completes
   * when that is done.
   */
  public CompletableFuture<Void> release() {
    CompletableFuture<Void> done = new CompletableFuture<>();
    scheduler.execute(
        () -> {
          long position = firstWanted(Map.of());
          if (closed || position <= release.position()) {
            done.complete(null);
            return;
          }
          Commit commit =
              new Commit(
                  commandId(), wal.writer(), Optional.empty(), List.of(), List.of(), position);
          submit(commit, Map.of(), verdict -> done.complete(null));
        });
    return done;
  }

  /** P22: keeps these as the newest checkpoints of their streams. */
  public CompletableFuture<Void> commitCheckpoints(List<Checkpoint> newest) {
    CompletableFuture<Void> done = new CompletableFuture<>();
    scheduler.execute(
        () -> {
          newest.forEach(checkpoint -> checkpoints.forget(checkpoint.stream()));
          Commit commit =
              new Commit(
                  commandId(),
                  wal.writer(),
                  Optional.empty(),
                  List.of(),
                  newest,
                  release.position());
          submit(commit, Map.of(), verdict -> done.complete(null));
        });
    return done;
  }

  /**
   * What a recovery found, before anything else is called.
   *
   * @param sources with batches that wait
   * @param newest position of the newest byte in the WAL
   * @param trimmed how far the catalog says the WAL is free
   */
  public void startAt(List<? extends UploadSource> sources, long newest, long trimmed) {
    pending.startAt(sources, newest);
    release.startAt(trimmed);
  }

  /** Durable bytes that no object holds. */
  public long pendingBytes() {
    return pending.bytes();
  }

  /** How long the oldest such byte has waited. */
  public long oldestPendingNanos() {
    if (cutting) {
      return threads.clock().nanoTime() - cutSinceNanos;
    }
    return trigger.agingNanos();
  }

  public long uploadedBytes() {
    return uploadedBytes.get();
  }

  public long uploadedObjects() {
    return uploadedObjects.get();
  }

  /** Batches that objects cover as lost, since the WAL had other bytes than were written. */
  public long damagedBatches() {
    return damagedBatches.get();
  }

  /** Streams that wait for the WAL to be readable where their next batch is. */
  public int unreadableStreams() {
    return pending.unreadableStreams();
  }

  /** Whether uploads are behind, so that nobody else should keep the store busy. */
  public boolean needsStore() {
    WriteAheadLog.WalUsage usage = wal.usage();
    return pending.bytes() >= 2 * limits.triggerBytes()
        || usage.usedBytes() * 100 / Math.max(1, usage.capacityBytes()) >= limits.walFillPercent();
  }

  /** P21: the birth of the object under construction; MAX_VALUE without one. Scheduler only. */
  public long buildingBirth() {
    return buildingBirth;
  }

  /** Stops for good: nothing that waits can ever be committed. Waiters fail with the reason. */
  public void fail(RuntimeException reason) {
    closed = true;
    scheduler.execute(() -> stop(reason));
  }

  /** Stops where it is; what waits stays in the WAL. Waiters fail. */
  @Override
  public void close() {
    scheduler.execute(() -> stop(new StreamException.Closed("uploads have stopped")));
  }

  private boolean isCutting() {
    return cutting;
  }

  private void maybeCut() {
    if (closed || cutting) {
      return;
    }
    long waiting = pending.readableBytes();
    boolean full = isWalFillingUp();
    if (!nextWaiters.isEmpty()
        || waiting >= limits.triggerBytes()
        || (waiting > 0 && (full || trigger.isOverdue()))) {
      cut();
    } else if (full) {
      release(); // held by streams that are deleted
    }
  }

  /** Whether the WAL is short of room and an upload would give back a share worth it. */
  private boolean isWalFillingUp() {
    WriteAheadLog.WalUsage usage = wal.usage();
    long capacity = Math.max(1, usage.capacityBytes());
    return usage.usedBytes() * 100 / capacity >= limits.walFillPercent()
        && pending.newestPosition() - release.position() >= capacity / MIN_RELEASE_SHARE;
  }

  private void cut() {
    cutSinceNanos = trigger.onCut(); // before the targets are taken: a later batch ages again
    cutting = true;
    cutWaiters = nextWaiters;
    nextWaiters = new ArrayList<>();
    long upTo = cutWaiters.isEmpty() ? endOfCut() : Long.MAX_VALUE;
    for (UploadSource source : pending.readable()) {
      long end =
          upTo == Long.MAX_VALUE ? source.durableEndOffset() : source.durableEndOffsetUpTo(upTo);
      if (end > source.committedEndOffset()) {
        targets.put(source, end);
      }
    }
    nextObject();
  }

  /**
   * The WAL position that a cut goes up to. When much waits, only its older part is cut: the WAL is
   * trimmed below the oldest frame that is not committed, so a cut of everything would give back
   * all of its room at its end, and none before.
   */
  private long endOfCut() {
    long bytes = limits.maxObjectBytes();
    if (pending.bytes() <= 2 * bytes) {
      return Long.MAX_VALUE;
    }
    long oldest = pending.oldestReadablePosition();
    return oldest >= Long.MAX_VALUE - bytes ? Long.MAX_VALUE : oldest + bytes;
  }

  private void nextObject() {
    if (closed) {
      return;
    }
    List<UploadPlan.Range> waiting = new ArrayList<>();
    targets
        .entrySet()
        .removeIf(
            target ->
                !pending.contains(target.getKey())
                    || target.getKey().committedEndOffset() >= target.getValue());
    targets.forEach(
        (source, end) ->
            waiting.add(
                new UploadPlan.Range(
                    source, source.committedEndOffset(), end, source.pendingBytesBelow(end))));
    List<UploadPlan.Range> planned = UploadPlan.nextObject(waiting, limits.maxObjectBytes());
    if (planned.isEmpty()) {
      finishCut();
      return;
    }
    planned.forEach(range -> checkpoints.capture(range.source(), targets.get(range.source())));
    long birth = Math.max(0, catalog.position());
    buildingBirth = birth;
    ObjectUpload next =
        new ObjectUpload(
            store, wal, scheduler, retrier, limits, DataKeys.next(birth, random), birth, planned);
    upload = next;
    next.run().whenComplete((uploaded, failure) -> onStored(planned, uploaded, failure));
  }

  private void onStored(
      List<UploadPlan.Range> planned, Uploaded uploaded, @Nullable Throwable failure) {
    upload = null;
    if (closed) {
      return;
    }
    if (failure != null) {
      onStoreFailure(planned, Failures.cause(failure));
      return;
    }
    uploaded.unreadable().forEach(this::onUnreadable);
    if (uploaded.extents().isEmpty()) {
      planned.forEach(range -> resync(range.source()));
      planned.forEach(range -> targets.remove(range.source())); // the next cut sees what is left
      nextObject();
      return;
    }
    Map<StreamId, UploadSource> sources = new TreeMap<>();
    planned.forEach(range -> sources.put(range.source().id(), range.source()));
    Map<UploadSource, Long> ends = new HashMap<>();
    List<Checkpoint> due = new ArrayList<>();
    for (Extent extent : uploaded.extents()) {
      UploadSource source = sources.get(extent.stream());
      if (source != null) {
        ends.put(source, extent.endOffset());
        checkpoints.take(extent).ifPresent(due::add);
      }
    }
    Commit commit =
        new Commit(
            commandId(),
            wal.writer(),
            Optional.of(uploaded.object()),
            uploaded.extents(),
            due,
            firstWanted(ends));
    submit(commit, ends, verdict -> onCommitted(uploaded, ends, verdict));
  }

  private void onStoreFailure(List<UploadPlan.Range> planned, Throwable failure) {
    LOG.warn("building an object again after: {}", failure.toString());
    // Another may have committed these batches meanwhile, and trimmed them away (P13).
    catalog
        .refresh()
        .whenComplete(
            (position, cause) ->
                scheduler.execute(
                    () -> {
                      if (!closed) {
                        planned.forEach(range -> resync(range.source()));
                        retryLater();
                      }
                    }));
  }

  /**
   * The WAL cannot be read there, now: what follows stays in it, and P17 keeps all that lies behind
   * it. Other streams go on.
   */
  private void onUnreadable(ObjectUpload.Unreadable damaged) {
    UploadSource source = damaged.source();
    resync(source);
    targets.remove(source);
    if (!pending.onUnreadable(source)) {
      return; // gone in the meantime
    }
    if (pending.nameUnreadable(source)) {
      LOG.error(
          "[stream={} wal={}] cannot be uploaded from offset {} on, the WAL cannot be read there: {}. It is tried again every {} s; until then the WAL is not trimmed beyond it and may fill up; check its medium",
          source.id(),
          wal.walId(),
          damaged.offset(),
          damaged.cause().toString(),
          TimeUnit.NANOSECONDS.toSeconds(UNREADABLE_PAUSE_NANOS));
    }
    scheduler.schedule(
        UNREADABLE_PAUSE_NANOS,
        () -> {
          pending.retryUnreadable(source);
          trigger.onOverdue();
        });
  }

  private void retryLater() {
    failures++;
    pause =
        scheduler.schedule(
            retrier.pauseNanos(failures),
            () -> {
              pause = null;
              nextObject();
            });
  }

  private void onCommitted(Uploaded uploaded, Map<UploadSource, Long> ends, Verdict verdict) {
    buildingBirth = Long.MAX_VALUE;
    if (catalog.isUnreferenced(uploaded.object().key())) {
      discard(uploaded); // void, or all of its streams were deleted, or trimmed beyond it
    }
    if (verdict instanceof Verdict.Rejected rejected) {
      LOG.warn("commit of {} is void: {}", uploaded.object().key(), rejected.reason());
      retryLater();
      return;
    }
    if (ends.entrySet().stream().anyMatch(this::isShort)) {
      retryLater();
      return;
    }
    failures = 0;
    uploadedObjects.incrementAndGet();
    uploadedBytes.addAndGet(uploaded.object().sizeBytes());
    damagedBatches.addAndGet(uploaded.damagedBatches());
    pending.onRead(ends.keySet());
    nextObject();
  }

  /**
   * A commit of this WAL's previous incarnation, sent before a crash, may come into the log as late
   * as during the recovery, and take the place of the first range that the recovery uploads. What
   * it left is uploaded again from where it ended.
   */
  private boolean isShort(Map.Entry<UploadSource, Long> end) {
    UploadSource source = end.getKey();
    boolean isShort = pending.contains(source) && source.committedEndOffset() < end.getValue();
    if (isShort) {
      LOG.info(
          "[stream={}] is committed to {}, expected {}: an older commit came late",
          source.id(),
          source.committedEndOffset(),
          end.getValue());
    }
    return isShort;
  }

  private void discard(Uploaded uploaded) {
    String key = uploaded.object().key();
    retrier.untilDone("delete " + key, () -> store.delete(key));
  }

  /** Puts a command into the catalog, then lets go of what it made superfluous. */
  private void submit(Commit commit, Map<UploadSource, Long> ends, Consumer<Verdict> then) {
    catalog
        .submit(commit)
        .whenComplete(
            (verdict, failure) -> scheduler.execute(() -> onVerdict(ends, verdict, failure, then)));
  }

  private void onVerdict(
      Map<UploadSource, Long> ends,
      Verdict verdict,
      @Nullable Throwable failure,
      Consumer<Verdict> then) {
    if (failure != null) {
      fault(Failures.cause(failure));
      return;
    }
    ends.keySet().forEach(this::resync);
    release.toCatalog();
    afterVerdict.run();
    if (!closed) {
      then.accept(verdict);
    }
  }

  /** Tells a source what the catalog makes of it. */
  private void resync(UploadSource source) {
    Optional<StreamState> state = catalog.stream(source.id());
    if (state.isEmpty() || state.get().phase() == Phase.DELETED) {
      lose(source, "deleted");
    } else if (!state.get().writer().walId().equals(wal.walId())
        || state.get().phase() == Phase.CLOSED) {
      lose(source, state.get().phase() + ", last writer " + state.get().writer());
    } else {
      pending.onCommitted(source, state.get().committedEndOffset());
    }
  }

  private void lose(UploadSource source, String reason) {
    long bytes = source.onLost(reason);
    if (bytes > 0) {
      LOG.warn("[stream={}] {} bytes in the WAL are void: {}", source.id(), bytes, reason);
    }
    targets.remove(source);
    checkpoints.forget(source.id());
    onDropped(source, bytes);
  }

  private long firstWanted(Map<UploadSource, Long> ends) {
    return Math.max(pending.firstWanted(ends), release.position());
  }

  private void finishCut() {
    cutting = false;
    targets.clear();
    List<CompletableFuture<Void>> done = cutWaiters;
    cutWaiters = new ArrayList<>();
    done.forEach(waiter -> waiter.complete(null));
    maybeCut();
  }

  private void fault(Throwable cause) {
    if (!closed) {
      faults.onFault("uploads of WAL " + wal.walId(), cause);
      stop(cause);
    }
  }

  private void stop(Throwable reason) {
    closed = true;
    retrier.close();
    if (upload != null) {
      upload.abandon();
    }
    trigger.close();
    if (pause != null) {
      pause.cancel();
    }
    List<CompletableFuture<Void>> waiters = new ArrayList<>(cutWaiters);
    waiters.addAll(nextWaiters);
    cutWaiters.clear();
    nextWaiters.clear();
    waiters.forEach(waiter -> waiter.completeExceptionally(reason));
  }

  private UUID commandId() {
    return new UUID(random.nextLong(), random.nextLong());
  }
}
