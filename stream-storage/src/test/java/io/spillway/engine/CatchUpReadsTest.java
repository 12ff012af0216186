package io.spillway.engine;

import static io.spillway.engine.EngineWorld.config;
import static org.assertj.core.api.Assertions.assertThat;

import io.spillway.engine.EngineWorld.Node;
import io.spillway.format.v1.ObjectIndex;
import io.spillway.merge.MergeConfig;
import io.spillway.object.ForwardingObjectStore;
import io.spillway.object.ObjectStore;
import io.spillway.stream.CatchUpStats;
import io.spillway.stream.FetchedData;
import io.spillway.stream.StreamHandle;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Consumers that are behind: what they cost, and whom they do not hurt. */
class CatchUpReadsTest {

  private static final int MIB = 1 << 20;
  private static final int KIB = 1 << 10;
  private static final int BATCH_BYTES = 10_000;

  private final EngineWorld world = new EngineWorld(64 * MIB);
  private final List<DataGets> stores = new ArrayList<>();

  @AfterEach
  void nothingWasThrown() {
    assertThat(world.threads.faults()).isEmpty();
  }

  /** A broker whose GETs of data are counted, and wait while they are held. */
  private Node start(EngineConfig config) {
    world.storeWrapper =
        store -> {
          DataGets counted = new DataGets(store);
          stores.add(counted);
          return counted;
        };
    return world.start(config);
  }

  private DataGets gets() {
    return stores.get(stores.size() - 1);
  }

  @Test
  void oneGetServesNeighboursOfManyStreams() {
    Node node = start(config(1).withCaches(0, MIB, MIB));
    List<StreamHandle> handles = new ArrayList<>();
    for (int i = 1; i <= 8; i++) {
      handles.add(node.claim(i, 1));
      node.append(handles.get(i - 1), 4, BATCH_BYTES);
    }
    world.await(node.engine().flush());
    gets().clear();

    List<CompletableFuture<FetchedData>> fetches = new ArrayList<>();
    for (StreamHandle handle : handles) {
      fetches.add(handle.fetch(0, Long.MAX_VALUE, MIB, 7));
    }
    for (CompletableFuture<FetchedData> fetch : fetches) {
      try (FetchedData data = world.await(fetch)) {
        assertThat(data.sizeBytes()).isEqualTo(4 * BATCH_BYTES);
      }
    }

    assertThat(gets().ofData()).as("GETs of data for eight streams").hasSize(1);
    assertThat(gets().ofIndexes()).hasSize(1);
    node.stop();
  }

  /** Neighbours with another stream's data between them come in one GET, distant ones do not. */
  @Test
  void smallGapsAreReadAlongAndLargeOnesAreNot() {
    Node node = start(config(1).withCaches(0, 8L * MIB, MIB));
    List<StreamHandle> handles = new ArrayList<>();
    for (int i = 1; i <= 5; i++) {
      handles.add(node.claim(i, 1));
    }
    int[] batches = {25, 25, 25, 200, 25}; // of 10 kB; a segment has 256 KiB
    for (int i = 0; i < batches.length; i++) {
      node.append(handles.get(i), batches[i], BATCH_BYTES);
    }
    world.await(node.engine().flush());
    world.await(handles.get(3).fetch(1_000, Long.MAX_VALUE, 1)).close(); // now the index is known
    gets().clear();

    List<CompletableFuture<FetchedData>> fetches = new ArrayList<>();
    for (int i : new int[] {0, 2, 4}) {
      fetches.add(handles.get(i).fetch(0, Long.MAX_VALUE, MIB, 7));
    }
    fetches.forEach(fetch -> world.await(fetch).close());

    assertThat(gets().ofData()).as("one and three together, five apart").hasSize(2);
    assertThat(node.engine().stats().catchUp().mergedReads()).isPositive();
    node.stop();
  }

  @Test
  void aSequentialReaderFindsTheNextWindowInMemoryAcrossObjects() {
    Node node = start(config(1).withCaches(0, 4L * MIB, MIB));
    StreamHandle handle = node.claim(1, 1);
    for (int i = 0; i < 6; i++) {
      node.append(handle, 100, BATCH_BYTES);
      world.await(node.engine().flush());
    }
    assertThat(node.engine().stats().uploadedObjects()).isGreaterThanOrEqualTo(6);

    int fetches = 0;
    int waited = 0;
    long offset = 0;
    while (offset < handle.highWatermark()) {
      CompletableFuture<FetchedData> fetch = handle.fetch(offset, Long.MAX_VALUE, 200_000, 7);
      fetches++;
      waited += fetch.isDone() ? 0 : 1;
      try (FetchedData data = world.await(fetch)) {
        offset = data.nextOffset();
      }
      world.runFor(1, TimeUnit.SECONDS); // it is busy with what it got
    }

    assertThat(fetches).isGreaterThan(25);
    assertThat(waited).as("of %d fetches, those that waited for the bucket", fetches).isLessThan(4);
    CatchUpStats stats = node.engine().stats().catchUp();
    assertThat(stats.aheadUsedBytes()).isGreaterThan(4L * MIB);
    assertThat(stats.aheadWastedBytes()).isZero();
    assertThat(gets().ofData()).as("large GETs, not one for each fetch").hasSizeLessThan(20);
    node.stop();
  }

  @Test
  void aReaderThatJumpsGetsNothingAhead() {
    Node node = start(config(1).withCaches(0, MIB, MIB));
    StreamHandle handle = node.claim(1, 1);
    node.append(handle, 400, BATCH_BYTES);
    world.await(node.engine().flush());
    gets().clear();

    for (long offset = 3_900; offset >= 0; offset -= 300) {
      world.await(handle.fetch(offset, Long.MAX_VALUE, 1, 7)).close();
      world.runFor(1, TimeUnit.SECONDS);
    }

    CatchUpStats stats = node.engine().stats().catchUp();
    assertThat(stats.aheadUsedBytes() + stats.aheadWastedBytes()).isZero();
    assertThat(gets().ofData()).allSatisfy(get -> assertThat(get.bytes).isLessThan(MIB));
    node.stop();
  }

  /** It stops when the reader jumps, and what it has is given up when somebody needs the room. */
  @Test
  void whatWasFetchedAheadForNothingMakesRoom() {
    Node node = start(smallReads(MIB, 16));
    StreamHandle handle = node.claim(1, 1);
    StreamHandle other = node.claim(2, 1);
    node.append(handle, 200, BATCH_BYTES);
    world.await(node.engine().flush());
    node.append(other, 200, BATCH_BYTES);
    world.await(node.engine().flush());
    long offset = 0;
    for (int i = 0; i < 3; i++) {
      try (FetchedData data = world.await(handle.fetch(offset, Long.MAX_VALUE, 100_000, 7))) {
        offset = data.nextOffset();
      }
      world.runFor(1, TimeUnit.SECONDS);
    }
    assertThat(node.engine().stats().catchUp().readBufferBytes()).isPositive();

    world.await(other.fetch(0, Long.MAX_VALUE, 1_500_000, 8)).close();
    world.runFor(1, TimeUnit.SECONDS);

    assertThat(node.engine().stats().catchUp().aheadWastedBytes()).isPositive();
    node.requireReadable(handle, 0, BATCH_BYTES);
    node.stop();
    assertThat(node.engine().stats().catchUp().readBufferBytes()).isZero();
  }

  @Test
  void everyBlockIsCheckedOnceForEachTimeItIsLoaded() {
    Node node = start(config(1).withCaches(0, 16L * MIB, MIB));
    StreamHandle handle = node.claim(1, 1);
    node.append(handle, 300, BATCH_BYTES);
    world.await(node.engine().flush());

    for (int reader = 0; reader < 3; reader++) {
      long offset = 0;
      while (offset < handle.highWatermark()) {
        // Small fetches: each block is asked for many times.
        try (FetchedData data = world.await(handle.fetch(offset, Long.MAX_VALUE, 50_000, reader))) {
          offset = data.nextOffset();
        }
      }
    }

    assertThat(node.engine().stats().catchUp().checkedBlocks()).isEqualTo(blocksInBucket());
    assertThat(blocksInBucket()).isGreaterThan(10);
    node.stop();
  }

  private int blocksInBucket() {
    int blocks = 0;
    ObjectStore objects = world.bucket.contents();
    for (ObjectStore.ObjectInfo each : objects.list("data/", "", 100).join()) {
      ByteBuffer all = objects.getRange(each.key(), 0, (int) each.sizeBytes()).join();
      int indexAt = (int) all.getLong(all.limit() - 32);
      ByteBuffer tail = all.slice(indexAt, all.limit() - indexAt);
      for (ObjectIndex.Range range : ObjectIndex.parse(each.key(), indexAt, tail).ranges()) {
        blocks += range.blocks().size();
      }
    }
    return blocks;
  }

  /** A backfill of 16 partitions, and another consumer with one. */
  @Test
  void aBackfillDoesNotStarveAnotherReader() {
    Node node = start(smallReads(64 * MIB, 2));
    List<StreamHandle> backlog = new ArrayList<>();
    for (int i = 1; i <= 17; i++) {
      StreamHandle handle = node.claim(i, 1);
      node.append(handle, 100, BATCH_BYTES);
      world.await(node.engine().flush()); // an object each: nothing can be merged
      world.await(handle.fetch(0, Long.MAX_VALUE, 1)).close(); // its index is known
      backlog.add(handle);
    }
    gets().hold();
    List<CompletableFuture<FetchedData>> backfill = new ArrayList<>();
    for (int i = 0; i < 16; i++) {
      backfill.add(backlog.get(i).fetch(500, Long.MAX_VALUE, 500_000, 7));
    }
    CompletableFuture<FetchedData> other = backlog.get(16).fetch(500, Long.MAX_VALUE, 500_000, 8);
    world.runFor(1, TimeUnit.SECONDS);
    assertThat(gets().held()).as("GETs at once").isEqualTo(2);

    int served = 0;
    while (!other.isDone()) {
      gets().releaseOne();
      world.runFor(1, TimeUnit.SECONDS);
      served++;
    }

    assertThat(served).as("GETs until the other reader has its turn").isLessThanOrEqualTo(4);
    assertThat(backfill.stream().filter(CompletableFuture::isDone).count()).isLessThan(4);
    assertThat(node.engine().stats().catchUp().budgetWaits()).isPositive();
    gets().release();
    backfill.forEach(fetch -> world.await(fetch).close());
    other.join().close();
    node.stop();
  }

  @Test
  void aLaggingReaderNeverEvictsTheTail() {
    Node node = start(config(1).withCaches(256 * KIB, MIB, MIB));
    StreamHandle behind = node.claim(1, 1);
    StreamHandle live = node.claim(2, 1);
    node.append(behind, 500, BATCH_BYTES);
    world.await(node.engine().flush());
    node.append(live, 10, BATCH_BYTES);
    long tailBytes = node.engine().stats().tailCacheBytes();

    node.requireReadable(behind, 0, BATCH_BYTES);

    assertThat(node.reads("object")).isPositive();
    assertThat(node.engine().stats().tailCacheBytes()).isEqualTo(tailBytes);
    long tailReads = node.reads("tail");
    CompletableFuture<FetchedData> newest = live.fetch(50, Long.MAX_VALUE, MIB, 8);
    assertThat(newest).as("in the call").isCompleted();
    newest.join().close();
    assertThat(node.reads("tail")).isEqualTo(tailReads + 1);
    node.stop();
  }

  @Test
  void whatWasLetGoLeavesTheCaches() {
    Node node = start(config(1).withCaches(0, 16L * MIB, MIB));
    StreamHandle handle = node.claim(1, 1);
    node.append(handle, 100, BATCH_BYTES);
    world.await(node.engine().flush());
    node.requireReadable(handle, 0, BATCH_BYTES);
    assertThat(node.engine().stats().blockCacheBytes()).isPositive();
    assertThat(node.engine().stats().catchUp().indexCacheBytes()).isPositive();

    world.await(handle.trim(1_000));
    world.runFor(1, TimeUnit.MINUTES);

    assertThat(node.engine().stats().blockCacheBytes()).isZero();
    assertThat(node.engine().stats().catchUp().indexCacheBytes()).isZero();
    node.stop();
  }

  @Test
  void theReadBudgetHoldsAtEveryMoment() {
    long budget = MIB;
    Node node = start(smallReads(budget, 4));
    List<StreamHandle> handles = new ArrayList<>();
    for (int i = 1; i <= 6; i++) {
      handles.add(node.claim(i, 1));
      node.append(handles.get(i - 1), 60, BATCH_BYTES);
    }
    world.await(node.engine().flush());
    long[] offsets = new long[handles.size()];
    for (int round = 0; round < 12; round++) {
      List<CompletableFuture<FetchedData>> fetches = new ArrayList<>();
      for (int i = 0; i < handles.size(); i++) {
        fetches.add(handles.get(i).fetch(offsets[i], Long.MAX_VALUE, 70_000, i));
      }
      while (!fetches.stream().allMatch(CompletableFuture::isDone)) {
        world.threads.step();
        assertThat(node.engine().stats().catchUp().readBufferBytes()).isBetween(0L, budget);
      }
      for (int i = 0; i < handles.size(); i++) {
        try (FetchedData data = fetches.get(i).join()) {
          offsets[i] = data.nextOffset();
        }
      }
    }
    assertThat(offsets).as("all have come to the end").containsOnly(600);
    node.stop();
    assertThat(node.engine().stats().catchUp().readBufferBytes()).isZero();
  }

  /** Whoever waits for the bucket when storage closes is told. */
  @Test
  void closingFailsWhatWaits() {
    Node node = start(smallReads(64 * MIB, 1));
    List<StreamHandle> handles = new ArrayList<>();
    for (int i = 1; i <= 3; i++) {
      handles.add(node.claim(i, 1));
      node.append(handles.get(i - 1), 30, BATCH_BYTES);
      world.await(node.engine().flush());
    }
    gets().hold();
    List<CompletableFuture<FetchedData>> fetches = new ArrayList<>();
    handles.forEach(handle -> fetches.add(handle.fetch(0, Long.MAX_VALUE, MIB, 7)));
    world.runFor(1, TimeUnit.SECONDS);
    node.engine().close();
    gets().release();
    world.runFor(1, TimeUnit.MINUTES);

    assertThat(fetches).allSatisfy(fetch -> assertThat(fetch).isDone());
    for (CompletableFuture<FetchedData> fetch : fetches) {
      if (!fetch.isCompletedExceptionally()) {
        fetch.join().close();
      }
    }
  }

  private static EngineConfig smallReads(long readBytes, int requests) {
    return config(1).withCaches(0, 0, MIB).withMerging(MergeConfig.off()).toBuilder()
        .objectBlockBytes(64 * KIB)
        .readBufferBytes(readBytes * 4 / 3)
        .maxReadAheadBytes(MIB)
        .readRequests(requests)
        .build();
  }

  private record Got(String key, long position, int bytes) {}

  /** Counts reads of data objects, and holds them back if it is told to. */
  private static final class DataGets extends ForwardingObjectStore {
    private final List<Got> data = new ArrayList<>();
    private final List<Got> indexes = new ArrayList<>();
    private final List<Runnable> held = new ArrayList<>();
    private boolean isHolding;
    private boolean isOfData;

    DataGets(ObjectStore store) {
      super(store);
    }

    List<Got> ofData() {
      return data;
    }

    List<Got> ofIndexes() {
      return indexes;
    }

    void clear() {
      data.clear();
      indexes.clear();
    }

    void hold() {
      isHolding = true;
    }

    int held() {
      return held.size();
    }

    void releaseOne() {
      held.remove(0).run();
    }

    void release() {
      isHolding = false;
      while (!held.isEmpty()) {
        releaseOne();
      }
    }

    @Override
    public CompletableFuture<Integer> getRange(String key, long position, List<ByteBuffer> into) {
      int bytes = into.stream().mapToInt(ByteBuffer::remaining).sum();
      data.add(new Got(key, position, bytes));
      if (!isHolding) {
        return get(key, position, into);
      }
      CompletableFuture<Integer> later = new CompletableFuture<>();
      held.add(
          () ->
              get(key, position, into)
                  .whenComplete(
                      (read, failure) -> {
                        if (failure == null) {
                          later.complete(read);
                        } else {
                          later.completeExceptionally(failure);
                        }
                      }));
      return later;
    }

    private CompletableFuture<Integer> get(String key, long position, List<ByteBuffer> into) {
      isOfData = true;
      CompletableFuture<Integer> read = super.getRange(key, position, into);
      isOfData = false;
      return read;
    }

    @Override
    public CompletableFuture<ByteBuffer> getRange(String key, long position, int length) {
      if (key.startsWith("data/") && !isOfData) {
        indexes.add(new Got(key, position, length));
      }
      return super.getRange(key, position, length);
    }
  }
}
