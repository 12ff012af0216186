package io.spillway.merge;

import io.spillway.catalog.CatalogCommand.Extent;
import io.spillway.wal.StreamId;
import java.util.List;

/**
 * Adjacent extents of one stream that become one.
 *
 * @param extents in offset order, at least one
 */
record MergeRun(List<Extent> extents) {

  StreamId stream() {
    return extents.get(0).stream();
  }

  long bytes() {
    return extents.stream().mapToLong(Extent::sizeBytes).sum();
  }

  long batches() {
    return extents.stream().mapToLong(Extent::batchCount).sum();
  }
}
