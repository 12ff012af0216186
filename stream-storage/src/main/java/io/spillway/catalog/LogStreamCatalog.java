package io.spillway.catalog;

import io.spillway.catalog.CatalogCommand.Extent;
import io.spillway.catalog.CatalogCommand.ObjectRef;
import io.spillway.catalog.CatalogCommand.SetRuleLevel;
import io.spillway.catalog.GuardedState.Outcome;
import io.spillway.catalog.IndexFormat.Head;
import io.spillway.catalog.IndexKeeper.Found;
import io.spillway.object.Retry;
import io.spillway.runtime.RandomSource;
import io.spillway.runtime.Scheduler;
import io.spillway.sharedlog.ClusterIds;
import io.spillway.sharedlog.SharedLog;
import io.spillway.sharedlog.SharedLog.Created;
import io.spillway.sharedlog.SharedLog.Start;
import io.spillway.sharedlog.SharedLogException;
import io.spillway.wal.StreamId;
import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.RejectedExecutionException;
import java.util.function.BiConsumer;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The catalog as a replay of a shared log, held in memory; what grows with the data goes into an
 * index on the disk, off the way of a commit, once it is large ({@link Indexing}).
 *
 * <p>One step at a time on the scheduler: a create with everything that waits (P4), or a refresh,
 * or a reload when a checkpoint has overtaken this replica. Whoever wins the next number, its
 * commands are applied; a loser applies the winner's and tries again with its own, whose verdicts
 * are decided by their place in the log alone. Nothing is asked of the store while nobody submits
 * or refreshes.
 *
 * <p>A reload may find commands in the checkpoint whose record this replica never saw applied: they
 * are submitted again and recognised by their ids (P8).
 *
 * <p>The replica whose record makes a checkpoint due writes it: from memory at once, or, when there
 * is an index, from a snapshot of it while the replay goes on.
 *
 * <p>The index is disposable. It is left, and built again from checkpoint and log, whenever it is
 * damaged, of another version or cluster, or not a state that the log has gone through; the second
 * time in one life the catalog stays in memory.
 */
public final class LogStreamCatalog implements StreamCatalog {

  private static final Logger LOG = LoggerFactory.getLogger(LogStreamCatalog.class);
  private static final int MAX_COMMANDS_PER_RECORD = 1_000;
  private static final int MAX_BYTES_PER_RECORD = 1024 * 1024;
  private static final int RECORDS_PER_READ = 256;

  private final SharedLog log;
  private final Scheduler scheduler;
  private final RandomSource random;
  private final Config config;
  private final @Nullable IndexKeeper keeper;
  private final CatalogUpkeep upkeep;
  private final List<Consumer<ObjectRef>> unreferencedListeners = new CopyOnWriteArrayList<>();
  private final CompletableFuture<Void> opened = new CompletableFuture<>();

  private final GuardedState guarded = new GuardedState(this::reportBadIndex);

  // Touched by the scheduler's tasks only.
  private final Deque<PendingCommand> waiting = new ArrayDeque<>();
  private List<PendingCommand> creating = List.of();
  private List<CompletableFuture<Long>> refreshes = new ArrayList<>();
  private List<CompletableFuture<Long>> refreshing = List.of();
  private boolean started;
  private boolean busy = true;
  private boolean refreshedLast;
  private int badIndexes;
  private long passedIndex = -1;
  private boolean rebuildDue;
  private boolean rebuilding;
  private @Nullable Throwable failure;

  /** All in memory; else as below. */
  public LogStreamCatalog(SharedLog log, Scheduler scheduler, RandomSource random, Config config) {
    this(log, scheduler, random, config, Optional.empty());
  }

  /**
   * @param log belongs to the catalog from here on
   * @param scheduler serial; the catalog's thread: verdicts are completed on it, and must not block
   * @param indexing belongs to the catalog from here on; its worker must outlive the scheduler
   */
  public LogStreamCatalog(
      SharedLog log,
      Scheduler scheduler,
      RandomSource random,
      Config config,
      Optional<Indexing> indexing) {
    this.log = log;
    this.scheduler = scheduler;
    this.random = random;
    this.config = config;
    this.keeper = indexing.map(IndexKeeper::new).orElse(null);
    this.upkeep = new CatalogUpkeep(log, config, guarded, new UpkeepHost());
  }

  /**
   * When a checkpoint is due, and whether a catalog may come into being. A checkpoint is due after
   * {@code minRecords} records once they outweigh half of the last checkpoint, and after {@code
   * maxRecords} in any case, so that start-up reads a bounded number of objects, and a large state
   * is not written again for every small change.
   *
   * @param mayStart whether an empty log becomes a new cluster's; false when this broker has been
   *     part of a cluster: then an empty bucket is the wrong one
   */
  public record Config(int minRecords, int maxRecords, boolean mayStart) {
    public static Config standard(boolean mayStart) {
      return new Config(256, 4_096, mayStart);
    }
  }

  @Override
  public CompletableFuture<Void> open() {
    scheduler.execute(
        () -> {
          if (!started) {
            started = true;
            start();
          }
        });
    return opened;
  }

  @Override
  public CompletableFuture<Verdict> submit(CatalogCommand command) {
    PendingCommand pending = new PendingCommand(command);
    onCatalogThread(
        pending.verdict,
        () -> {
          waiting.addLast(pending);
          next();
        });
    return pending.verdict;
  }

  @Override
  public CompletableFuture<Long> refresh() {
    CompletableFuture<Long> refreshed = new CompletableFuture<>();
    onCatalogThread(
        refreshed,
        () -> {
          refreshes.add(refreshed);
          next();
        });
    return refreshed;
  }

  @Override
  public long position() {
    return guarded.position();
  }

  @Override
  public Optional<StreamState> stream(StreamId id) {
    return guarded.query(s -> Optional.ofNullable(s.streams.get(id)).map(StreamEntry::snapshot));
  }

  @Override
  public List<StreamId> streams() {
    return guarded.query(
        s ->
            s.streams.values().stream()
                .filter(stream -> stream.phase != Phase.DELETED)
                .map(stream -> stream.id)
                .toList());
  }

  @Override
  public List<Extent> extents(StreamId id, long fromOffset, int limit) {
    return guarded.lookup(
        s -> {
          StreamEntry stream = s.streams.get(id);
          return stream == null ? List::of : s.references.look(stream, fromOffset, limit);
        });
  }

  @Override
  public Optional<Extent> firstExtentAtOrAfter(StreamId id, long timestampMs) {
    return TimeSearch.firstExtent(
        (offset, limit) -> extents(id, offset, limit),
        offset ->
            guarded.query(
                s -> {
                  StreamEntry stream = s.streams.get(id);
                  return stream == null
                      ? Optional.empty()
                      : stream.segments.firstFrom(offset, timestampMs);
                }),
        timestampMs);
  }

  @Override
  public Optional<ObjectRef> object(String key) {
    return guarded
        .<Optional<ObjectEntry>>lookup(
            s -> {
              Supplier<@Nullable ObjectEntry> look = s.references.lookAtObject(key);
              return () -> Optional.ofNullable(look.get());
            })
        .map(ObjectEntry::ref);
  }

  @Override
  public List<ObjectRef> objects() {
    return guarded.query(
        s -> s.references.objects().values().stream().map(ObjectEntry::ref).toList());
  }

  @Override
  public List<WalState> wals() {
    return guarded.query(s -> List.copyOf(s.wals.values()));
  }

  @Override
  public int ruleLevel() {
    return guarded.query(s -> s.ruleLevel);
  }

  @Override
  public long orphanFloor() {
    return guarded.query(s -> s.orphanFloor);
  }

  @Override
  public void onUnreferenced(Consumer<ObjectRef> listener) {
    unreferencedListeners.add(listener);
  }

  @Override
  public UUID clusterId() {
    return log.clusterId();
  }

  @Override
  public void close() {
    log.close();
    try {
      scheduler.execute(() -> fail(new CatalogException.Closed("the catalog is closed")));
    } catch (RejectedExecutionException e) {
      // Its thread is gone, and so is everything that could have waited.
    }
  }

  /** The state as a checkpoint would hold it: equal replicas give equal bytes. */
  List<ByteBuffer> encodedState() {
    return guarded.query(CheckpointCodec::encode);
  }

  /** How many extents the heap holds. */
  int extentsInMemory() {
    return guarded.query(s -> s.references.extentsInMemory());
  }

  // Steps. All below runs on the catalog's thread.

  private void next() {
    if (busy) {
      return;
    }
    if (rebuildDue) {
      reload();
      return;
    }
    boolean refreshNow = !refreshes.isEmpty() && !(refreshedLast && !waiting.isEmpty());
    if (refreshNow) {
      refreshedLast = true;
      refreshing = refreshes;
      refreshes = new ArrayList<>();
      busy = true;
      readOn(this::onRefreshed);
    } else if (!waiting.isEmpty()) {
      refreshedLast = false;
      create();
    }
  }

  private void onRefreshed() {
    List<CompletableFuture<Long>> asked = refreshing;
    refreshing = List.of();
    asked.forEach(refreshed -> refreshed.complete(position()));
  }

  private void create() {
    List<PendingCommand> group = new ArrayList<>();
    int bytes = 0;
    while (group.size() < MAX_COMMANDS_PER_RECORD && !waiting.isEmpty()) {
      int size = waiting.getFirst().encoded.remaining();
      if (!group.isEmpty() && bytes + size > MAX_BYTES_PER_RECORD) {
        break;
      }
      bytes += size;
      group.add(waiting.removeFirst());
    }
    busy = true;
    creating = group;
    List<ByteBuffer> record =
        CommandCodec.record(group.stream().map(pending -> pending.encoded).toList());
    then(log.create(position() + 1, record), this::onCreated);
  }

  private void onCreated(@Nullable Created created, @Nullable Throwable cause) {
    if (created == null) {
      if (cause instanceof SharedLogException.Overtaken) {
        creating.forEach(PendingCommand::onLostSight);
      }
      putBack();
      onFailure(cause);
      return;
    }
    List<Verdict> verdicts = apply(created.record());
    if (created.won()) {
      List<PendingCommand> group = creating;
      creating = List.of();
      for (int i = 0; i < group.size(); i++) {
        group.get(i).complete(verdicts.get(i), guarded.state());
      }
      upkeep.maybeCheckpoint();
    } else {
      putBack();
    }
    upkeep.onceWritten(
        () -> {
          busy = false;
          next();
        });
  }

  /** In front of what came later. */
  private void putBack() {
    for (int i = creating.size() - 1; i >= 0; i--) {
      waiting.addFirst(creating.get(i));
    }
    creating = List.of();
  }

  /** Applies records until there are no more, then goes on. */
  private void readOn(Runnable done) {
    then(
        log.readFrom(position() + 1, RECORDS_PER_READ),
        (records, cause) -> {
          if (records == null) {
            onFailure(cause);
            return;
          }
          records.forEach(this::apply);
          upkeep.onceWritten(
              () -> {
                if (records.size() == RECORDS_PER_READ) {
                  readOn(done);
                  return;
                }
                done.run();
                busy = false;
                next();
              });
        });
  }

  /** From the index that an earlier life left, if there is one that can be used. */
  private void start() {
    IndexKeeper kept = keeper;
    if (kept == null) {
      reload();
      return;
    }
    then(
        kept.newest(),
        (found, cause) -> {
          if (cause != null) {
            discardIndex(String.valueOf(cause.getMessage()));
            reload();
          } else if (found == null) {
            reload();
          } else if (found.head().extents() <= kept.settings().minExtents() / 2) {
            LOG.info("the catalog has {} extents and goes into memory", found.head().extents());
            reload();
          } else {
            resume(kept, found);
          }
        });
  }

  /** Goes on behind the index's position, unless a checkpoint is newer. */
  private void resume(IndexKeeper kept, Found found) {
    Head head = found.head();
    then(
        log.resume(head.position()),
        (record, cause) -> {
          if (record == null) {
            onFailure(cause);
          } else if (record.isEmpty()) {
            passedIndex = head.position();
            reload();
          } else if (!head.cluster().equals(clusterId())
              || head.check() != RecordCheck.of(record.get())) {
            discardIndex(
                "it is of cluster %s after another record %d than that of cluster %s"
                    .formatted(
                        ClusterIds.text(head.cluster()),
                        head.position(),
                        ClusterIds.text(clusterId())));
            reload();
          } else {
            then(kept.stateOf(found), (state, failed) -> onResumed(head, state, failed));
          }
        });
  }

  private void onResumed(Head head, @Nullable CatalogState state, @Nullable Throwable cause) {
    if (state == null) {
      discardIndex(String.valueOf(cause));
      reload();
      return;
    }
    LOG.info("the catalog's index is at record {}", head.position());
    upkeep.startAt(head.growth(), head.check());
    adopt(state, head.position(), List.of());
    readOn(this::onLoaded);
  }

  /**
   * From the newest checkpoint: at the start, when one has overtaken this replica, and when its
   * index is lost.
   */
  private void reload() {
    busy = true;
    rebuildDue = false;
    then(
        log.open(),
        (start, cause) -> {
          if (start == null) {
            onFailure(cause);
            return;
          }
          load(start);
        });
  }

  private void load(Start start) {
    long loaded = start.nextNumber() - 1;
    if (loaded < position() && !rebuilding) {
      throw new CatalogException.Damaged(
          "the newest checkpoint is %d, but record %d was seen applied"
              .formatted(loaded, position()),
          null);
    }
    if (passedIndex >= 0 && passedIndex >= loaded) {
      discardIndex("it is at record %d, which the log does not have".formatted(passedIndex));
    }
    passedIndex = -1;
    ByteBuffer bytes = start.checkpoint().orElse(null);
    IndexKeeper kept = usableKeeper();
    upkeep.startAt(LogGrowth.since(bytes == null ? 0 : bytes.remaining()), 0);
    if (bytes == null) {
      onLoaded(new CatalogState(), loaded);
    } else if (kept == null
        || CheckpointCodec.extents(loaded, bytes) <= kept.settings().minExtents()) {
      onLoaded(CheckpointCodec.decode(loaded, bytes), loaded);
    } else {
      loadIntoIndex(kept, loaded, bytes);
    }
  }

  private void loadIntoIndex(IndexKeeper kept, long loaded, ByteBuffer bytes) {
    then(
        log.resume(loaded),
        (record, cause) -> {
          if (record == null) {
            onFailure(cause);
            return;
          }
          long check = record.map(RecordCheck::of).orElse(0L);
          then(
              kept.load(loaded, bytes, clusterId(), check),
              (state, failed) -> {
                if (failed instanceof CatalogException e) {
                  throw e;
                }
                upkeep.startAt(LogGrowth.since(bytes.remaining()), check);
                if (state == null) {
                  giveIndexUp(String.valueOf(failed));
                  onLoaded(CheckpointCodec.decode(loaded, bytes), loaded);
                } else {
                  onLoaded(state, loaded);
                }
              });
        });
  }

  private void onLoaded(CatalogState fresh, long loaded) {
    fresh.startAt(loaded);
    catchUp(fresh, loaded);
  }

  /** What was seen applied is never seen undone: the state counts from the same record on. */
  private void catchUp(CatalogState fresh, long at) {
    if (at >= position()) {
      exchange(fresh, at);
      return;
    }
    then(
        log.readFrom(at + 1, (int) Math.min(RECORDS_PER_READ, position() - at)),
        (records, cause) -> {
          if (records == null) {
            onFailure(cause);
            return;
          }
          if (records.isEmpty()) {
            throw new CatalogException.Damaged(
                "record %d was seen applied and is not there any more".formatted(at + 1), null);
          }
          long number = at;
          for (ByteBuffer record : records) {
            number++;
            GuardedState.repeat(fresh, number, record);
            upkeep.onRecord(record);
          }
          catchUp(fresh, number);
        });
  }

  private void exchange(CatalogState fresh, long at) {
    CatalogState old = guarded.state();
    if (keeper == null || !old.references.layered()) {
      adopt(fresh, at, GuardedState.objectsLost(old, fresh));
      readOn(this::onLoaded);
      return;
    }
    then(
        keeper.run(() -> GuardedState.objectsLost(old, fresh)),
        (lost, cause) -> {
          adopt(fresh, at, lost == null ? List.of() : lost);
          readOn(this::onLoaded);
        });
  }

  private void adopt(CatalogState fresh, long at, List<ObjectRef> gone) {
    guarded.replace(fresh, at);
    rebuilding = false;
    upkeep.resume();
    if (keeper != null) {
      keeper.keepOnly(fresh.references.index());
    }
    announce(gone);
  }

  private void onLoaded() {
    onRefreshed();
    if (opened.isDone()) {
      return;
    }
    if (position() >= 0) {
      LOG.info(
          "catalog of cluster {} is open at record {}", ClusterIds.text(clusterId()), position());
      opened.complete(null);
      return;
    }
    if (!config.mayStart()) {
      fail(
          new CatalogException.Missing(
              "there is no catalog of cluster "
                  + ClusterIds.text(clusterId())
                  + ": is this the right bucket and prefix?"));
      return;
    }
    SetRuleLevel first = new SetRuleLevel(newId(), CatalogState.FIRST_RULE_LEVEL);
    PendingCommand pending = new PendingCommand(first);
    waiting.addFirst(pending);
    pending.verdict.whenComplete(
        (verdict, cause) -> {
          if (cause == null) {
            LOG.info("catalog of cluster {} is new", ClusterIds.text(clusterId()));
            opened.complete(null);
          }
        });
  }

  private List<Verdict> apply(ByteBuffer record) {
    Outcome outcome = guarded.apply(record);
    upkeep.onRecord(record);
    announce(outcome.unreferenced());
    upkeep.maybeWrite();
    return outcome.verdicts();
  }

  private void announce(List<ObjectRef> gone) {
    for (ObjectRef object : gone) {
      unreferencedListeners.forEach(listener -> listener.accept(object));
    }
  }

  // The index.

  private @Nullable IndexKeeper usableKeeper() {
    return badIndexes > 1 ? null : keeper;
  }

  /** Asked by another thread, the index did not answer. */
  private void reportBadIndex(CatalogState of, IndexException e) {
    try {
      scheduler.execute(() -> onBadIndex(of, e));
    } catch (RejectedExecutionException closed) {
      // Nobody asks any more.
    }
  }

  /** Another state has to take the place of this one, if it has not already. */
  private void onBadIndex(CatalogState of, IndexException e) {
    if (failure == null && of == guarded.state() && !rebuilding) {
      discardIndex(String.valueOf(e.getMessage()));
      rebuilding = true;
      rebuildDue = true;
      boolean waits = upkeep.isAwaited();
      upkeep.suspend();
      if (waits) {
        reload();
      } else {
        next();
      }
    }
  }

  /** In the middle of a record: nothing goes on with the present state. */
  private void onTorn(IndexException e) {
    creating.forEach(PendingCommand::onLostSight);
    putBack();
    if (guarded.state().references.index() == null && !rebuilding) {
      fail(e); // not the index's fault
      return;
    }
    discardIndex(String.valueOf(e.getMessage()));
    rebuilding = true;
    upkeep.suspend();
    reload();
  }

  /** The index is of no use; after a second time in one life none is made any more. */
  private void discardIndex(String why) {
    badIndexes++;
    if (badIndexes > 1) {
      giveIndexUp(why);
    } else {
      LOG.warn("the catalog's index is thrown away and built again: {}", why);
    }
  }

  private void giveIndexUp(String why) {
    badIndexes = 2;
    LOG.warn("the catalog stays in memory until the next start, without its index: {}", why);
  }

  // Failures.

  private void onFailure(@Nullable Throwable cause) {
    if (cause instanceof SharedLogException.Overtaken) {
      LOG.info("loading the catalog again: {}", cause.getMessage());
      reload();
    } else {
      fail(cause == null ? new IllegalStateException("failed without a cause") : cause);
    }
  }

  /** The end: nothing is applied any more, everything that waits fails. */
  private void fail(Throwable cause) {
    if (failure != null) {
      return;
    }
    failure = cause;
    busy = true;
    opened.completeExceptionally(cause);
    putBack();
    waiting.forEach(pending -> pending.verdict.completeExceptionally(cause));
    waiting.clear();
    refreshes.addAll(refreshing);
    refreshes.forEach(refresh -> refresh.completeExceptionally(cause));
    refreshes.clear();
    if (keeper != null) {
      keeper.close();
    }
  }

  // Plumbing.

  private void onCatalogThread(CompletableFuture<?> answer, Runnable task) {
    try {
      scheduler.execute(
          () -> {
            if (failure != null) {
              answer.completeExceptionally(failure);
            } else {
              task.run();
            }
          });
    } catch (RejectedExecutionException e) {
      answer.completeExceptionally(new CatalogException.Closed("the catalog is closed"));
    }
  }

  /** The next step of the replay. */
  private <T> void then(
      CompletableFuture<T> request, BiConsumer<@Nullable T, @Nullable Throwable> step) {
    onCatalogThread(request, step, this::onTorn);
  }

  /** Goes on, on the catalog's thread; what the step itself throws is the catalog's end. */
  private <T> void onCatalogThread(
      CompletableFuture<T> request,
      BiConsumer<@Nullable T, @Nullable Throwable> step,
      Consumer<IndexException> onBad) {
    request.whenComplete(
        (result, cause) ->
            scheduler.execute(
                () -> {
                  if (failure != null) {
                    return;
                  }
                  try {
                    step.accept(result, cause == null ? null : Retry.unwrap(cause));
                  } catch (IndexException e) {
                    onBad.accept(e);
                  } catch (RuntimeException e) {
                    LOG.error("the catalog stopped at record {}", position(), e);
                    fail(e);
                  }
                }));
  }

  private UUID newId() {
    return new UUID(random.nextLong(), random.nextLong());
  }

  /** Something beside the replay. */
  private final class UpkeepHost implements CatalogUpkeep.Host {

    @Override
    public @Nullable IndexKeeper usableKeeper() {
      return LogStreamCatalog.this.usableKeeper();
    }

    @Override
    public <T> void aside(
        CompletableFuture<T> request, BiConsumer<@Nullable T, @Nullable Throwable> step) {
      CatalogState now = guarded.state();
      onCatalogThread(request, step, e -> onBadIndex(now, e));
    }

    @Override
    public void onBadIndex(CatalogState of, IndexException e) {
      LogStreamCatalog.this.onBadIndex(of, e);
    }

    @Override
    public void fail(Throwable cause) {
      LogStreamCatalog.this.fail(cause);
    }
  }
}
