package io.spillway.merge;

import io.spillway.catalog.CatalogCommand.Extent;
import io.spillway.catalog.CatalogCommand.ObjectRef;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;

/** How much of each object is still referred to, and by whom. */
final class ObjectSurvey {

  /** An object of which less than one part in so many is referred to is wasted. */
  static final int WASTE_FACTOR = 4;

  private static final class Usage {
    private long liveBytes;
    private boolean isMine;
    private boolean hasOpen;
  }

  private final Map<String, Usage> usages = new HashMap<>();

  void onExtent(Extent extent, boolean isMine) {
    Usage usage = usages.computeIfAbsent(extent.objectKey(), key -> new Usage());
    usage.liveBytes += extent.sizeBytes();
    usage.isMine |= isMine;
  }

  /** An extent of {@link StreamLayout#open}. */
  void onOpenExtent(Extent extent) {
    usages.computeIfAbsent(extent.objectKey(), key -> new Usage()).hasOpen = true;
  }

  /** The oldest small objects of the lowest tier that has as many as the fan-in; or none. */
  Set<String> crowded(MergeView view, MergeLimits limits) {
    Map<Integer, List<ObjectRef>> tiers = new TreeMap<>();
    usages.forEach(
        (key, usage) -> {
          if (usage.hasOpen && !limits.isLarge(usage.liveBytes)) {
            view.object(key)
                .ifPresent(
                    object ->
                        tiers
                            .computeIfAbsent(
                                limits.tier(usage.liveBytes), tier -> new ArrayList<>())
                            .add(object));
          }
        });
    for (List<ObjectRef> tier : tiers.values()) {
      if (tier.size() >= limits.fanIn()) {
        tier.sort(Comparator.comparingLong(ObjectRef::birth).thenComparing(ObjectRef::key));
        Set<String> oldest = new HashSet<>();
        tier.stream().limit(MergeLimits.MAX_SOURCES).forEach(object -> oldest.add(object.key()));
        return oldest;
      }
    }
    return Set.of();
  }

  /** Objects of this broker's streams that are kept for a small part of what they hold. */
  Set<String> wasted(MergeView view) {
    Set<String> wasted = new HashSet<>();
    usages.forEach(
        (key, usage) -> {
          if (usage.isMine
              && view.object(key)
                  .filter(object -> usage.liveBytes < object.indexPosition() / WASTE_FACTOR)
                  .isPresent()) {
            wasted.add(key);
          }
        });
    return wasted;
  }
}
