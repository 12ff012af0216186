package io.spillway.objectwal;

import io.spillway.object.ObjectStore;
import io.spillway.object.ObjectStoreException;
import io.spillway.object.Retry;
import io.spillway.objectwal.SlotCreate.Occupant;
import io.spillway.runtime.Cancellable;
import io.spillway.runtime.Clock;
import io.spillway.runtime.FaultHandler;
import io.spillway.runtime.RandomSource;
import io.spillway.runtime.Scheduler;
import io.spillway.wal.DurableFrame;
import io.spillway.wal.WalException;
import io.spillway.wal.WriterIncarnation;
import io.spillway.wal.commit.BlockPool;
import io.spillway.wal.commit.FairQueue;
import io.spillway.wal.commit.MemoryBlock;
import io.spillway.wal.commit.PendingAppend;
import io.spillway.wal.format.FrameHeader;
import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import java.util.zip.CRC32C;
import org.jctools.queues.varhandle.MpscUnboundedVarHandleArrayQueue;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Packs what waits into blocks and creates them as the next numbers of the chain (P23). {@link
 * PutPacer} says when; a block is built when it is sent, so that until then the turns between
 * clients decide what goes into it. Many creates are under way; batches complete in the order of
 * numbers, and no further request is made for a block.
 *
 * <p>Everything below {@code submit} and {@code trim} is the owner's: one serial scheduler.
 *
 * <p>An outage is waited out: blocks under way are repeated, and what is offered waits in memory
 * until the budget is used up. Only another writer at a number of ours ends the incarnation: then
 * what is not acknowledged fails, in order, and so does whatever comes later. What was under way
 * may be in the chain all the same, as after a crash.
 */
final class ChainWriter {

  private static final int ARRIVALS_CHUNK = 512;
  private static final long FIRST_WARNING_NANOS = TimeUnit.SECONDS.toNanos(5);
  private static final long WARNING_INTERVAL_NANOS = TimeUnit.MINUTES.toNanos(1);
  private static final Logger LOG = LoggerFactory.getLogger(ChainWriter.class);

  private final ObjectWalConfig config;
  private final WriterIncarnation writer;
  private final ObjectStore store;
  private final Scheduler owner;
  private final Clock clock;
  private final RandomSource random;
  private final FaultHandler faults;
  private final ChainCapacity capacity;
  private final BlockPool pool;
  private final ChainTrimmer trimmer;
  private final PutPacer pacer;
  private final MpscUnboundedVarHandleArrayQueue<PendingAppend> arrivals =
      new MpscUnboundedVarHandleArrayQueue<>(ARRIVALS_CHUNK);
  private final AtomicBoolean scheduled = new AtomicBoolean();
  private final AtomicLong trimPosition = new AtomicLong();
  private final AtomicLong puts = new AtomicLong();
  private final AtomicLong writtenBytes = new AtomicLong();
  private final FairQueue waiting = new FairQueue();
  private final ArrayDeque<BlockPut> inFlight = new ArrayDeque<>();
  private final CRC32C crc = new CRC32C();
  private final CompletableFuture<Void> stopped = new CompletableFuture<>();

  /** Taken from {@code waiting} but not under way yet: nobody is forgotten when that fails. */
  private List<PendingAppend> gathered = List.of();

  private volatile @Nullable WalException failure;
  private volatile long durableNumber;
  private long nextNumber;
  private long trimmedNumber;
  private long waitingBytes;
  private long waitingSinceNanos;
  private long arrivalCount;
  private @Nullable Cancellable timer;
  private long timerAtNanos;
  private long troubleSinceNanos;
  private long warnAtNanos;
  private boolean isTroubled;
  private boolean stopping;

  ChainWriter(
      ObjectWalConfig config,
      WriterIncarnation writer,
      ObjectStore store,
      Scheduler owner,
      Clock clock,
      RandomSource random,
      FaultHandler faults,
      ChainCapacity capacity,
      BlockPool pool) {
    this.config = config;
    this.writer = writer;
    this.store = store;
    this.owner = owner;
    this.clock = clock;
    this.random = random;
    this.faults = faults;
    this.capacity = capacity;
    this.pool = pool;
    this.pacer = new PutPacer(config, clock.nanoTime());
    this.trimmer = new ChainTrimmer(store, owner, writer.walId());
  }

  WriterIncarnation writer() {
    return writer;
  }

  /** Queues an append. Any thread. */
  void submit(PendingAppend append) {
    arrivals.offer(append);
    wake();
  }

  /** Any thread. */
  void trim(long position) {
    if (trimPosition.getAndAccumulate(position, Math::max) < position) {
      wake();
    }
  }

  long trimPosition() {
    return trimPosition.get();
  }

  /** Blocks below that number are durable. Any thread. */
  long durableNumber() {
    return durableNumber;
  }

  /** Why this incarnation accepts nothing more, if so. Any thread. */
  @Nullable WalException failure() {
    return failure;
  }

  /** Blocks that are durable. */
  long puts() {
    return puts.get();
  }

  long writtenBytes() {
    return writtenBytes.get();
  }

  /**
   * Completes what was submitted, as far as the bucket takes it within the close timeout, and
   * starts nothing more. The future completes on the owner's thread. Any thread.
   */
  CompletableFuture<Void> stop() {
    owner.execute(
        () -> {
          stopping = true;
          trimmer.stop();
          owner.schedule(config.closeTimeoutNanos(), this::onCloseTimeout);
          step();
        });
    return stopped;
  }

  private void wake() {
    if (scheduled.compareAndSet(false, true)) {
      owner.execute(this::step);
    }
  }

  private void step() {
    scheduled.set(false);
    try {
      takeArrivals();
      if (failure == null) {
        trimBlocks();
        sendBlocks();
      }
      maybeStop();
    } catch (RuntimeException | Error e) {
      fail(new WalException.Unavailable(name() + " failed: " + e, e));
    }
  }

  private void takeArrivals() {
    PendingAppend append = arrivals.poll();
    while (append != null) {
      WalException cause = failure;
      if (cause == null) {
        append.arrival = arrivalCount++;
        if (waiting.isEmpty()) {
          waitingSinceNanos = clock.nanoTime();
        }
        waiting.add(append);
        waitingBytes += append.frameBytes;
      } else {
        tellFailure(append, cause);
      }
      append = arrivals.poll();
    }
  }

  private void sendBlocks() {
    while (!waiting.isEmpty()) {
      long now = clock.nanoTime();
      long at = pacer.decide(now, waitingBytes, waitingSinceNanos, inFlight.size(), stopping);
      if (at != PutPacer.NOW) {
        if (at != PutPacer.WHEN_ONE_ENDS) {
          wakeAt(at, now);
        }
        return;
      }
      gathered = gather();
      sendBlock(gathered);
    }
  }

  private void wakeAt(long atNanos, long nowNanos) {
    Cancellable pending = timer;
    if (pending != null) {
      if (timerAtNanos - atNanos <= 0) {
        return;
      }
      pending.cancel();
    }
    timerAtNanos = atNanos;
    timer =
        owner.schedule(
            atNanos - nowNanos,
            () -> {
              timer = null;
              step();
            });
  }

  /** Takes what fits into one block, in the order of turns; at least one. */
  private List<PendingAppend> gather() {
    List<PendingAppend> frames = new ArrayList<>();
    long bytes = ChainObject.HEADER_BYTES;
    do {
      PendingAppend next = waiting.poll();
      bytes += next.frameBytes;
      waitingBytes -= next.frameBytes;
      frames.add(next);
    } while (!waiting.isEmpty() && bytes + waiting.peek().frameBytes <= config.maxBlockBytes());
    return frames;
  }

  private void sendBlock(List<PendingAppend> frames) {
    if (nextNumber > ChainPosition.MAX_NUMBER) {
      throw new IllegalStateException(name() + " has no more numbers: restart this broker");
    }
    int length = ChainObject.HEADER_BYTES;
    long reserved = 0;
    for (PendingAppend frame : frames) {
      length += frame.frameBytes;
      reserved += frame.reservedBytes;
    }
    long number = nextNumber++;
    MemoryBlock block = new MemoryBlock(pool, pool.acquire(length), ChainPosition.of(number, 0));
    ChainObject header =
        new ChainObject(
            ChainObject.Kind.BLOCK,
            writer.walId(),
            writer,
            number,
            new UUID(random.nextLong(), random.nextLong()),
            frames.size(),
            clock.currentTimeMillis(),
            length);
    BlockPut put = new BlockPut(block, frames, header);
    inFlight.addLast(put);
    gathered = List.of();
    capacity.onBlock(reserved, length);
    fill(block.buffer(), frames, header);
    put.create =
        new SlotCreate(
            store, owner, random, header, block.buffer().slice(0, length), this::onTrouble);
    put.create.start().whenComplete((occupant, cause) -> onOccupied(put, occupant, cause));
  }

  /** The one copy of each batch. */
  private void fill(ByteBuffer buffer, List<PendingAppend> frames, ChainObject header) {
    int at = ChainObject.HEADER_BYTES;
    for (PendingAppend frame : frames) {
      FrameHeader.write(
          buffer,
          at,
          ChainPosition.of(header.number(), at),
          writer.incarnation(),
          frame.batch,
          frame.openBytes,
          crc);
      frame.payloadOffset = at + FrameHeader.BYTES;
      at += frame.frameBytes;
    }
    header.write(buffer, crc);
  }

  /** On the owner's thread: {@link SlotCreate} sees to that. */
  private void onOccupied(BlockPut put, @Nullable Occupant occupant, @Nullable Throwable cause) {
    if (failure == null) {
      if (occupant == null) {
        fail(asWalException(cause));
      } else if (!occupant.isMine()) {
        fail(notMine(occupant.object()));
      } else {
        put.isDurable = true;
        completePuts();
      }
    }
    wake();
  }

  private void completePuts() {
    BlockPut first = inFlight.peekFirst();
    while (first != null && first.isDurable) {
      inFlight.removeFirst();
      onTroubleOver();
      durableNumber = first.header.number() + 1;
      puts.incrementAndGet();
      writtenBytes.addAndGet(first.header.lengthBytes());
      capacity.onDurable(first.header.lengthBytes());
      trimmer.add(first.header.number(), first.header.lengthBytes());
      tellDurable(first);
      first.block.release();
      first = inFlight.peekFirst();
    }
  }

  private void tellDurable(BlockPut put) {
    MemoryBlock block = put.block;
    for (PendingAppend frame : put.frames) {
      int size = frame.batch.sizeBytes();
      DurableFrame durable =
          new DurableFrame(
              block.position() + frame.payloadOffset, size, block.slice(frame.payloadOffset, size));
      try {
        frame.listener.onDurable(durable);
      } catch (RuntimeException | Error e) {
        faults.onFault(name(), e);
      }
    }
  }

  private void trimBlocks() {
    long number = Math.min(ChainPosition.number(trimPosition.get()), durableNumber);
    if (number > trimmedNumber) {
      trimmedNumber = number;
      capacity.onTrimmed(trimmer.trim(number));
    }
  }

  private WalException notMine(ChainObject found) {
    if (found.isFence()) {
      WriterIncarnation by = found.maker();
      return new WalException.Fenced(
          by.nodeId() == writer.nodeId()
              ? "%s was fenced at number %d by another process with node.id %d (WAL %s incarnation %d): it has taken over; stop one of the two"
                  .formatted(name(), found.number(), by.nodeId(), by.walId(), by.incarnation())
              : "%s was fenced at number %d by node %d (WAL %s incarnation %d), which has taken over"
                  .formatted(name(), found.number(), by.nodeId(), by.walId(), by.incarnation()));
    }
    return new WalException.Corrupt(
        "%s was made by %s as %s, not by this writer: something else writes into this chain"
            .formatted(found.key(), found.maker(), found.objectId()));
  }

  private WalException asWalException(@Nullable Throwable cause) {
    Throwable known = cause == null ? new IllegalStateException("no answer") : Retry.unwrap(cause);
    return known instanceof WalException wal
        ? wal
        : new WalException.Unavailable(name() + " failed: " + known, known);
  }

  /** Ends the incarnation, once. */
  private void fail(WalException cause) {
    if (failure != null) {
      return;
    }
    failure = cause;
    trimmer.stop();
    LOG.error("{} ends: its unacknowledged batches fail, and all later ones", name(), cause);
    endAll(cause);
    faults.onFault(name(), cause);
    wake();
  }

  private void endAll(WalException cause) {
    for (BlockPut put : inFlight) {
      put.frames.forEach(frame -> tellFailure(frame, cause));
      if (put.create != null) {
        put.create.abandon(cause);
      }
    }
    gathered.forEach(frame -> tellFailure(frame, cause));
    waiting.drain().forEach(frame -> tellFailure(frame, cause));
    waitingBytes = 0;
    takeArrivals();
  }

  private void tellFailure(PendingAppend append, WalException cause) {
    try {
      append.listener.onFailure(cause);
    } catch (RuntimeException | Error e) {
      faults.onFault(name(), e);
    }
  }

  private void onTrouble(ObjectStoreException trouble) {
    long now = clock.nanoTime();
    if (!isTroubled) {
      isTroubled = true;
      troubleSinceNanos = now;
      warnAtNanos = now + FIRST_WARNING_NANOS;
    } else if (now - warnAtNanos >= 0) {
      warnAtNanos = now + WARNING_INTERVAL_NANOS;
      LOG.warn(
          "{} gets nothing into the bucket for {} s, {} of {} bytes wait in memory: {}",
          name(),
          TimeUnit.NANOSECONDS.toSeconds(now - troubleSinceNanos),
          capacity.undurableBytes(),
          config.undurableBytes(),
          trouble.getMessage());
    }
  }

  private void onTroubleOver() {
    if (isTroubled) {
      isTroubled = false;
      long seconds = TimeUnit.NANOSECONDS.toSeconds(clock.nanoTime() - troubleSinceNanos);
      if (seconds >= TimeUnit.NANOSECONDS.toSeconds(FIRST_WARNING_NANOS)) {
        LOG.info("{} writes to the bucket again after {} s", name(), seconds);
      }
    }
  }

  private void onCloseTimeout() {
    if (failure == null && !stopped.isDone()) {
      failure =
          new WalException.Unavailable(
              name() + " was closed while the bucket did not take its last blocks");
      LOG.warn("{}", String.valueOf(failure.getMessage()));
      endAll(failure);
    }
    maybeStop();
  }

  /** At rest when no request of the store reads a block any more. */
  private void maybeStop() {
    if (failure != null) {
      releaseEnded();
    }
    if (!stopping || !waiting.isEmpty() || !inFlight.isEmpty() || stopped.isDone()) {
      return;
    }
    if (failure == null) {
      failure = new WalException.Unavailable(name() + " is closed");
    }
    if (timer != null) {
      timer.cancel();
    }
    stopped.complete(null);
  }

  private void releaseEnded() {
    inFlight.removeIf(
        put -> {
          boolean isReading = put.create != null && put.create.isRequesting();
          if (!isReading) {
            put.block.release();
          }
          return !isReading;
        });
    if (!inFlight.isEmpty()) {
      owner.schedule(TimeUnit.MILLISECONDS.toNanos(100), this::wake);
    }
  }

  private String name() {
    return "WAL " + writer.walId() + " of node " + writer.nodeId();
  }

  /** A block that the bucket is to have. */
  private static final class BlockPut {
    private final MemoryBlock block;
    private final List<PendingAppend> frames;
    private final ChainObject header;
    private @Nullable SlotCreate create;
    private boolean isDurable;

    BlockPut(MemoryBlock block, List<PendingAppend> frames, ChainObject header) {
      this.block = block;
      this.frames = frames;
      this.header = header;
    }
  }
}
