package io.spillway.read;

import io.spillway.wal.WalConfig;
import io.spillway.wal.device.AlignedMemory;
import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import org.jspecify.annotations.Nullable;

/**
 * Memory for segments: direct, so that a replay makes no work for the garbage collector and goes
 * from the disk to the socket without a copy; aligned, for direct I/O; and used again, since making
 * it anew costs as much as a copy. Not more than its bound is direct; what is needed beyond, while
 * answers that hold segments wait to be sent, comes from the heap, and so do segments too small to
 * be worth a whole piece. Safe for any thread.
 */
final class SegmentMemory {

  /** Smaller segments, as tests have them, are not worth direct memory. */
  private static final int LEAST_DIRECT_BYTES = 64 * 1024;

  private final int segmentBytes;
  private final long maxDirectBytes;
  private final ArrayDeque<AlignedMemory> idle = new ArrayDeque<>();
  private long directBytes;
  private boolean closed;

  SegmentMemory(int segmentBytes, long maxDirectBytes) {
    this.segmentBytes = segmentBytes;
    this.maxDirectBytes = maxDirectBytes;
  }

  /** Memory of a segment: its buffer is the caller's until it is given back, once. */
  record Piece(ByteBuffer buffer, @Nullable AlignedMemory direct) {}

  /**
   * @param wantedBytes at most those of a segment
   */
  Piece take(int wantedBytes) {
    AlignedMemory memory = wantedBytes * 2 > segmentBytes ? takeDirect() : null;
    return memory == null
        ? new Piece(ByteBuffer.allocate(wantedBytes), null)
        : new Piece(memory.buffer().duplicate(), memory);
  }

  private @Nullable AlignedMemory takeDirect() {
    if (segmentBytes < LEAST_DIRECT_BYTES || segmentBytes % WalConfig.ALIGNMENT_BYTES != 0) {
      return null;
    }
    synchronized (idle) {
      AlignedMemory known = idle.pollLast();
      if (known != null || closed || directBytes + segmentBytes > maxDirectBytes) {
        return known;
      }
      directBytes += segmentBytes;
    }
    try {
      return AlignedMemory.allocate(segmentBytes, true);
    } catch (OutOfMemoryError e) { // others have taken what the process may have of it
      synchronized (idle) {
        directBytes -= segmentBytes;
      }
      return null;
    }
  }

  void give(Piece piece) {
    AlignedMemory memory = piece.direct();
    if (memory == null) {
      return;
    }
    synchronized (idle) {
      if (!closed) {
        idle.addLast(memory);
        return;
      }
      directBytes -= segmentBytes;
    }
    memory.free();
  }

  /** Direct memory taken, in use or not. */
  long directBytes() {
    synchronized (idle) {
      return directBytes;
    }
  }

  /** Frees what is not in use; the rest is freed as it is given back. */
  void close() {
    synchronized (idle) {
      closed = true;
      while (!idle.isEmpty()) {
        idle.removeLast().free();
        directBytes -= segmentBytes;
      }
    }
  }
}
