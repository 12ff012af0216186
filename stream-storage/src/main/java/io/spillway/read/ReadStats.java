package io.spillway.read;

import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.atomic.LongAdder;

/** Fetches that found something, by where. Safe for any thread. */
public final class ReadStats {
  private final LongAdder tail = new LongAdder();
  private final LongAdder wal = new LongAdder();
  private final LongAdder cache = new LongAdder();
  private final LongAdder object = new LongAdder();

  public void onTail() {
    tail.increment();
  }

  public void onWal() {
    wal.increment();
  }

  /**
   * @param inMemory whether all of it was, when it was asked for
   */
  void onObjects(boolean inMemory) {
    (inMemory ? cache : object).increment();
  }

  public Map<String, Long> snapshot() {
    return new TreeMap<>(
        Map.of("tail", tail.sum(), "wal", wal.sum(), "cache", cache.sum(), "object", object.sum()));
  }
}
