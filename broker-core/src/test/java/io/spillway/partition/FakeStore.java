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
import java.util.stream.Stream;
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

  /** What may still be reserved, but for internal topics. */
  public long roomBytes = Long.MAX_VALUE;

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
  private boolean isStopped;

  private record Pending(FakeStream stream, Batch batch, StreamHandle.Listener listener) {}

  @Override
  public CompletableFuture<StreamHandle> claim(
      StreamId id, int leaderEpoch, long metadataOffset, CheckpointSource checkpoints) {
    if (isStopped) {
      return CompletableFuture.failedFuture(new StreamException.Closed("storage is stopping"));
    }
    CompletableFuture<StreamHandle> claimed = new CompletableFuture<>();
    Runnable grant =
        () -> {
          FakeStream stream = streams.computeIfAbsent(id, FakeStream::new);
          if (stream.isClaimed && leaderEpoch <= stream.newestEpoch()) {
            claimed.completeExceptionally(
                new StreamException.Fenced(
                    "claim of stream %s in epoch %d: it was claimed in epoch %d"
                        .formatted(id, leaderEpoch, stream.newestEpoch())));
            return;
          }
          stream.metadataOffset = metadataOffset;
          stream.checkpoints = checkpoints;
          if (leaderEpoch > stream.newestEpoch()) {
            stream.epochs.add(new EpochStart(leaderEpoch, stream.highWatermark));
          }
          stream.isClaimed = true;
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
    if (stream != null && metadataOffset < stream.metadataOffset) {
      return CompletableFuture.failedFuture(
          new StreamException.Fenced(
              "deletion of stream %s at metadata offset %d: it was claimed at %d"
                  .formatted(id, metadataOffset, stream.metadataOffset)));
    }
    if (stream != null) {
      streams.remove(id);
      stream.owner = null;
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
    if (isStopped) {
      throw new WalException.Unavailable("storage is stopping");
    }
    if ((full || roomBytes < bytes) && !internal) {
      throw new WalException.Full("no room for " + bytes + " bytes");
    }
    openReservations++;
    roomBytes -= bytes;
    return new Reservation(bytes, internal);
  }

  @Override
  public synchronized void cancel(Reservation reservation) {
    openReservations--;
    roomBytes += reservation.bytes();
  }

  /**
   * Another incarnation of the writer: what was not durable is lost, and it may claim in the epochs
   * that it had before (P9).
   */
  public synchronized void restart() {
    pending.clear();
    streams
        .values()
        .forEach(
            stream -> {
              stream.owner = null;
              stream.isClaimed = false;
            });
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
    streams.values().forEach(FakeStream::upload);
    return CompletableFuture.completedFuture(null);
  }

  @Override
  public StorageStats stats() {
    return new StorageStats(
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        Map.of(),
        Map.of(),
        0,
        0,
        0,
        0,
        0,
        0,
        true,
        CatchUpStats.NONE,
        new StorageStats.Merges(0, 0, 0, 0, false),
        new StorageStats.Rewrites(0, 0, 0, 0, false));
  }

  @Override
  public long shutdown(long timeoutNanos) {
    close();
    return 0;
  }

  @Override
  public void close() {
    isStopped = true;
  }

  /** What is stored of one stream. */
  public static final class FakeStream {
    public final StreamId id;
    public final List<Batch> batches = new ArrayList<>();
    public final List<EpochStart> epochs = new ArrayList<>();

    /** What the test says; while it says nothing, what is uploaded and what is not. */
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

    /** By this incarnation, now or before. */
    private boolean isClaimed;

    FakeStream(StreamId id) {
      this.id = id;
    }

    private int newestEpoch() {
      return epochs.isEmpty() ? -1 : epochs.get(epochs.size() - 1).leaderEpoch();
    }

    private List<StreamHandle.Part> storedParts() {
      return Stream.of(
              part(Math.min(logStartOffset, committedEndOffset), committedEndOffset),
              part(committedEndOffset, highWatermark))
          .flatMap(Optional::stream)
          .toList();
    }

    private Optional<StreamHandle.Part> part(long fromOffset, long endOffset) {
      List<Batch> in =
          batches.stream()
              .filter(batch -> batch.endOffset() > Math.max(fromOffset, logStartOffset))
              .filter(batch -> batch.endOffset() <= endOffset)
              .toList();
      return in.isEmpty()
          ? Optional.empty()
          : Optional.of(
              new StreamHandle.Part(
                  in.get(0).baseOffset(),
                  endOffset,
                  in.stream().mapToLong(Batch::sizeBytes).sum(),
                  in.stream().mapToLong(Batch::maxTimestampMs).max().orElse(-1)));
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
    public CompletableFuture<Void> commitCheckpoint(long offset) {
      stream.upload();
      return CompletableFuture.completedFuture(null);
    }

    @Override
    public void append(Reservation reservation, Batch batch, long clientKey, Listener listener) {
      synchronized (FakeStore.this) {
        openReservations--;
        if (stream.owner != this) {
          throw new StreamException.Fenced(
              "stream " + stream.id + " was given up in epoch " + leaderEpoch);
        }
        long expected = nextOffset();
        if (batch.baseOffset() != expected || !batch.stream().equals(stream.id)) {
          throw new IllegalArgumentException(
              "append to stream %s: expected offset %d, found batch [%d, %d) of %s"
                  .formatted(
                      stream.id, expected, batch.baseOffset(), batch.endOffset(), batch.stream()));
        }
        pending.addLast(new Pending(stream, batch, listener));
      }
    }

    private long nextOffset() {
      return pending.stream()
          .filter(each -> each.stream == stream)
          .mapToLong(each -> each.batch.endOffset())
          .reduce(stream.highWatermark, Math::max);
    }

    @Override
    public CompletableFuture<FetchedData> fetch(
        long offset, long endOffset, int maxBytes, long clientKey) {
      reads++;
      RuntimeException failure = stream.readFailure;
      if (failure != null) {
        return CompletableFuture.failedFuture(failure);
      }
      if (offset < stream.logStartOffset || offset > stream.highWatermark) {
        return CompletableFuture.failedFuture(
            new StreamException.OutOfRange(
                "offset %d of stream %s is outside [%d, %d]"
                    .formatted(offset, stream.id, stream.logStartOffset, stream.highWatermark)));
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
              .map(batch -> Math.max(stream.logStartOffset, batch.baseOffset()))
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
      if (newLogStartOffset > stream.highWatermark) {
        return CompletableFuture.failedFuture(
            new StreamException.OutOfRange(
                "stream %s cannot start at %d, above its high watermark %d"
                    .formatted(stream.id, newLogStartOffset, stream.highWatermark)));
      }
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
      return stream.parts.isEmpty() ? stream.storedParts() : stream.parts;
    }

    @Override
    public CompletableFuture<Void> close() {
      stream.closes++;
      if (stream.owner == this) {
        stream.upload();
        stream.owner = null;
      }
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
