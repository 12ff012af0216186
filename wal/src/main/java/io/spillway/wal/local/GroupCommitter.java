package io.spillway.wal.local;

import io.spillway.runtime.Clock;
import io.spillway.runtime.FaultHandler;
import io.spillway.runtime.Scheduler;
import io.spillway.wal.DurableFrame;
import io.spillway.wal.WalConfig;
import io.spillway.wal.WalException;
import io.spillway.wal.WriterIncarnation;
import io.spillway.wal.commit.BlockPool;
import io.spillway.wal.commit.FairQueue;
import io.spillway.wal.commit.MemoryBlock;
import io.spillway.wal.commit.PendingAppend;
import io.spillway.wal.format.BlockHeader;
import io.spillway.wal.format.FrameHeader;
import io.spillway.wal.local.SegmentLog.Placement;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Consumer;
import java.util.zip.CRC32C;
import org.jctools.queues.varhandle.MpscUnboundedVarHandleArrayQueue;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Packs what waits into blocks and writes them: group commit by natural batching. While fewer than
 * two writes are under way, whatever waits becomes the next block at once; under load blocks grow
 * by themselves because more arrives while two are being written. There is no timer, and nothing
 * waits for company. Two writes keep the device busy while one is being completed; more would only
 * make blocks smaller.
 *
 * <p>Everything below {@code submit} and {@code trim} is the owner's: one serial scheduler. Writes
 * may end in any order; batches complete in the order of positions.
 *
 * <p>The first failure ends it (P28): what is under way and what waits fails, in order, and so does
 * whatever comes later. A write that fails is not repeated, and one that succeeds after it does not
 * count.
 */
final class GroupCommitter {

  private static final int MAX_WRITES_IN_FLIGHT = 2;
  private static final int ARRIVALS_CHUNK = 512;
  private static final Logger LOG = LoggerFactory.getLogger(GroupCommitter.class);

  private final WalConfig config;
  private final WriterIncarnation writer;
  private final Scheduler owner;
  private final Clock clock;
  private final FaultHandler faults;
  private final Capacity capacity;
  private final BlockPool pool;
  private final MpscUnboundedVarHandleArrayQueue<PendingAppend> arrivals =
      new MpscUnboundedVarHandleArrayQueue<>(ARRIVALS_CHUNK);
  private final AtomicBoolean scheduled = new AtomicBoolean();
  private final AtomicLong trimPosition = new AtomicLong();
  private final AtomicLong deviceWrites = new AtomicLong();
  private final AtomicLong writtenBytes = new AtomicLong();
  private final FairQueue waiting = new FairQueue();
  private final ArrayDeque<BlockWrite> inFlight = new ArrayDeque<>();

  /** Taken from {@code waiting} but not under way yet: nobody is forgotten when that fails. */
  private List<PendingAppend> gathered = List.of();

  private final CRC32C crc = new CRC32C();
  private final CompletableFuture<Void> stopped = new CompletableFuture<>();
  private volatile WalException.@Nullable Unavailable failure;
  private volatile long durableUpTo;
  private final SegmentLog segments;
  private long previousEnd;
  private long statedTrim;
  private long arrivalCount;
  private int writesOnDevice;
  private boolean stopping;
  private boolean stopBlockWritten;

  GroupCommitter(
      WalConfig config,
      WriterIncarnation writer,
      Scheduler owner,
      Clock clock,
      FaultHandler faults,
      Capacity capacity,
      BlockPool pool,
      SegmentLogFactory segmentLog,
      long endPosition,
      long trimPosition) {
    this.config = config;
    this.writer = writer;
    this.owner = owner;
    this.clock = clock;
    this.faults = faults;
    this.capacity = capacity;
    this.pool = pool;
    this.previousEnd = endPosition;
    this.durableUpTo = endPosition;
    this.trimPosition.set(trimPosition);
    this.segments = segmentLog.create(this::wake, this::fail);
  }

  /** Makes the segment log with what it reports to. */
  interface SegmentLogFactory {
    SegmentLog create(Runnable onProgress, Consumer<IOException> onFailure);
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

  /** Everything below is durable. Any thread. */
  long durableUpTo() {
    return durableUpTo;
  }

  /** Why this incarnation accepts nothing more, if so. Any thread. */
  WalException.@Nullable Unavailable failure() {
    return failure;
  }

  SegmentLog segments() {
    return segments;
  }

  long deviceWrites() {
    return deviceWrites.get();
  }

  long writtenBytes() {
    return writtenBytes.get();
  }

  /**
   * Completes what was submitted, states the clean end in a last block, and starts nothing more.
   * The future completes on the owner's thread when the device is at rest. Any thread.
   */
  CompletableFuture<Void> stop() {
    owner.execute(
        () -> {
          stopping = true;
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
      completeWrites();
      if (failure == null) {
        writeBlocks();
        maybeRecordTrim();
      }
      maybeStop();
    } catch (RuntimeException | Error e) {
      fail(e);
    }
  }

  private void takeArrivals() {
    PendingAppend append = arrivals.poll();
    while (append != null) {
      WalException.Unavailable cause = failure;
      if (cause == null) {
        append.arrival = arrivalCount++;
        waiting.add(append);
      } else {
        tellFailure(append, cause);
      }
      append = arrivals.poll();
    }
  }

  private void writeBlocks() {
    while (writesOnDevice < MAX_WRITES_IN_FLIGHT && !waiting.isEmpty()) {
      long least = Capacity.blockBytes(BlockHeader.BYTES + waiting.peek().frameBytes);
      if (!segments.makeRoom(Math.toIntExact(least), config.maxBlockBytes())) {
        return;
      }
      gathered = gather();
      writeBlock(gathered, 0);
    }
  }

  /**
   * Segments are reused only after a block states the trim, so that a recovery that misses files at
   * the front knows whether it may. The next block does; when none is due, an empty one.
   */
  private void maybeRecordTrim() {
    long trim = trimPosition.get();
    if (trim <= statedTrim || writesOnDevice == MAX_WRITES_IN_FLIGHT || !segments.frees(trim)) {
      return;
    }
    if (segments.makeRoom(WalConfig.ALIGNMENT_BYTES, WalConfig.ALIGNMENT_BYTES)) {
      writeBlock(List.of(), 0);
    } else if (inFlight.isEmpty() && !segments.isBusy()) {
      // The log, or the disk, is full to the last page: only the trim itself makes room.
      statedTrim = trim;
      segments.trim(trim);
    }
  }

  /** Takes what fits into one block, in the order of turns; at least one. */
  private List<PendingAppend> gather() {
    long mostBytes = Math.min(config.maxBlockBytes(), segments.roomBytes());
    List<PendingAppend> frames = new ArrayList<>();
    long bytes = BlockHeader.BYTES;
    do {
      PendingAppend next = waiting.poll();
      bytes += next.frameBytes;
      frames.add(next);
    } while (!waiting.isEmpty() && bytes + waiting.peek().frameBytes <= mostBytes);
    return frames;
  }

  private void writeBlock(List<PendingAppend> frames, int flags) {
    int used = BlockHeader.BYTES;
    long reserved = 0;
    for (PendingAppend frame : frames) {
      used += frame.frameBytes;
      reserved += frame.reservedBytes;
    }
    int length = Math.toIntExact(Capacity.blockBytes(used));
    Placement place = segments.place(length);
    MemoryBlock block = new MemoryBlock(pool, pool.acquire(length), place.position());
    BlockHeader header = header(place, flags, frames.size(), length, used);
    BlockWrite write = new BlockWrite(block, frames, header);
    inFlight.addLast(write);
    gathered = List.of();
    writesOnDevice++;
    statedTrim = header.trimPosition();
    capacity.add(length - reserved);
    previousEnd = write.endPosition;
    try {
      fill(block, frames, header);
      ByteBuffer bytes = block.buffer().slice(0, length);
      place.file().write(place.offset(), bytes, cause -> onWritten(write, cause));
    } catch (RuntimeException | Error e) {
      write.finished(new IOException("the write was not begun", e));
      throw e;
    }
  }

  /** On the device's thread. */
  private void onWritten(BlockWrite write, @Nullable IOException cause) {
    write.finished(cause);
    wake();
  }

  private BlockHeader header(Placement place, int flags, int frameCount, int length, int used) {
    return new BlockHeader(
        flags,
        writer.nodeId(),
        frameCount,
        writer.walId(),
        writer.incarnation(),
        place.position(),
        previousEnd,
        durableUpTo,
        trimPosition.get(),
        clock.currentTimeMillis(),
        length,
        used);
  }

  /** The one copy of each batch. */
  private void fill(MemoryBlock block, List<PendingAppend> frames, BlockHeader header) {
    ByteBuffer buffer = block.buffer();
    int at = BlockHeader.BYTES;
    for (PendingAppend frame : frames) {
      FrameHeader.write(
          buffer,
          at,
          header.position() + at,
          header.incarnation(),
          frame.batch,
          frame.openBytes,
          crc);
      frame.payloadOffset = at + FrameHeader.BYTES;
      at += frame.frameBytes;
    }
    for (; at < header.lengthBytes(); at += Long.BYTES) {
      buffer.putLong(at, 0);
    }
    header.write(buffer, crc);
  }

  /**
   * First looks once at every write, then acts on what it saw: a write that ends in between waits
   * for the next step, so that no success is told after a failure and no end is missed.
   */
  private void completeWrites() {
    for (BlockWrite write : inFlight) {
      if (!write.seen && write.finished) {
        write.seen = true;
        writesOnDevice--;
        IOException cause = write.cause;
        if (cause != null) {
          fail(cause);
        }
      }
    }
    BlockWrite first = inFlight.peekFirst();
    while (first != null && first.seen) {
      inFlight.removeFirst();
      if (failure == null) {
        durableUpTo = first.endPosition;
        deviceWrites.incrementAndGet();
        writtenBytes.addAndGet(first.endPosition - first.block.position());
        segments.trim(first.trimPosition);
        tellDurable(first);
      }
      first.block.release();
      first = inFlight.peekFirst();
    }
  }

  private void tellDurable(BlockWrite write) {
    MemoryBlock block = write.block;
    for (PendingAppend frame : write.frames) {
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

  /** Ends the incarnation, once. */
  private void fail(Throwable cause) {
    if (failure != null) {
      return;
    }
    WalException.Unavailable unavailable =
        new WalException.Unavailable(
            name() + " failed and accepts nothing more: " + cause.getMessage(), cause);
    failure = unavailable;
    segments.stop();
    LOG.error("{} failed: its unacknowledged batches fail, and all later ones", name(), cause);
    for (BlockWrite write : inFlight) {
      write.frames.forEach(frame -> tellFailure(frame, unavailable));
    }
    gathered.forEach(frame -> tellFailure(frame, unavailable));
    waiting.drain().forEach(frame -> tellFailure(frame, unavailable));
    takeArrivals();
    faults.onFault(name(), cause);
    wake();
  }

  private void tellFailure(PendingAppend append, WalException cause) {
    try {
      append.listener.onFailure(cause);
    } catch (RuntimeException | Error e) {
      faults.onFault(name(), e);
    }
  }

  private void maybeStop() {
    if (stopping && segments.isWaitingForSpace()) {
      WalException.Unavailable closed =
          new WalException.Unavailable(name() + " was closed while its disk was full");
      waiting.drain().forEach(frame -> tellFailure(frame, closed));
    }
    boolean atRest = waiting.isEmpty() && inFlight.isEmpty() && !segments.isBusy();
    if (!stopping || !atRest || stopped.isDone()) {
      return;
    }
    if (failure == null && !stopBlockWritten) {
      stopBlockWritten = true;
      segments.stop();
      if (segments.hasRoomNow(WalConfig.ALIGNMENT_BYTES)) {
        writeBlock(List.of(), BlockHeader.FLAG_CLEAN_STOP);
        return;
      }
    }
    if (failure == null) {
      failure = new WalException.Unavailable(name() + " is closed");
    }
    stopped.complete(null);
  }

  private String name() {
    return "WAL " + writer.walId() + " incarnation " + writer.incarnation();
  }

  /** A block that the device has, or had. */
  private static final class BlockWrite {
    private final MemoryBlock block;
    private final List<PendingAppend> frames;
    private final long endPosition;
    private final long trimPosition;
    private @Nullable IOException cause;
    private volatile boolean finished;

    /** Whether the owner has seen that it is finished. The owner's thread only. */
    private boolean seen;

    BlockWrite(MemoryBlock block, List<PendingAppend> frames, BlockHeader header) {
      this.block = block;
      this.frames = frames;
      this.endPosition = header.endPosition();
      this.trimPosition = header.trimPosition();
    }

    void finished(@Nullable IOException failure) {
      cause = failure;
      finished = true;
    }
  }
}
