package io.spillway.upload;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/** What goes into the next object. Pure: a function of what waits. */
final class UploadPlan {

  private UploadPlan() {}

  /**
   * What waits of a stream.
   *
   * @param endOffset exclusive, {@code > baseOffset}
   */
  record Range(UploadSource source, long baseOffset, long endOffset, long bytes) {}

  /**
   * The ranges of the next object, ascending by stream: one stream that has enough for an object of
   * its own, or else as many as fit one object. Empty when nothing waits.
   */
  static List<Range> nextObject(List<Range> waiting, long maxObjectBytes) {
    List<Range> ordered = new ArrayList<>(waiting);
    ordered.sort(Comparator.comparing(range -> range.source().id()));
    for (Range range : ordered) {
      if (range.bytes() >= UploadLimits.OWN_OBJECT_BYTES) {
        return List.of(range);
      }
    }
    List<Range> chosen = new ArrayList<>();
    long bytes = 0;
    for (Range range : ordered) {
      if (chosen.isEmpty() || bytes + range.bytes() <= maxObjectBytes) {
        chosen.add(range);
        bytes += range.bytes();
      }
    }
    return chosen;
  }
}
