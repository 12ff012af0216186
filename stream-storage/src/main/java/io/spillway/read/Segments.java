package io.spillway.read;

import io.spillway.cache.BoundedCache;
import io.spillway.catalog.CatalogCommand.ObjectRef;
import io.spillway.object.ObjectStore;
import io.spillway.object.ObjectStoreException;
import io.spillway.read.ReadQueue.Get;
import io.spillway.read.Request.Load;
import io.spillway.read.Staging.Staged;
import io.spillway.runtime.Clock;
import io.spillway.upload.Failures;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executor;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/**
 * Objects in pieces of fixed size: out of the cache, out of what was fetched ahead, or out of the
 * store. Whoever asks for what is on its way already waits for that. Pieces and not blocks, so that
 * neighbours of many streams come in one GET straight into memory that can be used again, and go
 * out of it without a copy. Safe for any thread; completes on a read thread or in the call.
 */
final class Segments implements ReadQueue.Sender {

  private final ObjectStore store;
  private final Executor readers;
  private final int segmentBytes;
  private final long maxGetBytes;
  private final CatchUpCounters counters;
  private final ReadQueue queue;
  private final SegmentMemory memory;
  private final SegmentCache cache;
  private final Staging staging;
  private final AtomicLong loads = new AtomicLong();
  private final ConcurrentHashMap<SegmentKey, Coming> coming = new ConcurrentHashMap<>();

  Segments(
      ReadConfig config,
      ObjectStore store,
      Executor readers,
      Clock clock,
      BoundedCache.Factory caches,
      CatchUpCounters counters) {
    this.store = store;
    this.readers = readers;
    this.segmentBytes = config.segmentBytes();
    this.maxGetBytes =
        Math.max(segmentBytes, Math.min(config.maxReadAheadBytes(), config.readBufferBytes() / 2));
    this.counters = counters;
    this.queue =
        new ReadQueue(
            config.readBufferBytes(),
            config.maxRequests(),
            maxGetBytes,
            segmentBytes,
            readers,
            this,
            counters);
    this.memory =
        new SegmentMemory(segmentBytes, config.readBufferBytes() + config.blockCacheBytes());
    this.cache = new SegmentCache(caches, config.blockCacheBytes());
    this.staging = new Staging(clock, counters);
  }

  ReadQueue queue() {
    return queue;
  }

  long cachedBytes() {
    return cache.bytes();
  }

  /** The segment that a position of an object is in. */
  int numberOf(long position) {
    return Math.toIntExact(position / segmentBytes);
  }

  /**
   * Segments that a reader waits for.
   *
   * @param first and {@code last}, both included
   * @param client whose turn it is
   * @return one for each; the caller releases every one that comes
   */
  List<CompletableFuture<Segment>> take(ObjectRef object, int first, int last, long client) {
    List<CompletableFuture<Segment>> wanted = new ArrayList<>(last - first + 1);
    Run run = new Run(object, client, false);
    for (int number = first; number <= last; number++) {
      SegmentKey key = new SegmentKey(object.key(), number);
      CompletableFuture<Segment> found = find(key);
      while (found == null) {
        Coming mine = new Coming(key, bytesOf(object, number));
        if (coming.putIfAbsent(key, mine) == null) {
          counters.segmentMisses.increment();
          found = mine.first(true);
          run.add(mine);
        } else {
          found = find(key); // somebody else was first, or it came in between
        }
      }
      wanted.add(found);
    }
    run.end();
    return wanted;
  }

  /** What is in memory or on its way; null when it is not. */
  private @Nullable CompletableFuture<Segment> find(SegmentKey key) {
    Staged ahead = staging.take(key);
    if (ahead != null) {
      counters.segmentHits.increment();
      cache.put(ahead.segment());
      queue.giveAhead(ahead.client(), ahead.bytes());
      return CompletableFuture.completedFuture(ahead.segment());
    }
    Segment cached = cache.get(key);
    if (cached != null) {
      counters.segmentHits.increment();
      return CompletableFuture.completedFuture(cached);
    }
    Coming known = coming.get(key);
    CompletableFuture<Segment> joined = known == null ? null : known.join(true);
    if (known != null && joined != null) {
      counters.segmentMisses.increment();
      Load load = known.load();
      if (load != null) {
        queue.promote(load);
      }
    }
    return joined;
  }

  /** Consecutive segments that nobody has, to be asked for together. */
  private final class Run {
    private final ObjectRef object;
    private final long client;
    private final boolean isAhead;
    private List<Coming> segments = new ArrayList<>();
    private long bytes;

    Run(ObjectRef object, long client, boolean isAhead) {
      this.object = object;
      this.client = client;
      this.isAhead = isAhead;
    }

    void add(Coming next) {
      boolean isGap =
          !segments.isEmpty()
              && segments.get(segments.size() - 1).key().number() + 1 != next.key().number();
      if (isGap || (bytes > 0 && bytes + next.bytes() > maxGetBytes)) {
        end();
      }
      segments.add(next);
      bytes += next.bytes();
    }

    void end() {
      if (!segments.isEmpty()) {
        Load load = new Load(object.key(), segments, client, bytes);
        if (!(isAhead ? queue.submitAhead(load) : queue.submit(load))) {
          fail(load, closed());
        }
      }
      segments = new ArrayList<>();
      bytes = 0;
    }
  }

  /**
   * Begins to fetch segments that a reader will come to, as far as there is room.
   *
   * @param first and {@code last}, both included
   * @param arriving given each that is on its way because of this call, to be released
   * @return the first that there was no room for; {@code last + 1} when there was for all
   */
  int fetchAhead(
      ObjectRef object,
      int first,
      int last,
      long client,
      List<CompletableFuture<Segment>> arriving) {
    Run run = new Run(object, client, true);
    int number = first;
    while (number <= last) {
      SegmentKey key = new SegmentKey(object.key(), number);
      if (!isKnown(key)) {
        int bytes = bytesOf(object, number);
        if (!takeAhead(client, bytes)) {
          break;
        }
        Coming mine = new Coming(key, bytes);
        if (coming.putIfAbsent(key, mine) == null) {
          arriving.add(mine.first(false));
          run.add(mine);
        } else {
          queue.returnAhead(client, bytes);
        }
      }
      number++;
    }
    run.end();
    return number;
  }

  private boolean isKnown(SegmentKey key) {
    if (coming.containsKey(key) || staging.contains(key)) {
      return true;
    }
    Segment cached = cache.get(key);
    if (cached != null) {
      cached.release();
    }
    return cached != null;
  }

  /** What was fetched ahead for somebody who is gone makes room. */
  private boolean takeAhead(long client, int bytes) {
    return queue.takeAhead(client, bytes)
        || (giveUp(staging.dropStale()) && queue.takeAhead(client, bytes));
  }

  /** Holds what a reader is in the middle of, until it comes back for the rest. */
  void keep(Segment segment, long client) {
    int bytes = segment.memoryBytes();
    if (!queue.takeAhead(client, bytes)) {
      return;
    }
    segment.retain();
    Staged before = staging.add(segment, client, bytes, false);
    if (before != null) {
      giveUp(List.of(before));
    }
  }

  private int bytesOf(ObjectRef object, int number) {
    return (int) Math.min(segmentBytes, object.sizeBytes() - (long) number * segmentBytes);
  }

  // ---- what the queue sends ----

  @Override
  public void send(Get get) {
    int[] sizes = new int[get.last() - get.first() + 1];
    Arrays.fill(sizes, segmentBytes); // of gaps, too: only the last of an object is smaller
    for (Load load : get.loads()) {
      load.segments().forEach(each -> sizes[each.key().number() - get.first()] = each.bytes());
    }
    List<SegmentMemory.Piece> pieces = new ArrayList<>(sizes.length);
    List<ByteBuffer> into = new ArrayList<>(sizes.length);
    for (int size : sizes) {
      SegmentMemory.Piece piece = memory.take(size);
      pieces.add(piece);
      into.add(piece.buffer().duplicate());
    }
    store
        .getRange(get.objectKey(), (long) get.first() * segmentBytes, into)
        .whenCompleteAsync((read, failure) -> deliver(get, pieces, read, failure), readers);
  }

  private void deliver(
      Get get,
      List<SegmentMemory.Piece> pieces,
      @Nullable Integer readBytes,
      @Nullable Throwable failure) {
    queue.onAnswered(get.isAhead());
    if (readBytes == null) {
      Throwable cause = failure == null ? closed() : Failures.cause(failure);
      pieces.forEach(memory::give);
      get.loads().forEach(load -> fail(load, cause));
    } else {
      List<Segment> segments = segmentsOf(get, pieces, readBytes);
      for (Load load : get.loads()) {
        for (Coming each : load.segments()) {
          arrive(load, each, segments.get(each.key().number() - get.first()));
        }
      }
      segments.forEach(Segment::release);
    }
    queue.onDelivered(get.heldBytes());
  }

  private List<Segment> segmentsOf(Get get, List<SegmentMemory.Piece> pieces, int readBytes) {
    List<Segment> segments = new ArrayList<>(pieces.size());
    int left = readBytes;
    for (int i = 0; i < pieces.size(); i++) {
      SegmentMemory.Piece piece = pieces.get(i);
      int number = get.first() + i;
      int length = Math.min(left, piece.buffer().capacity());
      left -= length;
      segments.add(
          new Segment(
              new SegmentKey(get.objectKey(), number),
              loads.incrementAndGet(),
              (long) number * segmentBytes,
              piece,
              length,
              memory));
    }
    return segments;
  }

  /** A segment is kept, for whoever reads it next, before those are told who wait for it. */
  private void arrive(Load load, Coming each, Segment segment) {
    boolean isWanted = each.settle();
    long bytes = segment.memoryBytes();
    if (load.isAhead && !isWanted && !each.isForgotten()) {
      segment.retain();
      Staged before = staging.add(segment, load.client(), each.bytes(), true);
      if (before != null) {
        giveUp(List.of(before));
      }
    } else {
      if (load.isAhead) {
        (isWanted ? counters.aheadUsedBytes : counters.aheadWastedBytes).add(bytes);
        queue.returnAhead(load.client(), each.bytes());
      }
      if (!each.isForgotten()) {
        cache.put(segment);
      }
    }
    coming.remove(each.key(), each);
    each.complete(segment, null);
  }

  private void fail(Load load, Throwable cause) {
    for (Coming each : load.segments()) {
      each.settle();
      if (load.isAhead) {
        queue.returnAhead(load.client(), each.bytes());
      }
      coming.remove(each.key(), each);
      each.complete(null, cause);
    }
  }

  private static ObjectStoreException closed() {
    return new ObjectStoreException.Unavailable("reads are closed", null);
  }

  @Override
  public boolean reclaim(long bytes) {
    return giveUp(staging.drop(bytes));
  }

  private boolean giveUp(List<Staged> dropped) {
    for (Staged each : dropped) {
      queue.returnAhead(each.client(), each.bytes());
      each.segment().release();
    }
    return !dropped.isEmpty();
  }

  /** Nothing of the object is needed any more. */
  void forget(String objectKey) {
    coming.forEach(
        (key, each) -> {
          if (key.objectKey().equals(objectKey)) {
            each.forget();
          }
        });
    giveUp(staging.dropObject(objectKey));
    cache.forget(objectKey);
  }

  /** Fails what was not sent yet, and gives all memory back that nobody reads from. */
  void close() {
    for (Request request : queue.close()) {
      if (request instanceof Load load) {
        fail(load, closed());
      } else if (request instanceof Request.Single single) {
        single.cancel();
      }
    }
    giveUp(staging.dropAll());
    cache.clear();
    memory.close();
  }
}
