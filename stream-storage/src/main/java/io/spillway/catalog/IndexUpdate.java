package io.spillway.catalog;

import io.spillway.catalog.CatalogCommand.Extent;
import io.spillway.wal.StreamId;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * What brings an index from one position of the log to another.
 *
 * @param index to bring there; null for a new one
 * @param layer changed extents and objects; does not change any more
 * @param streams changed streams; null for one that is no longer remembered
 * @param head that goes with them
 */
record IndexUpdate(
    @Nullable CatalogIndex index,
    ReferenceLayer layer,
    Map<StreamId, byte @Nullable []> streams,
    IndexFormat.Head head) {

  /**
   * As one batch, so that the index is never between two positions.
   *
   * @param into {@link #index}, or a new one
   */
  void writeTo(CatalogIndex into) {
    IndexBatch batch = new IndexBatch();
    layer.streams.forEach((id, extents) -> addExtents(into, id, extents, batch));
    layer.objects.forEach((key, object) -> addObject(key, object, batch));
    streams.forEach((id, value) -> put(IndexFormat.streamKey(id), value, batch));
    batch.put(IndexFormat.headKey(), head.encoded());
    into.write(batch);
  }

  private static void addExtents(
      CatalogIndex into, StreamId id, StreamExtents extents, IndexBatch batch) {
    if (extents.droppedTo() > 0) {
      IndexFormat.scanExtents(
          into,
          id,
          0,
          stored -> {
            boolean gone = stored.endOffset() <= extents.droppedTo();
            if (gone) {
              batch.delete(IndexFormat.extentKey(id, stored.baseOffset()));
            }
            return gone;
          });
    }
    if (extents.replaced()) {
      extents.extents().forEach(extent -> deleteHidden(into, extent, batch));
    }
    for (Extent extent : extents.extents()) { // last: one may have the place of a hidden one
      batch.put(IndexFormat.extentKey(id, extent.baseOffset()), IndexFormat.extent(extent));
    }
  }

  private static void deleteHidden(CatalogIndex into, Extent by, IndexBatch batch) {
    IndexFormat.scanExtents(
        into,
        by.stream(),
        by.baseOffset(),
        stored -> {
          boolean overlaps =
              stored.baseOffset() < by.endOffset() && stored.endOffset() > by.baseOffset();
          if (overlaps) {
            batch.delete(IndexFormat.extentKey(by.stream(), stored.baseOffset()));
          }
          return stored.baseOffset() < by.endOffset();
        });
  }

  private static void addObject(String key, ObjectEntry object, IndexBatch batch) {
    byte[] value = object.references() == 0 ? null : IndexFormat.object(object);
    put(IndexFormat.objectKey(key), value, batch);
  }

  private static void put(byte[] key, byte @Nullable [] value, IndexBatch batch) {
    if (value == null) {
      batch.delete(key);
    } else {
      batch.put(key, value);
    }
  }
}
