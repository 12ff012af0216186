package io.spillway.engine;

import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.atomic.LongAdder;

/** Fetches that found something, by where. Safe for any thread. */
final class ReadStats {
  final LongAdder tail = new LongAdder();
  final LongAdder wal = new LongAdder();
  final LongAdder cache = new LongAdder();
  final LongAdder object = new LongAdder();

  Map<String, Long> snapshot() {
    return new TreeMap<>(
        Map.of("tail", tail.sum(), "wal", wal.sum(), "cache", cache.sum(), "object", object.sum()));
  }
}
