package io.spillway.cache;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

class DeferredCacheTest extends BoundedCacheContract {

  @Override
  BoundedCache.Factory factory() {
    return new BoundedCache.Factory() {
      @Override
      public <K, V> BoundedCache<K, V> create(
          long budget, BoundedCache.Weigher<V> weigher, BoundedCache.Listener<K, V> listener) {
        return new DeferredCache<>(LruCache::new, budget, weigher, listener);
      }
    };
  }

  /** Nothing unneeded is loaded before a broker is ready. */
  @Test
  void isMadeByTheFirstPut() {
    AtomicInteger made = new AtomicInteger();
    BoundedCache.Factory counted =
        new BoundedCache.Factory() {
          @Override
          public <K, V> BoundedCache<K, V> create(
              long budget, BoundedCache.Weigher<V> weigher, BoundedCache.Listener<K, V> listener) {
            made.incrementAndGet();
            return new LruCache<>(budget, weigher, listener);
          }
        };
    DeferredCache<String, String> cache =
        new DeferredCache<>(counted, 10, String::length, (key, value) -> {});
    assertThat(cache.get("a")).isNull();
    cache.remove("a");
    cache.clear();
    assertThat(cache.weight()).isZero();
    assertThat(made).hasValue(0);
    cache.put("a", "1");
    cache.put("b", "2");

    assertThat(made).hasValue(1);
    assertThat(cache.get("a")).isEqualTo("1");
  }
}
