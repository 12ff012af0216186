package io.spillway.crash;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * What clients did and saw during a run. Every record carries its producer's name and number; a
 * producer numbers its records per partition from 0 without gaps and sends them in that order. Safe
 * for any thread.
 */
final class History {

  /** A record the broker acknowledged. */
  record Acked(String producer, int partition, long number, long offset) {}

  /** A record that was sent and whose fate its producer never learned. */
  record Unresolved(String producer, int partition, long number) {}

  /** A record as a reader saw it. */
  record Seen(String reader, int partition, long offset, String producer, long number) {}

  /** The committed offset of a group, as its owner set it or as somebody read it, in time order. */
  record Committed(String group, int partition, long offset, boolean read) {}

  private final List<Acked> acked = new ArrayList<>();
  private final List<Unresolved> unresolved = new ArrayList<>();
  private final List<Seen> seen = new ArrayList<>();
  private final List<Committed> committed = new ArrayList<>();
  private final Map<Integer, Long> ackedEnds = new HashMap<>();

  synchronized void add(Acked event) {
    acked.add(event);
    ackedEnds.merge(event.partition(), event.offset() + 1, Math::max);
  }

  synchronized void add(Unresolved event) {
    unresolved.add(event);
  }

  synchronized void add(Seen event) {
    seen.add(event);
  }

  synchronized void add(Committed event) {
    committed.add(event);
  }

  synchronized List<Acked> acked() {
    return List.copyOf(acked);
  }

  /** Behind the last offset of the partition that was acknowledged so far, or 0. */
  synchronized long ackedEnd(int partition) {
    return ackedEnds.getOrDefault(partition, 0L);
  }

  synchronized List<Unresolved> unresolved() {
    return List.copyOf(unresolved);
  }

  synchronized List<Seen> seen() {
    return List.copyOf(seen);
  }

  synchronized List<Committed> committed() {
    return List.copyOf(committed);
  }
}
