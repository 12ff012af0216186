package io.spillway.engine;

import io.spillway.cache.WalFrame;
import io.spillway.stream.FetchedData;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;

/** Fetched batches: views of the WAL's own blocks, held until closed, or of plain memory. */
final class MemoryData implements FetchedData {

  private final List<ByteBuffer> buffers;
  private final int sizeBytes;
  private final long nextOffset;
  private final List<WalFrame> held;
  private final AtomicBoolean closed = new AtomicBoolean();

  private MemoryData(List<ByteBuffer> buffers, long nextOffset, List<WalFrame> held) {
    this.buffers = buffers;
    this.sizeBytes = buffers.stream().mapToInt(ByteBuffer::remaining).sum();
    this.nextOffset = nextOffset;
    this.held = held;
  }

  static MemoryData nothing(long offset) {
    return new MemoryData(List.of(), offset, List.of());
  }

  /** Memory that is left to the garbage collector. */
  static MemoryData of(List<ByteBuffer> buffers, long nextOffset) {
    return new MemoryData(buffers, nextOffset, List.of());
  }

  /** Takes the frames' slices over, all in memory. */
  static MemoryData ofFrames(List<WalFrame> frames) {
    List<ByteBuffer> views = new java.util.ArrayList<>(frames.size());
    for (WalFrame frame : frames) {
      var slice = frame.slice();
      if (slice == null) {
        throw new IllegalArgumentException("frame at " + frame.position() + " is not in memory");
      }
      views.add(slice.payload());
    }
    return new MemoryData(views, frames.get(frames.size() - 1).endOffset(), frames);
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
      held.forEach(WalFrame::release);
    }
  }
}
