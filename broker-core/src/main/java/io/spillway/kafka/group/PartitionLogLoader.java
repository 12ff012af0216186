package io.spillway.kafka.group;

import io.spillway.partition.Partition;
import io.spillway.runtime.Clock;
import io.spillway.runtime.Scheduler;
import io.spillway.stream.FetchedData;
import io.spillway.stream.StreamException;
import java.nio.ByteBuffer;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentMap;
import java.util.concurrent.Executor;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.CorruptRecordException;
import org.apache.kafka.common.errors.NotLeaderOrFollowerException;
import org.apache.kafka.common.errors.RetriableException;
import org.apache.kafka.common.record.internal.ControlRecordType;
import org.apache.kafka.common.record.internal.MemoryRecords;
import org.apache.kafka.common.record.internal.MutableRecordBatch;
import org.apache.kafka.common.record.internal.Record;
import org.apache.kafka.common.requests.TransactionResult;
import org.apache.kafka.coordinator.common.runtime.CoordinatorLoader;
import org.apache.kafka.coordinator.common.runtime.CoordinatorPlayback;
import org.apache.kafka.coordinator.common.runtime.Deserializer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Replays an offsets partition into a coordinator, in bounded chunks, on a pool of its own.
 *
 * <p>A load ends when everything up to the log end is durable and replayed, so that no append of an
 * earlier coordinator can become durable behind its back. A store that cannot be reached is tried
 * again for as long as this broker leads: the coordinator would not come back from a failed load by
 * itself. Damage fails the load; nothing is skipped.
 *
 * <p>The runtime names a load by its partition alone. Were the end of a load whose coordinator is
 * gone reported, it would be taken for the end of the load that follows; so once {@link #abandon}
 * returned, the load before it is never heard of again.
 */
final class PartitionLogLoader<T> implements CoordinatorLoader<T> {

  private static final Logger log = LoggerFactory.getLogger(PartitionLogLoader.class);
  private static final long DURABILITY_RETRY_NANOS = TimeUnit.MILLISECONDS.toNanos(10);
  private static final long UNAVAILABLE_RETRY_NANOS = TimeUnit.MILLISECONDS.toNanos(500);

  private final LedPartitions led;
  private final Deserializer<T> deserializer;
  private final int chunkBytes;
  private final Clock clock;
  private final Executor pool;
  private final Scheduler scheduler;
  private final ConcurrentMap<TopicPartition, Load> loads = new ConcurrentHashMap<>();

  /**
   * @param pool replays, and waits for reads; its size bounds the chunks in memory
   * @param scheduler for what is tried again later
   */
  PartitionLogLoader(
      LedPartitions led,
      Deserializer<T> deserializer,
      int chunkBytes,
      Clock clock,
      Executor pool,
      Scheduler scheduler) {
    this.led = led;
    this.deserializer = deserializer;
    this.chunkBytes = chunkBytes;
    this.clock = clock;
    this.pool = pool;
    this.scheduler = scheduler;
  }

  @Override
  public CompletableFuture<LoadSummary> load(TopicPartition tp, CoordinatorPlayback<T> playback) {
    LedPartition owner;
    try {
      owner = led.require(tp);
    } catch (NotLeaderOrFollowerException e) {
      return CompletableFuture.failedFuture(e);
    }
    owner.onLoadStart();
    Load load = new Load(owner.partition(), playback);
    Load before = loads.put(tp, load);
    if (before != null) {
      before.abandon();
    }
    pool.execute(load);
    return load.result;
  }

  /** The coordinator of the partition is being unloaded: its load, if there is one, goes silent. */
  void abandon(TopicPartition tp) {
    Load load = loads.remove(tp);
    if (load != null) {
      load.abandon();
    }
  }

  @Override
  public void close() {
    loads.values().forEach(Load::abandon);
    loads.clear();
  }

  /** One load. Runs on one pool thread at a time; only {@code abandoned} is touched by others. */
  private final class Load implements Runnable {
    private final Partition partition;
    private final CoordinatorPlayback<T> playback;
    private final CompletableFuture<LoadSummary> result = new CompletableFuture<>();
    private final long submittedMs = clock.currentTimeMillis();
    private long startedMs = -1;
    private long nextOffset;
    private long reported;
    private long records;
    private long bytes;
    private boolean warned;
    private boolean abandoned;

    Load(Partition partition, CoordinatorPlayback<T> playback) {
      this.partition = partition;
      this.playback = playback;
    }

    synchronized void abandon() {
      abandoned = true;
    }

    private synchronized boolean isAbandoned() {
      return abandoned;
    }

    @Override
    public void run() {
      if (startedMs < 0) {
        startedMs = clock.currentTimeMillis();
      }
      try {
        while (!isAbandoned()) {
          nextOffset = Math.max(nextOffset, partition.logStartOffset());
          if (replayChunk()) {
            continue;
          }
          if (nextOffset < partition.logEndOffset()) {
            retryIn(DURABILITY_RETRY_NANOS);
          } else {
            finish();
          }
          return;
        }
      } catch (StreamException.Unavailable | RetriableException e) {
        retryOrFail(e);
      } catch (RuntimeException e) {
        fail(e);
      }
    }

    /** Replays what is durable from the next offset on; false when nothing is. */
    private boolean replayChunk() {
      ByteBuffer chunk;
      long chunkEndOffset;
      try (FetchedData data = read()) {
        if (data.nextOffset() <= nextOffset) {
          return false;
        }
        chunk = copy(data);
        chunkEndOffset = data.nextOffset();
      }
      bytes += chunk.remaining();
      for (MutableRecordBatch batch : MemoryRecords.readableRecords(chunk).batches()) {
        replay(batch);
      }
      nextOffset = chunkEndOffset;
      report(nextOffset);
      return true;
    }

    private FetchedData read() {
      try {
        return partition.read(nextOffset, chunkBytes).join();
      } catch (CompletionException e) {
        throw e.getCause() instanceof RuntimeException cause ? cause : e;
      }
    }

    private void replay(MutableRecordBatch batch) {
      batch.ensureValid();
      for (Record record : batch) {
        if (batch.isControlBatch()) {
          replayMarker(batch, record);
        } else {
          replayRecord(batch, record);
        }
      }
    }

    private void replayMarker(MutableRecordBatch batch, Record record) {
      ControlRecordType type = ControlRecordType.parse(record.key());
      if (type == ControlRecordType.COMMIT || type == ControlRecordType.ABORT) {
        playback.replayEndTransactionMarker(
            batch.producerId(),
            batch.producerEpoch(),
            type == ControlRecordType.COMMIT ? TransactionResult.COMMIT : TransactionResult.ABORT);
      }
    }

    private void replayRecord(MutableRecordBatch batch, Record record) {
      records++;
      T value;
      try {
        value = deserializer.deserialize(record.key(), record.value());
      } catch (Deserializer.UnknownRecordTypeException e) {
        // What Kafka does: a newer coordinator wrote it, and an older one has no use for it.
        log.warn(
            "{}: ignored a record of unknown type {} at offset {}",
            partition.topicPartition(),
            e.unknownType(),
            record.offset());
        return;
      }
      playback.replay(record.offset(), batch.producerId(), batch.producerEpoch(), value);
    }

    /** Everything below is replayed and durable. The coordinator wants to hear of progress only. */
    private void report(long offset) {
      if (offset > reported) {
        reported = offset;
        playback.updateLastWrittenOffset(offset);
        playback.updateLastCommittedOffset(offset);
      }
    }

    /** The coordinator predicts the offset of its first append from where the load ended. */
    private void finish() {
      report(nextOffset);
      long endedMs = clock.currentTimeMillis();
      complete(
          () ->
              result.complete(
                  new LoadSummary(submittedMs, endedMs, startedMs - submittedMs, records, bytes)));
    }

    private void retryOrFail(RuntimeException e) {
      // Both are retriable by class only: for a client, elsewhere or with the same data again.
      if (e instanceof NotLeaderOrFollowerException || e instanceof CorruptRecordException) {
        fail(e);
        return;
      }
      if (!warned) {
        warned = true;
        log.warn(
            "{}: groups wait: cannot read offset {}, trying again",
            partition.topicPartition(),
            nextOffset,
            e);
      }
      retryIn(UNAVAILABLE_RETRY_NANOS);
    }

    private void retryIn(long delayNanos) {
      if (!isAbandoned()) {
        scheduler.schedule(delayNanos, () -> pool.execute(this));
      }
    }

    private void fail(RuntimeException e) {
      complete(
          () -> {
            log.error(
                "{}: its groups cannot be loaded, failed at offset {}",
                partition.topicPartition(),
                nextOffset,
                e);
            result.completeExceptionally(e);
          });
    }

    /** Under the lock of {@link #abandon}: either it is heard of before that returns, or never. */
    private synchronized void complete(Runnable outcome) {
      if (!abandoned) {
        loads.remove(partition.topicPartition(), this);
        outcome.run();
      }
    }
  }

  /** One buffer, so that a batch may span slices, and the fetched memory is free at once. */
  private static ByteBuffer copy(FetchedData data) {
    ByteBuffer all = ByteBuffer.allocate(data.sizeBytes());
    for (ByteBuffer slice : data.buffers()) {
      all.put(slice.duplicate());
    }
    return all.flip();
  }
}
