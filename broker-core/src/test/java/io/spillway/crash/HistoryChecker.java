package io.spillway.crash;

import io.spillway.crash.History.Acked;
import io.spillway.crash.History.Committed;
import io.spillway.crash.History.Seen;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;

/**
 * Judges a {@link History}. The final reader has read every partition from its start to its end
 * after the last restart; what it saw is the log. Each finding names the record and both values.
 */
final class HistoryChecker {

  static final String FINAL_READER = "final";

  /** What can be wrong. */
  enum Kind {
    LOST,
    DUPLICATED,
    REORDERED,
    INVENTED,
    INCONSISTENT_OFFSET,
    OFFSET_GAP,
    COMMITTED_OFFSET_WENT_BACK
  }

  record Finding(Kind kind, String text) {}

  private final History history;
  private final List<Finding> findings = new ArrayList<>();
  private final Map<Integer, TreeMap<Long, Seen>> log = new HashMap<>();

  private HistoryChecker(History history) {
    this.history = history;
  }

  static List<Finding> check(History history) {
    HistoryChecker checker = new HistoryChecker(history);
    checker.readLog();
    checker.checkReadersAgree();
    checker.checkAckedAreThere();
    checker.checkOrderAndUniqueness();
    checker.checkCommittedOffsets();
    return checker.findings;
  }

  private void readLog() {
    for (Seen seen : history.seen()) {
      if (seen.reader().equals(FINAL_READER)) {
        log.computeIfAbsent(seen.partition(), p -> new TreeMap<>()).put(seen.offset(), seen);
      }
    }
    log.forEach(
        (partition, records) -> {
          long expected = records.firstKey();
          for (long offset : records.keySet()) {
            if (offset != expected) {
              find(
                  Kind.OFFSET_GAP,
                  String.format("partition %d: %d follows %d", partition, offset, expected - 1));
            }
            expected = offset + 1;
          }
        });
  }

  private void checkReadersAgree() {
    for (Seen seen : history.seen()) {
      Seen logged = log.getOrDefault(seen.partition(), new TreeMap<>()).get(seen.offset());
      if (logged == null) {
        find(Kind.INCONSISTENT_OFFSET, String.format("%s is not in the log", seen));
      } else if (!logged.producer().equals(seen.producer()) || logged.number() != seen.number()) {
        find(Kind.INCONSISTENT_OFFSET, String.format("%s, but the log has %s", seen, logged));
      }
    }
  }

  private void checkAckedAreThere() {
    for (Acked acked : history.acked()) {
      Seen logged = log.getOrDefault(acked.partition(), new TreeMap<>()).get(acked.offset());
      if (logged == null
          || !logged.producer().equals(acked.producer())
          || logged.number() != acked.number()) {
        find(Kind.LOST, String.format("%s, but the log has %s", acked, logged));
      }
    }
  }

  private void checkOrderAndUniqueness() {
    Set<String> known = new HashSet<>();
    history.acked().forEach(a -> known.add(key(a.producer(), a.partition(), a.number())));
    history.unresolved().forEach(u -> known.add(key(u.producer(), u.partition(), u.number())));
    log.forEach(
        (partition, records) -> {
          Map<String, Long> last = new HashMap<>();
          Set<String> before = new HashSet<>();
          for (Seen seen : records.values()) {
            String key = key(seen.producer(), partition, seen.number());
            if (!known.contains(key)) {
              find(Kind.INVENTED, String.format("%s was never sent", seen));
            }
            if (!before.add(key)) {
              find(Kind.DUPLICATED, String.format("%s is a second copy", seen));
            } else if (seen.number() < last.getOrDefault(seen.producer(), -1L)) {
              find(Kind.REORDERED, String.format("%s follows %d", seen, last.get(seen.producer())));
            }
            last.merge(seen.producer(), seen.number(), Math::max);
          }
        });
  }

  private void checkCommittedOffsets() {
    Map<String, Long> highest = new HashMap<>();
    for (Committed committed : history.committed()) {
      String key = committed.group() + "/" + committed.partition();
      long before = highest.getOrDefault(key, 0L);
      if (committed.read() && committed.offset() < before) {
        find(
            Kind.COMMITTED_OFFSET_WENT_BACK,
            String.format("%s, but it was %d before", committed, before));
      }
      highest.merge(key, committed.offset(), Math::max);
    }
  }

  private static String key(String producer, int partition, long number) {
    return producer + "/" + partition + "/" + number;
  }

  private void find(Kind kind, String text) {
    findings.add(new Finding(kind, text));
  }
}
