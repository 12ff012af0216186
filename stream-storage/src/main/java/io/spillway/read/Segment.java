package io.spillway.read;

import java.nio.ByteBuffer;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/**
 * A piece of an object in memory, as it was read once. Counted: its memory is used again when the
 * last holder releases it. Knows which blocks that begin in it have been checked. Safe for any
 * thread.
 */
final class Segment {

  private final SegmentKey key;
  private final long loadId;
  private final long position;
  private final SegmentMemory.Piece piece;
  private final ByteBuffer bytes;
  private final SegmentMemory memory;
  private final AtomicInteger holders = new AtomicInteger(1);

  /** Position of each block that was found intact, and which loads of segments it lay in. */
  private final Map<Long, Long> intact = new HashMap<>();

  /**
   * The maker is its first holder.
   *
   * @param loadId unique to this reading of it
   * @param position of its first byte in the object
   * @param lengthBytes read
   */
  Segment(
      SegmentKey key,
      long loadId,
      long position,
      SegmentMemory.Piece piece,
      int lengthBytes,
      SegmentMemory memory) {
    this.key = key;
    this.loadId = loadId;
    this.position = position;
    this.piece = piece;
    this.bytes = piece.buffer().slice(0, lengthBytes).asReadOnlyBuffer();
    this.memory = memory;
  }

  SegmentKey key() {
    return key;
  }

  long loadId() {
    return loadId;
  }

  /** Bytes of memory it takes. */
  int memoryBytes() {
    return piece.buffer().capacity();
  }

  /** Exclusive bound of what it has of the object. */
  long endPosition() {
    return position + bytes.capacity();
  }

  /**
   * A view of what it has between two positions in the object; less than asked where the object
   * turned out to end.
   */
  ByteBuffer view(long from, long to) {
    int start = (int) Math.min(bytes.capacity(), Math.max(0, from - position));
    int end = (int) Math.min(bytes.capacity(), Math.max(start, to - position));
    return bytes.slice(start, end - start);
  }

  /** The loads under which the block at {@code blockPosition} was found intact, or null. */
  @Nullable Long intactIn(long blockPosition) {
    synchronized (intact) {
      return intact.get(blockPosition);
    }
  }

  void onIntact(long blockPosition, long loads) {
    synchronized (intact) {
      intact.put(blockPosition, loads);
    }
  }

  void retain() {
    if (!tryRetain()) {
      throw new IllegalStateException(key + " was freed");
    }
  }

  /** Adds a holder unless the memory is already somebody else's; false then. */
  boolean tryRetain() {
    int now = holders.get();
    while (now > 0) {
      if (holders.compareAndSet(now, now + 1)) {
        return true;
      }
      now = holders.get();
    }
    return false;
  }

  void release() {
    int left = holders.decrementAndGet();
    if (left == 0) {
      memory.give(piece);
    } else if (left < 0) {
      throw new IllegalStateException(key + " was released more often than retained");
    }
  }
}
