package io.spillway.compaction;

import java.nio.ByteBuffer;
import java.security.DigestException;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;

/**
 * The last offset of each key, by 128 bits of the key's SHA-256, so that keys of any length take 24
 * bytes and no producer can make two keys the same. Grows by doubling up to its limit; then it is
 * full, and what it does not know is kept. Open addressing; never more than three quarters in use.
 * Not safe for several threads.
 */
final class KeyOffsets {

  static final int ENTRY_BYTES = 24;
  static final long NOT_FOUND = -1;

  private static final int FIRST_SLOTS = 1 << 10;
  private static final int LONGS = 3;

  private final int maxSlots;
  private final MessageDigest digest;
  private final byte[] hash = new byte[32];
  private final ByteBuffer hashLongs = ByteBuffer.wrap(hash);
  private long[] slots = new long[FIRST_SLOTS * LONGS];
  private int size;

  /**
   * @param maxBytes that it may take when it has grown
   */
  KeyOffsets(long maxBytes) {
    long most = Math.max(FIRST_SLOTS, Math.min(maxBytes / ENTRY_BYTES, Integer.MAX_VALUE / LONGS));
    this.maxSlots = Integer.highestOneBit((int) most);
    try {
      this.digest = MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every Java runtime has SHA-256", e);
    }
  }

  /** False, and nothing has changed, when the key is new and there is no room. */
  boolean put(ByteBuffer key, long offset) {
    int slot = find(key);
    if (slots[slot] == 0) {
      if (size == room() && !grow()) {
        return false;
      }
      slot = size == 0 ? slot : find(key);
      slots[slot + 1] = hashLongs.getLong(0);
      slots[slot + 2] = hashLongs.getLong(Long.BYTES);
      size++;
    }
    slots[slot] = offset + 1; // 0: nobody's
    return true;
  }

  /** {@link #NOT_FOUND} for a key that was not put. */
  long get(ByteBuffer key) {
    return slots[find(key)] - 1;
  }

  int size() {
    return size;
  }

  private int room() {
    return slots.length / LONGS / 4 * 3;
  }

  private int find(ByteBuffer key) {
    digest.update(key.duplicate());
    try {
      digest.digest(hash, 0, hash.length);
    } catch (DigestException e) {
      throw new IllegalStateException("SHA-256 has 32 bytes", e);
    }
    return find(hashLongs.getLong(0), hashLongs.getLong(Long.BYTES));
  }

  /** The entry, or the free place where it would be. */
  private int find(long high, long low) {
    int mask = slots.length / LONGS - 1;
    int at = (int) high & mask;
    while (true) {
      int slot = at * LONGS;
      if (slots[slot] == 0 || (slots[slot + 1] == high && slots[slot + 2] == low)) {
        return slot;
      }
      at = (at + 1) & mask;
    }
  }

  private boolean grow() {
    int count = slots.length / LONGS;
    if (count >= maxSlots) {
      return false;
    }
    long[] old = slots;
    slots = new long[old.length * 2];
    for (int from = 0; from < old.length; from += LONGS) {
      if (old[from] != 0) {
        System.arraycopy(old, from, slots, find(old[from + 1], old[from + 2]), LONGS);
      }
    }
    return true;
  }
}
