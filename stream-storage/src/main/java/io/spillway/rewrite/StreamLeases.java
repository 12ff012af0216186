package io.spillway.rewrite;

import io.spillway.wal.StreamId;
import java.util.Collection;
import java.util.HashSet;
import java.util.Set;

/**
 * Which streams are being rewritten: one at a time may, since of two that replace the same extents
 * one would have worked in vain (P19). Any thread.
 */
public final class StreamLeases {

  private final Set<StreamId> taken = new HashSet<>();

  /** All of them or none; false when somebody has one of them. */
  public synchronized boolean take(Collection<StreamId> streams) {
    if (streams.stream().anyMatch(taken::contains)) {
      return false;
    }
    taken.addAll(streams);
    return true;
  }

  public synchronized void release(Collection<StreamId> streams) {
    taken.removeAll(streams);
  }

  public synchronized boolean isTaken(StreamId stream) {
    return taken.contains(stream);
  }
}
