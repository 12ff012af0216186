package io.spillway.wal.commit;

import io.spillway.wal.StreamId;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.NoSuchElementException;

/**
 * Deficit round-robin between clients (Shreedhar and Varghese, SIGCOMM 1995): each in its turn may
 * send about as many bytes as any other, whatever the sizes of its batches.
 *
 * <p>Batches of one stream keep their order although several clients may write it: a batch waits in
 * the queue where the stream's batches before it still wait, and counts there.
 *
 * <p>The owner's thread only. Bounded by what was reserved.
 */
public final class FairQueue {

  /** What a turn is worth: about one produce batch of the larger sort. */
  static final int QUANTUM_BYTES = 64 << 10;

  private final Map<Long, Client> clients = new HashMap<>();
  private final ArrayDeque<Client> turns = new ArrayDeque<>();
  private final Map<StreamId, StreamTail> streams = new HashMap<>();

  /** Whether nobody waits. */
  public boolean isEmpty() {
    return turns.isEmpty();
  }

  /** Queues behind what waits of its client and its stream. */
  public void add(PendingAppend append) {
    StreamTail tail = streams.get(append.batch.stream());
    if (tail == null) {
      tail = new StreamTail(clients.computeIfAbsent(append.weightKey, Client::new));
      streams.put(append.batch.stream(), tail);
    }
    tail.waiting++;
    Client client = tail.client;
    if (client.appends.isEmpty()) {
      turns.addLast(client);
    }
    client.appends.addLast(append);
  }

  /** The append whose turn it is; the next {@link #poll} takes it. */
  public PendingAppend peek() {
    while (true) {
      Client client = turns.peekFirst();
      if (client == null) {
        throw new NoSuchElementException("nobody waits");
      }
      PendingAppend head = client.appends.getFirst();
      if (client.deficitBytes >= head.frameBytes || turns.size() == 1) {
        return head;
      }
      if (client.inTurn) {
        client.inTurn = false;
        turns.addLast(turns.removeFirst());
      } else {
        client.inTurn = true;
        client.deficitBytes += QUANTUM_BYTES;
      }
    }
  }

  /** Takes the append whose turn it is. */
  public PendingAppend poll() {
    PendingAppend append = peek();
    Client client = turns.getFirst();
    client.appends.removeFirst();
    client.deficitBytes = Math.max(0, client.deficitBytes - append.frameBytes);
    if (client.appends.isEmpty()) {
      turns.removeFirst();
      clients.remove(client.key);
    }
    StreamTail tail = streams.get(append.batch.stream());
    if (tail != null && --tail.waiting == 0) {
      streams.remove(append.batch.stream());
    }
    return append;
  }

  /** Takes everything, in order of arrival. */
  public List<PendingAppend> drain() {
    List<PendingAppend> all = new ArrayList<>();
    turns.forEach(client -> all.addAll(client.appends));
    all.sort(Comparator.comparingLong(append -> append.arrival));
    turns.clear();
    clients.clear();
    streams.clear();
    return all;
  }

  private static final class Client {
    private final long key;
    private final ArrayDeque<PendingAppend> appends = new ArrayDeque<>();
    private long deficitBytes;
    private boolean inTurn;

    Client(long key) {
      this.key = key;
    }
  }

  private static final class StreamTail {
    private final Client client;
    private int waiting;

    StreamTail(Client client) {
      this.client = client;
    }
  }
}
