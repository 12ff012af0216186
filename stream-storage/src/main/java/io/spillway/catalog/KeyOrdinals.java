package io.spillway.catalog;

import java.util.HashMap;
import java.util.Map;

/**
 * The place of each key in an order, for a million keys in 24 MB: by hash, and the few whose hash
 * another key has by name. Only for keys that are in it.
 */
final class KeyOrdinals {

  private final long[] hashes;
  private final int[] ordinals;
  private final Map<String, Integer> sameHash = new HashMap<>();
  private int size;

  KeyOrdinals(int keys) {
    int slots = Math.max(16, Integer.highestOneBit(Math.max(1, keys)) * 4);
    hashes = new long[slots];
    ordinals = new int[slots];
  }

  int size() {
    return size;
  }

  /** The next in order; returns its place. */
  int add(String key) {
    long hash = KeyHash.of(key);
    int at = (int) hash & (hashes.length - 1);
    while (hashes[at] != 0) {
      if (hashes[at] == hash) {
        sameHash.put(key, size);
        return size++;
      }
      at = (at + 1) & (hashes.length - 1);
    }
    hashes[at] = hash;
    ordinals[at] = size;
    return size++;
  }

  int of(String key) {
    Integer exact = sameHash.isEmpty() ? null : sameHash.get(key);
    if (exact != null) {
      return exact;
    }
    long hash = KeyHash.of(key);
    int at = (int) hash & (hashes.length - 1);
    while (hashes[at] != hash) {
      if (hashes[at] == 0) {
        throw new IndexException("object " + key + " is referred to and not known", null);
      }
      at = (at + 1) & (hashes.length - 1);
    }
    return ordinals[at];
  }
}
