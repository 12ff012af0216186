package io.spillway.wal.commit;

import io.spillway.wal.WalConfig;
import io.spillway.wal.device.AlignedMemory;
import java.util.ArrayDeque;
import java.util.Map;
import java.util.TreeMap;

/**
 * Block memory of one WAL, reused by size class: four classes between each power of two and the
 * next, so that a block wastes a quarter at most. What is idle beyond the bound is freed at once;
 * after {@link #close} everything is, the last of it when the last holder lets go. Safe for any
 * thread.
 */
public final class BlockPool {

  private static final int PAGE = WalConfig.ALIGNMENT_BYTES;

  private final boolean direct;
  private final long maxIdleBytes;
  private final Map<Integer, ArrayDeque<AlignedMemory>> idle = new TreeMap<>();
  private long idleBytes;
  private long memoryBytes;
  private boolean closed;

  public BlockPool(boolean direct, long maxIdleBytes) {
    this.direct = direct;
    this.maxIdleBytes = maxIdleBytes;
  }

  /** Memory of at least {@code bytes}, with anything in it. Give it back to {@link #release}. */
  public AlignedMemory acquire(int bytes) {
    int size = sizeClass(bytes);
    synchronized (this) {
      ArrayDeque<AlignedMemory> free = idle.get(size);
      AlignedMemory memory = free == null ? null : free.pollLast();
      if (memory != null) {
        idleBytes -= memory.sizeBytes();
        return memory;
      }
    }
    AlignedMemory memory = AlignedMemory.allocate(size, direct);
    synchronized (this) {
      memoryBytes += memory.sizeBytes();
    }
    return memory;
  }

  /** Takes back what {@link #acquire} gave. */
  public void release(AlignedMemory memory) {
    synchronized (this) {
      if (!closed && idleBytes + memory.sizeBytes() <= maxIdleBytes) {
        idleBytes += memory.sizeBytes();
        idle.computeIfAbsent(memory.buffer().capacity(), size -> new ArrayDeque<>()).add(memory);
        return;
      }
      memoryBytes -= memory.sizeBytes();
    }
    memory.free();
  }

  /** Memory held by blocks, reads, and for reuse. */
  public synchronized long memoryBytes() {
    return memoryBytes;
  }

  /** Frees what is idle; what is held is freed when it is released. */
  public synchronized void close() {
    closed = true;
    for (ArrayDeque<AlignedMemory> free : idle.values()) {
      for (AlignedMemory memory : free) {
        memoryBytes -= memory.sizeBytes();
        memory.free();
      }
    }
    idle.clear();
    idleBytes = 0;
  }

  /** The smallest class that holds {@code bytes}. */
  static int sizeClass(int bytes) {
    int pages = Math.max(1, (bytes + PAGE - 1) / PAGE);
    if (pages <= 4) {
      return pages * PAGE;
    }
    int step = Integer.highestOneBit(pages - 1) / 4;
    return Math.multiplyExact((pages + step - 1) / step * step, PAGE);
  }
}
