package io.spillway.catalog;

import io.spillway.catalog.CatalogCommand.Claim;
import io.spillway.catalog.CatalogCommand.Extent;
import io.spillway.catalog.CatalogCommand.ObjectRef;
import io.spillway.catalog.CatalogCommand.SetRuleLevel;
import io.spillway.catalog.CatalogState.ObjectEntry;
import io.spillway.catalog.StreamCatalog.Verdict.AlreadyApplied;
import io.spillway.catalog.StreamCatalog.Verdict.Applied;
import io.spillway.catalog.StreamCatalog.Verdict.MustDrain;
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
import java.util.concurrent.locks.ReadWriteLock;
import java.util.concurrent.locks.ReentrantReadWriteLock;
import java.util.function.BiConsumer;
import java.util.function.Consumer;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The catalog as a replay of a shared log, held in memory.
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
 * <p>The replica whose record makes a checkpoint due writes it.
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
  private final List<Consumer<ObjectRef>> unreferencedListeners = new CopyOnWriteArrayList<>();
  private final CompletableFuture<Void> opened = new CompletableFuture<>();

  private final ReadWriteLock lock = new ReentrantReadWriteLock();

  /** Written by the scheduler's tasks under the write lock. */
  private CatalogState state = new CatalogState();

  private volatile long position = -1;

  // Touched by the scheduler's tasks only.
  private final Deque<Pending> waiting = new ArrayDeque<>();
  private List<Pending> creating = List.of();
  private List<CompletableFuture<Long>> refreshes = new ArrayList<>();
  private List<CompletableFuture<Long>> refreshing = List.of();
  private boolean started;
  private boolean busy = true;
  private boolean refreshedLast;
  private boolean checkpointing;
  private long recordsSinceCheckpoint;
  private long bytesSinceCheckpoint;
  private long checkpointBytes;
  private @Nullable Throwable failure;

  /**
   * @param log belongs to the catalog from here on
   * @param scheduler serial; the catalog's thread: verdicts are completed on it, and must not block
   */
  public LogStreamCatalog(SharedLog log, Scheduler scheduler, RandomSource random, Config config) {
    this.log = log;
    this.scheduler = scheduler;
    this.random = random;
    this.config = config;
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
            reload();
          }
        });
    return opened;
  }

  @Override
  public CompletableFuture<Verdict> submit(CatalogCommand command) {
    Pending pending = new Pending(command, CommandCodec.encode(command));
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
    return position;
  }

  @Override
  public Optional<StreamState> stream(StreamId id) {
    return query(s -> Optional.ofNullable(s.streams.get(id)).map(StreamEntry::snapshot));
  }

  @Override
  public List<StreamId> streams() {
    return query(
        s ->
            s.streams.values().stream()
                .filter(stream -> stream.phase != Phase.DELETED)
                .map(stream -> stream.id)
                .toList());
  }

  @Override
  public List<Extent> extents(StreamId id, long fromOffset, int limit) {
    return query(
        s -> {
          StreamEntry stream = s.streams.get(id);
          if (stream == null) {
            return List.of();
          }
          int from = stream.firstEndingAfter(fromOffset);
          int to = Math.min(stream.extents().size(), from + limit);
          return List.copyOf(stream.extents().subList(from, to));
        });
  }

  @Override
  public Optional<Extent> firstExtentAtOrAfter(StreamId id, long timestampMs) {
    return query(
        s -> {
          StreamEntry stream = s.streams.get(id);
          return stream == null
              ? Optional.empty()
              : stream.extents().stream()
                  .filter(extent -> extent.maxTimestampMs() >= timestampMs)
                  .findFirst();
        });
  }

  @Override
  public Optional<ObjectRef> object(String key) {
    return query(s -> Optional.ofNullable(s.objects.get(key)).map(entry -> entry.ref));
  }

  @Override
  public List<ObjectRef> objects() {
    return query(s -> s.objects.values().stream().map((ObjectEntry entry) -> entry.ref).toList());
  }

  @Override
  public List<WalState> wals() {
    return query(s -> List.copyOf(s.wals.values()));
  }

  @Override
  public int ruleLevel() {
    return query(s -> s.ruleLevel);
  }

  @Override
  public long orphanFloor() {
    return query(s -> s.orphanFloor);
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
    return query(CheckpointCodec::encode);
  }

  // Steps. All below runs on the catalog's thread.

  private void next() {
    if (busy) {
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
    asked.forEach(refreshed -> refreshed.complete(position));
  }

  private void create() {
    List<Pending> group = new ArrayList<>();
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
    then(log.create(position + 1, record), this::onCreated);
  }

  private void onCreated(@Nullable Created created, @Nullable Throwable cause) {
    if (created == null) {
      boolean overtaken = cause instanceof SharedLogException.Overtaken;
      creating.forEach(pending -> pending.maybeApplied |= overtaken);
      putBack();
      onFailure(cause);
      return;
    }
    List<Verdict> verdicts = apply(created.record());
    if (created.won()) {
      List<Pending> group = creating;
      creating = List.of();
      for (int i = 0; i < group.size(); i++) {
        group.get(i).complete(verdicts.get(i));
      }
      maybeCheckpoint();
    } else {
      putBack();
    }
    busy = false;
    next();
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
        log.readFrom(position + 1, RECORDS_PER_READ),
        (records, cause) -> {
          if (records == null) {
            onFailure(cause);
            return;
          }
          records.forEach(this::apply);
          if (records.size() == RECORDS_PER_READ) {
            readOn(done);
            return;
          }
          done.run();
          busy = false;
          next();
        });
  }

  /** From the newest checkpoint: at the start, and when one has overtaken this replica. */
  private void reload() {
    busy = true;
    then(
        log.open(),
        (start, cause) -> {
          if (start == null) {
            onFailure(cause);
            return;
          }
          load(start);
          readOn(this::onLoaded);
        });
  }

  private void load(Start start) {
    long loaded = start.nextNumber() - 1;
    CatalogState fresh =
        start
            .checkpoint()
            .map(bytes -> CheckpointCodec.decode(loaded, bytes))
            .orElseGet(CatalogState::new);
    if (loaded < position) {
      throw new CatalogException.Damaged(
          "the newest checkpoint is %d, but record %d was seen applied".formatted(loaded, position),
          null);
    }
    List<ObjectRef> gone = state.objectsMissingFrom(fresh);
    lock.writeLock().lock();
    try {
      state = fresh;
      position = loaded;
    } finally {
      lock.writeLock().unlock();
    }
    recordsSinceCheckpoint = 0;
    bytesSinceCheckpoint = 0;
    checkpointBytes = start.checkpoint().map(ByteBuffer::remaining).orElse(0);
    announce(gone);
  }

  private void onLoaded() {
    onRefreshed();
    if (opened.isDone()) {
      return;
    }
    if (position >= 0) {
      LOG.info(
          "catalog of cluster {} is open at record {}", ClusterIds.text(clusterId()), position);
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
    Pending pending = new Pending(first, CommandCodec.encode(first));
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
    long number = position + 1;
    List<CatalogCommand> commands = CommandCodec.decode(number, record);
    List<Verdict> verdicts = new ArrayList<>(commands.size());
    List<ObjectRef> gone;
    lock.writeLock().lock();
    try {
      for (CatalogCommand command : commands) {
        verdicts.add(state.apply(number, command));
      }
      gone = state.takeUnreferenced();
      position = number;
    } finally {
      lock.writeLock().unlock();
    }
    recordsSinceCheckpoint++;
    bytesSinceCheckpoint += record.remaining();
    announce(gone);
    return verdicts;
  }

  private void announce(List<ObjectRef> gone) {
    for (ObjectRef object : gone) {
      unreferencedListeners.forEach(listener -> listener.accept(object));
    }
  }

  private void maybeCheckpoint() {
    boolean due =
        recordsSinceCheckpoint >= config.maxRecords()
            || (recordsSinceCheckpoint >= config.minRecords()
                && bytesSinceCheckpoint >= checkpointBytes / 2);
    if (checkpointing || !due) {
      return;
    }
    checkpointing = true;
    List<ByteBuffer> encoded = CheckpointCodec.encode(state);
    recordsSinceCheckpoint = 0;
    bytesSinceCheckpoint = 0;
    checkpointBytes = encoded.stream().mapToLong(ByteBuffer::remaining).sum();
    then(
        log.checkpoint(position, encoded),
        (done, cause) -> {
          checkpointing = false;
          if (cause != null && !(cause instanceof SharedLogException.Closed)) {
            LOG.warn("a checkpoint of the catalog failed: {}", cause.toString());
          }
        });
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
  }

  // Plumbing.

  private <T> T query(Function<CatalogState, T> question) {
    lock.readLock().lock();
    try {
      return question.apply(state);
    } finally {
      lock.readLock().unlock();
    }
  }

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

  /** Goes on, on the catalog's thread; what the step itself throws is the catalog's end. */
  private <T> void then(
      CompletableFuture<T> request, BiConsumer<@Nullable T, @Nullable Throwable> step) {
    request.whenComplete(
        (result, cause) ->
            scheduler.execute(
                () -> {
                  if (failure != null) {
                    return;
                  }
                  try {
                    step.accept(result, cause == null ? null : Retry.unwrap(cause));
                  } catch (RuntimeException e) {
                    LOG.error("the catalog stopped at record {}", position, e);
                    fail(e);
                  }
                }));
  }

  private UUID newId() {
    return new UUID(random.nextLong(), random.nextLong());
  }

  /** A command on its way into the log. */
  private final class Pending {
    private final CatalogCommand command;
    private final ByteBuffer encoded;
    private final CompletableFuture<Verdict> verdict = new CompletableFuture<>();
    private boolean maybeApplied;

    Pending(CatalogCommand command, ByteBuffer encoded) {
      this.command = command;
      this.encoded = encoded;
    }

    /** A repeat of this replica's own making is no repeat to whoever submitted the command. */
    void complete(Verdict decided) {
      if (maybeApplied && decided instanceof AlreadyApplied before) {
        verdict.complete(first(before));
      } else {
        verdict.complete(decided);
      }
    }

    private Verdict first(AlreadyApplied before) {
      if (command instanceof Claim claim) {
        StreamEntry stream = state.streams.get(claim.stream());
        if (stream != null && claim.token().equals(stream.claimant)) {
          return new MustDrain(before.position(), stream.writer);
        }
      }
      return new Applied(before.position(), before.appliedRanges());
    }
  }
}
