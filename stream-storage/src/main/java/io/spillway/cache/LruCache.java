package io.spillway.cache;

import java.util.ArrayList;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * What was not used for longest goes first. Plain and deterministic, so that a simulation sees the
 * same evictions from the same seed; its lock is held for a look-up alone.
 */
public final class LruCache<K, V> implements BoundedCache<K, V> {

  private final long budget;
  private final Weigher<V> weigher;
  private final Listener<K, V> listener;
  private final LinkedHashMap<K, V> entries = new LinkedHashMap<>(16, 0.75f, true);
  private long weight;

  public LruCache(long budget, Weigher<V> weigher, Listener<K, V> listener) {
    this.budget = budget;
    this.weigher = weigher;
    this.listener = listener;
  }

  @Override
  public @Nullable V get(K key) {
    synchronized (entries) {
      return entries.get(key);
    }
  }

  @Override
  public void put(K key, V value) {
    List<Map.Entry<K, V>> gone = new ArrayList<>(1);
    synchronized (entries) {
      V replaced = entries.put(key, value);
      weight += weigher.weightOf(value);
      if (replaced != null) {
        weight -= weigher.weightOf(replaced);
        gone.add(Map.entry(key, replaced));
      }
      if (weigher.weightOf(value) > budget) {
        entries.remove(key); // alone too much: nothing else has to go for it
        weight -= weigher.weightOf(value);
        gone.add(Map.entry(key, value));
      }
      Iterator<Map.Entry<K, V>> oldest = entries.entrySet().iterator();
      while (weight > budget) {
        Map.Entry<K, V> next = oldest.next();
        weight -= weigher.weightOf(next.getValue());
        gone.add(Map.entry(next.getKey(), next.getValue()));
        oldest.remove();
      }
    }
    gone.forEach(each -> listener.onGone(each.getKey(), each.getValue()));
  }

  @Override
  public void remove(K key) {
    V removed;
    synchronized (entries) {
      removed = entries.remove(key);
      if (removed != null) {
        weight -= weigher.weightOf(removed);
      }
    }
    if (removed != null) {
      listener.onGone(key, removed);
    }
  }

  @Override
  public void clear() {
    Map<K, V> all;
    synchronized (entries) {
      all = new LinkedHashMap<>(entries);
      entries.clear();
      weight = 0;
    }
    all.forEach(listener::onGone);
  }

  @Override
  public long weight() {
    synchronized (entries) {
      return weight;
    }
  }
}
