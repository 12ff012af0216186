package io.spillway.crash;

import java.util.ArrayList;
import java.util.List;

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

  synchronized void add(Acked event) {
    acked.add(event);
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
