package io.spillway.catalog;

/** 64 bits of an object's key, for tables in memory. Not stored anywhere. */
final class KeyHash {

  private static final long FNV_OFFSET = 0xCBF29CE484222325L;
  private static final long FNV_PRIME = 0x100000001B3L;

  private KeyHash() {}

  /** FNV-1a, then mixed so that the low bits can choose a slot; never 0. */
  static long of(String key) {
    long hash = FNV_OFFSET;
    for (int i = 0; i < key.length(); i++) {
      hash = (hash ^ key.charAt(i)) * FNV_PRIME;
    }
    hash ^= hash >>> 32;
    hash *= 0x9E3779B97F4A7C15L;
    hash ^= hash >>> 29;
    return hash == 0 ? 1 : hash;
  }
}
