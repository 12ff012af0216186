package io.spillway.partition;

import io.spillway.catalog.StreamCatalog.EpochStart;
import io.spillway.metadata.TopicConfig;
import io.spillway.partition.PartitionState.Phase;
import io.spillway.partition.TransactionVerifier.Question;
import io.spillway.stream.FetchedData;
import io.spillway.stream.StreamHandle;
import io.spillway.stream.StreamStore.StateAt;
import io.spillway.wal.StreamId;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.errors.OffsetOutOfRangeException;
import org.apache.kafka.common.protocol.Errors;
import org.jspecify.annotations.Nullable;

/**
 * A partition this broker leads: what others see of it, and its life. Its parts are the write path
 * ({@link Appender}) with its queue ({@link AppendQueue}), the idempotent producers ({@link
 * ProducerGate}), what is not durable yet ({@link InFlightAppends}) and who waits for it ({@link
 * RepeatedAppends}, {@link HighWatermarkWatch}). They share a {@link PartitionState} and its lock.
 *
 * <p>When the WAL tells that a batch is durable, the high watermark has moved: the client is
 * answered, listeners and waiting fetches are told, all outside the lock (P31, P32).
 *
 * <p>Batches are handled in the order in which {@link #append} was called: one that has to wait,
 * for the partition to open (P15), for another thread to recompress it, or for room in the WAL,
 * makes those behind it wait as well. The queue is bounded in bytes and time.
 *
 * <p>Life: opening → open → resigned. A new leader epoch of the same leader goes back to opening; a
 * failed append truncates to the high watermark (P30) and goes on.
 */
public final class BrokerPartition implements Partition {

  private final PartitionState state;
  private final ProducerGate producers;
  private final RepeatedAppends repeats;
  private final HighWatermarkWatch watch;
  private final InFlightAppends inFlight;
  private final Appender appender;

  private volatile CompletableFuture<Void> opened = new CompletableFuture<>();
  private volatile CompletableFuture<Void> claiming = CompletableFuture.completedFuture(null);

  BrokerPartition(
      TopicPartition tp,
      Uuid topicId,
      StreamId streamId,
      int leaderEpoch,
      PartitionRuntime runtime) {
    state = new PartitionState(tp, topicId, streamId, leaderEpoch, runtime);
    producers = new ProducerGate(state);
    repeats = new RepeatedAppends(state, producers);
    watch = new HighWatermarkWatch(state);
    inFlight = new InFlightAppends(state, producers, repeats, watch);
    appender = new Appender(state, producers, repeats, inFlight);
  }

  // ---- what it is ----

  @Override
  public TopicPartition topicPartition() {
    return state.tp;
  }

  @Override
  public Uuid topicId() {
    return state.topicId;
  }

  public StreamId streamId() {
    return state.streamId;
  }

  @Override
  public int leaderEpoch() {
    return state.leaderEpoch;
  }

  @Override
  public long logStartOffset() {
    return state.logStartOffset();
  }

  @Override
  public long highWatermark() {
    return state.highWatermark();
  }

  /** P31. The log start, as long as the state of producers is not read. */
  @Override
  public long lastStableOffset() {
    // Before the other: a transaction is noted before the high watermark passes its first batch.
    long highWatermark = highWatermark();
    if (!producers.isLoaded()) {
      return logStartOffset();
    }
    return Math.min(highWatermark, Math.max(producers.firstUnstableOffset(), logStartOffset()));
  }

  /**
   * The aborted transactions that have something in the range, by their markers: complete below the
   * last stable offset.
   */
  public List<AbortedTransaction> abortedTransactions(long fromOffset, long endOffset) {
    synchronized (state.lock) {
      return producers.abortedWithin(fromOffset, endOffset);
    }
  }

  @Override
  public long logEndOffset() {
    return Math.max(state.logEndOffset, highWatermark());
  }

  @Override
  public long sizeBytes() {
    StreamHandle current = state.handle;
    return current == null ? 0 : current.sizeBytes();
  }

  /** Everything below is in objects; -1 while opening. */
  public long committedEndOffset() {
    StreamHandle current = state.handle;
    return current == null ? -1 : current.committedEndOffset();
  }

  public TopicConfig config() {
    return state.runtime.configs().topic(state.tp.topic());
  }

  public boolean isOpen() {
    return state.phase == Phase.OPEN;
  }

  /** Why requests cannot be served now, or {@code NONE}; opening is {@code NONE} too (P15). */
  public Errors unavailability() {
    return switch (state.phase) {
      case OPENING, OPEN -> Errors.NONE;
      case FAILED -> Errors.KAFKA_STORAGE_ERROR;
      case RESIGNED -> Errors.NOT_LEADER_OR_FOLLOWER;
    };
  }

  /** Completes when requests can be served; exceptionally when they never will be. */
  public CompletableFuture<Void> opened() {
    return opened;
  }

  /** What DescribeProducers shows. */
  public List<ActiveProducer> activeProducers() {
    synchronized (state.lock) {
      return producers.active();
    }
  }

  /** By producer id, the last batch of each idempotent producer that is remembered. */
  public Map<Long, LastBatch> lastBatches() {
    synchronized (state.lock) {
      return producers.lastBatches();
    }
  }

  /**
   * Where the newest epoch not above the requested one ends (KIP-320), at most the high watermark.
   */
  public EpochEnd endOfEpoch(int requestedEpoch) {
    return epochs().endOf(requestedEpoch, highWatermark());
  }

  /** The epoch an offset was written in, or -1. */
  public int epochOf(long offset) {
    return epochs().epochOf(offset);
  }

  private LeaderEpochs epochs() {
    StreamHandle current = state.handle;
    List<EpochStart> history = current == null ? List.of() : current.epochs();
    return new LeaderEpochs(history, logStartOffset());
  }

  /** Parts for retention; see {@link StreamHandle#parts}. */
  List<StreamHandle.Part> parts() {
    StreamHandle current = state.handle;
    return current == null ? List.of() : current.parts();
  }

  // ---- produce ----

  /** Takes a client's batch; its callback is told once. Any thread; never blocks. */
  public void append(ProduceBatch batch) {
    appender.append(batch);
  }

  @Override
  public long appendInternal(ByteBuffer batches, TransactionGuard guard, short transactionVersion) {
    return appender.appendInternal(batches, guard, transactionVersion);
  }

  @Override
  public CompletableFuture<TransactionGuard> verifyTransaction(
      String transactionalId, long producerId, short producerEpoch, Question question) {
    CompletableFuture<TransactionGuard> verified = new CompletableFuture<>();
    Verifications.Ask ask;
    synchronized (state.lock) {
      if (state.openHandle() == null) {
        return CompletableFuture.failedFuture(state.unavailable());
      }
      ask = producers.verify(transactionalId, producerId, producerEpoch, question, verified);
    }
    ask.run();
    return verified;
  }

  @Override
  public CompletableFuture<Errors> appendMarker(TransactionMarker marker) {
    CompletableFuture<Errors> ended = new CompletableFuture<>();
    opened()
        .whenComplete((open, failure) -> appender.appendMarker(marker, new MarkerAnswer(ended)));
    return ended;
  }

  private record MarkerAnswer(CompletableFuture<Errors> ended) implements ProduceCallback {
    @Override
    public void onAppended(long baseOffset, long logAppendTimeMs, long logStartOffset) {
      ended.complete(Errors.NONE);
    }

    @Override
    public void onRefused(Errors error, String message, List<RecordError> recordErrors) {
      ended.complete(error);
    }
  }

  @Override
  public void addHighWatermarkListener(HighWatermarkListener listener) {
    watch.add(listener);
  }

  @Override
  public void removeHighWatermarkListener(HighWatermarkListener listener) {
    watch.remove(listener);
  }

  /** Look again after adding: what happened before is not told. */
  public void addWaiter(Waiter waiter) {
    watch.add(waiter);
  }

  public void removeWaiter(Waiter waiter) {
    watch.remove(waiter);
  }

  /** Bytes that became durable since the partition was opened: how a waiting fetch counts. */
  public long durableBytes() {
    return watch.durableBytes();
  }

  // ---- reads ----

  @Override
  public CompletableFuture<FetchedData> read(long offset, int maxBytes) {
    return read(offset, highWatermark(), maxBytes, 0);
  }

  /**
   * As {@link #read(long, int)}, below {@code endOffset}.
   *
   * @param endOffset the high watermark or the last stable offset, as seen before
   * @param clientKey whose turn it is between clients; 0 for the broker itself
   */
  public CompletableFuture<FetchedData> read(
      long offset, long endOffset, int maxBytes, long clientKey) {
    StreamHandle current = state.openHandle();
    if (current == null) {
      return CompletableFuture.failedFuture(state.unavailable());
    }
    if (offset < current.logStartOffset() || offset > current.highWatermark()) {
      return CompletableFuture.failedFuture(
          new OffsetOutOfRangeException(
              "offset %d of partition %s is out of range [%d, %d]"
                  .formatted(offset, state.tp, current.logStartOffset(), current.highWatermark())));
    }
    return current.fetch(offset, endOffset, maxBytes, clientKey);
  }

  /** See {@link StreamHandle#findBatchByTimestamp}. */
  CompletableFuture<Optional<Long>> findBatchByTimestamp(long timestampMs) {
    StreamHandle current = state.openHandle();
    return current == null
        ? CompletableFuture.failedFuture(state.unavailable())
        : current.findBatchByTimestamp(timestampMs);
  }

  /** See {@link StreamHandle#findBatchOfMaxTimestamp}. */
  CompletableFuture<Optional<Long>> findBatchOfMaxTimestamp() {
    StreamHandle current = state.openHandle();
    return current == null
        ? CompletableFuture.failedFuture(state.unavailable())
        : current.findBatchOfMaxTimestamp();
  }

  @Override
  public CompletableFuture<Long> deleteRecords(long offset) {
    StreamHandle current = state.openHandle();
    if (current == null) {
      return CompletableFuture.failedFuture(state.unavailable());
    }
    long highWatermark = current.highWatermark();
    long target = offset == -1 ? highWatermark : offset;
    if (target < 0 || target > highWatermark) {
      return CompletableFuture.failedFuture(
          new OffsetOutOfRangeException(
              "cannot delete records of partition %s up to offset %d: its high watermark is %d"
                  .formatted(state.tp, offset, highWatermark)));
    }
    if (target <= current.logStartOffset()) {
      return CompletableFuture.completedFuture(current.logStartOffset());
    }
    return trim(target).thenApply(done -> current.logStartOffset());
  }

  /**
   * Moves the log start forward, for retention; the caller has checked the offset. What only the
   * batches that go tell of producers is kept in a checkpoint first (P22).
   */
  CompletableFuture<Void> trim(long newLogStartOffset) {
    StreamHandle current = state.handle;
    if (current == null) {
      return CompletableFuture.failedFuture(state.unavailable());
    }
    long kept = current.checkpoint().map(StateAt::offset).orElse(0L);
    boolean needsCheckpoint;
    synchronized (state.lock) {
      needsCheckpoint = producers.hasStepIn(kept, newLogStartOffset);
    }
    CompletableFuture<Void> trimmed =
        needsCheckpoint
            ? current
                .commitCheckpoint(newLogStartOffset)
                .thenCompose(done -> current.trim(newLogStartOffset))
            : current.trim(newLogStartOffset);
    return trimmed.thenRun(this::forgetTrimmed);
  }

  private void forgetTrimmed() {
    synchronized (state.lock) {
      producers.trimTo(state.logStartOffset());
    }
  }

  void expireProducers() {
    synchronized (state.lock) {
      producers.expire();
    }
  }

  // ---- life ----

  /** P22: what goes with the stream's upload. Called by storage, without a lock. */
  Optional<StateAt> checkpoint() {
    synchronized (state.lock) {
      StreamHandle current = state.handle;
      if (!producers.isLoaded() || current == null) {
        return Optional.empty();
      }
      long highWatermark = current.highWatermark();
      return Optional.of(new StateAt(highWatermark, producers.encode(highWatermark)));
    }
  }

  /**
   * Stops appends until those in flight are done, because a newer epoch of this leader begins (P9).
   *
   * @return completes when none is in flight; then the stream may be claimed again
   */
  CompletableFuture<Void> beginEpoch(int newLeaderEpoch) {
    synchronized (state.lock) {
      if (state.phase == Phase.OPEN) {
        opened = new CompletableFuture<>();
        state.phase = Phase.OPENING;
      }
      state.leaderEpoch = newLeaderEpoch;
      return inFlight.whenDrained();
    }
  }

  /** Whether producer state is here, so that a new epoch needs no replay. */
  boolean hasProducerState() {
    synchronized (state.lock) {
      return producers.isLoaded();
    }
  }

  /**
   * Requests are served from now on.
   *
   * @param loaded the state at the stream's high watermark; null to keep what is here
   */
  void open(StreamHandle claimed, @Nullable ProducerStates loaded) {
    CompletableFuture<Void> toComplete;
    synchronized (state.lock) {
      if (state.phase == Phase.RESIGNED) {
        return;
      }
      state.handle = claimed;
      state.logEndOffset = claimed.highWatermark();
      watch.startAt(state.logEndOffset);
      if (loaded != null) {
        producers.load(loaded);
      }
      state.phase = Phase.OPEN;
      toComplete = opened;
    }
    toComplete.complete(null);
    watch.wakeWaiters();
    appender.resume();
  }

  /** Nothing can be served; the reason is logged by the caller. */
  void fail() {
    synchronized (state.lock) {
      if (state.phase == Phase.RESIGNED) {
        return;
      }
      state.phase = Phase.FAILED;
    }
    opened.completeExceptionally(state.unavailable());
    watch.wakeWaiters();
    appender.resume();
  }

  /**
   * P12: no append is accepted from now on.
   *
   * @return completes when every append in flight is done
   */
  CompletableFuture<Void> resign() {
    CompletableFuture<Void> quiet;
    synchronized (state.lock) {
      state.phase = Phase.RESIGNED;
      quiet = inFlight.whenDrained();
    }
    opened.completeExceptionally(state.unavailable());
    watch.wakeWaiters();
    appender.resume();
    return quiet.thenRun(repeats::refuseAll);
  }

  /** Notes a claim that is under way: whoever claims, or closes, next waits for it. */
  void onClaiming(CompletableFuture<StreamHandle> claim) {
    claiming =
        claim.handle(
            (claimed, failure) -> {
              if (claimed != null) {
                state.handle = claimed;
              }
              return null;
            });
  }

  /** Completes when no claim is under way. */
  CompletableFuture<Void> claimSettled() {
    return claiming;
  }

  @Nullable StreamHandle handle() {
    return state.handle;
  }

  @Override
  public String toString() {
    return state.tp + "[epoch=" + state.leaderEpoch + " " + state.phase + "]";
  }
}
