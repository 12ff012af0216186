package io.spillway.kafka.controller;

import io.spillway.kafka.controller.MetadataLogFormat.Batches;
import io.spillway.kafka.controller.MetadataLogFormat.Entry;
import io.spillway.kafka.controller.MetadataLogFormat.Epoch;
import io.spillway.runtime.Clock;
import io.spillway.runtime.FaultHandler;
import io.spillway.runtime.Scheduler;
import io.spillway.sharedlog.SharedLog;
import io.spillway.sharedlog.SharedLogException;
import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.OptionalLong;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CompletionStage;
import java.util.function.BiConsumer;
import org.apache.kafka.common.Node;
import org.apache.kafka.common.errors.InvalidUpdateVersionException;
import org.apache.kafka.common.network.ListenerName;
import org.apache.kafka.raft.Batch;
import org.apache.kafka.raft.LeaderAndEpoch;
import org.apache.kafka.raft.RaftClient;
import org.apache.kafka.raft.errors.NotLeaderException;
import org.apache.kafka.raft.internals.MemoryBatchReader;
import org.apache.kafka.server.common.ApiMessageAndVersion;
import org.apache.kafka.server.common.KRaftVersion;
import org.apache.kafka.server.common.OffsetAndEpoch;
import org.apache.kafka.snapshot.SnapshotWriter;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Kafka's metadata log on a {@link SharedLog}: no Raft, no votes.
 *
 * <p>Whoever creates an epoch record at the next number leads from there on (P37). Every append is
 * a create-if-absent at the next number, so a leader that was replaced cannot write: its create
 * loses, it replays what won, sees the newer epoch and tells its listeners that it leads no more.
 * Atomic appends that wait while a create is under way go into the next object together (P4).
 *
 * <p>One thread, the scheduler's, reads, decides and calls the listeners, in log order. The
 * controller's thread comes in through {@link #prepareAppend} and {@link #schedulePreparedAppend};
 * what it shares with the log's thread is guarded by {@code lock}. Listeners get what this process
 * wrote as the objects it wrote, what others wrote from the log. A leader hears of its election
 * after everything before it was handed to its listener. Only a start hands over a snapshot, before
 * this node stands for election: a leader is never given one (P38).
 *
 * <p>There is one controller process so far: a leader that is replaced reports a fault and stops.
 */
public final class SharedLogRaftClient implements RaftClient<ApiMessageAndVersion> {

  private static final Logger LOG = LoggerFactory.getLogger(SharedLogRaftClient.class);
  private static final int READ_RECORDS = 256;
  private static final int MAX_OBJECT_BYTES = 8 * 1024 * 1024;
  private static final int NOT_OWNED = -1;
  private static final String COMPONENT = "metadata log";

  private final int nodeId;
  private final SharedLog log;
  private final Scheduler thread;
  private final Clock clock;
  private final FaultHandler faults;
  private final SnapshotCodec.Source state;
  private final int checkpointEveryRecords;
  private final CompletableFuture<Void> caughtUp = new CompletableFuture<>();

  // The log's thread only.
  private final List<Listener<ApiMessageAndVersion>> listeners = new ArrayList<>();
  private long nextNumber;
  private long recordsSinceCheckpoint;
  private boolean started;
  private boolean createUnderWay;
  private boolean checkpointUnderWay;
  private boolean campaignWanted;
  private boolean stopped;

  private final Object lock = new Object();
  // Guarded by lock.
  private int ownedEpoch = NOT_OWNED;
  private long nextOffset;
  private final ArrayDeque<Append> prepared = new ArrayDeque<>();
  private final ArrayDeque<Append> ready = new ArrayDeque<>();

  // Written by the log's thread.
  private volatile LeaderAndEpoch leader = new LeaderAndEpoch(OptionalInt.empty(), 0);
  private volatile long endOffset;

  /** One atomic append, encoded. */
  private record Append(int epoch, ByteBuffer encoded, Batch<ApiMessageAndVersion> batch) {}

  /**
   * @param thread runs everything here and calls the listeners
   * @param state what a checkpoint is made from; must be up to date when a listener returns
   * @param checkpointEveryRecords log records between two checkpoints
   */
  public SharedLogRaftClient(
      int nodeId,
      SharedLog log,
      Scheduler thread,
      Clock clock,
      FaultHandler faults,
      SnapshotCodec.Source state,
      int checkpointEveryRecords) {
    this.nodeId = nodeId;
    this.log = log;
    this.thread = thread;
    this.clock = clock;
    this.faults = faults;
    this.state = state;
    this.checkpointEveryRecords = checkpointEveryRecords;
  }

  /**
   * Replays the log to the listeners registered so far, then stands for election.
   *
   * @return completes when the listeners were handed what the log held
   */
  public CompletableFuture<Void> start() {
    thread.execute(
        () -> {
          started = true;
          campaignWanted = true;
          reload();
        });
    return caughtUp;
  }

  // ---- listeners

  /** Listeners are told in the order they registered. */
  @Override
  public void register(Listener<ApiMessageAndVersion> listener) {
    thread.execute(
        () -> {
          if (started) {
            throw new IllegalStateException("listeners register before the log is replayed");
          }
          listeners.add(listener);
        });
  }

  @Override
  public void unregister(Listener<ApiMessageAndVersion> listener) {
    thread.execute(() -> listeners.remove(listener));
  }

  private void tellLeader(int epoch, int leaderId) {
    LeaderAndEpoch now =
        new LeaderAndEpoch(leaderId < 0 ? OptionalInt.empty() : OptionalInt.of(leaderId), epoch);
    leader = now;
    for (Listener<ApiMessageAndVersion> listener : listeners) {
      listener.handleLeaderChange(now);
    }
  }

  private void tellCommit(List<Batch<ApiMessageAndVersion>> batches) {
    if (batches.isEmpty()) {
      return;
    }
    for (Listener<ApiMessageAndVersion> listener : listeners) {
      listener.handleCommit(MemoryBatchReader.of(batches, reader -> {}));
    }
  }

  // ---- replay

  private void reload() {
    on(
        log.open(),
        start -> {
          nextNumber = start.nextNumber();
          recordsSinceCheckpoint = 0;
          if (start.checkpoint().isPresent()) {
            load(start.checkpoint().get());
          }
          readOn(new ArrayList<>());
        });
  }

  private void load(ByteBuffer bytes) {
    MetadataLogFormat.Checkpoint checkpoint = MetadataLogFormat.decodeCheckpoint(nextNumber, bytes);
    SnapshotCodec.Decoded snapshot =
        SnapshotCodec.decode(checkpoint.snapshot(), checkpoint.endOffset(), checkpoint.epoch());
    endOffset = checkpoint.endOffset();
    for (Listener<ApiMessageAndVersion> listener : listeners) {
      listener.handleLoadSnapshot(snapshot.reader());
    }
    leader = new LeaderAndEpoch(leaderOf(checkpoint.leader()), checkpoint.epoch());
  }

  private static OptionalInt leaderOf(int id) {
    return id < 0 ? OptionalInt.empty() : OptionalInt.of(id);
  }

  /** Reads to the end before the listeners hear of it: one image for the whole history. */
  private void readOn(List<Batch<ApiMessageAndVersion>> batches) {
    on(
        log.readFrom(nextNumber, READ_RECORDS),
        records -> {
          for (ByteBuffer record : records) {
            replay(MetadataLogFormat.decode(nextNumber, record), batches);
          }
          if (records.size() == READ_RECORDS) {
            readOn(batches);
          } else {
            onEndOfLog(batches);
          }
        });
  }

  private void replay(Entry entry, List<Batch<ApiMessageAndVersion>> batches) {
    requireInSequence(entry);
    if (entry instanceof Epoch epoch) {
      leader = new LeaderAndEpoch(leaderOf(epoch.leader()), epoch.epoch());
    } else if (entry instanceof Batches appended) {
      batches.addAll(appended.batches());
      endOffset = appended.endOffset();
    }
    nextNumber++;
    recordsSinceCheckpoint++;
  }

  private void requireInSequence(Entry entry) {
    if (entry.baseOffset() != endOffset) {
      throw new SharedLogException.Corrupt(
          "metadata log record "
              + nextNumber
              + ": expected offset "
              + endOffset
              + ", found "
              + entry.baseOffset());
    }
    int expected = leader.epoch();
    boolean inOrder = entry instanceof Epoch ? entry.epoch() > expected : entry.epoch() == expected;
    if (!inOrder) {
      throw new SharedLogException.Corrupt(
          "metadata log record "
              + nextNumber
              + ": epoch "
              + entry.epoch()
              + " cannot follow epoch "
              + expected);
    }
  }

  private void onEndOfLog(List<Batch<ApiMessageAndVersion>> batches) {
    tellCommit(batches);
    // An earlier run of this very node may be what the log names: it leads no more.
    int leaderId = leader.leaderId().orElse(MetadataLogFormat.NO_LEADER);
    tellLeader(leader.epoch(), leaderId == nodeId ? MetadataLogFormat.NO_LEADER : leaderId);
    caughtUp.complete(null);
    if (campaignWanted) {
      campaign();
    }
  }

  // ---- leadership

  private void campaign() {
    if (createUnderWay || stopped) {
      return; // looked at again when the create is decided
    }
    campaignWanted = false;
    int epoch = leader.epoch() + 1;
    create(
        MetadataLogFormat.epoch(epoch, nodeId, endOffset),
        () -> {
          synchronized (lock) {
            ownedEpoch = epoch;
            nextOffset = endOffset;
            prepared.clear();
            ready.clear();
          }
          LOG.info("leads the metadata log [node={} epoch={} offset={}]", nodeId, epoch, endOffset);
          tellLeader(epoch, nodeId);
        });
  }

  private boolean stepDown() {
    synchronized (lock) {
      boolean led = ownedEpoch != NOT_OWNED;
      ownedEpoch = NOT_OWNED;
      prepared.clear();
      ready.clear();
      return led;
    }
  }

  /** Another writer got the number: replay what it wrote, then stop. */
  private void onFenced(ByteBuffer record) {
    stepDown();
    List<Batch<ApiMessageAndVersion>> batches = new ArrayList<>();
    replay(MetadataLogFormat.decode(nextNumber, record), batches);
    int winner = leader.leaderId().orElse(MetadataLogFormat.NO_LEADER);
    tellCommit(batches);
    tellLeader(leader.epoch(), winner == nodeId ? MetadataLogFormat.NO_LEADER : winner);
    stopped = true;
    fail(
        new IllegalStateException(
            "node "
                + nodeId
                + " was replaced at epoch "
                + leader.epoch()
                + " by a broker with node.id "
                + winner
                + " on the same object store; only one may run"));
  }

  @Override
  public void resign(int epoch) {
    thread.execute(
        () -> {
          synchronized (lock) {
            if (ownedEpoch != epoch) {
              return;
            }
          }
          LOG.warn("the controller resigned [node={} epoch={}]", nodeId, epoch);
          stepDown();
          tellLeader(epoch, MetadataLogFormat.NO_LEADER);
          campaignWanted = true;
          campaign();
        });
  }

  // ---- append

  @Override
  public long prepareAppend(int epoch, List<ApiMessageAndVersion> records) {
    synchronized (lock) {
      if (ownedEpoch == NOT_OWNED || epoch != ownedEpoch) {
        throw new NotLeaderException(
            "append of epoch " + epoch + " refused, the epoch led here is " + ownedEpoch);
      }
      long timestampMs = clock.currentTimeMillis();
      ByteBuffer encoded = MetadataLogFormat.encode(records, nextOffset, timestampMs, epoch);
      Batch<ApiMessageAndVersion> batch =
          Batch.data(nextOffset, epoch, timestampMs, encoded.remaining(), List.copyOf(records));
      // Nothing above changed anything: an append that throws has not happened.
      prepared.add(new Append(epoch, encoded, batch));
      nextOffset += records.size();
      return nextOffset - 1;
    }
  }

  @Override
  public void schedulePreparedAppend() {
    synchronized (lock) {
      if (ownedEpoch == NOT_OWNED) {
        throw new NotLeaderException("append refused: this node does not lead the metadata log");
      }
      ready.addAll(prepared);
      prepared.clear();
    }
    thread.execute(this::flush);
  }

  private void flush() {
    if (createUnderWay || stopped) {
      return;
    }
    List<ByteBuffer> encoded = new ArrayList<>();
    List<Batch<ApiMessageAndVersion>> batches = new ArrayList<>();
    int epoch;
    synchronized (lock) {
      if (ownedEpoch == NOT_OWNED || ready.isEmpty()) {
        return;
      }
      epoch = ownedEpoch;
      int sizeBytes = 0;
      do {
        Append append = ready.remove();
        encoded.add(append.encoded());
        batches.add(append.batch());
        sizeBytes += append.encoded().remaining();
      } while (!ready.isEmpty() && sizeBytes < MAX_OBJECT_BYTES);
    }
    long newEndOffset = batches.get(batches.size() - 1).lastOffset() + 1;
    create(
        MetadataLogFormat.batches(epoch, endOffset, newEndOffset, encoded),
        () -> {
          endOffset = newEndOffset;
          tellCommit(batches);
        });
  }

  private void create(List<ByteBuffer> body, Runnable onWon) {
    createUnderWay = true;
    on(
        log.create(nextNumber, body),
        created -> {
          createUnderWay = false;
          if (!created.won()) {
            onFenced(created.record());
            return;
          }
          nextNumber++;
          recordsSinceCheckpoint++;
          onWon.run();
          maybeCheckpoint();
          if (campaignWanted) {
            campaign();
          }
          flush();
        });
  }

  // ---- checkpoints

  private void maybeCheckpoint() {
    if (recordsSinceCheckpoint < checkpointEveryRecords || checkpointUnderWay) {
      return;
    }
    long number = nextNumber - 1;
    long offset = endOffset;
    Optional<List<ByteBuffer>> snapshot = state.stateAt(offset);
    if (snapshot.isEmpty()) {
      return; // inside a metadata transaction: the next record's turn
    }
    recordsSinceCheckpoint = 0;
    checkpointUnderWay = true;
    List<ByteBuffer> body =
        MetadataLogFormat.checkpoint(
            leader.epoch(),
            leader.leaderId().orElse(MetadataLogFormat.NO_LEADER),
            offset,
            snapshot.get());
    on(
        log.checkpoint(number, body),
        done -> {
          checkpointUnderWay = false;
          LOG.info("metadata checkpoint [record={} offset={}]", number, offset);
        });
  }

  /** The log's checkpoints are made here, from the image; the controller makes none. */
  @Override
  public Optional<SnapshotWriter<ApiMessageAndVersion>> createSnapshot(
      OffsetAndEpoch snapshotId, long lastContainedLogTimeMs) {
    return Optional.empty();
  }

  @Override
  public Optional<OffsetAndEpoch> latestSnapshotId() {
    return Optional.empty();
  }

  // ---- state

  @Override
  public OptionalLong highWatermark() {
    return OptionalLong.of(endOffset);
  }

  @Override
  public LeaderAndEpoch leaderAndEpoch() {
    return leader;
  }

  @Override
  public OptionalInt nodeId() {
    return OptionalInt.of(nodeId);
  }

  @Override
  public Optional<Node> voterNode(int id, ListenerName listenerName) {
    return Optional.empty();
  }

  @Override
  public long logEndOffset() {
    synchronized (lock) {
      return ownedEpoch == NOT_OWNED ? endOffset : nextOffset;
    }
  }

  @Override
  public KRaftVersion kraftVersion() {
    return FeatureLevels.KRAFT_VERSION;
  }

  @Override
  public void upgradeKRaftVersion(int epoch, KRaftVersion version, boolean validateOnly) {
    // An ApiException: the controller takes any other for a fault of its own, and resigns.
    if (version != kraftVersion()) {
      throw new InvalidUpdateVersionException(
          "kraft.version is "
              + kraftVersion().featureLevel()
              + " and cannot become "
              + version.featureLevel()
              + ": there is no Raft quorum here");
    }
  }

  @Override
  public CompletionStage<Void> shutdown(int timeoutMs) {
    CompletableFuture<Void> done = new CompletableFuture<>();
    thread.execute(
        () -> {
          stopped = true;
          stepDown();
          listeners.forEach(Listener::beginShutdown);
          done.complete(null);
        });
    return done;
  }

  /** Appends not yet in the log are dropped: nobody was told of them. */
  @Override
  public void close() {
    thread.execute(
        () -> {
          stopped = true;
          stepDown();
        });
  }

  // ---- the way back from the store's threads

  private <T> void on(CompletableFuture<T> future, ThrowingConsumer<T> next) {
    BiConsumer<@Nullable T, @Nullable Throwable> hop =
        (result, failure) -> thread.execute(() -> resume(result, failure, next));
    future.whenComplete(hop);
  }

  private <T> void resume(
      @Nullable T result, @Nullable Throwable failure, ThrowingConsumer<T> next) {
    if (stopped) {
      return;
    }
    if (failure == null) {
      try {
        next.accept(castNonNull(result));
      } catch (RuntimeException e) {
        stopped = true;
        stepDown();
        fail(e);
      }
      return;
    }
    Throwable cause =
        failure instanceof CompletionException && failure.getCause() != null
            ? failure.getCause()
            : failure;
    if (cause instanceof SharedLogException.Overtaken && !caughtUp.isDone()) {
      LOG.warn("the metadata log moved on while it was read: {}", cause.getMessage());
      reload();
      return;
    }
    stopped = true;
    stepDown();
    tellLeader(leader.epoch(), MetadataLogFormat.NO_LEADER);
    if (!(cause instanceof SharedLogException.Closed)) {
      fail(cause);
    }
  }

  private void fail(Throwable cause) {
    caughtUp.completeExceptionally(cause);
    faults.onFault(COMPONENT, cause);
  }

  @SuppressWarnings("NullAway") // a void future's result is null, and its consumer ignores it
  private static <T> T castNonNull(@Nullable T value) {
    return value;
  }

  @FunctionalInterface
  private interface ThrowingConsumer<T> {
    void accept(T value);
  }
}
