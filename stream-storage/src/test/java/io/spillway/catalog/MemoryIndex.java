package io.spillway.catalog;

import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.Deque;
import java.util.NavigableMap;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * An index in sorted memory, which stands for a file: it outlives its users. At a {@link #crash} it
 * loses some of its last batches, whole ones, as a disk does that was not asked to sync.
 */
public final class MemoryIndex implements CatalogIndex {

  private static final int UNSYNCED_BATCHES = 4;

  /** The states after the last batches, oldest first; the last one is read. */
  private final Deque<NavigableMap<byte[], byte[]>> states = new ArrayDeque<>();

  private boolean closed;
  private boolean damaged;
  private long reads;
  private long writes;

  MemoryIndex() {
    states.add(new TreeMap<>(Arrays::compareUnsigned));
  }

  /** Loses at most so many batches. */
  void crash(int batches) {
    for (int i = 0; i < batches && states.size() > 1; i++) {
      states.removeLast();
    }
    closed = true;
  }

  void reopen() {
    closed = false;
  }

  /** From now on nothing can be read. */
  void damage() {
    damaged = true;
  }

  /** For tests that put something there that nobody wrote. */
  NavigableMap<byte[], byte[]> entries() {
    return states.getLast();
  }

  long reads() {
    return reads;
  }

  /** Batches written since the last call. */
  long takeWrites() {
    long taken = writes;
    writes = 0;
    return taken;
  }

  boolean isClosed() {
    return closed;
  }

  @Override
  public void write(IndexBatch batch) {
    requireUsable();
    writes++;
    NavigableMap<byte[], byte[]> next = new TreeMap<>(states.getLast());
    for (IndexBatch.Change change : batch.changes()) {
      byte[] value = change.value();
      if (value == null) {
        next.remove(change.key());
      } else {
        next.put(change.key(), value);
      }
    }
    states.addLast(next);
    if (states.size() > UNSYNCED_BATCHES) {
      states.removeFirst();
    }
  }

  @Override
  public byte @Nullable [] get(byte[] key) {
    requireUsable();
    reads++;
    return get(states.getLast(), key);
  }

  @Override
  public void scan(byte[] from, byte[] start, byte[] to, Visitor visitor) {
    requireUsable();
    reads++;
    scan(states.getLast(), from, start, to, visitor);
  }

  @Override
  public Snapshot snapshot() {
    requireUsable();
    NavigableMap<byte[], byte[]> now = states.getLast(); // never changed: the next is a copy
    return new Snapshot() {
      @Override
      public byte @Nullable [] get(byte[] key) {
        requireUsable();
        return MemoryIndex.get(now, key);
      }

      @Override
      public void scan(byte[] from, byte[] start, byte[] to, Visitor visitor) {
        requireUsable();
        MemoryIndex.scan(now, from, start, to, visitor);
      }

      @Override
      public void close() {
        // Holds nothing.
      }
    };
  }

  @Override
  public void close() {
    closed = true;
  }

  private void requireUsable() {
    if (closed || damaged) {
      throw new IndexException("the index is " + (closed ? "closed" : "damaged"), null);
    }
  }

  private static byte @Nullable [] get(NavigableMap<byte[], byte[]> state, byte[] key) {
    byte[] value = state.get(key);
    return value == null ? null : value.clone();
  }

  private static void scan(
      NavigableMap<byte[], byte[]> state, byte[] from, byte[] start, byte[] to, Visitor visitor) {
    byte[] floor = state.floorKey(start);
    byte[] first = floor == null || Arrays.compareUnsigned(floor, from) < 0 ? start : floor;
    if (Arrays.compareUnsigned(first, to) >= 0) {
      return;
    }
    for (var entry : state.subMap(first, true, to, false).entrySet()) {
      if (!visitor.visit(entry.getKey().clone(), entry.getValue().clone())) {
        return;
      }
    }
  }
}
