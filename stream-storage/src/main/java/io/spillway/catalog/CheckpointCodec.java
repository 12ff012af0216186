package io.spillway.catalog;

import io.spillway.catalog.CatalogCommand.Extent;
import io.spillway.catalog.CatalogCommand.ObjectRef;
import java.nio.BufferUnderflowException;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.function.Consumer;
import java.util.function.Function;

/**
 * The whole state as bytes: equal states give equal bytes. Version {@value #VERSION}, big-endian,
 * field types as in {@link CommandCodec}.
 *
 * <pre>
 * u16 version, i32 rule level, i64 orphan floor
 * WALs by id:       writer, u8 kind, u8 phase, i64 trim position
 * objects by key:   object
 * streams by id:    stream, u8 phase, token, writer, u8 claimed [token, writer], i64 log start,
 *                   i64 committed end, i64 metadata offset, epochs (i32, i64),
 *                   u8 what follows: 1 a checkpoint, 2 an offset, 3 both
 *                   [checkpoint] [i64 compacted end, from rule level 5 on],
 *                   extents (i32 index of the object, 5×i64, i32)
 * deletions in order: stream
 * remembered commands in order: uuid, i64 position, ranges (u8)
 * </pre>
 *
 * <p>Extents and objects pass through one after the other in both directions, so that the bytes are
 * the only thing that is large.
 */
final class CheckpointCodec {

  static final int VERSION = 1;

  private static final int EXTENT_BYTES = 48;

  private CheckpointCodec() {}

  /** Extents and objects of a state, wherever they are. */
  interface Contents {

    int objectCount();

    /** By key. */
    void objects(Consumer<ObjectEntry> each);

    /** Of one stream, in offset order. */
    void extents(StreamEntry stream, Consumer<Extent> each);
  }

  /** Where what is read goes. */
  interface Target {

    /** Behind all others of its stream. */
    void load(StreamEntry stream, Extent extent);

    /** By key, after all extents. */
    void load(ObjectEntry object);
  }

  static List<ByteBuffer> encode(CatalogState state) {
    return encode(state, state.references);
  }

  /**
   * @param contents of the state
   * @throws IndexException when they are not those that the state counts
   */
  static List<ByteBuffer> encode(CatalogState state, Contents contents) {
    FieldWriter out = StateCodec.front(state, new FieldWriter().u16(VERSION));
    out.i32(contents.objectCount());
    KeyOrdinals ordinals = new KeyOrdinals(contents.objectCount());
    int[] references = new int[contents.objectCount()];
    contents.objects(
        object -> {
          int ordinal = ordinals.add(object.ref().key());
          if (ordinal == references.length) {
            requireSame("objects", ordinal, ordinal + 1);
          }
          references[ordinal] = object.references();
          out.object(object.ref());
        });
    requireSame("objects", contents.objectCount(), ordinals.size());
    out.i32(state.streams.size());
    for (StreamEntry stream : state.streams.values()) {
      StateCodec.stream(stream, out).i32(stream.extentCount());
      int[] written = new int[1];
      contents.extents(
          stream,
          extent -> {
            int ordinal = ordinals.of(extent.objectKey());
            references[ordinal]--;
            written[0]++;
            extent(extent, ordinal, out);
          });
      requireSame("extents of stream " + stream.id, stream.extentCount(), written[0]);
    }
    for (int left : references) {
      requireSame("references to an object left", 0, left);
    }
    return StateCodec.back(state, out).finish();
  }

  private static void extent(Extent extent, int ordinal, FieldWriter out) {
    out.i32(ordinal);
    out.i64(extent.baseOffset()).i64(extent.endOffset()).i64(extent.maxTimestampMs());
    out.i64(extent.position()).i64(extent.sizeBytes()).i32(extent.batchCount());
  }

  private static void requireSame(String what, int expected, int found) {
    if (expected != found) {
      throw new IndexException(
          "the catalog's index is damaged: expected %d %s, found %d"
              .formatted(expected, what, found),
          null);
    }
  }

  /**
   * Into memory.
   *
   * @param position number of the checkpoint, for messages
   * @throws CatalogException when it is not understood
   */
  static CatalogState decode(long position, ByteBuffer bytes) {
    CatalogState state = new CatalogState();
    decode(position, bytes, state, state.references);
    return state;
  }

  /**
   * @param into gets everything but extents and objects, which go to the target
   */
  static void decode(long position, ByteBuffer bytes, CatalogState into, Target target) {
    read(
        position,
        bytes,
        in -> {
          StateCodec.front(into, in, name(position));
          ObjectTable objects = new ObjectTable(in, target == into.references);
          for (int left = in.count(); left > 0; left--) {
            StreamEntry stream = StateCodec.stream(in);
            for (int extents = in.count(); extents > 0; extents--) {
              Extent extent = extent(in, stream, objects);
              stream.count(extent, 1);
              stream.segments.append(extent.baseOffset(), extent.maxTimestampMs());
              target.load(stream, extent);
            }
            into.streams.put(stream.id, stream);
          }
          StateCodec.back(into, in);
          in.requireEnd();
          objects.forEach(target::load);
          return into;
        });
  }

  /** How many extents it holds; cheap against reading them. */
  static int extents(long position, ByteBuffer bytes) {
    if (bytes.remaining() < EXTENT_BYTES) {
      return 0;
    }
    return read(
        position,
        bytes,
        in -> {
          StateCodec.front(new CatalogState(), in, name(position));
          for (int left = in.count(); left > 0; left--) {
            ObjectTable.skip(in);
          }
          int extents = 0;
          for (int left = in.count(); left > 0; left--) {
            StateCodec.stream(in);
            int count = in.count();
            in.part(Math.multiplyExact(count, EXTENT_BYTES));
            extents += count;
          }
          return extents;
        });
  }

  private static <T> T read(long position, ByteBuffer bytes, Function<FieldReader, T> fields) {
    FieldReader in = new FieldReader(bytes);
    try {
      int version = in.u16();
      if (version != VERSION) {
        throw new CatalogException.TooNew(
            name(position) + " has version " + version + ", this build reads version " + VERSION);
      }
      return fields.apply(in);
    } catch (BufferUnderflowException
        | IllegalArgumentException
        | IndexOutOfBoundsException
        | ArithmeticException e) {
      throw new CatalogException.Damaged(name(position) + " is damaged: " + e, e);
    }
  }

  private static String name(long position) {
    return "catalog checkpoint " + position;
  }

  private static Extent extent(FieldReader in, StreamEntry stream, ObjectTable objects) {
    ObjectRef object = objects.referTo(in.i32());
    return new Extent(
        stream.id, object.key(), in.i64(), in.i64(), in.i64(), in.i64(), in.i64(), in.i32());
  }
}
