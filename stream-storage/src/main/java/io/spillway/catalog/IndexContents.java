package io.spillway.catalog;

import io.spillway.catalog.CatalogCommand.Extent;
import io.spillway.catalog.IndexFormat.Head;
import io.spillway.wal.StreamId;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.function.Consumer;

/** A whole catalog as an index holds it, at the position that the index says. */
final class IndexContents implements CheckpointCodec.Contents {

  private final CatalogIndexReader index;
  private final Head head;

  /**
   * @throws IndexException when it is of another version, unfinished or damaged
   */
  IndexContents(CatalogIndexReader index) {
    this.index = index;
    this.head = Head.of(index);
  }

  Head head() {
    return head;
  }

  /** Everything but extents and objects. */
  CatalogState state() {
    CatalogState state = new CatalogState();
    IndexFormat.read(
        head.front(),
        in -> {
          StateCodec.front(state, in, "the catalog's index");
          return state;
        });
    IndexFormat.read(
        head.back(),
        in -> {
          StateCodec.back(state, in);
          return state;
        });
    IndexFormat.streams(
        index,
        value -> {
          StreamEntry stream = IndexFormat.read(ByteBuffer.wrap(value), IndexContents::stream);
          state.streams.put(stream.id, stream);
        });
    return state;
  }

  /** As it is kept in an index. */
  static byte[] stream(StreamEntry stream) {
    FieldWriter out = StateCodec.stream(stream, new FieldWriter());
    stream.segments.write(out.i64(stream.sizeBytes()).i32(stream.extentCount()));
    return out.finishArray();
  }

  private static StreamEntry stream(FieldReader in) {
    StreamEntry stream = StateCodec.stream(in);
    long sizeBytes = in.i64();
    stream.restoreSums(in.i32(), sizeBytes, TimeSegments.read(in));
    return stream;
  }

  /** The state at the index's position encoded as a checkpoint. */
  List<ByteBuffer> checkpoint() {
    return CheckpointCodec.encode(state(), this);
  }

  @Override
  public int objectCount() {
    return head.objects();
  }

  @Override
  public void objects(Consumer<ObjectEntry> each) {
    IndexFormat.objects(index, each);
  }

  @Override
  public void extents(StreamEntry stream, Consumer<Extent> each) {
    StreamId id = stream.id;
    IndexFormat.scanExtents(
        index,
        id,
        0,
        extent -> {
          each.accept(extent);
          return true;
        });
  }
}
