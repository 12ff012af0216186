package io.spillway.protocol.server;

import io.spillway.protocol.frame.ReadPause;
import java.util.Collections;
import java.util.EnumMap;
import java.util.Map;
import java.util.concurrent.atomic.LongAdder;

/** Monotonic counts of one server. Any thread. */
final class ServerCounters {

  final LongAdder accepted = new LongAdder();
  final LongAdder requests = new LongAdder();
  final LongAdder answered = new LongAdder();
  final LongAdder bytesIn = new LongAdder();
  final LongAdder bytesOut = new LongAdder();
  private final Map<ReadPause, LongAdder> pauses = adders(ReadPause.class);
  private final Map<CloseReason, LongAdder> closed = adders(CloseReason.class);

  void onPause(ReadPause cause) {
    add(pauses, cause);
  }

  void onClosed(CloseReason reason) {
    add(closed, reason);
  }

  Map<ReadPause, Long> pauses() {
    return sums(pauses, ReadPause.class);
  }

  Map<CloseReason, Long> closed() {
    return sums(closed, CloseReason.class);
  }

  private static <E extends Enum<E>> Map<E, LongAdder> adders(Class<E> type) {
    Map<E, LongAdder> adders = new EnumMap<>(type);
    for (E constant : type.getEnumConstants()) {
      adders.put(constant, new LongAdder());
    }
    return adders;
  }

  private static <E extends Enum<E>> void add(Map<E, LongAdder> adders, E key) {
    LongAdder adder = adders.get(key);
    if (adder != null) {
      adder.increment();
    }
  }

  private static <E extends Enum<E>> Map<E, Long> sums(Map<E, LongAdder> adders, Class<E> type) {
    Map<E, Long> sums = new EnumMap<>(type);
    adders.forEach((key, adder) -> sums.put(key, adder.sum()));
    return Collections.unmodifiableMap(sums);
  }
}
