package io.spillway.wal;

import java.nio.file.Path;

/**
 * How a local WAL uses its disk and memory.
 *
 * @param directory holds the segment files and the lock file; made when absent
 * @param capacityBytes most bytes of segment files on disk ({@code wal.capacity.bytes}); at least
 *     four segments. Appends are refused with {@link WalException.Full} before it is exceeded
 * @param segmentBytes of one segment file, a multiple of 4 KiB; at least twice {@code
 *     maxBlockBytes}. The largest payload is a little less. Segments made with another size stay
 *     readable
 * @param maxBlockBytes at which a block closes, a multiple of 4 KiB; only a single larger batch
 *     makes a larger block
 * @param internalShareBytes of the capacity that only internal topics may use (P35)
 * @param idleMemoryBytes most bytes of block memory kept for reuse while nobody holds it
 * @param ioMode how segment files are opened
 */
public record WalConfig(
    Path directory,
    long capacityBytes,
    int segmentBytes,
    int maxBlockBytes,
    long internalShareBytes,
    long idleMemoryBytes,
    IoMode ioMode) {

  /** Blocks, and so writes, are aligned to this many bytes. */
  public static final int ALIGNMENT_BYTES = 4096;

  /** How segment files are opened. */
  public enum IoMode {
    /** Direct where the file system allows it, else buffered. */
    AUTO,
    /** Direct, or fail. */
    DIRECT,
    /** Through the page cache, forced after each write. */
    BUFFERED
  }

  /** What {@link #of} keeps for internal topics: the capacity divided by this (P35). */
  public static final int INTERNAL_SHARE_DIVISOR = 16;

  private static final int MIB = 1 << 20;
  private static final int MIN_SEGMENTS = 4;

  public WalConfig {
    requireMultiple("segmentBytes", segmentBytes);
    requireMultiple("maxBlockBytes", maxBlockBytes);
    require(
        segmentBytes >= 2L * maxBlockBytes,
        "segmentBytes " + segmentBytes + " is less than twice maxBlockBytes " + maxBlockBytes);
    require(
        capacityBytes >= (long) MIN_SEGMENTS * segmentBytes,
        "capacityBytes "
            + capacityBytes
            + " is less than "
            + MIN_SEGMENTS
            + " segments of "
            + segmentBytes);
    require(
        internalShareBytes >= 0 && internalShareBytes <= capacityBytes / 2,
        "internalShareBytes "
            + internalShareBytes
            + " is not between 0 and half of capacityBytes "
            + capacityBytes);
    require(idleMemoryBytes >= 0, "idleMemoryBytes " + idleMemoryBytes + " is negative");
  }

  /**
   * The defaults for a capacity: 64 MiB segments (smaller when the capacity is less than eight of
   * them), 2 MiB blocks, a sixteenth of the capacity for internal topics, as much idle memory (at
   * most 64 MiB: what an upload lets go at once; to fault it in anew costs more than to keep it).
   */
  public static WalConfig of(Path directory, long capacityBytes) {
    long eighth = capacityBytes / 8 / ALIGNMENT_BYTES * ALIGNMENT_BYTES;
    int segmentBytes = (int) Math.min(64L * MIB, Math.max(2L * ALIGNMENT_BYTES, eighth));
    int halfSegment = segmentBytes / 2 / ALIGNMENT_BYTES * ALIGNMENT_BYTES;
    return new WalConfig(
        directory,
        capacityBytes,
        segmentBytes,
        Math.min(2 * MIB, halfSegment),
        capacityBytes / INTERNAL_SHARE_DIVISOR,
        Math.min(64L * MIB, capacityBytes / 16),
        IoMode.AUTO);
  }

  public WalConfig withIoMode(IoMode mode) {
    return new WalConfig(
        directory,
        capacityBytes,
        segmentBytes,
        maxBlockBytes,
        internalShareBytes,
        idleMemoryBytes,
        mode);
  }

  private static void requireMultiple(String name, int bytes) {
    require(
        bytes > 0 && bytes % ALIGNMENT_BYTES == 0,
        name + " " + bytes + " is not a positive multiple of " + ALIGNMENT_BYTES);
  }

  private static void require(boolean condition, String message) {
    if (!condition) {
      throw new IllegalArgumentException("WAL configuration: " + message);
    }
  }
}
