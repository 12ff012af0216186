package io.spillway.cache;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class LruCacheTest extends BoundedCacheContract {

  @Override
  BoundedCache.Factory factory() {
    return LruCache::new;
  }

  @Test
  void theLeastUsedGoesFirst() {
    LruCache<String, String> cache = new LruCache<>(6, String::length, (key, value) -> {});
    cache.put("a", "11");
    cache.put("b", "22");
    cache.put("c", "33");
    assertThat(cache.get("a")).isEqualTo("11");
    cache.put("d", "44");
    cache.put("e", "too large");

    assertThat(cache.get("b")).isNull();
    assertThat(cache.get("a")).isEqualTo("11");
    assertThat(cache.get("e")).isNull();
    assertThat(cache.weight()).isEqualTo(6);
  }
}
