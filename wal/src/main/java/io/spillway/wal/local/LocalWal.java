package io.spillway.wal.local;

import io.spillway.runtime.FaultHandler;
import io.spillway.runtime.RandomSource;
import io.spillway.runtime.Scheduler;
import io.spillway.runtime.Threads;
import io.spillway.wal.AppendListener;
import io.spillway.wal.Batch;
import io.spillway.wal.PayloadVerifier;
import io.spillway.wal.WalConfig;
import io.spillway.wal.WalException;
import io.spillway.wal.WriteAheadLog;
import io.spillway.wal.WriterIncarnation;
import io.spillway.wal.commit.BlockPool;
import io.spillway.wal.commit.PendingAppend;
import io.spillway.wal.device.AlignedMemory;
import io.spillway.wal.device.FileWalDevice;
import io.spillway.wal.device.ReadOnlyFiles;
import io.spillway.wal.device.WalDevice;
import io.spillway.wal.device.WalFile;
import io.spillway.wal.format.BlockHeader;
import io.spillway.wal.format.BlockScanner;
import io.spillway.wal.format.BlockWindow;
import io.spillway.wal.format.FrameReader;
import io.spillway.wal.format.ScannedSegment;
import io.spillway.wal.local.LocalRecovery.Recovered;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The WAL on a local disk. Batches are packed into blocks, each one device write; blocks go into
 * segment files that are recycled when they are trimmed.
 *
 * <p>Who does what: callers reserve and queue; one owner thread ({@code wal}) packs, completes and
 * calls listeners ({@link GroupCommitter}); the device's threads write, prepare and rename; two
 * threads ({@code wal-read}) read back. All come from {@link Threads}, so the same code runs under
 * a simulation. Formats are {@link BlockHeader} and {@code FrameHeader}.
 *
 * <p>Memory: a block is counted, and every byte of it goes back when its last holder lets go. After
 * {@link #close} the WAL itself holds none.
 */
public final class LocalWal implements WriteAheadLog {

  private static final int READ_THREADS = 2;
  private static final int FILE_THREADS = 1;
  private static final long UUID_VERSION_MASK = 0xFFFF_FFFF_FFFF_0FFFL;
  private static final long UUID_VERSION_4 = 0x4000L;
  private static final long UUID_VARIANT_MASK = 0x3FFF_FFFF_FFFF_FFFFL;
  private static final long UUID_VARIANT_2 = 0x8000_0000_0000_0000L;
  private static final Logger LOG = LoggerFactory.getLogger(LocalWal.class);

  private final WalConfig config;
  private final WalDevice device;
  private final Threads threads;
  private final FaultHandler faults;
  private final PayloadVerifier verifier;
  private final Scheduler owner;
  private final Executor readPool;
  private final Executor filePool;
  private final Capacity capacity;
  private final BlockPool pool;
  private final List<LocalSegment> files;
  private final int nodeId;
  private final UUID walId;
  private final Object lifecycle = new Object();
  private final AtomicLong trimBeforeRecovery = new AtomicLong();
  private volatile @Nullable WriterIncarnation writer;
  private volatile @Nullable GroupCommitter committer;
  private @Nullable CompletableFuture<Void> shutdown;

  private LocalWal(
      WalConfig config,
      WalDevice device,
      int nodeId,
      UUID walId,
      List<LocalSegment> files,
      Threads threads,
      FaultHandler faults,
      PayloadVerifier verifier) {
    this.config = config;
    this.device = device;
    this.nodeId = nodeId;
    this.walId = walId;
    this.files = files;
    this.threads = threads;
    this.faults = faults;
    this.verifier = verifier;
    this.owner = threads.newScheduler("wal");
    this.readPool = threads.newPool("wal-read", READ_THREADS);
    this.filePool = threads.newPool("wal-files", FILE_THREADS);
    this.capacity = new Capacity(config);
    this.pool = new BlockPool(device.needsDirectBuffers(), config.idleMemoryBytes());
  }

  /**
   * Who wrote the WAL in a directory, without taking or changing it; empty when the directory is
   * absent or holds no WAL. Start-up compares this with the catalog before it opens anything (P3).
   * The incarnation is that of some block: the newest may be higher.
   *
   * @throws WalException.NewerFormat when a newer build wrote it
   * @throws WalException.Unavailable when it cannot be read
   */
  public static Optional<WriterIncarnation> peek(Path directory) {
    try (ReadOnlyFiles files = new ReadOnlyFiles(directory);
        BlockWindow window = new BlockWindow(true)) {
      return BlockScanner.identify(ScannedSegment.of(files.files()), window)
          .map(LocalWal::writerOf);
    } catch (IOException e) {
      throw new WalException.Unavailable(
          "cannot read WAL directory " + directory + ": " + e.getMessage(), e);
    }
  }

  /**
   * Takes the directory of the configuration and opens the WAL in it, or prepares a new one.
   *
   * @param faults told once when this incarnation fails (P28)
   * @throws WalException.InUse when somebody has the directory
   * @throws WalException.Foreign when another node wrote it
   * @throws WalException.NewerFormat when a newer build wrote it
   * @throws WalException.Unavailable when it cannot be read or written
   */
  public static LocalWal open(
      WalConfig config,
      int nodeId,
      Threads threads,
      RandomSource random,
      FaultHandler faults,
      PayloadVerifier verifier) {
    WalDevice device = FileWalDevice.open(config.directory(), config.ioMode(), threads);
    return open(config, device, nodeId, threads, random, faults, verifier);
  }

  /** As the other {@code open}, on a device; takes ownership of it, also when this fails. */
  public static LocalWal open(
      WalConfig config,
      WalDevice device,
      int nodeId,
      Threads threads,
      RandomSource random,
      FaultHandler faults,
      PayloadVerifier verifier) {
    try {
      List<LocalSegment> files = device.blocking(() -> openFiles(device));
      Optional<WriterIncarnation> found = device.blocking(() -> identify(device, files));
      if (found.isPresent() && found.get().nodeId() != nodeId) {
        throw new WalException.Foreign(
            "WAL directory "
                + device.location()
                + " belongs to node "
                + found.get().nodeId()
                + ", this is node "
                + nodeId);
      }
      UUID walId = found.map(WriterIncarnation::walId).orElseGet(() -> newId(random));
      return new LocalWal(config, device, nodeId, walId, files, threads, faults, verifier);
    } catch (IOException e) {
      device.close();
      throw new WalException.Unavailable(
          "cannot open WAL directory " + device.location() + ": " + e.getMessage(), e);
    } catch (RuntimeException | Error e) {
      device.close();
      throw e;
    }
  }

  private static List<LocalSegment> openFiles(WalDevice device) throws IOException {
    List<WalFile> opened = new ArrayList<>();
    for (String name : device.list()) {
      opened.add(device.open(name));
    }
    List<LocalSegment> segments = new ArrayList<>();
    for (WalFile file : opened) {
      ScannedSegment.baseOf(file.name())
          .ifPresent(base -> segments.add(new LocalSegment(base, file, 0)));
    }
    segments.sort((a, b) -> Long.compare(a.base, b.base));
    return segments;
  }

  private static Optional<WriterIncarnation> identify(WalDevice device, List<LocalSegment> files)
      throws IOException {
    try (BlockWindow window = new BlockWindow(device.needsDirectBuffers())) {
      return BlockScanner.identify(files.stream().map(LocalSegment::scanned).toList(), window)
          .map(LocalWal::writerOf);
    }
  }

  private static WriterIncarnation writerOf(BlockHeader header) {
    return new WriterIncarnation(header.nodeId(), header.walId(), header.incarnation());
  }

  private static UUID newId(RandomSource random) {
    return new UUID(
        (random.nextLong() & UUID_VERSION_MASK) | UUID_VERSION_4,
        (random.nextLong() & UUID_VARIANT_MASK) | UUID_VARIANT_2);
  }

  @Override
  public UUID walId() {
    return walId;
  }

  @Override
  public WriterIncarnation writer() {
    WriterIncarnation known = writer;
    if (known == null) {
      throw new IllegalStateException("WAL " + walId + " has not been recovered");
    }
    return known;
  }

  @Override
  public long recover(RecoveredFrameVisitor visitor) {
    synchronized (lifecycle) {
      if (committer != null || shutdown != null) {
        throw new IllegalStateException("WAL " + walId + " was recovered or closed before");
      }
      LocalRecovery recovery = new LocalRecovery(config, device, nodeId, walId, verifier);
      try {
        Recovered recovered =
            device.blocking(
                () ->
                    recovery.run(
                        files,
                        trimBeforeRecovery.get(),
                        threads.clock().currentTimeMillis(),
                        visitor));
        return begin(recovered);
      } catch (IOException e) {
        throw new WalException.Unavailable(
            "cannot recover WAL directory " + device.location() + ": " + e.getMessage(), e);
      }
    }
  }

  private long begin(Recovered recovered) {
    WriterIncarnation next = new WriterIncarnation(nodeId, walId, recovered.incarnation());
    writer = next;
    long endPosition = recovered.log().endPosition();
    committer =
        new GroupCommitter(
            config,
            next,
            owner,
            threads.clock(),
            faults,
            capacity,
            pool,
            (onProgress, onFailure) ->
                new SegmentLog(
                    config,
                    device,
                    owner,
                    filePool,
                    capacity,
                    recovered.log(),
                    onProgress,
                    onFailure),
            endPosition,
            trimBeforeRecovery.get());
    LOG.info(
        "WAL {} in {} opened [node={} incarnation={} recoveredEnd={} usedBytes={} direct={}]",
        walId,
        device.location(),
        nodeId,
        next.incarnation(),
        recovered.recoveredEnd(),
        capacity.takenBytes(),
        device.readsMedium());
    return endPosition;
  }

  @Override
  public Reservation reserve(int bytes, boolean internal) {
    GroupCommitter active = requireCommitter();
    WalException.Unavailable failure = active.failure();
    if (failure != null) {
      throw new WalException.Unavailable(String.valueOf(failure.getMessage()), failure);
    }
    return new Reservation(capacity.reserve(bytes, internal), internal);
  }

  @Override
  public void cancel(Reservation reservation) {
    capacity.add(-reservation.bytes());
  }

  @Override
  public void append(
      Reservation reservation, Batch batch, long weightKey, AppendListener listener) {
    int openBytes = verifier.openBytes(batch.payload());
    requireCommitter()
        .submit(new PendingAppend(batch, weightKey, listener, reservation.bytes(), openBytes));
  }

  @Override
  public CompletableFuture<ByteBuffer> read(long position, int sizeBytes) {
    CompletableFuture<ByteBuffer> result = new CompletableFuture<>();
    GroupCommitter active = requireCommitter();
    readPool.execute(
        () -> {
          try {
            result.complete(readNow(active, position, sizeBytes));
          } catch (Throwable t) {
            result.completeExceptionally(readFailure(active, position, t));
          }
        });
    return result;
  }

  private ByteBuffer readNow(GroupCommitter active, long position, int sizeBytes)
      throws IOException {
    requireReadable(active, position, sizeBytes);
    ScannedSegment segment = active.segments().holding(position);
    if (segment == null) {
      throw new WalException.Unavailable("position " + position + " of " + walId + " is trimmed");
    }
    AlignedMemory memory = pool.acquire(FrameReader.bufferBytes(sizeBytes));
    try {
      ByteBuffer payload =
          FrameReader.read(segment, position, sizeBytes, memory.buffer(), verifier);
      return ByteBuffer.allocate(sizeBytes).put(payload).flip();
    } finally {
      pool.release(memory);
    }
  }

  private void requireReadable(GroupCommitter active, long position, int sizeBytes) {
    if (position + sizeBytes > active.durableUpTo()) {
      throw new WalException.Unavailable(
          "position " + position + " is not durable, the WAL ends at " + active.durableUpTo());
    }
    if (position < active.trimPosition()) {
      throw new WalException.Unavailable(
          "position " + position + " is below the trim position " + active.trimPosition());
    }
  }

  /** A trim during the read lets the file be overwritten: that is no damage. */
  private Throwable readFailure(GroupCommitter active, long position, Throwable failure) {
    if (position < active.trimPosition()) {
      return new WalException.Unavailable("position " + position + " was trimmed meanwhile");
    }
    if (failure instanceof IOException) {
      return new WalException.Unavailable(
          "cannot read position " + position + ": " + failure.getMessage(), failure);
    }
    return failure;
  }

  @Override
  public void trim(long position) {
    GroupCommitter active = committer;
    if (active != null) {
      active.trim(position);
      return;
    }
    trimBeforeRecovery.accumulateAndGet(position, Math::max);
  }

  @Override
  public WalUsage usage() {
    GroupCommitter active = committer;
    return new WalUsage(
        config.capacityBytes(),
        capacity.takenBytes(),
        pool.memoryBytes(),
        active == null ? 0 : active.deviceWrites(),
        active == null ? 0 : active.writtenBytes());
  }

  /**
   * {@link #close} without waiting: for callers that must not block, and for simulations. The
   * future completes on the owner's thread when everything is given back. Idempotent.
   */
  public CompletableFuture<Void> shutdown() {
    synchronized (lifecycle) {
      if (shutdown == null) {
        GroupCommitter active = committer;
        shutdown = stop(active).thenRun(this::giveBack);
      }
      return shutdown;
    }
  }

  /** Threads that are gone already can complete nothing more. */
  private static CompletableFuture<Void> stop(@Nullable GroupCommitter active) {
    try {
      return active == null ? CompletableFuture.completedFuture(null) : active.stop();
    } catch (RejectedExecutionException e) {
      LOG.warn("the threads of a WAL were closed before it: what was under way has no answer");
      return CompletableFuture.completedFuture(null);
    }
  }

  private void giveBack() {
    pool.close();
    device.close();
    LOG.info("WAL {} in {} closed", walId, device.location());
  }

  @Override
  public void close() {
    shutdown().join();
  }

  private GroupCommitter requireCommitter() {
    GroupCommitter active = committer;
    if (active == null) {
      throw new WalException.Unavailable("WAL " + walId + " has not been recovered");
    }
    return active;
  }
}
