package io.spillway.cache.caffeine;

import com.github.benmanes.caffeine.cache.Cache;
import com.github.benmanes.caffeine.cache.Caffeine;
import com.github.benmanes.caffeine.cache.Policy;
import com.github.benmanes.caffeine.cache.RemovalCause;
import io.spillway.cache.BoundedCache;
import io.spillway.runtime.Clock;
import org.jspecify.annotations.Nullable;

/**
 * Caches that a scan does not empty: W-TinyLFU (Einziger, Friedman and Manes, 2017) keeps what is
 * asked for often over what passes by once, as a backfill does. Maintenance runs in the call that
 * makes it necessary, on no thread of its own, and time is the broker's clock.
 */
public final class CaffeineCaches implements BoundedCache.Factory {

  private final Clock clock;

  public CaffeineCaches(Clock clock) {
    this.clock = clock;
  }

  @Override
  public <K, V> BoundedCache<K, V> create(
      long budget, BoundedCache.Weigher<V> weigher, BoundedCache.Listener<K, V> listener) {
    return new CaffeineCache<>(clock, budget, weigher, listener);
  }

  private static final class CaffeineCache<K, V> implements BoundedCache<K, V> {

    private final Cache<K, V> cache;
    private final Policy.Eviction<K, V> policy;

    CaffeineCache(Clock clock, long budget, Weigher<V> weigher, Listener<K, V> listener) {
      cache =
          Caffeine.newBuilder()
              .executor(Runnable::run)
              .ticker(clock::nanoTime)
              .maximumWeight(budget)
              .weigher((K key, V value) -> weightOf(weigher, value))
              .removalListener(
                  (@Nullable K key, @Nullable V value, RemovalCause cause) -> {
                    if (key != null && value != null) {
                      listener.onGone(key, value);
                    }
                  })
              .build();
      policy = cache.policy().eviction().orElseThrow();
    }

    private static <V> int weightOf(Weigher<V> weigher, V value) {
      return (int) Math.min(Integer.MAX_VALUE, weigher.weightOf(value));
    }

    @Override
    public @Nullable V get(K key) {
      return cache.getIfPresent(key);
    }

    @Override
    public void put(K key, V value) {
      cache.put(key, value);
    }

    @Override
    public void remove(K key) {
      cache.invalidate(key);
    }

    @Override
    public void clear() {
      cache.invalidateAll();
    }

    @Override
    public long weight() {
      return policy.weightedSize().orElse(0);
    }
  }
}
