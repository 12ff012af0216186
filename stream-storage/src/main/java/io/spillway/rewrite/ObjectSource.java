package io.spillway.rewrite;

import io.spillway.catalog.CatalogCommand.Extent;
import io.spillway.catalog.CatalogCommand.ObjectRef;
import io.spillway.format.v1.ObjectIndex;
import io.spillway.format.v1.ObjectIndex.Block;
import io.spillway.format.v1.ObjectIndex.Range;
import io.spillway.stream.StreamException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * An object that is read, from its first wanted block to its last: holds its index and the bytes
 * that the last request got. Blocks are wanted in the order of the object.
 */
final class ObjectSource {

  /** Bytes to ask the object for. */
  record Request(long position, int bytes) {}

  private final ObjectRef object;
  private final List<Extent> extents;
  private List<Block> wanted = List.of();
  private int next;
  private @Nullable ObjectIndex index;
  private @Nullable ByteBuffer bytes;
  private long bytesAt;

  /**
   * @param extents that are wanted of it, ascending by stream
   */
  ObjectSource(ObjectRef object, List<Extent> extents) {
    this.object = object;
    this.extents = extents;
  }

  String key() {
    return object.key();
  }

  boolean hasIndex() {
    return index != null;
  }

  Request indexRequest() {
    return new Request(object.indexPosition(), Math.toIntExact(object.indexBytes()));
  }

  /**
   * @throws StreamException.Corrupt when it is damaged, or lacks what the catalog says it has
   */
  void onIndex(ByteBuffer tail) {
    index = ObjectIndex.parse(object.key(), object.indexPosition(), tail);
    List<Block> blocks = new ArrayList<>();
    extents.forEach(extent -> blocks.addAll(blocksOf(extent)));
    wanted = blocks;
  }

  List<Block> blocksOf(Extent extent) {
    Range range = Objects.requireNonNull(index).range(extent.stream());
    if (range == null
        || range.baseOffset() != extent.baseOffset()
        || range.endOffset() != extent.endOffset()
        || range.position() != extent.position()
        || range.sizeBytes() != extent.sizeBytes()) {
      throw new StreamException.Corrupt(
          "object %s has %s, the catalog says it has %s".formatted(object.key(), range, extent),
          null);
    }
    return range.blocks();
  }

  /** The request for the next wanted block and those behind it; null when it is here already. */
  @Nullable Request requestFor(Block block, int maxBytes) {
    ByteBuffer have = bytes;
    if (have != null
        && block.position() >= bytesAt
        && block.position() + block.sizeBytes() <= bytesAt + have.remaining()) {
      return null;
    }
    bytes = null;
    long end = block.position() + block.sizeBytes();
    for (int i = next + 1; i < wanted.size(); i++) {
      long itsEnd = wanted.get(i).position() + wanted.get(i).sizeBytes();
      if (itsEnd - block.position() > maxBytes) {
        break;
      }
      end = itsEnd;
    }
    return new Request(block.position(), Math.toIntExact(end - block.position()));
  }

  void onBytes(Request request, ByteBuffer read) {
    bytes = read;
    bytesAt = request.position();
  }

  /**
   * The block, which is here; the next one is wanted then.
   *
   * @throws StreamException.Corrupt when its bytes are not those that were written
   */
  ByteBuffer take(Block block) {
    ByteBuffer have = Objects.requireNonNull(bytes);
    int at = (int) (block.position() - bytesAt);
    ByteBuffer view = have.slice(have.position() + at, block.sizeBytes());
    block.requireIntact(view);
    next++;
    if (next == wanted.size()) {
      bytes = null;
      index = null;
      wanted = List.of();
    }
    return view;
  }
}
