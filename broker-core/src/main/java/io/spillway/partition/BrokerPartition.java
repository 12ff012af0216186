package io.spillway.partition;

import io.spillway.catalog.StreamCatalog.EpochStart;
import io.spillway.metadata.TopicConfig;
import io.spillway.partition.ProducerStates.AppendedBatch;
import io.spillway.runtime.Cancellable;
import io.spillway.stream.FetchedData;
import io.spillway.stream.StreamException;
import io.spillway.stream.StreamHandle;
import io.spillway.stream.StreamStore.StateAt;
import io.spillway.wal.Batch;
import io.spillway.wal.StreamId;
import io.spillway.wal.WalException;
import io.spillway.wal.WriteAheadLog.Reservation;
import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.errors.ApiException;
import org.apache.kafka.common.errors.InvalidRequestException;
import org.apache.kafka.common.errors.KafkaStorageException;
import org.apache.kafka.common.errors.NotEnoughReplicasException;
import org.apache.kafka.common.errors.NotLeaderOrFollowerException;
import org.apache.kafka.common.errors.OffsetOutOfRangeException;
import org.apache.kafka.common.errors.RetriableException;
import org.apache.kafka.common.protocol.Errors;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A partition this broker leads.
 *
 * <p>The write path, P29: validate the batch and reserve room in the WAL without a lock; then under
 * one short lock check the sequence, assign offsets, patch them into the batch and queue it. When
 * the WAL tells that it is durable, the high watermark has moved: the client is answered, listeners
 * and waiting fetches are told, all outside the lock (P31, P32).
 *
 * <p>Batches are handled in the order in which {@link #append} was called: one that has to wait,
 * for the partition to open (P15), for another thread to recompress it, or for room in the WAL,
 * makes those behind it wait as well. The queue is bounded in bytes and time.
 *
 * <p>Life: opening → open → resigned. A new leader epoch of the same leader goes back to opening; a
 * failed append truncates to the high watermark (P30) and goes on.
 */
public final class BrokerPartition implements Partition {

  private static final Logger LOG = LoggerFactory.getLogger(BrokerPartition.class);

  private static final long ROOM_RETRY_NANOS = TimeUnit.MILLISECONDS.toNanos(20);

  private final TopicPartition tp;
  private final Uuid topicId;
  private final StreamId streamId;
  private final PartitionRuntime runtime;
  private final List<HighWatermarkListener> listeners = new CopyOnWriteArrayList<>();
  private final Set<Waiter> waiters = ConcurrentHashMap.newKeySet();
  private final AtomicLong durableBytes = new AtomicLong();

  /** Guards what follows; held for microseconds, never while anything outside is told. */
  private final Object lock = new Object();

  private final ArrayDeque<Append> parked = new ArrayDeque<>();
  private final ArrayDeque<WaitingAck> waitingAcks = new ArrayDeque<>();
  private ProducerStates producers = new ProducerStates();
  private boolean producersLoaded;
  private long parkedBytes;
  private boolean unparking;
  private @Nullable Cancellable parkSweep;
  private boolean retryScheduled;
  private boolean truncating;
  private final List<CompletableFuture<Void>> drained = new ArrayList<>();

  /** Raised under the lock, lowered by the WAL's thread when a batch is durable or void. */
  private final AtomicInteger inFlight = new AtomicInteger();

  /** Whether the last batch in flight has something to do: truncate, or tell who waits. */
  private volatile boolean lastOneMatters;

  private volatile Phase phase = Phase.OPENING;
  private volatile int leaderEpoch;
  private volatile @Nullable StreamHandle handle;
  private volatile long logEndOffset;
  private volatile boolean anyWaitingAck;
  private volatile CompletableFuture<Void> opened = new CompletableFuture<>();

  private volatile CompletableFuture<Void> claiming = CompletableFuture.completedFuture(null);

  /** Touched by one thread at a time: the WAL's, or who truncates. */
  private volatile long announcedHighWatermark;

  private enum Phase {
    OPENING,
    OPEN,
    /** What is stored cannot be read: nothing but an operator helps. */
    FAILED,
    RESIGNED
  }

  BrokerPartition(
      TopicPartition tp,
      Uuid topicId,
      StreamId streamId,
      int leaderEpoch,
      PartitionRuntime runtime) {
    this.tp = tp;
    this.topicId = topicId;
    this.streamId = streamId;
    this.leaderEpoch = leaderEpoch;
    this.runtime = runtime;
  }

  // ---- what it is ----

  @Override
  public TopicPartition topicPartition() {
    return tp;
  }

  @Override
  public Uuid topicId() {
    return topicId;
  }

  StreamId streamId() {
    return streamId;
  }

  @Override
  public int leaderEpoch() {
    return leaderEpoch;
  }

  @Override
  public long logStartOffset() {
    StreamHandle current = handle;
    return current == null ? -1 : current.logStartOffset();
  }

  @Override
  public long highWatermark() {
    StreamHandle current = handle;
    return current == null ? -1 : current.highWatermark();
  }

  /** The high watermark: no transaction is served, so none is open (P31). */
  @Override
  public long lastStableOffset() {
    return highWatermark();
  }

  @Override
  public long logEndOffset() {
    return Math.max(logEndOffset, highWatermark());
  }

  @Override
  public long sizeBytes() {
    StreamHandle current = handle;
    return current == null ? 0 : current.sizeBytes();
  }

  /** Everything below is in objects; -1 while opening. */
  public long committedEndOffset() {
    StreamHandle current = handle;
    return current == null ? -1 : current.committedEndOffset();
  }

  public TopicConfig config() {
    return runtime.configs().topic(tp.topic());
  }

  public boolean isOpen() {
    return phase == Phase.OPEN;
  }

  /** Why requests cannot be served now, or {@code NONE}; opening is {@code NONE} too (P15). */
  public Errors unavailability() {
    return switch (phase) {
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
    synchronized (lock) {
      return producers.active();
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
    StreamHandle current = handle;
    List<EpochStart> history = current == null ? List.of() : current.epochs();
    return new LeaderEpochs(history, logStartOffset());
  }

  /** Parts for retention; see {@link StreamHandle#parts}. */
  List<StreamHandle.Part> parts() {
    StreamHandle current = handle;
    return current == null ? List.of() : current.parts();
  }

  // ---- produce ----

  /** Takes a client's batch; its callback is told once. Any thread; never blocks. */
  public void append(ProduceBatch batch) {
    BatchPreparer preparer = runtime.preparer();
    Append append;
    try {
      TopicConfig config = config();
      ByteBuffer view =
          preparer.requireValidHeader(batch.records(), batch.requestVersion(), config);
      if (BatchHeader.isTransactional(view)) {
        throw new BatchRefusedException(
            Errors.TRANSACTIONAL_ID_AUTHORIZATION_FAILED, "transactions are not served");
      }
      append = new Append(this, batch, view, runtime.clock().nanoTime());
      long nowMs = runtime.clock().currentTimeMillis();
      if (preparer.needsBody(view, config, nowMs)
          && (BatchPreparer.isCompressed(view) || BatchPreparer.needsRewrite(view, config))) {
        prepareElsewhere(append, config, nowMs);
        return;
      }
      append.prepared = preparer.finish(view, config, nowMs);
    } catch (BatchRefusedException e) {
      batch.callback().onRefused(e.error(), e.text(), e.recordErrors());
      return;
    }
    attempt(append, false);
  }

  /** Keeps the batch's place in the order while a worker reads its body. */
  private void prepareElsewhere(Append append, TopicConfig config, long nowMs) {
    if (!park(append)) {
      return;
    }
    runtime
        .workers()
        .execute(
            () -> {
              PreparedBatch prepared = null;
              BatchRefusedException refusal = null;
              try {
                prepared = runtime.preparer().finish(append.view, config, nowMs);
              } catch (BatchRefusedException e) {
                refusal = e;
              }
              synchronized (lock) {
                append.prepared = prepared;
                append.refusal = refusal;
              }
              unpark();
            });
  }

  /** P29. Returns whether the batch is dealt with; if not, it is, or stays, parked. */
  private boolean attempt(Append append, boolean isHeadOfQueue) {
    PreparedBatch prepared = append.requirePrepared();
    Reservation reservation;
    try {
      reservation = runtime.store().reserve(prepared.sizeBytes(), false);
    } catch (WalException.Full e) {
      return waitForRoom(append, isHeadOfQueue);
    } catch (WalException | StreamException e) {
      refuse(append, isHeadOfQueue, errorOf(e), message(e));
      return true;
    }
    Step step;
    synchronized (lock) {
      step = appendLocked(append, prepared, reservation, isHeadOfQueue);
      if (step == Step.REFUSED) {
        noteRefusal(append, Errors.forException(append.requireCause()));
      }
      if (step != Step.WAIT && isHeadOfQueue) {
        removeHead();
      }
    }
    switch (step) {
      case APPENDED ->
          runtime
              .traffic()
              .onProduced(
                  tp.topic(), append.batch.clientId(), prepared.recordCount, prepared.sizeBytes());
      case REPEATED -> {
        runtime.store().cancel(reservation);
        acknowledgeRepeated();
      }
      case REFUSED -> {
        if (!append.tookReservation) {
          runtime.store().cancel(reservation);
        }
        ApiException cause = append.requireCause();
        tell(append, Errors.forException(cause), String.valueOf(cause.getMessage()));
      }
      case WAIT -> {
        runtime.store().cancel(reservation);
        if (!isHeadOfQueue && park(append)) {
          unpark();
        }
      }
    }
    return step != Step.WAIT;
  }

  private enum Step {
    APPENDED,
    REPEATED,
    REFUSED,
    WAIT
  }

  private Step appendLocked(
      Append append, PreparedBatch prepared, Reservation reservation, boolean isHeadOfQueue) {
    StreamHandle current = handle;
    if (phase == Phase.FAILED || phase == Phase.RESIGNED) {
      append.cause = unavailable();
      return Step.REFUSED;
    }
    if (phase != Phase.OPEN
        || truncating
        || current == null
        || (!isHeadOfQueue && !parked.isEmpty())) {
      return Step.WAIT;
    }
    try {
      if (prepared.isIdempotent()) {
        AppendedBatch repeated = requireInSequence(prepared);
        if (repeated != null) {
          waitingAcks.addLast(new WaitingAck(append, repeated));
          anyWaitingAck = true;
          return Step.REPEATED;
        }
      }
      enqueue(current, prepared, reservation, append.batch.clientKey(), append);
      if (prepared.isIdempotent()) {
        runtime.refused().onAccepted(tp, prepared.producerId);
      }
      return Step.APPENDED;
    } catch (ApiException e) {
      append.cause = e;
    }
    return Step.REFUSED;
  }

  private @Nullable AppendedBatch requireInSequence(PreparedBatch prepared) {
    AppendedBatch repeated =
        producers.check(
            tp.toString(),
            prepared.producerId,
            prepared.producerEpoch,
            prepared.firstSequence,
            prepared.lastSequence);
    if (repeated == null && !producers.knows(prepared.producerId)) {
      runtime
          .refused()
          .requireReturned(tp, prepared.producerId, prepared.producerEpoch, prepared.firstSequence);
    }
    return repeated;
  }

  /**
   * Assigns offsets, once nothing but storage can refuse the batch any more.
   *
   * @throws ApiException when storage does; nothing has changed then, and the reservation is gone
   */
  private void enqueue(
      StreamHandle current,
      PreparedBatch prepared,
      Reservation reservation,
      long clientKey,
      Append append) {
    long baseOffset = logEndOffset;
    long endOffset = baseOffset + prepared.recordCount;
    BatchHeader.assign(prepared.payload, baseOffset, leaderEpoch);
    append.baseOffset = baseOffset;
    append.endOffset = endOffset;
    Batch batch =
        new Batch(
            streamId,
            baseOffset,
            endOffset,
            prepared.maxTimestampMs,
            prepared.flags,
            prepared.payload);
    inFlight.incrementAndGet();
    append.tookReservation = true;
    try {
      current.append(reservation, batch, clientKey, append);
    } catch (RuntimeException e) {
      inFlight.decrementAndGet();
      if (!(e instanceof StreamException || e instanceof WalException)) {
        LOG.error("append to partition {} at offset {} was not taken", tp, baseOffset, e);
      }
      throw errorOf(e).exception(message(e));
    }
    logEndOffset = endOffset;
    if (prepared.isIdempotent()) {
      producers.add(
          prepared.producerId,
          new AppendedBatch(
              prepared.producerEpoch,
              prepared.firstSequence,
              prepared.lastSequence,
              baseOffset,
              endOffset,
              prepared.maxTimestampMs),
          runtime.clock().currentTimeMillis(),
          current.highWatermark());
    }
  }

  @Override
  public long appendInternal(ByteBuffer batches) {
    ByteBuffer copy = ByteBuffer.allocate(batches.remaining()).put(batches.duplicate()).flip();
    long endOffset = -1;
    while (copy.hasRemaining()) {
      ByteBuffer one = copy.slice(copy.position(), requireSizeOfFirst(copy));
      endOffset = appendOneInternal(PreparedBatch.of(one, PreparedBatch.NO_TIMESTAMP));
      copy.position(copy.position() + one.remaining());
    }
    return endOffset;
  }

  private static int requireSizeOfFirst(ByteBuffer batches) {
    if (batches.remaining() < BatchHeader.SIZE_BYTES
        || BatchHeader.sizeBytes(batches) > batches.remaining()) {
      throw new InvalidRequestException(
          "not a whole batch: " + batches.remaining() + " bytes are left");
    }
    return BatchHeader.sizeBytes(batches);
  }

  private long appendOneInternal(PreparedBatch prepared) {
    Reservation reservation;
    try {
      reservation = runtime.store().reserve(prepared.sizeBytes(), true);
    } catch (WalException.Full e) {
      throw new NotEnoughReplicasException(message(e), e);
    } catch (WalException | StreamException e) {
      throw errorOf(e).exception(message(e));
    }
    synchronized (lock) {
      StreamHandle current = handle;
      if (phase == Phase.OPEN && !truncating && current != null) {
        Append append = new Append(this, NO_CLIENT, prepared.payload, 0);
        append.prepared = prepared;
        enqueue(current, prepared, reservation, 0, append);
        return append.endOffset;
      }
    }
    runtime.store().cancel(reservation);
    throw unavailable();
  }

  private static final ProduceBatch NO_CLIENT =
      new ProduceBatch(
          null,
          (short) 0,
          "",
          0,
          new ProduceCallback() {
            @Override
            public void onAppended(long baseOffset, long logAppendTimeMs, long logStartOffset) {}

            @Override
            public void onRefused(Errors error, String message, List<RecordError> recordErrors) {}
          });

  /** Ends a batch that was not given offsets; the head of the queue leaves it. */
  private void refuse(Append append, boolean isHeadOfQueue, Errors error, String message) {
    synchronized (lock) {
      noteRefusal(append, error);
      if (isHeadOfQueue) {
        removeHead();
      }
    }
    tell(append, error, message);
  }

  /**
   * P15. Under the lock, together with what lets later batches pass: nobody may see the batch gone
   * and its refusal not yet noted.
   */
  private void noteRefusal(Append append, Errors error) {
    ByteBuffer header = append.view;
    if (BatchHeader.producerId(header) >= 0 && error.exception() instanceof RetriableException) {
      runtime
          .refused()
          .onRefused(
              tp,
              BatchHeader.producerId(header),
              BatchHeader.producerEpoch(header),
              BatchHeader.baseSequence(header));
    }
  }

  private static void tell(Append append, Errors error, String message) {
    append.batch.callback().onRefused(error, message, List.of());
  }

  // ---- parking (P15) ----

  /** Puts the batch at the end of the queue, or refuses it when the queue is full. */
  private boolean park(Append append) {
    Errors error;
    synchronized (lock) {
      int sizeBytes = append.view.remaining();
      if (parked.isEmpty() || parkedBytes + sizeBytes <= runtime.settings().parkedBytes()) {
        parked.addLast(append);
        parkedBytes += sizeBytes;
        scheduleSweep();
        return true;
      }
      error = waitingError();
      noteRefusal(append, error);
    }
    tell(append, error, "too many batches wait for partition " + tp);
    return false;
  }

  /** Appends what waits, in order, as far as it can be now. One thread at a time. */
  private void unpark() {
    while (true) {
      Append head;
      synchronized (lock) {
        head = parked.peekFirst();
        if (unparking || head == null || !isReady(head)) {
          return;
        }
        unparking = true;
      }
      boolean settled = false;
      try {
        settled = settle(head);
      } finally {
        synchronized (lock) {
          unparking = false;
        }
      }
      if (!settled) {
        return;
      }
    }
  }

  private boolean isReady(Append head) {
    return switch (phase) {
      case OPENING -> false;
      case OPEN -> (head.prepared != null || head.refusal != null) && !truncating;
      case FAILED, RESIGNED -> true;
    };
  }

  private boolean settle(Append head) {
    BatchRefusedException refusal = head.refusal;
    if (refusal != null) {
      synchronized (lock) {
        removeHead();
      }
      head.batch.callback().onRefused(refusal.error(), refusal.text(), refusal.recordErrors());
      return true;
    }
    if (phase == Phase.FAILED || phase == Phase.RESIGNED || !head.batch.callback().isWanted()) {
      ApiException cause = unavailable();
      refuse(head, true, Errors.forException(cause), String.valueOf(cause.getMessage()));
      return true;
    }
    return attempt(head, true);
  }

  private boolean waitForRoom(Append append, boolean isHeadOfQueue) {
    if (isHeadOfQueue || park(append)) {
      retryLater();
    }
    return false;
  }

  private void retryLater() {
    synchronized (lock) {
      if (retryScheduled) {
        return;
      }
      retryScheduled = true;
    }
    runtime
        .scheduler()
        .schedule(
            ROOM_RETRY_NANOS,
            () -> {
              synchronized (lock) {
                retryScheduled = false;
              }
              unpark();
            });
  }

  private void removeHead() {
    Append head = parked.removeFirst();
    parkedBytes -= head.view.remaining();
  }

  private void scheduleSweep() {
    Append head = parked.peekFirst();
    if (parkSweep == null && head != null) {
      long waitedNanos = runtime.clock().nanoTime() - head.arrivedNanos;
      parkSweep =
          runtime
              .scheduler()
              .schedule(Math.max(ROOM_RETRY_NANOS, parkNanos() - waitedNanos), this::refuseOverdue);
    }
  }

  private long parkNanos() {
    return TimeUnit.MILLISECONDS.toNanos(runtime.settings().parkMs());
  }

  /** Those that waited too long are at the head: the queue is in order of arrival. */
  private void refuseOverdue() {
    List<Append> overdue = new ArrayList<>();
    Errors error;
    synchronized (lock) {
      parkSweep = null;
      error = waitingError();
      long now = runtime.clock().nanoTime();
      while (!unparking) {
        Append head = parked.peekFirst();
        if (head == null || now - head.arrivedNanos < parkNanos() || head.isBeingPrepared()) {
          break;
        }
        noteRefusal(head, error);
        removeHead();
        overdue.add(head);
      }
      if (!parked.isEmpty()) {
        scheduleSweep();
      }
    }
    for (Append append : overdue) {
      tell(append, error, "partition " + tp + " could not take the batch in time");
    }
    if (!overdue.isEmpty()) {
      unpark();
    }
  }

  private Errors waitingError() {
    return phase == Phase.OPEN ? Errors.NOT_ENOUGH_REPLICAS : Errors.NOT_LEADER_OR_FOLLOWER;
  }

  private ApiException unavailable() {
    return phase == Phase.FAILED
        ? new KafkaStorageException("partition " + tp + " cannot be read; see the broker's log")
        : new NotLeaderOrFollowerException("this broker does not lead partition " + tp);
  }

  // ---- durability ----

  private void onDurable(Append append) {
    PreparedBatch prepared = append.requirePrepared();
    durableBytes.lazySet(durableBytes.get() + prepared.sizeBytes());
    append
        .batch
        .callback()
        .onAppended(append.baseOffset, prepared.logAppendTimeMs, logStartOffset());
    announceHighWatermark();
    finishOne();
  }

  /** P30: this batch and all later ones are void. */
  private void onFailure(Append append, WalException cause) {
    synchronized (lock) {
      lastOneMatters = true;
      if (!truncating) {
        truncating = true;
        LOG.error("append to partition {} at offset {} failed", tp, append.baseOffset, cause);
      }
    }
    refuse(append, false, errorOf(cause), message(cause));
    finishOne();
  }

  private void finishOne() {
    if (inFlight.decrementAndGet() > 0 || !lastOneMatters) {
      return;
    }
    boolean truncated = false;
    List<CompletableFuture<Void>> toTell;
    synchronized (lock) {
      if (inFlight.get() > 0) {
        return;
      }
      lastOneMatters = false;
      if (truncating) {
        truncateLocked();
        truncated = true;
      }
      toTell = new ArrayList<>(drained);
      drained.clear();
    }
    if (truncated) {
      announceTruncation();
    }
    for (CompletableFuture<Void> waiting : toTell) {
      waiting.complete(null);
    }
    unpark();
  }

  /** Completes when nothing is in flight. Under the lock. */
  private CompletableFuture<Void> whenDrainedLocked() {
    lastOneMatters = true;
    if (inFlight.get() == 0 && !truncating) {
      return CompletableFuture.completedFuture(null);
    }
    CompletableFuture<Void> waiting = new CompletableFuture<>();
    drained.add(waiting);
    return waiting;
  }

  private void truncateLocked() {
    long highWatermark = highWatermark();
    LOG.warn(
        "partition {} drops offsets [{}, {}), which were never durable",
        tp,
        highWatermark,
        logEndOffset);
    logEndOffset = highWatermark;
    producers.truncateTo(highWatermark);
    truncating = false;
  }

  private void announceTruncation() {
    failWaitingAcks();
    for (HighWatermarkListener listener : listeners) {
      listener.onTruncated(tp, logEndOffset);
    }
  }

  private void announceHighWatermark() {
    long highWatermark = highWatermark();
    if (highWatermark <= announcedHighWatermark) {
      return;
    }
    announcedHighWatermark = highWatermark;
    if (anyWaitingAck) {
      acknowledgeRepeated();
    }
    for (HighWatermarkListener listener : listeners) {
      listener.onHighWatermark(tp, highWatermark);
    }
    wakeWaiters();
  }

  /** P31: a repeat is acknowledged when what it repeats is durable. */
  private void acknowledgeRepeated() {
    List<WaitingAck> due = new ArrayList<>(1);
    synchronized (lock) {
      long highWatermark = highWatermark();
      waitingAcks.removeIf(
          ack -> {
            boolean durable = ack.original.endOffset() <= highWatermark;
            if (durable) {
              due.add(ack);
            }
            return durable;
          });
      anyWaitingAck = !waitingAcks.isEmpty();
    }
    for (WaitingAck ack : due) {
      long stampedMs =
          ack.append.requirePrepared().logAppendTimeMs == PreparedBatch.NO_TIMESTAMP
              ? PreparedBatch.NO_TIMESTAMP
              : ack.original.maxTimestampMs();
      ack.append
          .batch
          .callback()
          .onAppended(ack.original.baseOffset(), stampedMs, logStartOffset());
    }
  }

  private void failWaitingAcks() {
    List<WaitingAck> failed;
    synchronized (lock) {
      failed = new ArrayList<>(waitingAcks);
      waitingAcks.clear();
      anyWaitingAck = false;
    }
    for (WaitingAck ack : failed) {
      refuse(
          ack.append,
          false,
          Errors.KAFKA_STORAGE_ERROR,
          "the batch that this one repeats was lost before it was durable");
    }
  }

  @Override
  public void addHighWatermarkListener(HighWatermarkListener listener) {
    listeners.add(listener);
  }

  @Override
  public void removeHighWatermarkListener(HighWatermarkListener listener) {
    listeners.remove(listener);
  }

  /** Look again after adding: what happened before is not told. */
  public void addWaiter(Waiter waiter) {
    waiters.add(waiter);
  }

  public void removeWaiter(Waiter waiter) {
    waiters.remove(waiter);
  }

  /** Bytes that became durable since the partition was opened: how a waiting fetch counts. */
  public long durableBytes() {
    return durableBytes.get();
  }

  private void wakeWaiters() {
    for (Waiter waiter : waiters) {
      waiter.onProgress();
    }
  }

  // ---- reads ----

  @Override
  public CompletableFuture<FetchedData> read(long offset, int maxBytes) {
    return read(offset, highWatermark(), maxBytes);
  }

  /**
   * As {@link #read(long, int)}, below {@code endOffset}.
   *
   * @param endOffset the high watermark or the last stable offset, as seen before
   */
  public CompletableFuture<FetchedData> read(long offset, long endOffset, int maxBytes) {
    StreamHandle current = handle;
    if (phase != Phase.OPEN || current == null) {
      return CompletableFuture.failedFuture(unavailable());
    }
    if (offset < current.logStartOffset() || offset > current.highWatermark()) {
      return CompletableFuture.failedFuture(
          new OffsetOutOfRangeException(
              "offset %d of partition %s is out of range [%d, %d]"
                  .formatted(offset, tp, current.logStartOffset(), current.highWatermark())));
    }
    return current.fetch(offset, endOffset, maxBytes);
  }

  /** See {@link StreamHandle#findBatchByTimestamp}. */
  CompletableFuture<Optional<Long>> findBatchByTimestamp(long timestampMs) {
    StreamHandle current = handle;
    return phase != Phase.OPEN || current == null
        ? CompletableFuture.failedFuture(unavailable())
        : current.findBatchByTimestamp(timestampMs);
  }

  /** See {@link StreamHandle#findBatchOfMaxTimestamp}. */
  CompletableFuture<Optional<Long>> findBatchOfMaxTimestamp() {
    StreamHandle current = handle;
    return phase != Phase.OPEN || current == null
        ? CompletableFuture.failedFuture(unavailable())
        : current.findBatchOfMaxTimestamp();
  }

  @Override
  public CompletableFuture<Long> deleteRecords(long offset) {
    StreamHandle current = handle;
    if (phase != Phase.OPEN || current == null) {
      return CompletableFuture.failedFuture(unavailable());
    }
    long highWatermark = current.highWatermark();
    long target = offset == -1 ? highWatermark : offset;
    if (target < 0 || target > highWatermark) {
      return CompletableFuture.failedFuture(
          new OffsetOutOfRangeException(
              "cannot delete records of partition %s up to offset %d: its high watermark is %d"
                  .formatted(tp, offset, highWatermark)));
    }
    if (target <= current.logStartOffset()) {
      return CompletableFuture.completedFuture(current.logStartOffset());
    }
    return trim(target).thenApply(done -> current.logStartOffset());
  }

  /** Moves the log start forward, for retention; the caller has checked the offset. */
  CompletableFuture<Void> trim(long newLogStartOffset) {
    StreamHandle current = handle;
    return current == null
        ? CompletableFuture.failedFuture(unavailable())
        : current.trim(newLogStartOffset);
  }

  void expireProducers() {
    synchronized (lock) {
      producers.expire(
          runtime.clock().currentTimeMillis(),
          runtime.settings().producerIdExpirationMs(),
          highWatermark());
    }
  }

  // ---- life ----

  /** P22: what goes with the stream's upload. Called by storage, without a lock. */
  Optional<StateAt> checkpoint() {
    synchronized (lock) {
      StreamHandle current = handle;
      if (!producersLoaded || current == null) {
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
    synchronized (lock) {
      if (phase == Phase.OPEN) {
        opened = new CompletableFuture<>();
        phase = Phase.OPENING;
      }
      leaderEpoch = newLeaderEpoch;
      return whenDrainedLocked();
    }
  }

  /** Whether producer state is here, so that a new epoch needs no replay. */
  boolean hasProducerState() {
    synchronized (lock) {
      return producersLoaded;
    }
  }

  /**
   * Requests are served from now on.
   *
   * @param loaded the state at the stream's high watermark; null to keep what is here
   */
  void open(StreamHandle claimed, @Nullable ProducerStates loaded) {
    CompletableFuture<Void> toComplete;
    synchronized (lock) {
      if (phase == Phase.RESIGNED) {
        return;
      }
      handle = claimed;
      logEndOffset = claimed.highWatermark();
      announcedHighWatermark = logEndOffset;
      if (loaded != null) {
        producers = loaded;
        producersLoaded = true;
      }
      phase = Phase.OPEN;
      toComplete = opened;
    }
    toComplete.complete(null);
    wakeWaiters();
    unpark();
  }

  /** Nothing can be served; the reason is logged by the caller. */
  void fail() {
    synchronized (lock) {
      if (phase == Phase.RESIGNED) {
        return;
      }
      phase = Phase.FAILED;
    }
    opened.completeExceptionally(unavailable());
    wakeWaiters();
    unpark();
  }

  /**
   * P12: no append is accepted from now on.
   *
   * @return completes when every append in flight is done
   */
  CompletableFuture<Void> resign() {
    CompletableFuture<Void> quiet;
    synchronized (lock) {
      phase = Phase.RESIGNED;
      quiet = whenDrainedLocked();
    }
    opened.completeExceptionally(unavailable());
    wakeWaiters();
    unpark();
    return quiet.thenRun(this::failWaitingAcks);
  }

  /** Notes a claim that is under way: whoever claims, or closes, next waits for it. */
  void onClaiming(CompletableFuture<StreamHandle> claim) {
    claiming =
        claim.handle(
            (claimed, failure) -> {
              if (claimed != null) {
                handle = claimed;
              }
              return null;
            });
  }

  /** Completes when no claim is under way. */
  CompletableFuture<Void> claimSettled() {
    return claiming;
  }

  @Nullable StreamHandle handle() {
    return handle;
  }

  private static Errors errorOf(RuntimeException cause) {
    if (cause instanceof WalException.Full) {
      return Errors.NOT_ENOUGH_REPLICAS;
    }
    if (cause instanceof WalException.Fenced || cause instanceof StreamException.Fenced) {
      return Errors.NOT_LEADER_OR_FOLLOWER;
    }
    return Errors.KAFKA_STORAGE_ERROR;
  }

  private static String message(RuntimeException cause) {
    return String.valueOf(cause.getMessage());
  }

  @Override
  public String toString() {
    return tp + "[epoch=" + leaderEpoch + " " + phase + "]";
  }

  private record WaitingAck(Append append, AppendedBatch original) {}

  /** One batch from its arrival to its answer. */
  private static final class Append implements StreamHandle.Listener {
    private final BrokerPartition partition;
    private final ProduceBatch batch;
    private final ByteBuffer view;
    private final long arrivedNanos;
    private @Nullable PreparedBatch prepared;
    private @Nullable BatchRefusedException refusal;
    private @Nullable ApiException cause;
    private boolean tookReservation;
    private long baseOffset;
    private long endOffset;

    Append(BrokerPartition partition, ProduceBatch batch, ByteBuffer view, long arrivedNanos) {
      this.partition = partition;
      this.batch = batch;
      this.view = view;
      this.arrivedNanos = arrivedNanos;
    }

    boolean isBeingPrepared() {
      return prepared == null && refusal == null;
    }

    PreparedBatch requirePrepared() {
      PreparedBatch batchOrNull = prepared;
      if (batchOrNull == null) {
        throw new IllegalStateException("batch is not prepared");
      }
      return batchOrNull;
    }

    ApiException requireCause() {
      ApiException causeOrNull = cause;
      if (causeOrNull == null) {
        throw new IllegalStateException("batch was refused for no reason");
      }
      return causeOrNull;
    }

    @Override
    public void onDurable(Batch durable) {
      partition.onDurable(this);
    }

    @Override
    public void onFailure(Batch failed, WalException failure) {
      partition.onFailure(this, failure);
    }
  }
}
