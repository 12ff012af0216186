package io.spillway.read;

import io.spillway.stream.FetchedData;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;

/**
 * Batches out of segments, as they lie there, held until closed. A view that is small beside its
 * segment is a copy instead: an answer that a client is slow to take then pins at most four times
 * its own size (G7).
 */
final class SegmentData implements FetchedData {

  private static final int LEAST_SHARE = 4;

  private final List<ByteBuffer> buffers = new ArrayList<>();
  private final List<Segment> held = new ArrayList<>();
  private final AtomicBoolean closed = new AtomicBoolean();
  private int sizeBytes;
  private long nextOffset;

  SegmentData(long offset) {
    this.nextOffset = offset;
  }

  /** Adds what the segment has between two positions of the object. The caller keeps its hold. */
  void add(Segment segment, long from, long to) {
    ByteBuffer view = segment.view(from, to);
    if (view.remaining() * LEAST_SHARE < segment.memoryBytes()) {
      view = ByteBuffer.allocate(view.remaining()).put(view).flip().asReadOnlyBuffer();
    } else {
      segment.retain();
      held.add(segment);
    }
    if (view.hasRemaining()) {
      buffers.add(view);
      sizeBytes += view.remaining();
    }
  }

  void endsAt(long offset) {
    nextOffset = offset;
  }

  boolean isEmpty() {
    return sizeBytes == 0;
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
    if (closed.compareAndSet(false, true)) {
      held.forEach(Segment::release);
    }
  }
}
