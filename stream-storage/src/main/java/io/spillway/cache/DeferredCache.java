package io.spillway.cache;

import org.jspecify.annotations.Nullable;

/**
 * A cache that is made when something is put into it for the first time: a broker that only starts
 * does not load what an implementation needs.
 */
public final class DeferredCache<K, V> implements BoundedCache<K, V> {

  private final Factory factory;
  private final long budget;
  private final Weigher<V> weigher;
  private final Listener<K, V> listener;
  private volatile @Nullable BoundedCache<K, V> made;

  public DeferredCache(Factory factory, long budget, Weigher<V> weigher, Listener<K, V> listener) {
    this.factory = factory;
    this.budget = budget;
    this.weigher = weigher;
    this.listener = listener;
  }

  @Override
  public @Nullable V get(K key) {
    BoundedCache<K, V> cache = made;
    return cache == null ? null : cache.get(key);
  }

  @Override
  public void put(K key, V value) {
    make().put(key, value);
  }

  private BoundedCache<K, V> make() {
    BoundedCache<K, V> cache = made;
    if (cache != null) {
      return cache;
    }
    synchronized (this) {
      cache = made;
      if (cache == null) {
        cache = factory.create(budget, weigher, listener);
        made = cache;
      }
      return cache;
    }
  }

  @Override
  public void remove(K key) {
    BoundedCache<K, V> cache = made;
    if (cache != null) {
      cache.remove(key);
    }
  }

  @Override
  public void clear() {
    BoundedCache<K, V> cache = made;
    if (cache != null) {
      cache.clear();
    }
  }

  @Override
  public long weight() {
    BoundedCache<K, V> cache = made;
    return cache == null ? 0 : cache.weight();
  }
}
