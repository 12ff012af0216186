package io.spillway.cache;

import static org.assertj.core.api.Assertions.assertThat;

import io.spillway.cache.caffeine.CaffeineCaches;
import io.spillway.runtime.SimulatedThreads;
import org.junit.jupiter.api.Test;

class CaffeineCachesTest extends BoundedCacheContract {

  private final SimulatedThreads threads = new SimulatedThreads(1, 1_000);

  @Override
  BoundedCache.Factory factory() {
    return new CaffeineCaches(threads.clock());
  }

  /** A backfill reads ten times the cache once; what others ask for again and again stays. */
  @Test
  void aScanDoesNotPushOutWhatIsInUse() {
    assertThat(hotLeftAfterScan(factory())).as("W-TinyLFU").isGreaterThan(40);
    assertThat(hotLeftAfterScan(LruCache::new)).as("the scan is one that empties an LRU").isZero();
  }

  private static int hotLeftAfterScan(BoundedCache.Factory factory) {
    BoundedCache<String, String> cache = factory.create(100, value -> 1, (key, value) -> {});
    for (int round = 0; round < 5; round++) {
      for (int i = 0; i < 50; i++) {
        if (cache.get("hot" + i) == null) {
          cache.put("hot" + i, "");
        }
      }
    }
    for (int i = 0; i < 1_000; i++) {
      cache.put("scan" + i, "");
    }
    int left = 0;
    for (int i = 0; i < 50; i++) {
      left += cache.get("hot" + i) == null ? 0 : 1;
    }
    return left;
  }
}
