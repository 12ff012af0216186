package io.spillway.kafka.coordinator;

import io.spillway.partition.Partition;
import io.spillway.runtime.Clock;
import io.spillway.runtime.Scheduler;
import io.spillway.stream.FetchedData;
import io.spillway.stream.StreamException;
import java.nio.ByteBuffer;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.Executor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.BiConsumer;
import java.util.function.Consumer;
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
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Replays a partition into a coordinator, in bounded chunks, on a pool of its own.
 *
 * <p>A load ends when everything up to the log end is durable and replayed, so that no append of an
 * earlier coordinator can become durable behind its back. A store that cannot be reached is tried
 * again for as long as this broker leads: the coordinator would not come back from a failed load by
 * itself. Damage fails the load; nothing is skipped.
 *
 * <p>A load of a leadership that is over fails at its next chunk. Whatever becomes of a load, it is
 * told of twice: first to the runtime, which queues its own handling of it, then to {@link
 * Elections}, which queues what it has for the partition behind that.
 */
public final class PartitionLogLoader<T> implements CoordinatorLoader<T> {

  private static final Logger log = LoggerFactory.getLogger(PartitionLogLoader.class);
  private static final long DURABILITY_RETRY_NANOS = TimeUnit.MILLISECONDS.toNanos(10);
  private static final long UNAVAILABLE_RETRY_NANOS = TimeUnit.MILLISECONDS.toNanos(500);

  private final LedPartitions led;
  private final Consumer<TopicPartition> ended;
  private final Deserializer<T> deserializer;
  private final int chunkBytes;
  private final Clock clock;
  private final Executor pool;
  private final Scheduler scheduler;
  private volatile boolean closed;

  /**
   * @param ended told of each load that the runtime was told has ended; any thread
   * @param pool replays, and waits for reads; its size bounds the chunks in memory
   * @param scheduler for what is tried again later
   */
  public PartitionLogLoader(
      LedPartitions led,
      Consumer<TopicPartition> ended,
      Deserializer<T> deserializer,
      int chunkBytes,
      Clock clock,
      Executor pool,
      Scheduler scheduler) {
    this.led = led;
    this.ended = ended;
    this.deserializer = deserializer;
    this.chunkBytes = chunkBytes;
    this.clock = clock;
    this.pool = pool;
    this.scheduler = scheduler;
  }

  @Override
  public CompletableFuture<LoadSummary> load(TopicPartition tp, CoordinatorPlayback<T> playback) {
    return new Load(tp, playback).result;
  }

  /** The runtime ends all coordinators by itself: loads under way just stop. */
  @Override
  public void close() {
    closed = true;
  }

  /**
   * The future that the runtime gets. The load begins when the runtime listens: its end must reach
   * the runtime's queue before anybody else hears of it.
   */
  private static final class Result extends CompletableFuture<LoadSummary> {
    private final Runnable begin;
    private final AtomicBoolean begun = new AtomicBoolean();

    Result(Runnable begin) {
      this.begin = begin;
    }

    @Override
    public CompletableFuture<LoadSummary> whenComplete(
        BiConsumer<? super LoadSummary, ? super Throwable> listener) {
      CompletableFuture<LoadSummary> listening = super.whenComplete(listener);
      if (begun.compareAndSet(false, true)) {
        begin.run();
      }
      return listening;
    }
  }

  /** One load. Runs on one pool thread at a time. */
  private final class Load implements Runnable {
    private final TopicPartition tp;
    private final CoordinatorPlayback<T> playback;
    private final Result result = new Result(() -> pool.execute(this));
    private final long submittedMs = clock.currentTimeMillis();
    private @Nullable LedPartition owner;
    private long startedMs;
    private long nextOffset;
    private long reported;
    private long records;
    private long bytes;
    private boolean warned;

    Load(TopicPartition tp, CoordinatorPlayback<T> playback) {
      this.tp = tp;
      this.playback = playback;
    }

    @Override
    public void run() {
      try {
        LedPartition source = owner;
        if (source == null) {
          startedMs = clock.currentTimeMillis();
          source = led.require(tp);
          source.onLoadStart();
          owner = source;
        }
        step(source);
      } catch (StreamException.Unavailable | RetriableException e) {
        retryOrFail(e);
      } catch (RuntimeException e) {
        fail(e);
      }
    }

    private void step(LedPartition source) {
      Partition partition = source.partition();
      while (!closed) {
        if (source.released()) {
          throw new NotLeaderOrFollowerException("this broker does not lead " + tp + " any more");
        }
        nextOffset = Math.max(nextOffset, partition.logStartOffset());
        if (replayChunk(partition)) {
          continue;
        }
        if (nextOffset < partition.logEndOffset()) {
          retryIn(DURABILITY_RETRY_NANOS);
        } else {
          finish();
        }
        return;
      }
    }

    /** Replays what is durable from the next offset on; false when nothing is. */
    private boolean replayChunk(Partition partition) {
      ByteBuffer chunk;
      long chunkEndOffset;
      try (FetchedData data = read(partition)) {
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

    private FetchedData read(Partition partition) {
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
            tp,
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
      result.complete(
          new LoadSummary(submittedMs, endedMs, startedMs - submittedMs, records, bytes));
      ended.accept(tp);
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
            "{}: its coordinator waits: cannot read offset {}, trying again", tp, nextOffset, e);
      }
      retryIn(UNAVAILABLE_RETRY_NANOS);
    }

    private void retryIn(long delayNanos) {
      if (!closed) {
        scheduler.schedule(delayNanos, () -> pool.execute(this));
      }
    }

    private void fail(RuntimeException e) {
      if (closed) {
        return;
      }
      if (!(e instanceof NotLeaderOrFollowerException)) {
        log.error("{}: its coordinator cannot load it, failed at offset {}", tp, nextOffset, e);
      }
      result.completeExceptionally(e);
      ended.accept(tp);
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
