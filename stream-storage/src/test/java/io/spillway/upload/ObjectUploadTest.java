package io.spillway.upload;

import static org.assertj.core.api.Assertions.assertThat;

import io.spillway.cache.WalFrame;
import io.spillway.format.v1.ObjectIndex;
import io.spillway.object.ForwardingObjectStore;
import io.spillway.object.MemoryObjectStore;
import io.spillway.runtime.Scheduler;
import io.spillway.runtime.SimulatedThreads;
import io.spillway.stream.StreamException;
import io.spillway.stream.StreamStore.StateAt;
import io.spillway.upload.ObjectUpload.Uploaded;
import io.spillway.wal.AppendListener;
import io.spillway.wal.Batch;
import io.spillway.wal.StreamId;
import io.spillway.wal.WalException;
import io.spillway.wal.WriteAheadLog;
import io.spillway.wal.WriterIncarnation;
import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Deque;
import java.util.HashSet;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

/** One object on its way, with a WAL and a store that answer when the test says so. */
class ObjectUploadTest {

  private static final int BATCH_BYTES = 1 << 20;
  private static final int MIB = 1 << 20;
  private static final String KEY = "data/ab/00000000000000000001-000102030405060708090a0b0c0d0e0f";

  private final SimulatedThreads threads = new SimulatedThreads(1, 0);
  private final Scheduler scheduler = threads.newScheduler("upload");
  private final HeldWal wal = new HeldWal();
  private final HeldStore store = new HeldStore();
  private final EvictedStream stream = new EvictedStream(20);

  @Test
  void aPartThatWasSentDoesNotReadAgainWhatIsBeingRead() {
    CompletableFuture<Uploaded> upload = upload(5 * MIB);
    while (store.held.isEmpty()) {
      wal.answerAll();
      threads.runAll(1_000);
    }
    assertThat(wal.held).as("the next frames are being read while the part is sent").isNotEmpty();
    int reads = wal.reads;

    store.held.removeFirst().run(); // the part is there
    threads.runAll(1_000);

    assertThat(wal.reads).as("reads of the WAL").isEqualTo(reads);
    finish(upload);
    assertThat(wal.reads).as("each frame once").isEqualTo(20);
    assertThat(batchesStored(upload.join())).isEqualTo(20);
  }

  @Test
  void aDamagedFrameIsReadAgainThenCoveredAsLost() {
    wal.damaged.add(3L * BATCH_BYTES);
    wal.damagedOnce.add(5L * BATCH_BYTES);
    CompletableFuture<Uploaded> upload = upload(64 * MIB);

    finish(upload);

    assertThat(wal.reads).isEqualTo(20 + (FrameReadBack.ATTEMPTS - 1) + 1);
    assertThat(upload.join().damagedBatches()).isEqualTo(1);
    assertThat(upload.join().unreadable()).isEmpty();
    assertThat(upload.join().extents().get(0).endOffset()).isEqualTo(200);
    assertThat(batchesStored(upload.join())).as("intact").isEqualTo(19);
  }

  @Test
  void aFrameThatCannotBeReadNowEndsItsStreamsExtentAndNoOther() {
    wal.unreadable.add(3L * BATCH_BYTES);
    EvictedStream second = new EvictedStream(5, 2, 100L * BATCH_BYTES);
    CompletableFuture<Uploaded> upload = upload(64 * MIB, stream, second);

    finish(upload);

    assertThat(upload.join().damagedBatches()).isZero();
    assertThat(upload.join().extents()).hasSize(2);
    assertThat(upload.join().extents().get(0).endOffset()).isEqualTo(30);
    assertThat(upload.join().extents().get(1).endOffset()).isEqualTo(50);
    assertThat(upload.join().unreadable()).hasSize(1);
    assertThat(upload.join().unreadable().get(0).source()).isSameAs(stream);
    assertThat(upload.join().unreadable().get(0).offset()).isEqualTo(30);
  }

  private CompletableFuture<Uploaded> upload(int partBytes) {
    return upload(partBytes, stream);
  }

  private CompletableFuture<Uploaded> upload(int partBytes, EvictedStream... streams) {
    UploadLimits limits = new UploadLimits(256L * MIB, 1, 50, 1L << 30, 1, partBytes, 256 << 10);
    Retrier retrier = new Retrier(scheduler, threads.clock(), threads.randomSource());
    List<UploadPlan.Range> ranges = new ArrayList<>();
    for (EvictedStream each : streams) {
      ranges.add(new UploadPlan.Range(each, 0, each.durableEndOffset(), each.pendingBytes()));
    }
    return new ObjectUpload(store, wal, scheduler, retrier, limits, KEY, 1, ranges).run();
  }

  private void finish(CompletableFuture<Uploaded> upload) {
    for (int i = 0; i < 1_000 && !upload.isDone(); i++) {
      wal.answerAll();
      List.copyOf(store.held).forEach(Runnable::run);
      store.held.clear();
      threads.runFor(TimeUnit.SECONDS.toNanos(1));
    }
    assertThat(upload).isCompleted();
    assertThat(threads.faults()).isEmpty();
  }

  /** How many batches the object holds intact: those of the stream, each in its place. */
  private int batchesStored(Uploaded uploaded) {
    long tail = uploaded.object().sizeBytes() - uploaded.object().indexPosition();
    ObjectIndex index =
        ObjectIndex.parse(
            KEY,
            uploaded.object().indexPosition(),
            store.getRange(KEY, uploaded.object().indexPosition(), (int) tail).join());
    int intact = 0;
    ObjectIndex.Range range = Objects.requireNonNull(index.range(stream.id()));
    for (ObjectIndex.Block block : range.blocks()) {
      ByteBuffer bytes = store.getRange(KEY, block.position(), block.sizeBytes()).join();
      try {
        block.requireIntact(bytes);
        assertThat(bytes.get(0)).isEqualTo((byte) (block.baseOffset() / 10));
        intact += block.batchCount();
      } catch (StreamException.Corrupt e) {
        assertThat(e).hasMessageContaining("as lost").hasMessageContaining(KEY);
      }
    }
    return intact;
  }

  /** Batches of ten offsets, a MiB each, that have left memory. */
  private static final class EvictedStream implements UploadSource {
    private final int batches;
    private final int partition;
    private final long firstPosition;

    EvictedStream(int batches) {
      this(batches, 1, 0);
    }

    EvictedStream(int batches, int partition, long firstPosition) {
      this.batches = batches;
      this.partition = partition;
      this.firstPosition = firstPosition;
    }

    @Override
    public StreamId id() {
      return new StreamId(new UUID(0, 1), partition);
    }

    @Override
    public long committedEndOffset() {
      return 0;
    }

    @Override
    public long durableEndOffset() {
      return batches * 10L;
    }

    @Override
    public long durableEndOffsetUpTo(long walPosition) {
      return durableEndOffset();
    }

    @Override
    public long pendingBytesBelow(long endOffset) {
      return pendingBytes();
    }

    @Override
    public long pendingBytes() {
      return batches * (long) BATCH_BYTES;
    }

    @Override
    public List<WalFrame> frames(long fromOffset, long endOffset, long maxBytes, int maxFrames) {
      List<WalFrame> frames = new ArrayList<>();
      for (long i = fromOffset / 10; i < batches && frames.size() < maxBytes / BATCH_BYTES; i++) {
        long position = firstPosition + i * BATCH_BYTES;
        frames.add(new WalFrame(i * 10, i * 10 + 10, position, BATCH_BYTES, i, 0, null));
      }
      return frames;
    }

    @Override
    public long firstPositionAbove(long offset) {
      return firstPosition;
    }

    @Override
    public Optional<StateAt> captureCheckpoint() {
      return Optional.empty();
    }

    @Override
    public long onCommitted(long endOffset) {
      return 0;
    }

    @Override
    public long onLost(String reason) {
      return 0;
    }
  }

  /** Reads wait until they are answered. */
  private static final class HeldWal implements WriteAheadLog {
    private final Deque<Runnable> held = new ArrayDeque<>();
    private final Set<Long> damaged = new HashSet<>();
    private final Set<Long> damagedOnce = new HashSet<>();
    private final Set<Long> unreadable = new HashSet<>();
    private int reads;

    void answerAll() {
      List.copyOf(held).forEach(Runnable::run);
      held.clear();
    }

    @Override
    public CompletableFuture<ByteBuffer> read(long position, int sizeBytes) {
      reads++;
      CompletableFuture<ByteBuffer> answer = new CompletableFuture<>();
      boolean once = damagedOnce.remove(position);
      held.addLast(
          () -> {
            if (once || damaged.contains(position)) {
              answer.completeExceptionally(new WalException.Corrupt("damage at " + position));
            } else if (unreadable.contains(position)) {
              answer.completeExceptionally(new WalException.Unavailable("EIO at " + position));
            } else {
              byte[] bytes = new byte[sizeBytes];
              Arrays.fill(bytes, (byte) (position / BATCH_BYTES));
              answer.complete(ByteBuffer.wrap(bytes));
            }
          });
      return answer;
    }

    @Override
    public UUID walId() {
      return new UUID(0, 7);
    }

    @Override
    public WriterIncarnation writer() {
      return new WriterIncarnation(1, walId(), 1);
    }

    @Override
    public long recover(RecoveredFrameVisitor visitor) {
      throw new UnsupportedOperationException();
    }

    @Override
    public Reservation reserve(int bytes, boolean internal) {
      throw new UnsupportedOperationException();
    }

    @Override
    public void cancel(Reservation reservation) {}

    @Override
    public void append(
        Reservation reservation, Batch batch, long weightKey, AppendListener listener) {
      throw new UnsupportedOperationException();
    }

    @Override
    public void trim(long position) {}

    @Override
    public WalUsage usage() {
      return new WalUsage(0, 0, 0, 0, 0);
    }

    @Override
    public void close() {}
  }

  /** Parts wait until they are let through. */
  private static final class HeldStore extends ForwardingObjectStore {
    private final Deque<Runnable> held = new ArrayDeque<>();

    HeldStore() {
      super(new MemoryObjectStore());
    }

    @Override
    public CompletableFuture<Multipart> startMultipart(String key, int partSizeBytes) {
      return super.startMultipart(key, partSizeBytes).thenApply(HeldMultipart::new);
    }

    private final class HeldMultipart implements Multipart {
      private final Multipart upload;

      HeldMultipart(Multipart upload) {
        this.upload = upload;
      }

      @Override
      public CompletableFuture<Void> uploadPart(int partNumber, List<ByteBuffer> body) {
        CompletableFuture<Void> stored = new CompletableFuture<>();
        held.addLast(
            () -> upload.uploadPart(partNumber, body).thenAccept(done -> stored.complete(null)));
        return stored;
      }

      @Override
      public CompletableFuture<Void> complete() {
        return upload.complete();
      }

      @Override
      public CompletableFuture<Void> abort() {
        return upload.abort();
      }
    }
  }
}
