package io.spillway.catalog;

import io.spillway.catalog.CatalogCommand.Extent;
import io.spillway.wal.StreamId;
import java.util.List;
import java.util.NavigableMap;
import java.util.TreeMap;

/**
 * Changes of extents and objects over older layers; the oldest is the index, or nothing. Changed by
 * the catalog's thread under the catalog's lock, until it is frozen.
 */
final class ReferenceLayer {

  final NavigableMap<StreamId, StreamExtents> streams = new TreeMap<>();
  final NavigableMap<String, ObjectEntry> objects = new TreeMap<>();

  StreamExtents stream(StreamId id) {
    return streams.computeIfAbsent(id, each -> new StreamExtents());
  }

  int extentCount() {
    return streams.values().stream().mapToInt(each -> each.extents().size()).sum();
  }

  /** The stream's extents over those of older layers; only once this layer is frozen. */
  ExtentSource over(ExtentSource older, StreamId id, long endOffset) {
    StreamExtents known = streams.get(id);
    return known == null ? older : older.under(known::from, known.droppedTo(), endOffset);
  }

  /** The same for one question, and with what this layer holds now. */
  ExtentSource over(ExtentSource older, StreamId id, long endOffset, long fromOffset, int limit) {
    StreamExtents known = streams.get(id);
    if (known == null) {
      return older;
    }
    List<Extent> now = known.from(fromOffset, limit);
    return older.under((from, most) -> now, known.droppedTo(), endOffset);
  }
}
