package io.spillway.merge;

import io.spillway.catalog.CatalogCommand.Extent;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Set;

/** The extents of one stream as a plan sees them: which stay, and which are adjacent and small. */
final class StreamLayout {

  private final List<Extent> extents;
  private final boolean[] stays;
  private final MergeLimits limits;
  private final int openFrom;

  /** Extents {@code from} to {@code to}, exclusive, of the layout. */
  private record Span(int from, int to) {}

  StreamLayout(List<Extent> extents, MergeView view, MergeLimits limits) {
    this.extents = extents;
    this.limits = limits;
    this.stays = new boolean[extents.size()];
    int open = 0;
    for (int i = 0; i < stays.length; i++) {
      Extent extent = extents.get(i);
      stays[i] = limits.isLarge(extent.sizeBytes()) || view.isUnreadable(extent.objectKey());
      open = stays[i] ? i + 1 : open;
    }
    this.openFrom = open;
  }

  /** Small extents behind the last one that stays: what is uploaded next will be adjacent. */
  List<Extent> open() {
    return extents.subList(openFrom, extents.size());
  }

  /**
   * What is to be merged of the stream.
   *
   * @param crowded objects that are to lose every open extent
   * @param wasted objects that are to lose every extent
   */
  List<MergeRun> runs(Set<String> crowded, Set<String> wasted) {
    List<Span> spans = new ArrayList<>();
    closedRegions(spans);
    crowdedTiers(spans);
    openSpan(crowded, spans);
    for (int i = 0; i < stays.length; i++) {
      boolean isReadable = !stays[i] || limits.isLarge(extents.get(i).sizeBytes());
      if (isReadable && wasted.contains(extents.get(i).objectKey())) {
        spans.add(new Span(i, i + 1));
      }
    }
    List<MergeRun> runs = new ArrayList<>();
    for (Span span : united(spans)) {
      cut(span, crowded, wasted, runs);
    }
    return runs;
  }

  /** Between extents that stay nothing is ever added, so one extent can be made of each region. */
  private void closedRegions(List<Span> spans) {
    int from = 0;
    for (int i = 0; i < openFrom; i++) {
      if (stays[i]) {
        if (i - from > 1) {
          spans.add(new Span(from, i));
        }
        from = i + 1;
      }
    }
  }

  /**
   * From the oldest on: everything up to the last extent of the highest tier counts as of that
   * tier, what follows is a tier lower at least.
   */
  private void crowdedTiers(List<Span> spans) {
    int from = openFrom;
    while (from < stays.length) {
      int top = -1;
      int last = from;
      for (int i = from; i < stays.length; i++) {
        int tier = limits.tier(extents.get(i).sizeBytes());
        if (tier >= top) {
          top = tier;
          last = i;
        }
      }
      if (last + 1 - from >= limits.fanIn()) {
        spans.add(new Span(from, last + 1));
      }
      from = last + 1;
    }
  }

  /** One span, what lies in between included: an object holds one range of a stream. */
  private void openSpan(Set<String> crowded, List<Span> spans) {
    int first = -1;
    int last = -1;
    for (int i = openFrom; i < stays.length; i++) {
      if (crowded.contains(extents.get(i).objectKey())) {
        first = first < 0 ? i : first;
        last = i;
      }
    }
    if (first >= 0) {
      spans.add(new Span(first, last + 1));
    }
  }

  /** Overlapping ones become one, and neighbours without an extent that stays. */
  private List<Span> united(List<Span> spans) {
    spans.sort(Comparator.comparingInt(Span::from).thenComparingInt(Span::to));
    List<Span> united = new ArrayList<>();
    for (Span span : spans) {
      Span before = united.isEmpty() ? null : united.get(united.size() - 1);
      boolean touches =
          before != null
              && (span.from < before.to
                  || (span.from == before.to && !stays[span.from] && !stays[before.from]));
      if (before != null && touches) {
        united.set(united.size() - 1, new Span(before.from, Math.max(before.to, span.to)));
      } else {
        united.add(span);
      }
    }
    return united;
  }

  /** In pieces that fit an object; a single extent only where it has to move. */
  private void cut(Span span, Set<String> crowded, Set<String> wasted, List<MergeRun> runs) {
    int from = span.from;
    long bytes = 0;
    long batches = 0;
    for (int i = span.from; i < span.to; i++) {
      Extent extent = extents.get(i);
      bytes += extent.sizeBytes();
      batches += extent.batchCount();
      boolean isFull =
          bytes > limits.maxObjectBytes()
              || batches > MergeLimits.MAX_BATCHES
              || i - from == MergeLimits.MAX_SOURCES;
      if (isFull && i > from) {
        addRun(from, i, crowded, wasted, runs);
        from = i;
        bytes = extent.sizeBytes();
        batches = extent.batchCount();
      }
    }
    addRun(from, span.to, crowded, wasted, runs);
  }

  private void addRun(
      int from, int to, Set<String> crowded, Set<String> wasted, List<MergeRun> runs) {
    String key = extents.get(from).objectKey();
    if (to - from > 1 || crowded.contains(key) || wasted.contains(key)) {
      runs.add(new MergeRun(List.copyOf(extents.subList(from, to))));
    }
  }
}
