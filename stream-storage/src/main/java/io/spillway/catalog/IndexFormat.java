package io.spillway.catalog;

import io.spillway.catalog.CatalogCommand.Extent;
import io.spillway.catalog.CatalogCommand.ObjectRef;
import io.spillway.wal.StreamId;
import java.nio.BufferUnderflowException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.function.Predicate;

/**
 * Keys and values of a {@link CatalogIndex}. Version {@value #VERSION}, which stands in the head;
 * another version is not read but built anew. Big-endian, field types as in {@link CommandCodec};
 * parts of a key have their sign bit flipped, so that bytes sort as values do.
 *
 * <pre>
 * key                          value
 * 'h'                          head: u16 version, uuid cluster, i64 position, i64 check of the
 *                              record there, growth (i64 records, i64 their bytes, i64 bytes of
 *                              the checkpoint before them), i32 extents, i32 objects,
 *                              i32 length, front and i32 length, back of a checkpoint
 * 'o' key                      object: i64 birth, i64 size, i64 index position, i32 references
 * 's' stream                   u8 head of the stream as in a checkpoint, i64 size of its extents,
 *                              i32 extents, time segments (i32 extents in the last one,
 *                              i32 count, then i64 base offset, i64 bound each)
 * 'x' stream, i64 base offset  extent: i64 end offset, i64 max timestamp, i64 position, i64 size,
 *                              i32 batches, key of the object
 * </pre>
 */
final class IndexFormat {

  static final int VERSION = 1;

  private static final byte HEAD = 'h';
  private static final byte OBJECT = 'o';
  private static final byte STREAM = 's';
  private static final byte EXTENT = 'x';
  private static final int STREAM_BYTES = 20;
  private static final int EXTENT_FIXED_BYTES = 36;

  private IndexFormat() {}

  static byte[] headKey() {
    return new byte[] {HEAD};
  }

  static byte[] objectKey(String key) {
    byte[] ascii = key.getBytes(StandardCharsets.US_ASCII);
    return ByteBuffer.allocate(1 + ascii.length).put(OBJECT).put(ascii).array();
  }

  static byte[] streamKey(StreamId stream) {
    return stream(ByteBuffer.allocate(1 + STREAM_BYTES).put(STREAM), stream).array();
  }

  static byte[] extentKey(StreamId stream, long baseOffset) {
    ByteBuffer key = ByteBuffer.allocate(1 + STREAM_BYTES + Long.BYTES).put(EXTENT);
    return stream(key, stream).putLong(baseOffset ^ Long.MIN_VALUE).array();
  }

  private static ByteBuffer stream(ByteBuffer into, StreamId stream) {
    return into.putLong(stream.topicId().getMostSignificantBits() ^ Long.MIN_VALUE)
        .putLong(stream.topicId().getLeastSignificantBits() ^ Long.MIN_VALUE)
        .putInt(stream.partition() ^ Integer.MIN_VALUE);
  }

  static byte[] object(ObjectEntry object) {
    ObjectRef ref = object.ref();
    return ByteBuffer.allocate(28)
        .putLong(ref.birth())
        .putLong(ref.sizeBytes())
        .putLong(ref.indexPosition())
        .putInt(object.references())
        .array();
  }

  static ObjectEntry object(byte[] key, byte[] value) {
    String name = new String(key, 1, key.length - 1, StandardCharsets.US_ASCII);
    return read(
        ByteBuffer.wrap(value),
        in -> new ObjectEntry(new ObjectRef(name, in.i64(), in.i64(), in.i64()), in.i32(), true));
  }

  static byte[] extent(Extent extent) {
    byte[] key = extent.objectKey().getBytes(StandardCharsets.US_ASCII);
    return ByteBuffer.allocate(EXTENT_FIXED_BYTES + Short.BYTES + key.length)
        .putLong(extent.endOffset())
        .putLong(extent.maxTimestampMs())
        .putLong(extent.position())
        .putLong(extent.sizeBytes())
        .putInt(extent.batchCount())
        .putShort((short) key.length)
        .put(key)
        .array();
  }

  static Extent extent(StreamId stream, byte[] key, byte[] value) {
    long baseOffset = ByteBuffer.wrap(key).getLong(1 + STREAM_BYTES) ^ Long.MIN_VALUE;
    return read(
        ByteBuffer.wrap(value),
        in -> {
          long endOffset = in.i64();
          long maxTimestampMs = in.i64();
          long position = in.i64();
          long sizeBytes = in.i64();
          int batchCount = in.i32();
          return new Extent(
              stream,
              in.string(),
              baseOffset,
              endOffset,
              maxTimestampMs,
              position,
              sizeBytes,
              batchCount);
        });
  }

  /** Visits every object, by key. */
  static void objects(CatalogIndexReader index, Consumer<ObjectEntry> each) {
    byte[] from = {OBJECT};
    index.scan(
        from,
        from,
        new byte[] {OBJECT + 1},
        (key, value) -> {
          each.accept(object(key, value));
          return true;
        });
  }

  /** Visits the value of every stream, by stream. */
  static void streams(CatalogIndexReader index, Consumer<byte[]> each) {
    byte[] from = {STREAM};
    index.scan(
        from,
        from,
        new byte[] {STREAM + 1},
        (key, value) -> {
          each.accept(value);
          return true;
        });
  }

  /** The stream's extents, as the index has them. */
  static ExtentSource extents(CatalogIndexReader index, StreamId stream) {
    return (fromOffset, limit) -> {
      List<Extent> found = new ArrayList<>();
      scanExtents(
          index,
          stream,
          fromOffset,
          extent -> {
            if (extent.endOffset() > fromOffset) {
              found.add(extent);
            }
            return found.size() < limit;
          });
      return found;
    };
  }

  /** From the last extent at or below the offset on. */
  static void scanExtents(
      CatalogIndexReader index, StreamId stream, long fromOffset, Predicate<Extent> goOn) {
    index.scan(
        extentKey(stream, 0),
        extentKey(stream, fromOffset),
        extentKey(stream, Long.MAX_VALUE),
        (key, value) -> goOn.test(extent(stream, key, value)));
  }

  /**
   * @throws IndexException when the value is not what was written
   */
  static <T> T read(ByteBuffer value, Function<FieldReader, T> fields) {
    try {
      FieldReader in = new FieldReader(value);
      T read = fields.apply(in);
      in.requireEnd();
      return read;
    } catch (BufferUnderflowException | IllegalArgumentException e) {
      throw new IndexException("the catalog's index is damaged: " + e, e);
    }
  }

  /**
   * What is not a stream, an extent or an object.
   *
   * @param position everything up to that record is in the index
   * @param check of that record ({@link RecordCheck}); 0 when the record was not seen
   * @param growth of the log up to there
   */
  record Head(
      UUID cluster,
      long position,
      long check,
      LogGrowth growth,
      int extents,
      int objects,
      ByteBuffer front,
      ByteBuffer back) {

    byte[] encoded() {
      return new FieldWriter()
          .u16(VERSION)
          .uuid(cluster)
          .i64(position)
          .i64(check)
          .i64(growth.records())
          .i64(growth.bytes())
          .i64(growth.checkpointBytes())
          .i32(extents)
          .i32(objects)
          .bytes(front)
          .bytes(back)
          .finishArray();
    }

    /**
     * @throws IndexException when there is none, it is of another version, or damaged
     */
    static Head of(CatalogIndexReader index) {
      byte[] value = index.get(headKey());
      if (value == null) {
        throw new IndexException("the catalog's index was not finished", null);
      }
      return read(
          ByteBuffer.wrap(value),
          in -> {
            int version = in.u16();
            if (version != VERSION) {
              throw new IndexException(
                  "the catalog's index has version "
                      + version
                      + ", this build uses version "
                      + VERSION,
                  null);
            }
            return new Head(
                in.uuid(),
                in.i64(),
                in.i64(),
                new LogGrowth(in.i64(), in.i64(), in.i64()),
                in.i32(),
                in.i32(),
                in.bytes(),
                in.bytes());
          });
    }
  }
}
