package io.spillway.cache;

import java.util.ArrayDeque;
import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * What waits, by client, served by deficit round robin (Shreedhar and Varghese, 1995): in a round
 * each client gets about as many bytes, in how many requests ever. So a consumer of one partition
 * waits for one turn of the others, not for all that they have asked for. Not safe for several
 * threads.
 */
public final class FairQueue<T extends FairQueue.Item> {

  private static final long QUANTUM_BYTES = 256 * 1024;

  /** One request of a client. */
  public interface Item {
    long client();

    long bytes();
  }

  private final long quantumBytes;
  private final Map<Long, Turn<T>> byClient = new HashMap<>();
  private final ArrayDeque<Turn<T>> turns = new ArrayDeque<>();

  /** For reads, the smallest of which that is worth a request is about as large as a turn. */
  public FairQueue() {
    this(QUANTUM_BYTES);
  }

  /**
   * @param quantumBytes what one client gets in a round
   */
  public FairQueue(long quantumBytes) {
    this.quantumBytes = quantumBytes;
  }

  public void add(T item) {
    Turn<T> turn = byClient.get(item.client());
    if (turn == null) {
      turn = new Turn<>(quantumBytes);
      byClient.put(item.client(), turn);
      turns.addLast(turn);
    }
    turn.items.addLast(item);
  }

  public boolean isEmpty() {
    return turns.isEmpty();
  }

  /** Whose turn it is; null when nobody waits. It stays the next until it is removed. */
  public @Nullable T peek() {
    while (!turns.isEmpty()) {
      Turn<T> turn = turns.getFirst();
      T first = turn.items.getFirst();
      if (first.bytes() <= turn.deficitBytes) {
        return first;
      }
      turn.deficitBytes += quantumBytes;
      turns.addLast(turns.removeFirst());
    }
    return null;
  }

  /** Takes it out, charged to its client's turn: served, or of no use any more. */
  public void remove(T item) {
    Turn<T> turn = byClient.get(item.client());
    if (turn == null || !turn.items.remove(item)) {
      throw new IllegalStateException(item + " is not in the queue");
    }
    turn.deficitBytes -= item.bytes();
    if (turn.items.isEmpty()) {
      byClient.remove(item.client());
      turns.remove(turn);
    }
  }

  private static final class Turn<T> {
    private final ArrayDeque<T> items = new ArrayDeque<>();
    private long deficitBytes;

    /** Who comes anew is served when its turn comes, not a round later. */
    Turn(long deficitBytes) {
      this.deficitBytes = deficitBytes;
    }
  }
}
