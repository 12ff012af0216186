package io.spillway.request.data;

import io.spillway.metrics.MetricsSink;
import io.spillway.metrics.MetricsSource;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Bytes of fetch responses that are read and not yet sent, of all clients together (G7). A fetch
 * gets at most what is left of its client's fair share: the capacity, divided by the clients that
 * hold or wait for some of it. So a client that reads its answers slowly, or with many connections,
 * shuts nobody out. Any thread.
 *
 * <p>A grant may be exceeded by one batch, since the first batch of a response is sent whatever its
 * size (KIP-74).
 */
final class FetchBudget implements MetricsSource {

  /** Less than this is not worth a response, unless the client asks for less. */
  static final long LEAST_GRANT_BYTES = 64 * 1024;

  /** A fetch that waits for room. */
  interface Waiter {

    /** There may be room now. Must not block; any thread. */
    void onRoom();
  }

  private final long capacityBytes;
  private final Map<String, Long> usedByClient = new HashMap<>();
  private final Map<String, Set<Waiter>> waitingByClient = new HashMap<>();

  /** Clients with waiters, the one that has waited longest first. */
  private final ArrayDeque<String> turns = new ArrayDeque<>();

  /** Told, and not back yet: as good as waiting. */
  private final Map<Waiter, String> invited = new HashMap<>();

  private long usedBytes;
  private long waits;

  FetchBudget(long capacityBytes) {
    this.capacityBytes = capacityBytes;
  }

  /**
   * Takes room for a response.
   *
   * @param waiter told once when there may be room, if there is none; forgotten by the next call
   * @return bytes granted, to be given back; 0 when there is no room now
   */
  synchronized long take(String client, long wantedBytes, Waiter waiter) {
    forget(client, waiter);
    long used = usedByClient.getOrDefault(client, 0L);
    int clients = usersAndWaiters(client);
    long fair = Math.max(LEAST_GRANT_BYTES, capacityBytes / Math.max(1, clients));
    long room = Math.min(capacityBytes - usedBytes, fair - used);
    if (room < Math.min(wantedBytes, LEAST_GRANT_BYTES) && usedBytes > 0) {
      waits++;
      waitingByClient.computeIfAbsent(client, any -> newTurn(client)).add(waiter);
      return 0;
    }
    long granted = Math.min(wantedBytes, Math.max(room, LEAST_GRANT_BYTES));
    add(client, granted);
    return granted;
  }

  private Set<Waiter> newTurn(String client) {
    turns.addLast(client);
    return new LinkedHashSet<>();
  }

  private int usersAndWaiters(String asking) {
    if (waitingByClient.isEmpty() && invited.isEmpty()) {
      return usedByClient.size() + (usedByClient.containsKey(asking) ? 0 : 1);
    }
    Set<String> clients = new HashSet<>(usedByClient.keySet());
    clients.addAll(waitingByClient.keySet());
    clients.addAll(invited.values());
    clients.add(asking);
    return clients.size();
  }

  private void add(String client, long bytes) {
    usedBytes += bytes;
    usedByClient.merge(client, bytes, Long::sum);
    usedByClient.remove(client, 0L);
  }

  /** A response turned out larger than was granted, by its first batch. */
  synchronized void exceed(String client, long bytes) {
    add(client, bytes);
  }

  /** Gives room back; whoever waits is told, one fetch of each client in turn. */
  void give(String client, long bytes) {
    if (bytes == 0) {
      return;
    }
    List<Waiter> told = new ArrayList<>();
    synchronized (this) {
      add(client, -bytes);
      long room = capacityBytes - usedBytes;
      while (room >= LEAST_GRANT_BYTES && !turns.isEmpty()) {
        String next = turns.removeFirst();
        Set<Waiter> waiting = waitingByClient.getOrDefault(next, Set.of());
        if (waiting.isEmpty()) {
          waitingByClient.remove(next);
          continue;
        }
        Waiter first = waiting.iterator().next();
        waiting.remove(first);
        told.add(first);
        invited.put(first, next);
        room -= LEAST_GRANT_BYTES;
        if (waiting.isEmpty()) {
          waitingByClient.remove(next);
        } else {
          turns.addLast(next);
        }
      }
    }
    told.forEach(Waiter::onRoom);
  }

  /** The fetch waits no more. */
  synchronized void forget(String client, Waiter waiter) {
    invited.remove(waiter);
    Set<Waiter> waiting = waitingByClient.get(client);
    if (waiting != null && waiting.remove(waiter) && waiting.isEmpty()) {
      waitingByClient.remove(client);
      turns.remove(client);
    }
  }

  synchronized long usedBytes() {
    return usedBytes;
  }

  @Override
  public void collect(MetricsSink sink) {
    long used;
    long waited;
    synchronized (this) {
      used = usedBytes;
      waited = waits;
    }
    sink.gauge("spillway_fetch_budget_capacity_bytes", "fetch.response.bytes", capacityBytes);
    sink.gauge(
        "spillway_fetch_budget_used_bytes", "Of fetch responses, read and not yet sent", used);
    sink.counter(
        "spillway_fetch_budget_waits", "Fetches that waited for room for their response", waited);
  }
}
