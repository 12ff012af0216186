package io.spillway.objectwal;

import java.util.concurrent.TimeUnit;

/**
 * How an object WAL uses the bucket and memory. The defaults give an idle line an answer at once
 * and a busy one few requests: at most {@code 1 s / spacingNanos} blocks a second, and one more for
 * each token.
 *
 * @param capacityBytes most bytes in the chain that are not trimmed ({@code wal.capacity.bytes})
 * @param internalShareBytes of the capacity that only internal topics may use (P35); the same share
 *     of {@code undurableBytes} is theirs
 * @param undurableBytes most bytes that may wait for the bucket, in memory; how long an outage
 *     lasts until appends are refused
 * @param closeBytes a block of that size does not wait for more
 * @param maxBlockBytes only a single larger batch makes a larger block. Blocks grow beyond {@code
 *     closeBytes} where the spacing asks for it
 * @param lingerNanos how long a batch waits for company at most
 * @param spacingNanos between blocks that were not sent at once
 * @param tokenNanos in which a token comes; a block that finds nothing under way and a token goes
 *     at once
 * @param maxTokens kept
 * @param maxInFlight blocks on their way
 * @param closeTimeoutNanos how long a close waits for the bucket
 * @param idleMemoryBytes most bytes of block memory kept for reuse
 * @param readCacheBytes memory for what is read back
 * @param directMemory whether blocks are off the heap
 */
public record ObjectWalConfig(
    long capacityBytes,
    long internalShareBytes,
    long undurableBytes,
    int closeBytes,
    int maxBlockBytes,
    long lingerNanos,
    long spacingNanos,
    long tokenNanos,
    int maxTokens,
    int maxInFlight,
    long closeTimeoutNanos,
    long idleMemoryBytes,
    long readCacheBytes,
    boolean directMemory) {

  private static final int MIB = 1 << 20;
  private static final int CLOSE_BYTES = 8 * MIB;
  private static final int MAX_BLOCK_BYTES = 64 * MIB;
  private static final int INTERNAL_SHARE = 16;

  public ObjectWalConfig {
    require(capacityBytes > 0, "capacityBytes", capacityBytes);
    require(undurableBytes > 0, "undurableBytes", undurableBytes);
    require(
        internalShareBytes >= 0 && internalShareBytes <= capacityBytes / 2,
        "internalShareBytes",
        internalShareBytes);
    require(maxBlockBytes > ChainObject.HEADER_BYTES, "maxBlockBytes", maxBlockBytes);
    require(maxBlockBytes <= undurableBytes, "maxBlockBytes", maxBlockBytes);
    require(closeBytes > 0 && closeBytes <= maxBlockBytes, "closeBytes", closeBytes);
    require(lingerNanos >= 0, "lingerNanos", lingerNanos);
    require(spacingNanos >= 0, "spacingNanos", spacingNanos);
    require(tokenNanos > 0, "tokenNanos", tokenNanos);
    require(maxTokens >= 0, "maxTokens", maxTokens);
    require(maxInFlight > 0, "maxInFlight", maxInFlight);
    require(closeTimeoutNanos >= 0, "closeTimeoutNanos", closeTimeoutNanos);
    require(idleMemoryBytes >= 0, "idleMemoryBytes", idleMemoryBytes);
    require(readCacheBytes >= 0, "readCacheBytes", readCacheBytes);
  }

  /**
   * The defaults: blocks of 8 to 64 MiB (less in little memory) every 250 ms, a token a second and
   * four kept, 16 blocks on their way, a sixteenth for internal topics. That is five requests a
   * second, and over no time more than one second's worth above it ({@link PutPacer}).
   *
   * @param memoryBytes for batches that wait for the bucket
   */
  public static ObjectWalConfig of(long capacityBytes, long memoryBytes) {
    int maxBlock = (int) Math.min(MAX_BLOCK_BYTES, Math.max(1, memoryBytes / 4));
    return new ObjectWalConfig(
        capacityBytes,
        capacityBytes / INTERNAL_SHARE,
        memoryBytes,
        Math.min(CLOSE_BYTES, maxBlock),
        maxBlock,
        TimeUnit.MILLISECONDS.toNanos(250),
        TimeUnit.MILLISECONDS.toNanos(250),
        TimeUnit.SECONDS.toNanos(1),
        4,
        16,
        TimeUnit.SECONDS.toNanos(5),
        16L * MIB,
        32L * MIB,
        true);
  }

  public ObjectWalConfig onHeap() {
    return new ObjectWalConfig(
        capacityBytes,
        internalShareBytes,
        undurableBytes,
        closeBytes,
        maxBlockBytes,
        lingerNanos,
        spacingNanos,
        tokenNanos,
        maxTokens,
        maxInFlight,
        closeTimeoutNanos,
        idleMemoryBytes,
        readCacheBytes,
        false);
  }

  /** Bytes of {@code undurableBytes} that only internal topics may use. */
  long internalUndurableBytes() {
    return (long) ((double) undurableBytes * internalShareBytes / capacityBytes);
  }

  private static void require(boolean condition, String name, long value) {
    if (!condition) {
      throw new IllegalArgumentException("object WAL configuration: " + name + " is " + value);
    }
  }
}
