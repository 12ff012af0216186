package io.spillway.catalog;

import io.spillway.catalog.CatalogCommand.Extent;
import io.spillway.catalog.TimeSegments.Run;
import java.util.List;
import java.util.Optional;
import java.util.function.LongFunction;

/** Finds an extent by time, looking only into runs of extents that may hold it. */
final class TimeSearch {

  private static final int PAGE = 64;

  private TimeSearch() {}

  /**
   * The first extent whose largest timestamp is not below {@code timestampMs}. The extents may
   * change meanwhile: the answer fits one of their states.
   *
   * @param runs {@link TimeSegments#firstFrom} for an offset
   */
  static Optional<Extent> firstExtent(
      ExtentSource extents, LongFunction<Optional<Run>> runs, long timestampMs) {
    Optional<Run> run = runs.apply(0);
    while (run.isPresent()) {
      long offset = run.get().fromOffset();
      while (offset < run.get().endOffset()) {
        List<Extent> page = extents.from(offset, PAGE);
        for (Extent extent : page) {
          if (extent.maxTimestampMs() >= timestampMs) {
            return Optional.of(extent);
          }
          offset = extent.endOffset();
        }
        if (page.size() < PAGE) {
          return Optional.empty();
        }
      }
      run = runs.apply(offset);
    }
    return Optional.empty();
  }
}
