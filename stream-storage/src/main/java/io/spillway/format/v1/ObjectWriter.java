package io.spillway.format.v1;

import io.spillway.catalog.CatalogCommand.Extent;
import io.spillway.wal.StreamId;
import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.zip.CRC32C;
import org.jspecify.annotations.Nullable;

/**
 * Keeps the books of a data object while its batches go by: the caller sends the payloads to the
 * store in the order of {@link #append}, then the {@link Finished#tail}. Holds no payload, so its
 * memory is the index alone. Not safe for several threads.
 */
public final class ObjectWriter {

  /** A block closes at the first batch that makes it this large. */
  public static final int DEFAULT_BLOCK_BYTES = 256 * 1024;

  private final int blockBytes;
  private final List<Range> ranges = new ArrayList<>();
  private final ByteArrayOutputStream tables = new ByteArrayOutputStream();
  private final BatchTable open = new BatchTable();
  private final CRC32C crc = new CRC32C();
  private @Nullable Range range;
  private long position;
  private int batches;

  public ObjectWriter(int blockBytes) {
    this.blockBytes = blockBytes;
  }

  /**
   * Adds a batch behind the data so far. Streams come in ascending order, the batches of a stream
   * together and in offset order; reads the payload without moving its position.
   */
  public void append(
      StreamId stream,
      long baseOffset,
      long endOffset,
      long maxTimestampMs,
      int flags,
      ByteBuffer payload) {
    Range into = rangeOf(stream, baseOffset);
    if (baseOffset < into.endOffset || endOffset <= baseOffset) {
      throw new IllegalArgumentException(
          "batch [%d, %d) of stream %s cannot follow offset %d"
              .formatted(baseOffset, endOffset, stream, into.endOffset));
    }
    int bytes = payload.remaining();
    crc.update(payload.duplicate());
    open.add(baseOffset, endOffset, bytes, maxTimestampMs, flags);
    into.endOffset = endOffset;
    into.batchCount++;
    into.maxTimestampMs = Math.max(into.maxTimestampMs, maxTimestampMs);
    position += bytes;
    batches++;
    if (open.sizeBytes() >= blockBytes) {
      closeBlock();
    }
  }

  /**
   * Begins a stream whose first batches are missing: what the object holds of it covers the offsets
   * from {@code baseOffset} on, whatever the next batch begins with. Order as in {@link #append}.
   */
  public void beginRange(StreamId stream, long baseOffset) {
    rangeOf(stream, baseOffset);
  }

  /**
   * Adds a batch whose bytes are lost, in a block of its own: its offsets stay covered, reads of
   * them answer an error, its neighbours serve. Order as in {@link #append}.
   *
   * @param standIn as many bytes as the batch had, of no meaning
   */
  public void appendDamaged(
      StreamId stream,
      long baseOffset,
      long endOffset,
      long maxTimestampMs,
      int flags,
      ByteBuffer standIn) {
    rangeOf(stream, baseOffset);
    closeBlock();
    append(
        stream, baseOffset, endOffset, maxTimestampMs, flags | ObjectLayout.FLAG_DAMAGED, standIn);
    closeBlock();
  }

  /** Bytes of batches so far. */
  public long dataBytes() {
    return position;
  }

  /** Batches so far. */
  public int batchCount() {
    return batches;
  }

  /** Ends the object. The writer is of no use after that. */
  public Finished finish(String objectKey) {
    closeRange();
    List<Extent> extents = new ArrayList<>(ranges.size());
    for (Range each : ranges) {
      extents.add(
          new Extent(
              each.stream,
              objectKey,
              each.baseOffset,
              each.endOffset,
              each.maxTimestampMs,
              each.position,
              each.sizeBytes,
              each.batchCount));
    }
    ByteBuffer tail = encodeTail();
    return new Finished(tail, position, position + tail.remaining(), extents);
  }

  private Range rangeOf(StreamId stream, long baseOffset) {
    Range current = range;
    if (current != null && current.stream.equals(stream)) {
      return current;
    }
    if (current != null && current.stream.compareTo(stream) > 0) {
      throw new IllegalArgumentException("stream " + stream + " after " + current.stream);
    }
    closeRange();
    Range next = new Range(stream, baseOffset, position);
    ranges.add(next);
    range = next;
    return next;
  }

  private void closeRange() {
    closeBlock();
    Range current = range;
    if (current != null) {
      current.sizeBytes = position - current.position;
    }
  }

  private void closeBlock() {
    Range of = range;
    int count = open.count();
    if (of == null || count == 0) {
      return;
    }
    int valid = (int) crc.getValue();
    int tableStart = tables.size();
    open.encode(tables);
    of.blocks.add(
        new Block(
            open.baseOffset(0),
            open.endOffset(count - 1),
            position - open.sizeBytes(),
            open.sizeBytes(),
            count,
            open.maxTimestampMs(),
            open.allFlags(),
            (open.allFlags() & ObjectLayout.FLAG_DAMAGED) == 0 ? valid : ~valid,
            tableStart,
            tables.size() - tableStart));
    open.clear();
    crc.reset();
  }

  private ByteBuffer encodeTail() {
    int fixedBytes = Integer.BYTES;
    for (Range each : ranges) {
      fixedBytes += ObjectLayout.RANGE_BYTES + each.blocks.size() * ObjectLayout.BLOCK_BYTES;
    }
    int indexBytes = Math.addExact(fixedBytes, tables.size());
    ByteBuffer tail = ByteBuffer.allocate(Math.addExact(indexBytes, ObjectLayout.FOOTER_BYTES));
    tail.putInt(ranges.size());
    for (Range each : ranges) {
      each.encode(tail, fixedBytes);
    }
    tail.put(tables.toByteArray());
    crc.reset();
    crc.update(tail.array(), 0, indexBytes);
    tail.putLong(position).putInt(indexBytes).putInt((int) crc.getValue());
    tail.putInt(ObjectLayout.VERSION);
    crc.reset();
    crc.update(tail.array(), indexBytes, ObjectLayout.FOOTER_CRC_COVER_BYTES);
    tail.putInt((int) crc.getValue()).putLong(ObjectLayout.MAGIC);
    return tail.flip();
  }

  /**
   * @param tail index and footer: the last bytes of the object
   * @param indexPosition where the tail starts
   * @param objectBytes of the whole object
   * @param extents one per stream, ascending, for the catalog
   */
  public record Finished(
      ByteBuffer tail, long indexPosition, long objectBytes, List<Extent> extents) {}

  private static final class Range {
    private final StreamId stream;
    private final long baseOffset;
    private final long position;
    private final List<Block> blocks = new ArrayList<>();
    private long endOffset;
    private long sizeBytes;
    private long maxTimestampMs = -1;
    private int batchCount;

    Range(StreamId stream, long baseOffset, long position) {
      this.stream = stream;
      this.baseOffset = baseOffset;
      this.endOffset = baseOffset;
      this.position = position;
    }

    void encode(ByteBuffer to, int tablesPosition) {
      to.putLong(stream.topicId().getMostSignificantBits());
      to.putLong(stream.topicId().getLeastSignificantBits());
      to.putInt(stream.partition()).putLong(baseOffset).putLong(endOffset).putLong(position);
      to.putLong(sizeBytes).putInt(batchCount).putLong(maxTimestampMs).putInt(blocks.size());
      for (Block each : blocks) {
        each.encode(to, tablesPosition);
      }
    }
  }

  private record Block(
      long baseOffset,
      long endOffset,
      long position,
      int sizeBytes,
      int batchCount,
      long maxTimestampMs,
      int flags,
      int crc,
      int tableStart,
      int tableBytes) {

    void encode(ByteBuffer to, int tablesPosition) {
      to.putLong(baseOffset).putLong(endOffset).putLong(position);
      to.putInt(sizeBytes).putInt(batchCount).putLong(maxTimestampMs).putInt(flags).putInt(crc);
      to.putInt(tablesPosition + tableStart).putInt(tableBytes);
    }
  }
}
