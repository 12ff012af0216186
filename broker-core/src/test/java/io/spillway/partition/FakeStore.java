package io.spillway.partition;

import io.spillway.catalog.StreamCatalog.EpochStart;
import io.spillway.stream.CatchUpStats;
import io.spillway.stream.FetchedData;
import io.spillway.stream.StorageStats;
import io.spillway.stream.StreamException;
import io.spillway.stream.StreamHandle;
import io.spillway.stream.StreamStore;
import io.spillway.wal.Batch;
import io.spillway.wal.StreamId;
import io.spillway.wal.WalException;
import io.spillway.wal.WriteAheadLog.Reservation;
import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;

/**
 * Streams in memory whose durability the test decides: appends wait until {@link #makeDurable}, or
 * {@link #failAll}. Claims wait while {@link #holdClaims} is set. Counts what must be given back.
 */
public final class FakeStore implements StreamStore {

  public final Map<StreamId, FakeStream> streams = new TreeMap<>();
  public final List<String> deletions = new ArrayList<>();
  public boolean holdClaims;
  public boolean autoDurable;
  public boolean full;
  public boolean unavailable;

  /** Reads of data below this offset are cold: they wait for {@link #completeReads}. */
  public long coldBelow;

  public int openData;
  public int reads;
  public int openReservations;
  public int reserves;
  private final ArrayDeque<Pending> pending = new ArrayDeque<>();
  private final ArrayDeque<Runnable> heldClaims = new ArrayDeque<>();
  private final ArrayDeque<Runnable> heldReads = new ArrayDeque<>();

  private record Pending(FakeStream stream, Batch batch, StreamHandle.Listener listener) {}

  @Override
  public CompletableFuture<StreamHandle> claim(
      StreamId id, int leaderEpoch, long metadataOffset, CheckpointSource checkpoints) {
    CompletableFuture<StreamHandle> claimed = new CompletableFuture<>();
    Runnable grant =
        () -> {
          FakeStream stream = streams.computeIfAbsent(id, FakeStream::new);
          stream.metadataOffset = metadataOffset;
          stream.checkpoints = checkpoints;
          stream.epochs.add(new EpochStart(leaderEpoch, stream.highWatermark));
          stream.owner = new Handle(stream, leaderEpoch);
          claimed.complete(stream.owner);
        };
    if (holdClaims) {
      heldClaims.add(grant);
    } else {
      grant.run();
    }
    return claimed;
  }

  public void grantClaims() {
    holdClaims = false;
    while (!heldClaims.isEmpty()) {
      heldClaims.removeFirst().run();
    }
  }

  @Override
  public CompletableFuture<Void> delete(StreamId id, long metadataOffset) {
    deletions.add(id.partition() + "@" + metadataOffset);
    FakeStream stream = streams.get(id);
    if (stream != null && metadataOffset >= stream.metadataOffset) {
      streams.remove(id);
    }
    return CompletableFuture.completedFuture(null);
  }

  @Override
  public List<StreamId> streams() {
    return List.copyOf(streams.keySet());
  }

  @Override
  public synchronized Reservation reserve(int bytes, boolean internal) {
    reserves++;
    if (unavailable) {
      throw new WalException.Unavailable("the device failed");
    }
    if (full && !internal) {
      throw new WalException.Full("no room for " + bytes + " bytes");
    }
    openReservations++;
    return new Reservation(bytes, internal);
  }

  @Override
  public synchronized void cancel(Reservation reservation) {
    openReservations--;
  }

  public synchronized int pendingAppends() {
    return pending.size();
  }

  /** Makes the oldest {@code count} appends durable. */
  public void makeDurable(int count) {
    for (int i = 0; i < count; i++) {
      Pending next;
      synchronized (this) {
        next = pending.removeFirst();
        next.stream.store(next.batch);
      }
      next.listener.onDurable(next.batch);
    }
  }

  public void makeAllDurable() {
    while (pendingAppends() > 0) {
      makeDurable(1);
    }
  }

  public void failAll(WalException cause) {
    while (pendingAppends() > 0) {
      Pending next;
      synchronized (this) {
        next = pending.removeFirst();
      }
      next.listener.onFailure(next.batch, cause);
    }
  }

  public void completeReads() {
    while (!heldReads.isEmpty()) {
      heldReads.removeFirst().run();
    }
  }

  public int heldReads() {
    return heldReads.size();
  }

  public FakeStream stream(StreamId id) {
    return streams.computeIfAbsent(id, FakeStream::new);
  }

  @Override
  public CompletableFuture<Void> flush() {
    return CompletableFuture.completedFuture(null);
  }

  @Override
  public StorageStats stats() {
    return new StorageStats(
        0, 0, 0, 0, 0, 0, 0, 0, Map.of(), Map.of(), 0, 0, 0, 0, 0, 0, true, CatchUpStats.NONE);
  }

  @Override
  public long shutdown(long timeoutNanos) {
    return 0;
  }

  @Override
  public void close() {}

  /** What is stored of one stream. */
  public static final class FakeStream {
    public final StreamId id;
    public final List<Batch> batches = new ArrayList<>();
    public final List<EpochStart> epochs = new ArrayList<>();
    public final List<StreamHandle.Part> parts = new ArrayList<>();
    public long logStartOffset;
    public long highWatermark;
    public long committedEndOffset;
    public long metadataOffset = -1;
    public @Nullable CheckpointSource checkpoints;
    public @Nullable StateAt checkpoint;
    public @Nullable RuntimeException readFailure;
    public int closes;
    private @Nullable Handle owner;

    FakeStream(StreamId id) {
      this.id = id;
    }

    private void store(Batch batch) {
      ByteBuffer copy = ByteBuffer.allocate(batch.sizeBytes()).put(batch.payload().duplicate());
      batches.add(
          new Batch(
              id,
              batch.baseOffset(),
              batch.endOffset(),
              batch.maxTimestampMs(),
              batch.flags(),
              copy.flip()));
      highWatermark = batch.endOffset();
    }

    /** What an upload does. */
    public void upload() {
      committedEndOffset = highWatermark;
      CheckpointSource source = checkpoints;
      if (source != null) {
        checkpoint = source.capture().orElse(checkpoint);
      }
    }
  }

  private final class Handle implements StreamHandle {
    private final FakeStream stream;
    private final int leaderEpoch;

    Handle(FakeStream stream, int leaderEpoch) {
      this.stream = stream;
      this.leaderEpoch = leaderEpoch;
    }

    @Override
    public StreamId id() {
      return stream.id;
    }

    @Override
    public int leaderEpoch() {
      return leaderEpoch;
    }

    @Override
    public long logStartOffset() {
      return stream.logStartOffset;
    }

    @Override
    public long highWatermark() {
      return stream.highWatermark;
    }

    @Override
    public long committedEndOffset() {
      return stream.committedEndOffset;
    }

    @Override
    public List<EpochStart> epochs() {
      return stream.epochs;
    }

    @Override
    public Optional<StateAt> checkpoint() {
      return Optional.ofNullable(stream.checkpoint);
    }

    @Override
    public void append(Reservation reservation, Batch batch, long clientKey, Listener listener) {
      synchronized (FakeStore.this) {
        openReservations--;
        if (stream.owner != this) {
          throw new StreamException.Fenced("a newer epoch owns " + stream.id);
        }
        pending.addLast(new Pending(stream, batch, listener));
      }
    }

    @Override
    public CompletableFuture<FetchedData> fetch(
        long offset, long endOffset, int maxBytes, long clientKey) {
      reads++;
      RuntimeException failure = stream.readFailure;
      if (failure != null) {
        return CompletableFuture.failedFuture(failure);
      }
      List<ByteBuffer> found = new ArrayList<>();
      long next = offset;
      int size = 0;
      for (Batch batch : stream.batches) {
        boolean fits = size == 0 || size + batch.sizeBytes() <= maxBytes;
        if (batch.endOffset() > offset && batch.endOffset() <= endOffset) {
          if (!fits) {
            break;
          }
          found.add(batch.payload().asReadOnlyBuffer());
          size += batch.sizeBytes();
          next = batch.endOffset();
        }
      }
      openData++;
      Data data = new Data(found, size, next);
      if (offset >= coldBelow) {
        return CompletableFuture.completedFuture(data);
      }
      CompletableFuture<FetchedData> later = new CompletableFuture<>();
      heldReads.add(() -> later.complete(data));
      return later;
    }

    @Override
    public CompletableFuture<Optional<Long>> findBatchByTimestamp(long timestampMs) {
      return CompletableFuture.completedFuture(
          stream.batches.stream()
              .filter(batch -> batch.endOffset() > stream.logStartOffset)
              .filter(batch -> batch.maxTimestampMs() >= timestampMs)
              .map(Batch::baseOffset)
              .findFirst());
    }

    @Override
    public CompletableFuture<Optional<Long>> findBatchOfMaxTimestamp() {
      Batch largest = null;
      for (Batch batch : stream.batches) {
        if (batch.endOffset() > stream.logStartOffset
            && (largest == null || batch.maxTimestampMs() > largest.maxTimestampMs())) {
          largest = batch;
        }
      }
      return CompletableFuture.completedFuture(Optional.ofNullable(largest).map(Batch::baseOffset));
    }

    @Override
    public CompletableFuture<Void> trim(long newLogStartOffset) {
      stream.logStartOffset = Math.max(stream.logStartOffset, newLogStartOffset);
      return CompletableFuture.completedFuture(null);
    }

    @Override
    public long sizeBytes() {
      return stream.batches.stream()
          .filter(batch -> batch.endOffset() > stream.logStartOffset)
          .mapToLong(Batch::sizeBytes)
          .sum();
    }

    @Override
    public List<Part> parts() {
      return stream.parts;
    }

    @Override
    public CompletableFuture<Void> close() {
      stream.closes++;
      return CompletableFuture.completedFuture(null);
    }
  }

  private final class Data implements FetchedData {
    private final List<ByteBuffer> buffers;
    private final int sizeBytes;
    private final long nextOffset;
    private boolean closed;

    Data(List<ByteBuffer> buffers, int sizeBytes, long nextOffset) {
      this.buffers = buffers;
      this.sizeBytes = sizeBytes;
      this.nextOffset = nextOffset;
    }

    @Override
    public List<ByteBuffer> buffers() {
      return buffers;
    }

    @Override
    public int sizeBytes() {
      return sizeBytes;
    }

    @Override
    public long nextOffset() {
      return nextOffset;
    }

    @Override
    public void close() {
      if (closed) {
        throw new IllegalStateException("fetched data was closed twice");
      }
      closed = true;
      openData--;
    }
  }
}
