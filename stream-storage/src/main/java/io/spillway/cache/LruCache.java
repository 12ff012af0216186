package io.spillway.cache;

import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.ToLongFunction;
import org.jspecify.annotations.Nullable;

/**
 * A map bounded by the weight of its values; what was not used for longest goes first. Plain and
 * deterministic, so that a simulation sees the same evictions from the same seed; its lock is held
 * for a look-up, never for a load. Safe for any thread.
 */
public final class LruCache<K, V> {

  private final long budget;
  private final ToLongFunction<V> weigher;
  private final LinkedHashMap<K, V> entries = new LinkedHashMap<>(16, 0.75f, true);
  private long weight;

  public LruCache(long budget, ToLongFunction<V> weigher) {
    this.budget = budget;
    this.weigher = weigher;
  }

  public synchronized @Nullable V get(K key) {
    return entries.get(key);
  }

  /** Whether the key is there; no use of it. */
  public synchronized boolean contains(K key) {
    return entries.containsKey(key);
  }

  /** Keeps the value, unless it alone is above the budget. */
  public synchronized void put(K key, V value) {
    long added = weigher.applyAsLong(value);
    if (added > budget) {
      return;
    }
    V replaced = entries.put(key, value);
    weight += added - (replaced == null ? 0 : weigher.applyAsLong(replaced));
    Iterator<Map.Entry<K, V>> oldest = entries.entrySet().iterator();
    while (weight > budget) {
      weight -= weigher.applyAsLong(oldest.next().getValue());
      oldest.remove();
    }
  }

  public synchronized void remove(K key) {
    V removed = entries.remove(key);
    if (removed != null) {
      weight -= weigher.applyAsLong(removed);
    }
  }

  public synchronized void clear() {
    entries.clear();
    weight = 0;
  }

  /** What is held, in the weigher's unit. */
  public synchronized long weight() {
    return weight;
  }
}
