package io.spillway.format.v1;

import io.spillway.stream.StreamException;
import io.spillway.wal.StreamId;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.zip.CRC32C;
import org.jspecify.annotations.Nullable;

/**
 * The index of one data object in memory: which blocks hold which offsets of which stream. Batch
 * tables stay encoded until a block is asked for its batches. Immutable; safe for any thread.
 */
public final class ObjectIndex {

  private static final int OBJECT_OVERHEAD_BYTES = 96;

  private final String objectKey;
  private final ByteBuffer index;
  private final Map<StreamId, Range> ranges = new HashMap<>();
  private int blockCount;

  private ObjectIndex(String objectKey, ByteBuffer index) {
    this.objectKey = objectKey;
    this.index = index;
  }

  /**
   * Reads the last bytes of an object, index and footer.
   *
   * @param tail from {@code indexPosition} to the end of the object; kept
   * @throws StreamException.Corrupt when they are not what was written, or written by a newer
   *     version: names the object and the position
   */
  public static ObjectIndex parse(String objectKey, long indexPosition, ByteBuffer tail) {
    ByteBuffer bytes = tail.slice();
    int footerAt = bytes.limit() - ObjectLayout.FOOTER_BYTES;
    if (footerAt < 0) {
      throw corrupt(objectKey, indexPosition, "is too short for a footer", null);
    }
    requireFooter(objectKey, indexPosition, bytes, footerAt);
    ObjectIndex parsed = new ObjectIndex(objectKey, bytes.slice(0, footerAt));
    try {
      parsed.readRanges(indexPosition);
    } catch (IllegalArgumentException | java.nio.BufferUnderflowException e) {
      throw corrupt(objectKey, indexPosition, "has an index that makes no sense", e);
    }
    return parsed;
  }

  public String objectKey() {
    return objectKey;
  }

  /** What the object holds of the stream, or null. */
  public @Nullable Range range(StreamId stream) {
    return ranges.get(stream);
  }

  public List<Range> ranges() {
    return ranges.values().stream().sorted((a, b) -> a.stream.compareTo(b.stream)).toList();
  }

  /** About how much memory the index takes. */
  public long memoryBytes() {
    return index.capacity() + (long) OBJECT_OVERHEAD_BYTES * (1 + ranges.size() + blockCount);
  }

  private static void requireFooter(
      String objectKey, long indexPosition, ByteBuffer bytes, int footerAt) {
    long position = indexPosition + footerAt;
    CRC32C crc = new CRC32C();
    crc.update(bytes.slice(footerAt, ObjectLayout.FOOTER_CRC_COVER_BYTES));
    if (bytes.getLong(footerAt + 24) != ObjectLayout.MAGIC
        || bytes.getInt(footerAt + 20) != (int) crc.getValue()) {
      throw corrupt(objectKey, position, "has no valid footer", null);
    }
    int version = bytes.getInt(footerAt + 16);
    if (version != ObjectLayout.VERSION) {
      throw corrupt(
          objectKey,
          position,
          "has format version %d, this build reads version %d"
              .formatted(version, ObjectLayout.VERSION),
          null);
    }
    if (bytes.getLong(footerAt) != indexPosition || bytes.getInt(footerAt + 8) != footerAt) {
      throw corrupt(
          objectKey,
          position,
          "has its index at %d, the catalog says %d"
              .formatted(bytes.getLong(footerAt), indexPosition),
          null);
    }
    crc.reset();
    crc.update(bytes.slice(0, footerAt));
    if (bytes.getInt(footerAt + 12) != (int) crc.getValue()) {
      throw corrupt(objectKey, indexPosition, "has an index with a wrong CRC", null);
    }
  }

  private void readRanges(long dataBytes) {
    ByteBuffer from = index.duplicate();
    int rangeCount = from.getInt();
    for (int i = 0; i < rangeCount; i++) {
      StreamId stream = new StreamId(new UUID(from.getLong(), from.getLong()), from.getInt());
      long baseOffset = from.getLong();
      long endOffset = from.getLong();
      long position = from.getLong();
      long sizeBytes = from.getLong();
      int batchCount = from.getInt();
      long maxTimestampMs = from.getLong();
      int count = from.getInt();
      require(count > 0 && count <= from.remaining() / ObjectLayout.BLOCK_BYTES);
      List<Block> blocks = new ArrayList<>(count);
      for (int j = 0; j < count; j++) {
        blocks.add(readBlock(from));
      }
      require(position >= 0 && sizeBytes > 0 && position + sizeBytes <= dataBytes);
      requireConsistent(blocks, baseOffset, endOffset, position, sizeBytes, batchCount);
      blockCount += count;
      Range range =
          new Range(stream, baseOffset, endOffset, position, sizeBytes, maxTimestampMs, blocks);
      require(ranges.put(stream, range) == null);
    }
  }

  private Block readBlock(ByteBuffer from) {
    Block block =
        new Block(
            this,
            from.getLong(),
            from.getLong(),
            from.getLong(),
            from.getInt(),
            from.getInt(),
            from.getLong(),
            from.getInt(),
            from.getInt(),
            from.getInt(),
            from.getInt());
    require(
        block.tablePosition >= 0
            && block.tableBytes >= 0
            && (long) block.tablePosition + block.tableBytes <= index.limit());
    return block;
  }

  private static void requireConsistent(
      List<Block> blocks, long base, long end, long position, long sizeBytes, int batchCount) {
    long at = position;
    long previousEnd = base;
    int batches = 0;
    for (Block block : blocks) {
      require(block.position == at && block.sizeBytes > 0 && block.batchCount > 0);
      require(block.baseOffset >= previousEnd && block.endOffset > block.baseOffset);
      at += block.sizeBytes;
      previousEnd = block.endOffset;
      batches += block.batchCount;
    }
    require(at == position + sizeBytes && previousEnd == end && batches == batchCount);
  }

  private static void require(boolean condition) {
    if (!condition) {
      throw new IllegalArgumentException("numbers in the index contradict each other");
    }
  }

  private static StreamException.Corrupt corrupt(
      String objectKey, long position, String what, @Nullable Throwable cause) {
    return new StreamException.Corrupt(
        "object %s %s (position %d)".formatted(objectKey, what, position), cause);
  }

  /**
   * What an object holds of one stream.
   *
   * @param endOffset exclusive
   * @param position of its first byte
   * @param maxTimestampMs largest record timestamp, or -1
   * @param blocks in offset order, at least one
   */
  public record Range(
      StreamId stream,
      long baseOffset,
      long endOffset,
      long position,
      long sizeBytes,
      long maxTimestampMs,
      List<Block> blocks) {

    /** The first block that ends above {@code offset}; the count of blocks when there is none. */
    public int firstBlockEndingAbove(long offset) {
      int low = 0;
      int high = blocks.size();
      while (low < high) {
        int middle = (low + high) >>> 1;
        if (blocks.get(middle).endOffset > offset) {
          high = middle;
        } else {
          low = middle + 1;
        }
      }
      return low;
    }
  }

  /** Consecutive whole batches under one CRC: the unit of reads. */
  public static final class Block {
    private final ObjectIndex of;
    private final long baseOffset;
    private final long endOffset;
    private final long position;
    private final int sizeBytes;
    private final int batchCount;
    private final long maxTimestampMs;
    private final int flags;
    private final int crc;
    private final int tablePosition;
    private final int tableBytes;

    private Block(
        ObjectIndex of,
        long baseOffset,
        long endOffset,
        long position,
        int sizeBytes,
        int batchCount,
        long maxTimestampMs,
        int flags,
        int crc,
        int tablePosition,
        int tableBytes) {
      this.of = of;
      this.baseOffset = baseOffset;
      this.endOffset = endOffset;
      this.position = position;
      this.sizeBytes = sizeBytes;
      this.batchCount = batchCount;
      this.maxTimestampMs = maxTimestampMs;
      this.flags = flags;
      this.crc = crc;
      this.tablePosition = tablePosition;
      this.tableBytes = tableBytes;
    }

    public long baseOffset() {
      return baseOffset;
    }

    /** Exclusive. */
    public long endOffset() {
      return endOffset;
    }

    /** In the object. */
    public long position() {
      return position;
    }

    public int sizeBytes() {
      return sizeBytes;
    }

    public int batchCount() {
      return batchCount;
    }

    public long maxTimestampMs() {
      return maxTimestampMs;
    }

    /** Flags of its batches, or-ed. */
    public int flags() {
      return flags;
    }

    /** Where each batch is. Decoded anew by each call. */
    public BatchTable batches() {
      try {
        return BatchTable.decode(
            of.index.slice(tablePosition, tableBytes),
            batchCount,
            baseOffset,
            endOffset,
            sizeBytes,
            maxTimestampMs);
      } catch (IllegalArgumentException e) {
        throw corrupt(of.objectKey, position, "has a batch table that makes no sense", e);
      }
    }

    /**
     * Checks the bytes of the block.
     *
     * @throws StreamException.Corrupt when they are not those that were written
     */
    public void requireIntact(ByteBuffer bytes) {
      requireIntact(List.of(bytes));
    }

    /**
     * As {@link #requireIntact(ByteBuffer)}, for bytes in several places.
     *
     * @param parts in order; their positions are left as they are
     */
    public void requireIntact(List<ByteBuffer> parts) {
      int bytes = parts.stream().mapToInt(ByteBuffer::remaining).sum();
      if (bytes != sizeBytes) {
        throw corrupt(
            of.objectKey,
            position,
            "ends too early: expected %d bytes, found %d".formatted(sizeBytes, bytes),
            null);
      }
      if ((flags & ObjectLayout.FLAG_DAMAGED) != 0) {
        throw corrupt(
            of.objectKey,
            position,
            "holds offsets [%d, %d) as lost: their batch was damaged in the WAL before its upload"
                .formatted(baseOffset, endOffset),
            null);
      }
      CRC32C actual = new CRC32C();
      parts.forEach(part -> actual.update(part.duplicate()));
      if ((int) actual.getValue() != crc) {
        throw corrupt(
            of.objectKey,
            position,
            "has a damaged block: expected CRC %08x, found %08x"
                .formatted(crc, (int) actual.getValue()),
            null);
      }
    }
  }
}
