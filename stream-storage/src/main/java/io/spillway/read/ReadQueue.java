package io.spillway.read;

import io.spillway.cache.FairQueue;
import io.spillway.read.Request.Load;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Executor;
import org.jspecify.annotations.Nullable;

/**
 * Decides which GET is sent next. Bounded are the GETs under way and the bytes in memory for them;
 * what a reader waits for goes first, in turn between clients ({@link FairQueue}), and what is
 * fetched ahead takes the rest, never more than half of the requests and three quarters of the
 * bytes, each client its share.
 *
 * <p>Requests are not sent in the call but by a task on a read thread. All that is asked for before
 * it runs, or while every place is taken, is there to be merged: neighbours in one object become
 * one GET, whoever asked for them, with small gaps read along. Safe for any thread.
 */
final class ReadQueue {

  /**
   * A GET on its way.
   *
   * @param first segment
   * @param last segment, included
   * @param loads which asked for segments in it
   * @param heldBytes of the budget, given back when it has been delivered
   * @param isAhead whether nobody waits for any of it
   */
  record Get(
      String objectKey, int first, int last, List<Load> loads, long heldBytes, boolean isAhead) {}

  /** Sends a GET, and has {@link #onAnswered} and {@link #onDelivered} called, once each. */
  interface Sender {
    void send(Get get);

    /**
     * Gives up what was fetched ahead and not read yet, about as much, with {@link #returnAhead};
     * false when there is nothing.
     */
    boolean reclaim(long bytes);
  }

  /** Read along between two neighbours, rather than sending two GETs. */
  private static final int MAX_GAP_SEGMENTS = 1;

  private final long totalBytes;
  private final int maxRequests;
  private final long maxGetBytes;
  private final int segmentBytes;
  private final Executor readers;
  private final Sender sender;
  private final CatchUpCounters counters;

  private final FairQueue<Request> demand = new FairQueue<>();
  private final FairQueue<Request> ahead = new FairQueue<>();
  private final Map<String, List<Load>> queuedByObject = new HashMap<>();
  private final Map<Long, Long> aheadByClient = new HashMap<>();
  private long takenBytes;
  private long aheadBytes;
  private int requests;
  private int requestsAhead;
  private boolean isDispatching;
  private boolean isClosed;
  private long passes;

  ReadQueue(
      long totalBytes,
      int maxRequests,
      long maxGetBytes,
      int segmentBytes,
      Executor readers,
      Sender sender,
      CatchUpCounters counters) {
    this.totalBytes = totalBytes;
    this.maxRequests = maxRequests;
    this.maxGetBytes = maxGetBytes;
    this.segmentBytes = segmentBytes;
    this.readers = readers;
    this.sender = sender;
    this.counters = counters;
  }

  /** Queues what a reader waits for; false when the queue is closed. */
  boolean submit(Request request) {
    synchronized (this) {
      if (isClosed) {
        return false;
      }
      enqueue(demand, request);
      if (!startDispatching()) {
        return true;
      }
    }
    readers.execute(this::dispatch);
    return true;
  }

  /**
   * Queues what nobody waits for yet, and for which {@link #takeAhead} took the room; false when
   * the queue is closed.
   */
  boolean submitAhead(Load load) {
    synchronized (this) {
      if (isClosed) {
        return false;
      }
      load.isAhead = true;
      enqueue(ahead, load);
      if (!startDispatching()) {
        return true;
      }
    }
    readers.execute(this::dispatch);
    return true;
  }

  private void enqueue(FairQueue<Request> queue, Request request) {
    request.isQueued = true;
    request.queuedInPass = passes;
    queue.add(request);
    if (request instanceof Load load) {
      queuedByObject.computeIfAbsent(load.objectKey(), key -> new ArrayList<>(1)).add(load);
    }
  }

  private boolean startDispatching() {
    boolean start = !isDispatching;
    isDispatching = true;
    return start;
  }

  /** A reader has come to what was to be fetched ahead. */
  synchronized void promote(Load load) {
    if (load.isQueued && load.isAhead) {
      ahead.remove(load);
      load.isAhead = false;
      giveAheadLocked(load.client(), load.bytes());
      demand.add(load);
    }
  }

  /**
   * Takes room for what is held for a reader that has not come to it yet; each client gets its
   * share, so that one with many streams leaves some to others.
   */
  synchronized boolean takeAhead(long client, long bytes) {
    long limit = totalBytes / 4 * 3;
    long own = aheadByClient.getOrDefault(client, 0L);
    int clients = aheadByClient.size() + (own == 0 ? 1 : 0);
    if (!demand.isEmpty()
        || own + bytes > limit / clients
        || aheadBytes + bytes > limit
        || takenBytes + bytes > totalBytes) {
      return false;
    }
    takenBytes += bytes;
    aheadBytes += bytes;
    aheadByClient.merge(client, bytes, Long::sum);
    return true;
  }

  void giveAhead(long client, long bytes) {
    returnAhead(client, bytes);
    dispatch();
  }

  /** As {@link #giveAhead}, when more is to come before anything may be sent. */
  synchronized void returnAhead(long client, long bytes) {
    giveAheadLocked(client, bytes);
  }

  private void giveAheadLocked(long client, long bytes) {
    takenBytes -= bytes;
    aheadBytes -= bytes;
    aheadByClient.merge(client, -bytes, Long::sum);
    aheadByClient.remove(client, 0L);
  }

  /** The store has answered: the next may be sent. */
  void onAnswered(boolean isAhead) {
    synchronized (this) {
      requests--;
      requestsAhead -= isAhead ? 1 : 0;
    }
    dispatch();
  }

  /** What came is out of the queue's hands. */
  void onDelivered(long heldBytes) {
    synchronized (this) {
      takenBytes -= heldBytes;
    }
    dispatch();
  }

  /** Bytes of the budget that are taken. */
  synchronized long takenBytes() {
    return takenBytes;
  }

  /** Sends what may be sent. */
  private void dispatch() {
    synchronized (this) {
      passes++;
    }
    boolean isStuck = false;
    while (true) {
      Get get = null;
      Request.Single single = null;
      long missingBytes = 0;
      synchronized (this) {
        isDispatching = false;
        Request next = next(isStuck);
        if (next instanceof Load load) {
          get = merge(load);
        } else if (next instanceof Request.Single alone) {
          take(alone);
          requests++;
          single = alone;
        } else {
          missingBytes = missingBytes();
        }
      }
      if (get != null) {
        isStuck = false;
        sender.send(get);
      } else if (single != null) {
        single.send();
      } else if (missingBytes == 0) {
        return;
      } else if (!sender.reclaim(missingBytes)) {
        if (isStuck) {
          return;
        }
        isStuck = true;
      }
    }
  }

  /**
   * @param isStuck whether the next in turn lacks room and nothing that came ahead can be given up:
   *     if nothing is under way either, what is queued to be fetched ahead has the room, and gives
   *     it back only by being fetched
   */
  private @Nullable Request next(boolean isStuck) {
    if (requests >= maxRequests) {
      return null;
    }
    Request wanted = demand.peek();
    if (wanted != null) {
      if (hasRoom(wanted.bytes())) {
        return wanted;
      }
      return isStuck && requests == 0 ? ahead.peek() : null;
    }
    return requestsAhead < Math.max(1, maxRequests / 2) ? ahead.peek() : null;
  }

  /** What is more than the whole budget is sent alone. */
  private boolean hasRoom(long bytes) {
    return takenBytes == 0 || takenBytes + bytes <= totalBytes;
  }

  /** What the next in turn lacks, for it to be sent. */
  private long missingBytes() {
    Request wanted = requests < maxRequests ? demand.peek() : null;
    return wanted == null || hasRoom(wanted.bytes())
        ? 0
        : Math.min(takenBytes, takenBytes + wanted.bytes() - totalBytes);
  }

  /** Takes it, and its neighbours along, out of the queue. */
  private Get merge(Load start) {
    List<Load> loads = new ArrayList<>();
    long heldBytes = take(start);
    loads.add(start);
    int first = start.first();
    int last = start.last();
    Load next = neighbour(start, first, last);
    while (next != null) {
      int gap = Math.max(0, Math.max(next.first() - last, first - next.last()) - 1);
      takenBytes += (long) gap * segmentBytes;
      heldBytes += (long) gap * segmentBytes + take(next);
      loads.add(next);
      first = Math.min(first, next.first());
      last = Math.max(last, next.last());
      counters.mergedReads.increment();
      next = neighbour(start, first, last);
    }
    boolean isAhead = loads.stream().allMatch(load -> load.isAhead);
    requests++;
    requestsAhead += isAhead ? 1 : 0;
    return new Get(start.objectKey(), first, last, loads, heldBytes, isAhead);
  }

  private @Nullable Load neighbour(Load start, int first, int last) {
    int reach = 1 + MAX_GAP_SEGMENTS;
    for (Load each : queuedByObject.getOrDefault(start.objectKey(), List.of())) {
      long span = 1L + Math.max(last, each.last()) - Math.min(first, each.first());
      // Who waits is not made to wait for much that was not asked for.
      long maxBytes = each.isAhead && !start.isAhead ? maxGetBytes / 4 : maxGetBytes;
      if (each.first() <= last + reach
          && each.last() >= first - reach
          && span * segmentBytes <= maxBytes
          && hasRoom((long) MAX_GAP_SEGMENTS * segmentBytes + (each.isAhead ? 0 : each.bytes()))) {
        return each;
      }
    }
    return null;
  }

  /** Returns the bytes taken for it now. */
  private long take(Request request) {
    request.isQueued = false;
    if (request instanceof Load load) {
      List<Load> known = queuedByObject.getOrDefault(load.objectKey(), List.of());
      known.remove(load);
      if (known.isEmpty()) {
        queuedByObject.remove(load.objectKey());
      }
    }
    if (request.isAhead) {
      ahead.remove(request);
      return 0; // has been taken when it was queued
    }
    demand.remove(request);
    if (passes - request.queuedInPass > 1) {
      counters.budgetWaits.increment(); // it could not be sent when it was first looked at
    }
    takenBytes += request.bytes();
    return request.bytes();
  }

  /** Takes nothing more; returns what was not sent. */
  List<Request> close() {
    List<Request> left = new ArrayList<>();
    synchronized (this) {
      isClosed = true;
      for (FairQueue<Request> queue : List.of(demand, ahead)) {
        for (Request each = queue.peek(); each != null; each = queue.peek()) {
          queue.remove(each);
          left.add(each);
        }
      }
      queuedByObject.clear();
    }
    return left;
  }
}
