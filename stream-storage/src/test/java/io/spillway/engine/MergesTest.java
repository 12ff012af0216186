package io.spillway.engine;

import static io.spillway.engine.EngineWorld.config;
import static io.spillway.engine.EngineWorld.stream;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.spillway.catalog.CatalogCommand.Extent;
import io.spillway.catalog.CatalogCommand.ObjectRef;
import io.spillway.catalog.CatalogCommand.RaiseOrphanFloor;
import io.spillway.catalog.LogStreamCatalog;
import io.spillway.engine.EngineWorld.Node;
import io.spillway.merge.MergeConfig;
import io.spillway.object.ObjectStore;
import io.spillway.object.ObjectStore.ObjectInfo;
import io.spillway.stream.FetchedData;
import io.spillway.stream.StorageStats.Merges;
import io.spillway.stream.StreamException;
import io.spillway.stream.StreamHandle;
import io.spillway.wal.StreamId;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Merging in a whole engine, in simulated time. */
class MergesTest {

  private static final int MIB = 1 << 20;
  private static final int FAN_IN = 4;
  private static final int LARGE = 64 << 10;
  private static final int SIZE = 1_000;

  private EngineWorld world = new EngineWorld(32 * MIB);

  @AfterEach
  void nothingWasThrown() {
    assertThat(world.threads.faults()).isEmpty();
  }

  @Test
  void sharedObjectsBecomeFewAndTheOldOnesAreDeleted_P19() {
    Node node = world.start(merging(fast()));
    StreamHandle one = node.claim(1, 1);
    StreamHandle two = node.claim(2, 1);
    rounds(node, FAN_IN, one, two);
    assertThat(dataObjects()).hasSize(FAN_IN);

    world.runFor(10, TimeUnit.SECONDS);

    assertThat(dataObjects()).hasSize(1);
    assertThat(extents(node, 1)).hasSize(1);
    Merges merges = node.engine().stats().merges();
    assertThat(merges.objects()).isEqualTo(1);
    assertThat(merges.replacedObjects()).isEqualTo(FAN_IN);
    assertThat(merges.running()).isFalse();
    node.requireReadable(one, 0, SIZE);
    node.requireReadable(two, 0, SIZE);
    node.stop();
    Node again = world.start(config(1));
    again.requireReadable(again.claim(1, 2), 0, SIZE);
    again.stop();
  }

  @Test
  void aLargeRunIsWrittenInPartsToAnObjectOfItsOwn() {
    MergeConfig small = new MergeConfig(64L * MIB, 1_000, 128 << 10, LARGE, FAN_IN, 1_000, 1_000);
    EngineConfig smallParts = withPartBytes(small, 16 << 10);
    Node node = world.start(smallParts);
    StreamHandle one = node.claim(1, 1);
    StreamHandle two = node.claim(2, 1);
    for (int i = 0; i < FAN_IN; i++) {
      node.append(one, 60, SIZE);
      node.append(two, 1, SIZE);
      world.await(node.engine().flush());
    }

    world.runFor(20, TimeUnit.SECONDS);

    assertThat(extents(node, 1)).singleElement().extracting(Extent::position).isEqualTo(0L);
    assertThat(extents(node, 2)).hasSize(1);
    assertThat(dataObjects()).hasSize(2);
    assertThat(node.store.requests().get("part/ok")).isGreaterThan(1);
    node.requireReadable(one, 0, SIZE);
    node.requireReadable(two, 0, SIZE);
    node.stop();
  }

  /** Uploads of 200 streams, 500 times: what is kept, and what a cold read costs, stay bounded. */
  @Test
  void objectsAndReadsStayFewAsDataGrows() {
    int streams = 200;
    int rounds = 500;
    MergeConfig fast = new MergeConfig(256L * MIB, 10_000, 8L * MIB, MIB, 8, 200, 1_000);
    int smallObjects = 7 * 4; // of each of four tiers, below the fan-in
    Node node = world.start(merging(fast).withCaches(MIB, 0, 0));
    List<StreamHandle> handles = new ArrayList<>();
    for (int i = 0; i < streams; i++) {
      handles.add(node.claim(i, 1));
    }
    int mostObjects = 0;
    for (int round = 0; round < rounds; round++) {
      List<CompletableFuture<Void>> durable = new ArrayList<>();
      for (int i = 0; i < streams; i++) {
        if (i % 10 == 0 || (round + i) % 10 == 0) { // some often, most now and then
          durable.add(node.appendAt(handles.get(i), handles.get(i).highWatermark(), 300));
        }
      }
      world.await(CompletableFuture.allOf(durable.toArray(CompletableFuture[]::new)));
      world.await(node.engine().flush());
      world.runFor(500, TimeUnit.MILLISECONDS);
      mostObjects = Math.max(mostObjects, dataObjects().size());
    }
    world.runFor(30, TimeUnit.SECONDS);

    assertThat(node.engine().stats().uploadedObjects()).isGreaterThanOrEqualTo(rounds);
    long live = node.catalog.streams().stream().mapToLong(this::bytesOf).sum();
    assertThat(mostObjects)
        .as("objects at a time")
        .isLessThanOrEqualTo(smallObjects + 8 + 2 * (int) (live / MIB));
    for (int i = 0; i < streams; i++) {
      assertThat(extents(node, i).size())
          .as("extents of %d", i)
          .isLessThanOrEqualTo(smallObjects + 1);
    }
    assertThat(stored()).as("bytes in the bucket").isLessThan(4 * live);
    Merges merges = node.engine().stats().merges();
    assertThat(merges.bytes())
        .as("written again")
        .isLessThan(5 * node.engine().stats().uploadedBytes());
    long before = gets(node);
    node.requireReadable(handles.get(0), 0, 300); // 500 batches, each uploaded alone
    System.out.printf(
        "%d objects at most, %d now, %d merges of %d bytes, %d uploads of %d bytes, %d requests%n",
        mostObjects,
        dataObjects().size(),
        merges.objects(),
        merges.bytes(),
        node.engine().stats().uploadedObjects(),
        node.engine().stats().uploadedBytes(),
        gets(node) - before);
    assertThat(gets(node) - before).as("requests of a cold read").isLessThan(100);
    for (StreamHandle handle : handles) {
      node.requireReadable(handle, 0, 300);
    }
    assertThat(merges.voidRanges()).isZero();
    node.stop();
  }

  private long bytesOf(StreamId id) {
    return id.partition() % 10 == 0 ? 500 * 300L : 50 * 300L;
  }

  @Test
  void whatIsTrimmedOrDeletedMeanwhileIsVoidAndNothingElse_P19() {
    Node node = world.start(merging(slow()));
    StreamHandle trimmed = node.claim(1, 1);
    StreamHandle deleted = node.claim(2, 1);
    StreamHandle kept = node.claim(3, 1);
    rounds(node, FAN_IN, trimmed, deleted, kept);
    untilRunning(node);
    world.await(trimmed.trim(trimmed.highWatermark()));
    world.await(node.engine().delete(stream(2), 9));

    world.runFor(30, TimeUnit.MINUTES);

    assertThat(node.engine().stats().merges().voidRanges()).isEqualTo(2);
    assertThat(extents(node, 3)).hasSize(1);
    assertThat(dataObjects()).hasSize(1);
    node.requireReadable(kept, 0, SIZE);
    node.append(trimmed, 1, SIZE);
    node.requireReadable(trimmed, trimmed.logStartOffset(), SIZE);
    node.stop();
  }

  @Test
  void aMergeThatIsVoidAltogetherLeavesNothing() {
    Node node = world.start(merging(slow()));
    StreamHandle trimmed = node.claim(1, 1);
    rounds(node, FAN_IN, trimmed);
    untilRunning(node);
    world.await(trimmed.trim(trimmed.highWatermark()));
    world.runFor(5, TimeUnit.MINUTES);
    assertThat(node.engine().stats().merges().objects()).isZero();
    assertThat(dataObjects()).isEmpty();
    node.stop();
  }

  @Test
  void aStreamThatIsClosedOrClaimedElsewhereIsNotMerged_P19() {
    Node node = world.start(merging(slow()));
    StreamHandle moved = node.claim(1, 1);
    rounds(node, FAN_IN, moved);
    untilRunning(node);
    world.await(moved.close());
    Node other = world.start(config(2));
    StreamHandle theirs = other.claim(1, 2);
    world.runFor(5, TimeUnit.MINUTES);
    assertThat(node.engine().stats().merges().objects()).isZero();
    assertThat(extents(other, 1)).hasSize(FAN_IN);
    other.requireReadable(theirs, 0, SIZE);
    world.runFor(5, TimeUnit.MINUTES);
    other.stop();
    node.stop();
  }

  /** At any event of a merge: nothing is lost, and after the sweep nothing is left over. */
  @Test
  void aCrashAnywhereLosesNothingAndLeavesNothing_P21() {
    int merged = 0;
    for (int events = 0; events < 150; events += 2) {
      world = new EngineWorld(32 * MIB);
      Node node = world.start(merging(fast()));
      StreamHandle one = node.claim(1, 1);
      StreamHandle two = node.claim(2, 1);
      rounds(node, FAN_IN, one, two);
      untilRunning(node);
      for (int i = 0; i < events; i++) {
        world.threads.step();
      }
      world.crash();

      Node again = world.start(config(1).withMerging(MergeConfig.off()).withSweepInterval(1_000));
      StreamHandle first = again.claim(1, 2);
      merged += extents(again, 1).size() == 1 ? 1 : 0;
      again.requireReadable(first, 0, SIZE);
      again.requireReadable(again.claim(2, 2), 0, SIZE);
      for (int i = 0; i < 4; i++) { // the sweep looks as long as the catalog moves
        again.append(first, 1, SIZE);
        world.await(again.engine().flush());
        world.runFor(2, TimeUnit.SECONDS);
      }
      assertThat(dataObjects())
          .as("after %d events", events)
          .containsExactlyInAnyOrderElementsOf(
              again.catalog.objects().stream().map(ObjectRef::key).toList());
      again.stop();
    }
    assertThat(merged).as("crashes after the merge was in the log").isBetween(1, 74);
  }

  @Test
  void readersThatHoldAnOldExtentLookAgain() {
    Node node = world.start(merging(fast()).withCaches(0, 0, 0));
    StreamHandle handle = node.claim(1, 1);
    rounds(node, 4 * FAN_IN, handle);
    List<CompletableFuture<FetchedData>> reads = new ArrayList<>();
    for (int i = 0; node.engine().stats().deletedObjects() < 4 * FAN_IN; i++) {
      reads.add(handle.fetch(10L * (i % (4 * FAN_IN)), Long.MAX_VALUE, SIZE));
      assertThat(world.threads.step()).as("something is left to do").isTrue();
    }
    for (CompletableFuture<FetchedData> read : reads) {
      try (FetchedData data = world.await(read)) {
        assertThat(data.sizeBytes()).isEqualTo(SIZE);
        long base = data.nextOffset() - 10;
        byte[] bytes = new byte[SIZE];
        data.buffers().get(0).duplicate().get(bytes);
        assertThat(bytes).isEqualTo(EngineWorld.payload(base, SIZE));
      }
    }
    assertThat(node.engine().stats().merges().objects()).isPositive();
    assertThat(node.store.requests().getOrDefault("get/missing", 0L))
        .as("reads that met a deleted object")
        .isPositive();
    node.stop();
  }

  @Test
  void mergingKeepsToItsBudget() {
    int rate = 4_000;
    MergeConfig slow = new MergeConfig(rate, 1_000, MIB, LARGE, FAN_IN, 1_000, 1_000);
    Node node = world.start(merging(slow));
    StreamHandle handle = node.claim(1, 1);
    for (int i = 0; i < FAN_IN; i++) {
      node.append(handle, 10, SIZE);
      world.await(node.engine().flush());
    }
    untilRunning(node);
    long startNanos = world.threads.clock().nanoTime();
    while (node.engine().stats().merges().objects() == 0) {
      world.threads.step();
    }
    double seconds = (world.threads.clock().nanoTime() - startNanos) / 1e9;
    // 40 kB are read; the write of as many starts when that is paid for.
    assertThat(seconds).isBetween(40_000.0 / rate, 3 * 40_000.0 / rate);
    node.stop();
  }

  @Test
  void mergingSendsNoMoreRequestsThanItMay() {
    MergeConfig few = new MergeConfig(64L * MIB, 1, MIB, LARGE, FAN_IN, 1_000, 1_000);
    Node node = world.start(merging(few));
    StreamHandle handle = node.claim(1, 1);
    rounds(node, FAN_IN, handle);
    untilRunning(node);
    long before = gets(node);
    world.runFor(5, TimeUnit.SECONDS);
    assertThat(gets(node) - before).isBetween(4L, 6L);
    node.stop();
  }

  @Test
  void whileTheStoreFailsMergingLeavesItAlone() {
    Node node = world.start(merging(fast()));
    StreamHandle handle = node.claim(1, 1);
    rounds(node, FAN_IN, handle);
    untilRunning(node);
    world.bucket.setOutage(true);
    world.runFor(10, TimeUnit.SECONDS);
    long before = requests(node);
    world.runFor(5, TimeUnit.MINUTES);
    assertThat(requests(node) - before).as("requests, one at a time").isLessThan(5 * 60);
    assertThat(node.engine().stats().merges().objects()).isZero();
    world.bucket.setOutage(false);
    world.runFor(1, TimeUnit.MINUTES);
    assertThat(node.engine().stats().merges().objects()).isEqualTo(1);
    node.requireReadable(handle, 0, SIZE);
    node.stop();
  }

  @Test
  void turnedOffNothingIsMerged() {
    Node node = world.start(merging(MergeConfig.off()));
    StreamHandle handle = node.claim(1, 1);
    rounds(node, 3 * FAN_IN, handle);
    world.runFor(1, TimeUnit.HOURS);
    assertThat(extents(node, 1)).hasSize(3 * FAN_IN);
    node.stop();
  }

  /** Whoever sweeps must not make the merge of this broker void. */
  @Test
  void theSweepRespectsAMergeUnderConstruction_P21() {
    Node node = world.start(merging(slow()).withSweepInterval(1_000));
    StreamHandle handle = node.claim(1, 1);
    rounds(node, FAN_IN, handle);
    untilRunning(node);
    StreamHandle other = node.claim(2, 1);
    node.append(other, 1, SIZE);
    world.await(node.engine().flush());
    String orphan =
        "data/ab/%020d-000102030405060708090a0b0c0d0e0f".formatted(node.catalog.position());
    world.bucket.contents().put(orphan, List.of(ByteBuffer.allocate(10))).join();
    for (int i = 0; i < 5; i++) {
      node.append(other, 1, SIZE);
      world.await(node.engine().flush());
      world.runFor(1, TimeUnit.SECONDS);
    }
    assertThat(node.engine().stats().merges().running()).as("still merging").isTrue();
    assertThat(dataObjects()).contains(orphan);
    world.runFor(5, TimeUnit.MINUTES);
    assertThat(node.engine().stats().merges().voidRanges()).isZero();
    assertThat(node.engine().stats().merges().objects()).isPositive();
    node.append(other, 1, SIZE);
    world.await(node.engine().flush());
    world.runFor(1, TimeUnit.MINUTES);
    assertThat(dataObjects()).doesNotContain(orphan);
    node.stop();
  }

  /** Nothing else moves this broker's catalog: born where it stands, the next would go as well. */
  @Test
  void afterAnotherBrokersSweepTookAMergeTheNextIsBornAboveItsFloor_P21() {
    MergeConfig small = new MergeConfig(8 << 10, 1_000, 128 << 10, LARGE, FAN_IN, 1_000, 1_000);
    Node node = world.start(withPartBytes(small, 16 << 10));
    StreamHandle handle = node.claim(1, 1);
    for (int i = 0; i < FAN_IN; i++) {
      node.append(handle, 60, SIZE);
      world.await(node.engine().flush());
    }
    String swept = untilInParts();
    long floor = node.catalog.position() + 1;
    LogStreamCatalog other = world.catalog("another broker");
    world.await(other.open());
    world.await(other.submit(new RaiseOrphanFloor(new UUID(9, 9), floor)));
    world.bucket.contents().abortMultiparts(swept).join();
    assertThat(node.catalog.position()).as("position of who has not heard").isLessThan(floor);

    world.runFor(5, TimeUnit.MINUTES);

    assertThat(node.engine().stats().merges().voidRanges()).as("merged in vain").isZero();
    assertThat(extents(node, 1)).hasSize(1);
    node.requireReadable(handle, 0, SIZE);
    other.close();
    node.stop();
  }

  @Test
  void aDamagedObjectIsLeftAsItIsAndTheRestMerged() {
    Node node = world.start(merging(fast()).withCaches(0, 0, 0));
    StreamHandle handle = node.claim(1, 1);
    rounds(node, FAN_IN, handle);
    String damaged = extents(node, 1).get(0).objectKey();
    ObjectStore contents = world.bucket.contents();
    int size = (int) contents.head(damaged).join().orElseThrow().sizeBytes();
    ByteBuffer bytes = ByteBuffer.allocate(size);
    bytes.put(contents.getRange(damaged, 0, size).join()).flip();
    bytes.put(100, (byte) (bytes.get(100) + 1));
    contents.put(damaged, List.of(bytes)).join();
    world.runFor(10, TimeUnit.SECONDS);
    assertThat(node.engine().stats().merges().objects()).isZero();

    rounds(node, FAN_IN, handle);
    world.runFor(10, TimeUnit.SECONDS);

    assertThat(extents(node, 1)).as("the damaged one, and all behind it").hasSize(2);
    assertThatThrownBy(() -> world.await(handle.fetch(0, 10, SIZE)))
        .hasCauseInstanceOf(StreamException.Corrupt.class)
        .hasMessageContaining(damaged);
    node.requireReadable(handle, 10, SIZE);
    node.stop();
  }

  // What the tests say in short.

  private void rounds(Node node, int count, StreamHandle... handles) {
    for (int i = 0; i < count; i++) {
      for (StreamHandle handle : handles) {
        node.append(handle, 1, SIZE);
      }
      world.await(node.engine().flush());
    }
  }

  private void untilRunning(Node node) {
    while (!node.engine().stats().merges().running()) {
      assertThat(world.threads.step()).as("something is left to do").isTrue();
    }
  }

  /** Until an object is being written in parts: its key. */
  private String untilInParts() {
    List<String> begun = List.of();
    while (begun.isEmpty()) {
      assertThat(world.threads.step()).as("something is left to do").isTrue();
      begun = world.bucket.contents().listMultiparts("data/").join();
    }
    return begun.get(0);
  }

  private List<String> dataObjects() {
    return world.bucket.contents().list("data/", "", 10_000).join().stream()
        .map(ObjectInfo::key)
        .toList();
  }

  private long stored() {
    return world.bucket.contents().list("data/", "", 10_000).join().stream()
        .mapToLong(ObjectInfo::sizeBytes)
        .sum();
  }

  private static List<Extent> extents(Node node, int i) {
    return node.catalog.extents(stream(i), 0, 10_000);
  }

  private static long gets(Node node) {
    return node.store.requests().getOrDefault("get/ok", 0L);
  }

  private static long requests(Node node) {
    return node.store.requests().values().stream().mapToLong(Long::longValue).sum();
  }

  private static EngineConfig merging(MergeConfig merge) {
    return config(1).withMerging(merge);
  }

  private static MergeConfig fast() {
    return new MergeConfig(64L * MIB, 10_000, MIB, LARGE, FAN_IN, 1_000, 1_000);
  }

  /** Half a minute for each request. */
  private static MergeConfig slow() {
    return new MergeConfig(40, 1_000, MIB, LARGE, FAN_IN, 1_000, 1_000);
  }

  private static EngineConfig withPartBytes(MergeConfig merge, int minPartBytes) {
    return config(1).withMerging(merge).toBuilder().minPartBytes(minPartBytes).build();
  }
}
