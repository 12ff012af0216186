package io.spillway.objectwal;

import io.spillway.object.ObjectStore;
import io.spillway.runtime.Scheduler;
import java.util.ArrayDeque;
import java.util.UUID;

/**
 * Deletes the blocks of a chain below the trim position (P17), a few at a time, in order. What a
 * failure or a stop leaves is found when the chain is sealed: {@link ChainSweep}. The owner's
 * thread only.
 */
final class ChainTrimmer {

  private static final int DELETES_AT_ONCE = 4;

  private final ObjectStore store;
  private final Scheduler owner;
  private final UUID walId;
  private final ArrayDeque<Block> live = new ArrayDeque<>();
  private final ArrayDeque<Block> superfluous = new ArrayDeque<>();
  private int deleting;
  private boolean stopped;

  ChainTrimmer(ObjectStore store, Scheduler owner, UUID walId) {
    this.store = store;
    this.owner = owner;
    this.walId = walId;
  }

  /** A block is durable; in order of numbers. */
  void add(long number, int bytes) {
    live.addLast(new Block(number, bytes));
  }

  /** Deletes the blocks below; the bytes of them. */
  long trim(long number) {
    long bytes = 0;
    Block first = live.peekFirst();
    while (first != null && first.number < number) {
      bytes += first.bytes;
      superfluous.addLast(live.removeFirst());
      first = live.peekFirst();
    }
    deleteSome();
    return bytes;
  }

  /** Starts nothing more. */
  void stop() {
    stopped = true;
  }

  private void deleteSome() {
    while (!stopped && deleting < DELETES_AT_ONCE && !superfluous.isEmpty()) {
      deleting++;
      store
          .delete(ChainKeys.key(walId, superfluous.removeFirst().number))
          .whenComplete((done, failure) -> owner.execute(this::onDeleted));
    }
  }

  private void onDeleted() {
    deleting--;
    deleteSome();
  }

  private record Block(long number, int bytes) {}
}
