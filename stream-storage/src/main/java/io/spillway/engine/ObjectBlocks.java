package io.spillway.engine;

import io.spillway.cache.ByteBudget;
import io.spillway.cache.LruCache;
import io.spillway.catalog.CatalogCommand.ObjectRef;
import io.spillway.format.v1.ObjectIndex;
import io.spillway.format.v1.ObjectIndex.Block;
import io.spillway.object.ObjectStore;
import io.spillway.stream.StreamException;
import io.spillway.upload.Failures;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executor;
import org.jspecify.annotations.Nullable;

/**
 * Indexes and blocks of objects, out of the caches or the store. Whoever asks for what is on its
 * way already waits for that; what is on its way is bounded by the read budget. Every block is
 * checked before anybody sees it. Safe for any thread; completes on a read thread or in the call.
 */
final class ObjectBlocks {

  private final ObjectStore store;
  private final Executor readers;
  private final ByteBudget budget;
  private final LruCache<String, ObjectIndex> indexes;
  private final LruCache<BlockKey, ByteBuffer> blocks;
  private final ConcurrentHashMap<String, CompletableFuture<ObjectIndex>> comingIndexes =
      new ConcurrentHashMap<>();
  private final ConcurrentHashMap<BlockKey, CompletableFuture<ByteBuffer>> comingBlocks =
      new ConcurrentHashMap<>();

  ObjectBlocks(
      ObjectStore store,
      Executor readers,
      long readBufferBytes,
      long indexCacheBytes,
      long blockCacheBytes) {
    this.store = store;
    this.readers = readers;
    this.budget = new ByteBudget(readBufferBytes);
    this.indexes = new LruCache<>(indexCacheBytes, ObjectIndex::memoryBytes);
    this.blocks = new LruCache<>(blockCacheBytes, ByteBuffer::capacity);
  }

  private record BlockKey(String objectKey, long position) {}

  ByteBudget budget() {
    return budget;
  }

  long cachedBytes() {
    return blocks.weight();
  }

  /** Nothing of the object is needed any more. */
  void forget(String objectKey) {
    indexes.remove(objectKey); // its blocks leave as the least used
  }

  void clear() {
    indexes.clear();
    blocks.clear();
  }

  CompletableFuture<ObjectIndex> index(ObjectRef object) {
    ObjectIndex cached = indexes.get(object.key());
    if (cached != null) {
      return CompletableFuture.completedFuture(cached);
    }
    CompletableFuture<ObjectIndex> mine = new CompletableFuture<>();
    CompletableFuture<ObjectIndex> coming = comingIndexes.putIfAbsent(object.key(), mine);
    if (coming != null) {
      return coming;
    }
    long bytes = object.sizeBytes() - object.indexPosition();
    budget
        .take(bytes)
        .thenCompose(
            taken ->
                store
                    .getRange(object.key(), object.indexPosition(), Math.toIntExact(bytes))
                    .whenComplete((tail, failure) -> budget.give(bytes)))
        .thenApplyAsync(
            tail -> ObjectIndex.parse(object.key(), object.indexPosition(), tail), readers)
        .whenComplete(
            (index, failure) -> {
              if (failure == null) {
                indexes.put(object.key(), index);
              }
              comingIndexes.remove(object.key(), mine);
              settle(mine, index, failure);
            });
    return mine;
  }

  /**
   * The bytes of blocks {@code first} to {@code last} of a range, both included. If the first that
   * is missing has to be fetched, as many blocks behind it come along as the window allows.
   *
   * @return one buffer per block; shared, so not to be written to, nor moved in. Blocks fail one by
   *     one: a damaged one leaves its neighbours readable
   */
  Blocks read(String objectKey, List<Block> of, int first, int last, int windowBytes) {
    List<CompletableFuture<ByteBuffer>> wanted = new ArrayList<>(last - first + 1);
    boolean allCached = true;
    for (int i = first; i <= last; i++) {
      BlockKey key = new BlockKey(objectKey, of.get(i).position());
      ByteBuffer cached = blocks.get(key);
      if (cached != null) {
        wanted.add(CompletableFuture.completedFuture(cached));
        continue;
      }
      allCached = false;
      CompletableFuture<ByteBuffer> coming = comingBlocks.get(key);
      wanted.add(coming != null ? coming : fetchRun(objectKey, of, i, last, windowBytes));
    }
    return new Blocks(wanted, allCached);
  }

  record Blocks(List<CompletableFuture<ByteBuffer>> bytes, boolean cached) {

    /** Completes when each has come or failed. */
    CompletableFuture<List<CompletableFuture<ByteBuffer>>> settled() {
      return CompletableFuture.allOf(bytes.toArray(CompletableFuture[]::new))
          .handle((done, failure) -> bytes);
    }
  }

  /** Fetches block {@code first} and those behind it in one request; returns the first. */
  private CompletableFuture<ByteBuffer> fetchRun(
      String objectKey, List<Block> of, int first, int last, int windowBytes) {
    List<Promise> run = new ArrayList<>();
    long bytes = 0;
    for (int i = first; i < of.size(); i++) {
      Block block = of.get(i);
      BlockKey key = new BlockKey(objectKey, block.position());
      boolean tooMuch = i > last && bytes + block.sizeBytes() > windowBytes;
      if (!run.isEmpty()
          && (tooMuch || bytes + block.sizeBytes() > Integer.MAX_VALUE || blocks.contains(key))) {
        break;
      }
      CompletableFuture<ByteBuffer> mine = new CompletableFuture<>();
      CompletableFuture<ByteBuffer> coming = comingBlocks.putIfAbsent(key, mine);
      if (coming != null) {
        if (run.isEmpty()) {
          return coming;
        }
        break;
      }
      run.add(new Promise(key, block, mine));
      bytes += block.sizeBytes();
    }
    fetch(objectKey, run, (int) bytes);
    return run.get(0).bytes;
  }

  private void fetch(String objectKey, List<Promise> run, int bytes) {
    long position = run.get(0).block.position();
    budget
        .take(bytes)
        .thenCompose(
            taken ->
                store
                    .getRange(objectKey, position, bytes)
                    .whenComplete((read, failure) -> budget.give(bytes)))
        .whenCompleteAsync((read, failure) -> deliver(run, read, failure), readers);
  }

  /** Each block on its own: a damaged one does not spoil its neighbours. */
  private void deliver(List<Promise> run, ByteBuffer read, @Nullable Throwable failure) {
    long from = run.get(0).block.position();
    for (Promise promise : run) {
      ByteBuffer block = null;
      Throwable problem = failure;
      if (failure == null) {
        try {
          block = cutOut(promise.block, read, from, run.size() == 1);
          blocks.put(promise.key, block);
        } catch (StreamException e) {
          problem = e;
        }
      }
      comingBlocks.remove(promise.key, promise.bytes);
      settle(promise.bytes, block, problem);
    }
  }

  /** Copied out of a longer run, so that the cache holds what it counts. */
  private static ByteBuffer cutOut(Block block, ByteBuffer read, long from, boolean alone) {
    int at = (int) (block.position() - from);
    int available = Math.max(0, Math.min(block.sizeBytes(), read.remaining() - at));
    ByteBuffer view = read.slice(read.position() + Math.min(at, read.remaining()), available);
    block.requireIntact(view);
    if (alone && !view.isDirect()) {
      return view;
    }
    return ByteBuffer.allocate(available).put(view).flip();
  }

  private static <T> void settle(
      CompletableFuture<T> promise, @Nullable T value, @Nullable Throwable failure) {
    if (failure != null) {
      promise.completeExceptionally(Failures.cause(failure));
    } else if (value != null) {
      promise.complete(value);
    }
  }

  private record Promise(BlockKey key, Block block, CompletableFuture<ByteBuffer> bytes) {}
}
