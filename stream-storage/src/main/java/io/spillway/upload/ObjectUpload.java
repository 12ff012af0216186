package io.spillway.upload;

import io.spillway.cache.WalFrame;
import io.spillway.catalog.CatalogCommand.Extent;
import io.spillway.catalog.CatalogCommand.ObjectRef;
import io.spillway.format.v1.ObjectWriter;
import io.spillway.object.ObjectStore;
import io.spillway.runtime.Scheduler;
import io.spillway.stream.StreamException;
import io.spillway.wal.WalSlice;
import io.spillway.wal.WriteAheadLog;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Builds one data object and stores it: takes batches out of memory where they still are, out of
 * the WAL where not, and holds at most two parts of it at a time. Runs on the upload scheduler
 * alone. An object that is not finished is nobody's: the sweep finds it.
 */
final class ObjectUpload {

  private static final Logger LOG = LoggerFactory.getLogger(ObjectUpload.class);

  private static final long READ_BYTES = 4 * 1024 * 1024;
  private static final int READ_FRAMES = 4096;

  /** Of the damaged batches in one object, so many are logged one by one. */
  private static final int MAX_NAMED = 5;

  /** Smaller payloads are copied together: cheaper than holding a block for each. */
  private static final int COPY_BELOW_BYTES = 4096;

  private final WriteAheadLog wal;
  private final Scheduler scheduler;
  private final UploadLimits limits;
  private final String key;
  private final long birth;
  private final Iterator<UploadPlan.Range> ranges;
  private final ObjectBody body;
  private final ObjectWriter writer;
  private final CompletableFuture<Uploaded> result = new CompletableFuture<>();

  private UploadPlan.@Nullable Range range;
  private long nextOffset;
  private @Nullable FrameReadBack reading;
  private int damagedBatches;
  private final List<Unreadable> unreadable = new ArrayList<>();
  private ObjectWriter.@Nullable Finished finished;

  ObjectUpload(
      ObjectStore store,
      WriteAheadLog wal,
      Scheduler scheduler,
      Retrier retrier,
      UploadLimits limits,
      String key,
      long birth,
      List<UploadPlan.Range> ranges) {
    this.wal = wal;
    this.scheduler = scheduler;
    this.limits = limits;
    this.key = key;
    this.birth = birth;
    this.writer = new ObjectWriter(limits.blockBytes());
    this.ranges = ranges.iterator();
    long planned = ranges.stream().mapToLong(UploadPlan.Range::bytes).sum();
    boolean inParts = Math.min(planned, limits.maxObjectBytes()) > limits.partBytes();
    this.body = new ObjectBody(store, retrier, key, limits.partBytes(), inParts);
  }

  /**
   * What was stored.
   *
   * @param extents one per stream; may end earlier than planned, and leave out streams that are
   *     gone; empty when nothing was left, and then nothing was stored
   * @param damagedBatches that the object covers as lost
   * @param unreadable streams whose extent ends early, since the WAL cannot give back what follows
   */
  record Uploaded(
      ObjectRef object, List<Extent> extents, int damagedBatches, List<Unreadable> unreadable) {}

  /** The WAL could not give back this stream's batch at this offset now. */
  record Unreadable(UploadSource source, long offset, Throwable cause) {}

  /** Starts. Completes on the scheduler. */
  CompletableFuture<Uploaded> run() {
    pump();
    return result.whenComplete((uploaded, failure) -> body.release());
  }

  private void pump() {
    // A part that was sent pumps as well: not while frames are being read, or they come twice.
    while (!result.isDone() && reading == null) {
      if (body.hasFullPart()) {
        if (body.isSending()) {
          return;
        }
        sendPart();
        continue;
      }
      if (finished != null) {
        if (!body.isSending()) {
          sendLast(finished);
        }
        return;
      }
      UploadPlan.Range from = range;
      if (from == null) {
        nextRange();
        continue;
      }
      List<WalFrame> frames =
          isFull()
              ? List.of()
              : from.source().frames(nextOffset, from.endOffset(), READ_BYTES, READ_FRAMES);
      if (frames.isEmpty()) {
        range = null;
      } else if (!appendNow(from, frames)) {
        return;
      }
    }
  }

  private void nextRange() {
    if (ranges.hasNext() && !isFull()) {
      UploadPlan.Range next = ranges.next();
      range = next;
      nextOffset = next.baseOffset();
    } else {
      ObjectWriter.Finished written = writer.finish(key);
      finished = written;
      if (damagedBatches > MAX_NAMED) {
        LOG.error("[wal={}] {} damaged batches in all in {}", wal.walId(), damagedBatches, key);
      }
      body.part().add(written.tail());
    }
  }

  private boolean isFull() {
    return writer.dataBytes() >= limits.maxObjectBytes()
        || writer.batchCount() >= UploadLimits.MAX_OBJECT_BATCHES;
  }

  /** False when the frames have to be read first; pumping goes on when they are. */
  private boolean appendNow(UploadPlan.Range from, List<WalFrame> frames) {
    boolean allInMemory = frames.stream().allMatch(frame -> frame.slice() != null);
    if (allInMemory) {
      for (WalFrame frame : frames) {
        append(from, frame, null);
      }
      return true;
    }
    FrameReadBack readBack = new FrameReadBack(wal, scheduler, frames);
    reading = readBack;
    readBack.run().thenAccept(outcomes -> onFramesRead(from, frames, outcomes));
    return false;
  }

  private void onFramesRead(
      UploadPlan.Range from, List<WalFrame> frames, List<FrameReadBack.Outcome> outcomes) {
    reading = null;
    if (result.isDone()) {
      frames.forEach(WalFrame::release);
      return;
    }
    for (int i = 0; i < frames.size(); i++) {
      WalFrame frame = frames.get(i);
      FrameReadBack.Outcome outcome = outcomes.get(i);
      if (outcome instanceof FrameReadBack.Outcome.Intact intact) {
        append(from, frame, intact.payload());
      } else if (outcome instanceof FrameReadBack.Outcome.Damaged damaged) {
        appendDamaged(from, frame, damaged);
      } else if (outcome instanceof FrameReadBack.Outcome.Unreadable failed) {
        unreadable.add(new Unreadable(from.source(), frame.baseOffset(), failed.cause()));
        frames.subList(i, frames.size()).forEach(WalFrame::release);
        range = null; // the extent ends here
        break;
      }
    }
    pump();
  }

  /** The data is gone; what is left to do is to say so, to everybody who will ask for it. */
  private void appendDamaged(
      UploadPlan.Range from, WalFrame frame, FrameReadBack.Outcome.Damaged damaged) {
    if (damagedBatches < MAX_NAMED) {
      LOG.error(
          "[stream={} wal={}] offsets [{}, {}) are lost: their batch is damaged in the WAL at position {}, the same after {} reads: {}. Reads of them answer an error, everything else is served. Consumers have to seek beyond them, or delete the records below {}; check the WAL's medium",
          from.source().id(),
          wal.walId(),
          frame.baseOffset(),
          frame.endOffset(),
          frame.position(),
          FrameReadBack.ATTEMPTS,
          damaged.cause().getMessage(),
          frame.endOffset());
    }
    ByteBuffer standIn = ByteBuffer.allocate(frame.sizeBytes());
    writer.appendDamaged(
        from.source().id(),
        frame.baseOffset(),
        frame.endOffset(),
        frame.maxTimestampMs(),
        frame.flags(),
        standIn);
    nextOffset = frame.endOffset();
    body.part().add(standIn);
    damagedBatches++;
  }

  private void append(UploadPlan.Range from, WalFrame frame, @Nullable ByteBuffer read) {
    WalSlice slice = frame.slice();
    ByteBuffer payload = slice == null ? read : slice.payload();
    if (payload == null) {
      throw new IllegalStateException("frame at " + frame.position() + " has no payload");
    }
    writer.append(
        from.source().id(),
        frame.baseOffset(),
        frame.endOffset(),
        frame.maxTimestampMs(),
        frame.flags(),
        payload);
    nextOffset = frame.endOffset();
    if (slice == null) {
      body.part().add(payload);
    } else if (payload.remaining() < COPY_BELOW_BYTES
        || body.part().heldBytes() >= limits.partBytes()) {
      body.part().copy(payload);
      slice.block().release();
    } else {
      body.part().hold(payload, slice.block());
    }
  }

  private void sendPart() {
    body.sendPart().whenComplete((done, failure) -> onSent(failure));
  }

  private void sendLast(ObjectWriter.Finished written) {
    Uploaded uploaded =
        new Uploaded(
            new ObjectRef(key, birth, written.objectBytes(), written.indexPosition()),
            written.extents(),
            damagedBatches,
            List.copyOf(unreadable));
    if (written.extents().isEmpty()) {
      result.complete(uploaded);
      return;
    }
    body.sendLast(written.objectBytes())
        .whenComplete(
            (done, failure) -> {
              if (failure == null) {
                result.complete(uploaded);
              } else {
                fail(failure);
              }
            });
  }

  private void onSent(@Nullable Throwable failure) {
    if (failure == null) {
      pump();
    } else {
      fail(failure);
    }
  }

  private void fail(Throwable failure) {
    if (result.completeExceptionally(Failures.cause(failure))) {
      body.abort();
    }
  }

  /** Ends it from outside; memory goes back as soon as no request reads it. */
  void abandon() {
    fail(new StreamException.Closed("upload of " + key + " abandoned"));
    FrameReadBack waiting = reading;
    if (waiting != null) {
      waiting.abandon();
    }
  }
}
