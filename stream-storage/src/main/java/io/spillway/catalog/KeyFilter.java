package io.spillway.catalog;

/**
 * Which object keys an index may hold, answered from memory: so that a commit, whose object is new,
 * reads nothing. Holds the hash of every key as often as there are keys with it; a "no" is certain,
 * a "yes" is wrong once in 2^64. About 12 bytes a key.
 *
 * <p>Open addressing with linear probing; 0 marks a free slot.
 */
final class KeyFilter {

  private static final int FIRST_SLOTS = 1_024;

  private long[] slots = new long[FIRST_SLOTS];
  private int size;

  boolean mayHold(String key) {
    long hash = KeyHash.of(key);
    for (int at = home(hash); slots[at] != 0; at = next(at)) {
      if (slots[at] == hash) {
        return true;
      }
    }
    return false;
  }

  void add(String key) {
    if (size >= slots.length - slots.length / 4) {
      grow();
    }
    insert(KeyHash.of(key));
    size++;
  }

  /** Of a key that was added. */
  void remove(String key) {
    long hash = KeyHash.of(key);
    int at = home(hash);
    while (slots[at] != hash) {
      if (slots[at] == 0) {
        throw new IndexException("object " + key + " was never in the index", null);
      }
      at = next(at);
    }
    close(at);
    size--;
  }

  /** Moves what follows forward, so that no probe ends at the slot that becomes free. */
  private void close(int free) {
    int hole = free;
    for (int at = next(hole); slots[at] != 0; at = next(at)) {
      int home = home(slots[at]);
      boolean reachesHole = hole <= at ? home <= hole || home > at : home <= hole && home > at;
      if (reachesHole) {
        slots[hole] = slots[at];
        hole = at;
      }
    }
    slots[hole] = 0;
  }

  private void grow() {
    long[] old = slots;
    slots = new long[old.length * 2];
    for (long hash : old) {
      if (hash != 0) {
        insert(hash);
      }
    }
  }

  private void insert(long hash) {
    int at = home(hash);
    while (slots[at] != 0) {
      at = next(at);
    }
    slots[at] = hash;
  }

  private int home(long hash) {
    return (int) hash & (slots.length - 1);
  }

  private int next(int at) {
    return (at + 1) & (slots.length - 1);
  }
}
