package io.spillway.read;

import io.spillway.cache.BoundedCache;
import io.spillway.cache.DeferredCache;
import io.spillway.catalog.CatalogCommand.ObjectRef;
import io.spillway.format.v1.ObjectIndex;
import io.spillway.object.ObjectStore;
import io.spillway.object.ObjectStoreException;
import io.spillway.upload.Failures;
import java.nio.ByteBuffer;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executor;
import org.jspecify.annotations.Nullable;

/**
 * Indexes of objects, out of a cache or the store; whoever asks for one that is on its way waits
 * for that. Safe for any thread; completes on a read thread or in the call.
 */
final class ObjectIndexes {

  private final ObjectStore store;
  private final Executor readers;
  private final ReadQueue queue;
  private final CatchUpCounters counters;
  private final BoundedCache<String, ObjectIndex> cache;
  private final ConcurrentHashMap<String, CompletableFuture<ObjectIndex>> coming =
      new ConcurrentHashMap<>();

  ObjectIndexes(
      long cacheBytes,
      ObjectStore store,
      Executor readers,
      ReadQueue queue,
      BoundedCache.Factory caches,
      CatchUpCounters counters) {
    this.store = store;
    this.readers = readers;
    this.queue = queue;
    this.counters = counters;
    this.cache =
        new DeferredCache<>(caches, cacheBytes, ObjectIndex::memoryBytes, (key, index) -> {});
  }

  CompletableFuture<ObjectIndex> get(ObjectRef object, long client) {
    ObjectIndex cached = cache.get(object.key());
    if (cached != null) {
      counters.indexHits.increment();
      return CompletableFuture.completedFuture(cached);
    }
    counters.indexMisses.increment();
    CompletableFuture<ObjectIndex> mine = new CompletableFuture<>();
    CompletableFuture<ObjectIndex> known = coming.putIfAbsent(object.key(), mine);
    if (known != null) {
      return known;
    }
    long bytes = object.indexBytes();
    Request.Single request =
        new Request.Single(
            object.key(),
            client,
            bytes,
            () -> send(object, bytes, mine),
            () -> cancel(object, mine));
    if (!queue.submit(request)) {
      cancel(object, mine);
    }
    return mine;
  }

  private void send(ObjectRef object, long bytes, CompletableFuture<ObjectIndex> promise) {
    store
        .getRange(object.key(), object.indexPosition(), Math.toIntExact(bytes))
        .whenCompleteAsync(
            (tail, failure) -> {
              queue.onAnswered(false);
              arrive(object, tail, failure, promise);
              queue.onDelivered(bytes);
            },
            readers);
  }

  private void arrive(
      ObjectRef object,
      @Nullable ByteBuffer tail,
      @Nullable Throwable failure,
      CompletableFuture<ObjectIndex> promise) {
    ObjectIndex index = null;
    Throwable problem = failure;
    if (tail != null) {
      try {
        index = ObjectIndex.parse(object.key(), object.indexPosition(), tail);
        if (coming.get(object.key()) == promise) {
          cache.put(object.key(), index);
        }
      } catch (RuntimeException e) {
        problem = e;
      }
    }
    coming.remove(object.key(), promise);
    if (index != null) {
      promise.complete(index);
    } else if (problem != null) {
      promise.completeExceptionally(Failures.cause(problem));
    }
  }

  private void cancel(ObjectRef object, CompletableFuture<ObjectIndex> promise) {
    coming.remove(object.key(), promise);
    promise.completeExceptionally(new ObjectStoreException.Unavailable("reads are closed", null));
  }

  void forget(String objectKey) {
    coming.remove(objectKey); // one that is on its way is not kept
    cache.remove(objectKey);
  }

  void clear() {
    cache.clear();
  }

  long cachedBytes() {
    return cache.weight();
  }
}
