package io.spillway.wal.local;

import io.spillway.wal.WalConfig;
import io.spillway.wal.WalException;
import io.spillway.wal.format.BlockHeader;
import io.spillway.wal.format.FrameHeader;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/**
 * The room that is left: segment bytes from the lowest that is not trimmed to the next to be
 * written, and what was reserved but is not written yet. A reservation counts the most that its
 * batch can take: a block of its own, and as much again, because a batch that does not fit into the
 * rest of a segment leaves that rest unused. What it really took replaces it. So a batch with a
 * reservation always finds room. Safe for any thread.
 */
final class Capacity {

  private static final long PAGE = WalConfig.ALIGNMENT_BYTES;

  /** Blocks that nobody reserved: starts of incarnations and clean stops. */
  private static final long OWN_BLOCKS_BYTES = 4 * PAGE;

  private final long limitBytes;
  private final long clientLimitBytes;
  private final int maxPayloadBytes;
  private final AtomicLong takenBytes = new AtomicLong();
  private volatile @Nullable String obstacle;

  Capacity(WalConfig config) {
    long segments = config.capacityBytes() / config.segmentBytes();
    this.limitBytes = segments * config.segmentBytes() - OWN_BLOCKS_BYTES;
    this.clientLimitBytes = limitBytes - config.internalShareBytes();
    this.maxPayloadBytes =
        config.segmentBytes() - BlockHeader.BYTES - FrameHeader.BYTES - Long.BYTES;
  }

  /** Takes room for a payload; the bytes taken. */
  long reserve(int payloadBytes, boolean internal) {
    if (payloadBytes < 0 || payloadBytes > maxPayloadBytes) {
      throw new IllegalArgumentException(
          "a batch of " + payloadBytes + " bytes; a WAL segment holds " + maxPayloadBytes);
    }
    String reason = obstacle;
    if (reason != null) {
      throw new WalException.Full(reason);
    }
    long bytes = 2 * blockBytes(BlockHeader.BYTES + FrameHeader.frameBytes(payloadBytes));
    long limit = internal ? limitBytes : clientLimitBytes;
    while (true) {
      long taken = takenBytes.get();
      if (taken + bytes > limit) {
        throw new WalException.Full(
            "the WAL holds " + taken + " of " + limit + " bytes, no room for " + bytes);
      }
      if (takenBytes.compareAndSet(taken, taken + bytes)) {
        return bytes;
      }
    }
  }

  /** Room is used (or, negative, given back). */
  void add(long bytes) {
    takenBytes.addAndGet(bytes);
  }

  /** While there is an obstacle nothing can be reserved. */
  void setObstacle(@Nullable String reason) {
    obstacle = reason;
  }

  long takenBytes() {
    return takenBytes.get();
  }

  /** Bytes of a block with so many bytes in it. */
  static long blockBytes(long usedBytes) {
    return (usedBytes + PAGE - 1) & -PAGE;
  }
}
