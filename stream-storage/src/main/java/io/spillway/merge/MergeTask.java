package io.spillway.merge;

import io.spillway.catalog.CatalogCommand.Extent;
import io.spillway.wal.StreamId;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;

/**
 * What goes into one new object.
 *
 * @param runs one per stream, ascending by stream
 */
record MergeTask(List<MergeRun> runs) {

  long bytes() {
    return runs.stream().mapToLong(MergeRun::bytes).sum();
  }

  List<Extent> oldExtents() {
    return runs.stream().flatMap(run -> run.extents().stream()).toList();
  }

  List<StreamId> streams() {
    return runs.stream().map(MergeRun::stream).toList();
  }

  /** Keys of the objects that it reads. */
  Set<String> sources() {
    Set<String> keys = new LinkedHashSet<>();
    oldExtents().forEach(extent -> keys.add(extent.objectKey()));
    return keys;
  }

  /** How many extents the catalog has fewer of afterwards. */
  int relief() {
    return runs.stream().mapToInt(run -> run.extents().size() - 1).sum();
  }
}
