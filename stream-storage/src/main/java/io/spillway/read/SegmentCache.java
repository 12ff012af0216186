package io.spillway.read;

import io.spillway.cache.BoundedCache;
import io.spillway.cache.DeferredCache;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;

/**
 * The block cache: segments that were read, as one of their holders. Knows what it has of each
 * object, so that what was let go leaves at once. Safe for any thread.
 */
final class SegmentCache {

  private final BoundedCache<SegmentKey, Hold> cache;
  private final Map<String, Set<SegmentKey>> byObject = new ConcurrentHashMap<>();

  SegmentCache(BoundedCache.Factory factory, long budgetBytes) {
    cache = new DeferredCache<>(factory, budgetBytes, Hold::bytes, this::onGone);
  }

  /** One hold of the cache on a segment; each put makes its own, so that each is given back. */
  private static final class Hold {
    private final Segment segment;

    Hold(Segment segment) {
      this.segment = segment;
    }

    long bytes() {
      return segment.memoryBytes();
    }
  }

  /** Held for the caller, or null. */
  @Nullable Segment get(SegmentKey key) {
    Hold cached = cache.get(key);
    return cached != null && cached.segment.tryRetain() ? cached.segment : null;
  }

  void put(Segment segment) {
    SegmentKey key = segment.key();
    Hold known = cache.get(key);
    if (known != null && known.segment == segment) {
      return;
    }
    segment.retain();
    byObject.compute(
        key.objectKey(),
        (object, cached) -> {
          Set<SegmentKey> keys = cached == null ? ConcurrentHashMap.newKeySet() : cached;
          keys.add(key);
          return keys;
        });
    cache.put(key, new Hold(segment));
  }

  private void onGone(SegmentKey key, Hold hold) {
    byObject.computeIfPresent(
        key.objectKey(),
        (object, keys) -> {
          keys.remove(key);
          return keys.isEmpty() ? null : keys;
        });
    hold.segment.release();
  }

  void forget(String objectKey) {
    Set.copyOf(byObject.getOrDefault(objectKey, Set.of())).forEach(cache::remove);
  }

  void clear() {
    cache.clear();
  }

  long bytes() {
    return cache.weight();
  }
}
