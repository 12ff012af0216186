package io.spillway.cache;

import org.jspecify.annotations.Nullable;

/**
 * A map bounded by the weight of its values; which ones go is the implementation's affair. Safe for
 * any thread; never loads anything, never blocks.
 *
 * <p>A value that was put belongs to the cache until its {@link Listener} is told, exactly once:
 * when it is replaced, removed, let go to make room, or not kept at all.
 */
public interface BoundedCache<K, V> {

  /** The value, counted as a use. It may be let go at any moment after that. */
  @Nullable V get(K key);

  /** Keeps the value, unless there is better use for the room. */
  void put(K key, V value);

  void remove(K key);

  void clear();

  /** What is held, in the weigher's unit; at most the budget when no put is under way. */
  long weight();

  /** Told of values that are the cache's no more. Called in whatever call let them go. */
  interface Listener<K, V> {
    void onGone(K key, V value);
  }

  /** What a value weighs, more than 0; the same at every call. */
  interface Weigher<V> {
    long weightOf(V value);
  }

  /** Makes caches of one kind. */
  interface Factory {
    <K, V> BoundedCache<K, V> create(long budget, Weigher<V> weigher, Listener<K, V> listener);
  }
}
