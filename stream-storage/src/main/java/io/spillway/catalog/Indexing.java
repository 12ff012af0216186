package io.spillway.catalog;

import io.spillway.runtime.Scheduler;

/**
 * Where a catalog that has grown large keeps its extents and objects.
 *
 * @param home of the index
 * @param worker runs what may block
 * @param minExtents up to so many, everything stays in memory and the home is only looked at when
 *     the catalog opens
 * @param changesPerWrite after so many changes since the last one a batch is written; the next
 *     start replays the log from there
 */
public record Indexing(
    CatalogIndex.Home home, Scheduler worker, int minExtents, int changesPerWrite) {

  /** Changes that wait in memory, about 300 bytes each. */
  public static final int DEFAULT_CHANGES_PER_WRITE = 10_000;

  public Indexing {
    if (minExtents < 0 || changesPerWrite < 1) {
      throw new IllegalArgumentException(
          "minExtents=" + minExtents + ", changesPerWrite=" + changesPerWrite);
    }
  }
}
