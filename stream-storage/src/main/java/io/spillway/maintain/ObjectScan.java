package io.spillway.maintain;

import io.spillway.catalog.CatalogCommand.Extent;
import io.spillway.catalog.CatalogCommand.ObjectRef;
import io.spillway.format.v1.ObjectIndex;
import io.spillway.format.v1.ObjectIndex.Block;
import io.spillway.object.ObjectStore;
import io.spillway.stream.StreamException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.function.Consumer;

/**
 * Reads a data object once, from its first byte to its last, checks every block on the way and that
 * the object holds what the catalog says of it. Blocks its caller; holds one chunk and one block.
 */
final class ObjectScan {

  private final ObjectStore store;
  private final String storeKey;
  private final ObjectRef object;
  private final List<String> damage = new ArrayList<>();
  private List<Block> blocks = List.of();
  private int nextBlock;
  private ByteBuffer partial = ByteBuffer.allocate(0);

  private ObjectScan(ObjectStore store, String storeKey, ObjectRef object) {
    this.store = store;
    this.storeKey = storeKey;
    this.object = object;
  }

  /**
   * @param storeKey where the object is: its key, maybe in a folder
   * @param extents that refer to it
   * @param sink is given all bytes in order, in chunks of {@code chunkBytes}, the last one smaller
   * @return what is wrong with it, empty when nothing is
   * @throws io.spillway.object.ObjectStoreException.NotFound when there is no such object
   */
  static List<String> scan(
      ObjectStore store,
      String storeKey,
      ObjectRef object,
      List<Extent> extents,
      int chunkBytes,
      Consumer<ByteBuffer> sink) {
    ObjectScan scan = new ObjectScan(store, storeKey, object);
    scan.readIndex(extents);
    for (long position = 0; position < object.sizeBytes(); position += chunkBytes) {
      int length = (int) Math.min(chunkBytes, object.sizeBytes() - position);
      ByteBuffer chunk = store.getRange(storeKey, position, length).join();
      scan.check(position, chunk.duplicate());
      sink.accept(chunk);
      if (chunk.limit() < length) {
        scan.damage.add("it ends after " + (position + chunk.limit()) + " bytes");
        break;
      }
    }
    return scan.damage;
  }

  private void readIndex(List<Extent> extents) {
    int tailBytes = Math.toIntExact(object.indexBytes());
    ByteBuffer tail = store.getRange(storeKey, object.indexPosition(), tailBytes).join();
    ObjectIndex index;
    try {
      index = ObjectIndex.parse(object.key(), object.indexPosition(), tail);
    } catch (StreamException.Corrupt e) {
      damage.add(String.valueOf(e.getMessage()));
      return;
    }
    blocks =
        index.ranges().stream()
            .flatMap(range -> range.blocks().stream())
            .sorted(Comparator.comparingLong(Block::position))
            .toList();
    for (Extent extent : extents) {
      ObjectIndex.Range range = index.range(extent.stream());
      if (range == null
          || range.baseOffset() > extent.baseOffset()
          || range.endOffset() < extent.endOffset()) {
        damage.add(
            "the catalog says that it holds [%d, %d) of stream %s, its index does not"
                .formatted(extent.baseOffset(), extent.endOffset(), extent.stream()));
      }
    }
  }

  private void check(long position, ByteBuffer chunk) {
    long end = position + chunk.remaining();
    while (nextBlock < blocks.size() && blocks.get(nextBlock).position() < end) {
      Block block = blocks.get(nextBlock);
      int have = partial.position();
      int from = (int) (block.position() + have - position);
      int count = Math.min(block.sizeBytes() - have, chunk.limit() - from);
      if (have == 0 && count < block.sizeBytes()) {
        partial = ByteBuffer.allocate(block.sizeBytes());
      }
      if (have == 0 && count == block.sizeBytes()) {
        requireIntact(block, chunk.slice(from, count));
      } else {
        partial.put(chunk.slice(from, count));
        if (partial.hasRemaining()) {
          return; // the rest is in the next chunk
        }
        requireIntact(block, partial.flip());
        partial = ByteBuffer.allocate(0);
      }
      nextBlock++;
    }
  }

  private void requireIntact(Block block, ByteBuffer bytes) {
    try {
      block.requireIntact(bytes);
      block.batches();
    } catch (StreamException.Corrupt e) {
      damage.add(String.valueOf(e.getMessage()));
    }
  }
}
