package io.spillway.objectwal;

import io.spillway.object.ObjectStore;
import io.spillway.object.ObjectStoreException;
import io.spillway.object.Retry;
import io.spillway.runtime.FaultHandler;
import io.spillway.runtime.RandomSource;
import io.spillway.runtime.Scheduler;
import io.spillway.runtime.Threads;
import io.spillway.wal.AppendListener;
import io.spillway.wal.Batch;
import io.spillway.wal.PayloadVerifier;
import io.spillway.wal.WalException;
import io.spillway.wal.WriteAheadLog;
import io.spillway.wal.WriterIncarnation;
import io.spillway.wal.commit.BlockPool;
import io.spillway.wal.commit.PendingAppend;
import java.nio.ByteBuffer;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The WAL in the bucket: blocks as the numbered objects of a chain, each made with create-if-absent
 * (P23). A chain is one incarnation's: every {@code ObjectWal} begins a new one with a WAL id of
 * its own, so that {@link #recover} has nothing to show. What an earlier incarnation left is read
 * by whoever may, this node or another, after fencing it: {@link ChainFence}, {@link SealedChain}.
 *
 * <p>The cost is bounded, not the block: {@link PutPacer} says when a block goes. Appends wait in
 * memory while the bucket cannot be reached; when that memory is used up, {@link #reserve} says
 * {@link WalException.Full}; nothing has to be done when the bucket is back. A process that dies
 * loses what it has not acknowledged, and nothing else.
 *
 * <p>Who does what: callers reserve and queue; one owner thread ({@code wal}) packs, completes and
 * calls listeners ({@link ChainWriter}); the store's threads send and read.
 */
public final class ObjectWal implements WriteAheadLog {

  private static final Logger LOG = LoggerFactory.getLogger(ObjectWal.class);

  private final ObjectWalConfig config;
  private final int nodeId;
  private final UUID walId;
  private final LongSupplier incarnation;
  private final ObjectStore store;
  private final Threads threads;
  private final RandomSource random;
  private final FaultHandler faults;
  private final PayloadVerifier verifier;
  private final Scheduler owner;
  private final ChainCapacity capacity;
  private final BlockPool pool;
  private final ChainReads reads;
  private final AtomicLong trimBeforeRecovery = new AtomicLong();
  private final Object lifecycle = new Object();
  private volatile @Nullable ChainWriter active;
  private @Nullable CompletableFuture<Void> shutdown;

  /**
   * Touches nothing yet.
   *
   * @param incarnation asked at {@link #recover}: greater than any other of the node, as the
   *     catalog knows them
   * @param store not closed by this
   * @param faults told once when this incarnation ends before it is closed
   */
  public ObjectWal(
      ObjectWalConfig config,
      int nodeId,
      LongSupplier incarnation,
      ObjectStore store,
      Threads threads,
      RandomSource random,
      FaultHandler faults,
      PayloadVerifier verifier) {
    this.config = config;
    this.nodeId = nodeId;
    this.walId = newId(random);
    this.incarnation = incarnation;
    this.store = store;
    this.threads = threads;
    this.random = random;
    this.faults = faults;
    this.verifier = verifier;
    this.owner = threads.newScheduler("wal");
    this.capacity = new ChainCapacity(config);
    this.pool = new BlockPool(config.directMemory(), config.idleMemoryBytes());
    this.reads = new ChainReads(store, walId, verifier, config.readCacheBytes());
  }

  private static UUID newId(RandomSource random) {
    return new UUID(
        (random.nextLong() & 0xFFFF_FFFF_FFFF_0FFFL) | 0x4000L,
        (random.nextLong() & 0x3FFF_FFFF_FFFF_FFFFL) | 0x8000_0000_0000_0000L);
  }

  @Override
  public UUID walId() {
    return walId;
  }

  @Override
  public boolean isInObjectStore() {
    return true;
  }

  @Override
  public WriterIncarnation writer() {
    ChainWriter writing = active;
    if (writing == null) {
      throw new IllegalStateException("WAL " + walId + " has not been recovered");
    }
    return writing.writer();
  }

  /** Opens the chain; there is nothing in it to be shown. */
  @Override
  public long recover(RecoveredFrameVisitor visitor) {
    synchronized (lifecycle) {
      if (active != null || shutdown != null) {
        throw new IllegalStateException("WAL " + walId + " was recovered or closed before");
      }
      WriterIncarnation writer = new WriterIncarnation(nodeId, walId, incarnation.getAsLong());
      ChainWriter writing =
          new ChainWriter(
              config, writer, store, owner, threads.clock(), random, faults, capacity, pool);
      writing.trim(trimBeforeRecovery.get());
      active = writing;
      LOG.info(
          "WAL {} in the bucket opened [node={} incarnation={}]",
          walId,
          nodeId,
          writer.incarnation());
      return 0;
    }
  }

  @Override
  public Reservation reserve(int bytes, boolean internal) {
    WalException failure = requireActive().failure();
    if (failure instanceof WalException.Fenced) {
      throw new WalException.Fenced(String.valueOf(failure.getMessage()));
    } else if (failure != null) {
      throw new WalException.Unavailable(String.valueOf(failure.getMessage()), failure);
    }
    return new Reservation(capacity.reserve(bytes, internal), internal);
  }

  @Override
  public void cancel(Reservation reservation) {
    capacity.cancel(reservation.bytes());
  }

  @Override
  public void append(
      Reservation reservation, Batch batch, long weightKey, AppendListener listener) {
    int openBytes = verifier.openBytes(batch.payload());
    requireActive()
        .submit(new PendingAppend(batch, weightKey, listener, reservation.bytes(), openBytes));
  }

  @Override
  public CompletableFuture<ByteBuffer> read(long position, int sizeBytes) {
    ChainWriter writing = requireActive();
    long number = ChainPosition.number(position);
    if (number >= writing.durableNumber()) {
      return CompletableFuture.failedFuture(
          new WalException.Unavailable(
              "object %d of WAL %s is not durable, it ends at %d"
                  .formatted(number, walId, writing.durableNumber())));
    }
    if (position < writing.trimPosition()) {
      return CompletableFuture.failedFuture(trimmed(position));
    }
    return reads
        .read(position, sizeBytes)
        .exceptionallyCompose(
            failure -> CompletableFuture.failedFuture(readFailure(writing, position, failure)));
  }

  /** A trim during the read deletes the object: that is no damage. */
  private Throwable readFailure(ChainWriter writing, long position, Throwable failure) {
    Throwable cause = Retry.unwrap(failure);
    if (position < writing.trimPosition()) {
      return trimmed(position);
    }
    if (cause instanceof ObjectStoreException) {
      return new WalException.Unavailable(
          "cannot read WAL " + walId + " back: " + cause.getMessage(), cause);
    }
    return cause;
  }

  private WalException.Unavailable trimmed(long position) {
    return new WalException.Unavailable(
        "object %d of WAL %s is trimmed".formatted(ChainPosition.number(position), walId));
  }

  @Override
  public void trim(long position) {
    ChainWriter writing = active;
    if (writing != null) {
      writing.trim(position);
      return;
    }
    trimBeforeRecovery.accumulateAndGet(position, Math::max);
  }

  @Override
  public WalUsage usage() {
    ChainWriter writing = active;
    return new WalUsage(
        config.capacityBytes(),
        capacity.takenBytes(),
        pool.memoryBytes(),
        writing == null ? 0 : writing.puts(),
        writing == null ? 0 : writing.writtenBytes(),
        capacity.undurableBytes(),
        config.undurableBytes());
  }

  /**
   * {@link #close} without waiting: for callers that must not block, and for simulations. The
   * future completes on the owner's thread when everything is given back. Idempotent.
   */
  public CompletableFuture<Void> shutdown() {
    synchronized (lifecycle) {
      if (shutdown == null) {
        shutdown = stop(active).thenRun(this::giveBack);
      }
      return shutdown;
    }
  }

  /** Threads that are gone already can complete nothing more. */
  private static CompletableFuture<Void> stop(@Nullable ChainWriter writing) {
    try {
      return writing == null ? CompletableFuture.completedFuture(null) : writing.stop();
    } catch (RejectedExecutionException e) {
      LOG.warn("the threads of a WAL were closed before it: what was under way has no answer");
      return CompletableFuture.completedFuture(null);
    }
  }

  private void giveBack() {
    pool.close();
    reads.clear();
    LOG.info("WAL {} in the bucket closed", walId);
  }

  @Override
  public void close() {
    shutdown().join();
  }

  private ChainWriter requireActive() {
    ChainWriter writing = active;
    if (writing == null) {
      throw new WalException.Unavailable("WAL " + walId + " has not been recovered");
    }
    return writing;
  }
}
