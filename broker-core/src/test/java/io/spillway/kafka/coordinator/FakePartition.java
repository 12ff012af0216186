package io.spillway.kafka.coordinator;

import io.spillway.partition.Partition;
import io.spillway.partition.TransactionGuard;
import io.spillway.partition.TransactionMarker;
import io.spillway.partition.TransactionVerifier.Question;
import io.spillway.stream.FetchedData;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.Executor;
import java.util.concurrent.Executors;
import java.util.function.Supplier;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.errors.NotLeaderOrFollowerException;
import org.apache.kafka.common.protocol.Errors;
import org.apache.kafka.common.record.internal.MemoryRecords;
import org.apache.kafka.common.record.internal.MutableRecordBatch;
import org.jspecify.annotations.Nullable;

/**
 * A partition in memory whose appends become durable on another thread: at once, or when the test
 * says so.
 */
public final class FakePartition implements Partition {

  /** Outlives brokers, as logs do. */
  private static final Executor DURABILITY =
      Executors.newSingleThreadExecutor(
          task -> {
            Thread thread = new Thread(task, "durability");
            thread.setDaemon(true);
            return thread;
          });

  private final TopicPartition tp;
  private final Uuid topicId;
  private final Executor durability;
  private final TreeMap<Long, byte[]> batches = new TreeMap<>();
  private final List<HighWatermarkListener> listeners = new CopyOnWriteArrayList<>();

  /** What was to be verified, and what comes of it. */
  public final List<String> verified = new CopyOnWriteArrayList<>();

  /** The guards that came with appends. */
  public final List<TransactionGuard> appendedWith = new CopyOnWriteArrayList<>();

  public volatile CompletableFuture<TransactionGuard> verification =
      CompletableFuture.completedFuture(TransactionGuard.NONE);

  private int leaderEpoch;
  private long logStartOffset;
  private long logEndOffset;
  private long highWatermark;
  private boolean held;
  private boolean succeeded;
  private boolean led = true;
  private @Nullable Supplier<RuntimeException> appendFailure;
  private @Nullable Supplier<RuntimeException> readFailure;

  public FakePartition(TopicPartition tp, Uuid topicId) {
    this(tp, topicId, DURABILITY);
  }

  /**
   * @param durability where appends become durable
   */
  public FakePartition(TopicPartition tp, Uuid topicId, Executor durability) {
    this.tp = tp;
    this.topicId = topicId;
    this.durability = durability;
  }

  // ---- what the test decides

  /** From now on appends stay above the high watermark. */
  public synchronized void holdDurability() {
    held = true;
  }

  public void releaseDurability() {
    synchronized (this) {
      held = false;
    }
    durability.execute(this::advance);
  }

  public synchronized void failAppends(@Nullable Supplier<RuntimeException> failure) {
    appendFailure = failure;
  }

  public synchronized void failReads(@Nullable Supplier<RuntimeException> failure) {
    readFailure = failure;
  }

  /** P30. */
  public void truncateToHighWatermark() {
    long end;
    synchronized (this) {
      batches.tailMap(highWatermark, true).clear();
      logEndOffset = highWatermark;
      end = logEndOffset;
      held = false;
    }
    listeners.forEach(listener -> listener.onTruncated(tp, end));
  }

  /** Nothing is readable before the log end any more. */
  public synchronized void trimAll() {
    batches.clear();
    logStartOffset = logEndOffset;
  }

  public synchronized void resign() {
    led = false;
  }

  /** The same log, led again: what is not durable by now never is. */
  public synchronized FakePartition nextLeadership() {
    succeeded = true;
    FakePartition next = new FakePartition(tp, topicId, durability);
    next.batches.putAll(batches.headMap(highWatermark, false));
    next.logStartOffset = logStartOffset;
    next.logEndOffset = highWatermark;
    next.highWatermark = highWatermark;
    next.leaderEpoch = leaderEpoch + 1;
    return next;
  }

  /** Bytes that are no batch, durable at once. */
  public synchronized void appendGarbage() {
    byte[] copy = batches.lastEntry().getValue().clone();
    copy[copy.length - 1] ^= 1;
    MutableRecordBatch batch = only(copy);
    long count = batch.lastOffset() - batch.baseOffset() + 1;
    batch.setLastOffset(logEndOffset + count - 1);
    batches.put(logEndOffset, copy);
    logEndOffset += count;
    highWatermark = logEndOffset;
  }

  public int listenerCount() {
    return listeners.size();
  }

  // ---- Partition

  @Override
  public TopicPartition topicPartition() {
    return tp;
  }

  @Override
  public Uuid topicId() {
    return topicId;
  }

  @Override
  public synchronized int leaderEpoch() {
    return leaderEpoch;
  }

  @Override
  public synchronized long logStartOffset() {
    return logStartOffset;
  }

  @Override
  public synchronized long highWatermark() {
    return highWatermark;
  }

  @Override
  public long lastStableOffset() {
    return highWatermark();
  }

  @Override
  public synchronized long logEndOffset() {
    return logEndOffset;
  }

  @Override
  public synchronized long sizeBytes() {
    return batches.values().stream().mapToLong(batch -> batch.length).sum();
  }

  @Override
  public synchronized long appendInternal(
      ByteBuffer bytes, TransactionGuard guard, short transactionVersion) {
    appendedWith.add(guard);
    if (!led) {
      throw new NotLeaderOrFollowerException("not led: " + tp);
    }
    if (appendFailure != null) {
      throw appendFailure.get();
    }
    for (MutableRecordBatch batch : MemoryRecords.readableRecords(bytes.duplicate()).batches()) {
      ByteBuffer copy = ByteBuffer.allocate(batch.sizeInBytes());
      batch.writeTo(copy);
      byte[] array = copy.array();
      MutableRecordBatch stored = only(array);
      int count = (int) (stored.lastOffset() - stored.baseOffset()) + 1;
      stored.setLastOffset(logEndOffset + count - 1);
      stored.setPartitionLeaderEpoch(leaderEpoch);
      batches.put(logEndOffset, array);
      logEndOffset += count;
    }
    durability.execute(this::advance);
    return logEndOffset;
  }

  @Override
  public CompletableFuture<TransactionGuard> verifyTransaction(
      String transactionalId, long producerId, short producerEpoch, Question question) {
    verified.add(question + " " + transactionalId + " " + producerId + "/" + producerEpoch);
    return verification;
  }

  @Override
  public CompletableFuture<Errors> appendMarker(TransactionMarker marker) {
    throw new AssertionError("P33: markers go through the coordinator");
  }

  private void advance() {
    long reached;
    synchronized (this) {
      if (held || succeeded || highWatermark == logEndOffset) {
        return;
      }
      highWatermark = logEndOffset;
      reached = highWatermark;
    }
    listeners.forEach(listener -> listener.onHighWatermark(tp, reached));
  }

  @Override
  public void addHighWatermarkListener(HighWatermarkListener listener) {
    listeners.add(listener);
  }

  @Override
  public void removeHighWatermarkListener(HighWatermarkListener listener) {
    listeners.remove(listener);
  }

  @Override
  public synchronized CompletableFuture<FetchedData> read(long offset, int maxBytes) {
    if (readFailure != null) {
      return CompletableFuture.failedFuture(readFailure.get());
    }
    List<ByteBuffer> buffers = new ArrayList<>();
    int size = 0;
    long nextOffset = offset;
    Long first = batches.floorKey(offset);
    for (var entry :
        batches.subMap(first == null ? offset : first, true, highWatermark, false).entrySet()) {
      byte[] batch = entry.getValue();
      if (only(batch).nextOffset() <= offset) {
        continue;
      }
      if (size > 0 && size + batch.length > maxBytes) {
        break;
      }
      // Slices that split a batch, as a store is free to hand them out.
      buffers.add(ByteBuffer.wrap(batch, 0, 10).slice());
      buffers.add(ByteBuffer.wrap(batch, 10, batch.length - 10).slice());
      size += batch.length;
      nextOffset = only(batch).nextOffset();
    }
    return CompletableFuture.completedFuture(new Fetched(buffers, size, nextOffset));
  }

  @Override
  public CompletableFuture<Long> deleteRecords(long offset) {
    return CompletableFuture.completedFuture(offset);
  }

  private static MutableRecordBatch only(byte[] batch) {
    return MemoryRecords.readableRecords(ByteBuffer.wrap(batch)).batches().iterator().next();
  }

  private record Fetched(List<ByteBuffer> buffers, int sizeBytes, long nextOffset)
      implements FetchedData {
    @Override
    public void close() {}
  }
}
