package io.spillway.objectwal;

import io.spillway.wal.WalException;
import io.spillway.wal.format.FrameHeader;
import java.util.concurrent.atomic.AtomicLong;

/**
 * The room that is left, twice: in the chain, until it is trimmed, and in memory, until it is
 * durable. A reservation counts the most that its batch can take, a block of its own; what it
 * really took replaces it. Safe for any thread.
 */
final class ChainCapacity {

  private final ObjectWalConfig config;
  private final AtomicLong takenBytes = new AtomicLong();
  private final AtomicLong undurableBytes = new AtomicLong();

  ChainCapacity(ObjectWalConfig config) {
    this.config = config;
  }

  /** Takes room for a payload; the bytes taken. */
  long reserve(int payloadBytes, boolean internal) {
    long bytes = ChainObject.HEADER_BYTES + FrameHeader.frameBytes(payloadBytes);
    if (payloadBytes < 0 || bytes > config.maxBlockBytes()) {
      throw new IllegalArgumentException(
          "a batch of " + payloadBytes + " bytes; a WAL block holds " + config.maxBlockBytes());
    }
    long limit = config.capacityBytes() - (internal ? 0 : config.internalShareBytes());
    if (!take(takenBytes, bytes, limit)) {
      throw new WalException.Full(
          "the WAL holds " + takenBytes + " of " + limit + " bytes, no room for " + bytes);
    }
    long memory = config.undurableBytes() - (internal ? 0 : config.internalUndurableBytes());
    if (!take(undurableBytes, bytes, memory)) {
      takenBytes.addAndGet(-bytes);
      throw new WalException.Full(
          undurableBytes + " of " + memory + " bytes wait for the bucket, no room for " + bytes);
    }
    return bytes;
  }

  /** A reservation is not used. */
  void cancel(long reservedBytes) {
    takenBytes.addAndGet(-reservedBytes);
    undurableBytes.addAndGet(-reservedBytes);
  }

  /** Reservations became a block. */
  void onBlock(long reservedBytes, long blockBytes) {
    takenBytes.addAndGet(blockBytes - reservedBytes);
    undurableBytes.addAndGet(blockBytes - reservedBytes);
  }

  void onDurable(long blockBytes) {
    undurableBytes.addAndGet(-blockBytes);
  }

  void onTrimmed(long blockBytes) {
    takenBytes.addAndGet(-blockBytes);
  }

  long takenBytes() {
    return takenBytes.get();
  }

  long undurableBytes() {
    return undurableBytes.get();
  }

  private static boolean take(AtomicLong counter, long bytes, long limit) {
    long taken = counter.get();
    while (taken + bytes <= limit) {
      if (counter.compareAndSet(taken, taken + bytes)) {
        return true;
      }
      taken = counter.get();
    }
    return false;
  }
}
