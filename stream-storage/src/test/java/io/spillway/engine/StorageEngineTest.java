package io.spillway.engine;

import static io.spillway.engine.EngineWorld.config;
import static io.spillway.engine.EngineWorld.stream;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.spillway.catalog.StreamCatalog.Phase;
import io.spillway.engine.EngineWorld.Node;
import io.spillway.merge.MergeConfig;
import io.spillway.object.ObjectStore;
import io.spillway.object.ObjectStore.ObjectInfo;
import io.spillway.stream.FetchedData;
import io.spillway.stream.StreamException;
import io.spillway.stream.StreamHandle;
import io.spillway.stream.StreamStore.StateAt;
import io.spillway.wal.WalException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class StorageEngineTest {

  private static final int MIB = 1 << 20;

  private final EngineWorld world = new EngineWorld(32 * MIB);

  @AfterEach
  void nothingWasThrown() {
    assertThat(world.threads.faults()).isEmpty();
  }

  @Test
  void readsComeFromTailThenWalThenObjectsThenCache() {
    EngineConfig small = config(1).withCaches(128 << 10, MIB, MIB);
    Node node = world.start(small);
    StreamHandle handle = node.claim(1, 1);
    node.append(handle, 30, 10_000);
    node.append(handle, 10, 10_000);

    CompletableFuture<FetchedData> newest = handle.fetch(390, 400, 1);
    assertThat(newest).as("the tail answers in the call").isCompleted();
    newest.join().close();
    node.requireReadable(handle, 390, 10_000);
    assertThat(node.reads("tail")).isPositive();
    assertThat(node.reads("wal")).isZero();
    node.requireReadable(handle, 0, 10_000);
    assertThat(node.reads("wal")).isPositive();
    assertThat(node.reads("object")).isZero();

    world.await(node.engine().flush());
    assertThat(handle.committedEndOffset()).isEqualTo(400);
    node.requireReadable(handle, 0, 10_000);
    assertThat(node.reads("object")).isPositive();
    long fetched = node.reads("object");
    node.requireReadable(handle, 0, 10_000);
    assertThat(node.reads("cache")).isPositive();
    assertThat(node.reads("object")).isEqualTo(fetched);
    assertThat(node.stop()).isZero();
  }

  @Test
  void anOffsetInsideABatchGetsTheWholeBatch() {
    Node node = world.start(config(1));
    StreamHandle handle = node.claim(1, 1);
    node.append(handle, 3, 100);
    for (int round = 0; round < 2; round++) {
      try (FetchedData data = world.await(handle.fetch(15, 30, 1))) {
        assertThat(data.sizeBytes()).isEqualTo(100);
        assertThat(data.nextOffset()).isEqualTo(20);
      }
      try (FetchedData data = world.await(handle.fetch(15, 25, 1000))) {
        assertThat(data.nextOffset()).as("no batch beyond the bound").isEqualTo(20);
      }
      assertThat(world.await(handle.fetch(30, 40, 10)).sizeBytes()).isZero();
      assertThatThrownBy(() -> world.await(handle.fetch(31, 40, 10)))
          .hasCauseInstanceOf(StreamException.OutOfRange.class)
          .hasMessageContaining("31");
      node.engine().flush();
      world.runFor(1, TimeUnit.MINUTES);
    }
    node.stop();
  }

  @Test
  void afterACleanStopNothingLocalIsNeeded_P2() {
    Node node = world.start(config(1));
    StreamHandle handle = node.claim(1, 1);
    node.append(handle, 20, 1000);
    assertThat(node.stop()).isZero();
    assertThat(node.engine().isSealed()).isTrue();
    world.loseDisk(1);

    Node again = world.start(config(1));
    StreamHandle reclaimed = again.claim(1, 2);
    assertThat(reclaimed.highWatermark()).isEqualTo(200);
    again.requireReadable(reclaimed, 0, 1000);
    again.stop();
  }

  @Test
  void aKilledBrokerRecoversWhatTheWalHeld() {
    Node node = world.start(config(1));
    StreamHandle one = node.claim(1, 1);
    StreamHandle two = node.claim(2, 1);
    node.append(one, 20, 1000);
    node.append(two, 5, 30_000);
    world.await(node.engine().flush());
    node.append(one, 7, 1000);
    world.crash();

    Node again = world.start(config(1));
    assertThat(again.engine().stats().recoveredFrames()).isGreaterThanOrEqualTo(7);
    StreamHandle reclaimed = again.claim(1, 2);
    assertThat(reclaimed.highWatermark()).isEqualTo(270);
    assertThat(reclaimed.epochs()).extracting("startOffset").containsExactly(0L, 270L);
    again.requireReadable(reclaimed, 0, 1000);
    world.await(again.engine().flush());
    assertThat(again.engine().stats().unuploadedBytes()).isZero();
    again.requireReadable(reclaimed, 0, 1000);
    again.requireReadable(again.claim(2, 2), 0, 30_000);
    again.stop();
  }

  @Test
  void whatTheWalHeldIsServedBeforeItIsUploaded_P3_P11() {
    Node node = world.start(config(1));
    node.append(node.claim(1, 1), 7, 1000);
    node.append(node.claim(2, 1), 7, 1000);
    world.crash();
    Node again = world.start(config(1));
    assertThat(again.engine().stats().uploadedObjects()).isZero();
    StreamHandle one = again.claim(1, 2);
    assertThat(one.committedEndOffset()).as("claimed before the upload").isZero();
    again.append(one, 3, 1000);
    again.requireReadable(one, 0, 1000);

    world.crash(); // once more, with batches of both incarnations in the WAL
    Node third = world.start(config(1));
    StreamHandle reclaimed = third.claim(1, 3);
    assertThat(reclaimed.highWatermark()).isEqualTo(100);
    assertThat(reclaimed.epochs()).extracting("startOffset").containsExactly(0L, 70L, 100L);
    third.requireReadable(reclaimed, 0, 1000);
    world.await(third.engine().flush());
    world.runFor(1, TimeUnit.SECONDS);
    assertThat(third.catalog.stream(stream(2)).orElseThrow().phase())
        .as("nobody claimed it: another broker may have to")
        .isEqualTo(Phase.CLOSED);
    third.stop();
  }

  @Test
  void aLostWalIsRefusedByNameUntilItIsAbandoned() {
    Node node = world.start(config(1));
    StreamHandle handle = node.claim(1, 1);
    node.append(handle, 5, 1000);
    world.await(node.engine().flush());
    node.append(handle, 5, 1000);
    world.crash();
    var lost = world.disk(1);
    world.loseDisk(1);

    Node refused = world.starting(config(1));
    assertThatThrownBy(() -> world.await(refused.opening))
        .hasCauseInstanceOf(StartRefusedException.WalMissing.class)
        .hasMessageContaining(node.wal.walId().toString())
        .hasMessageContaining(stream(1) + " up to offset 50")
        .hasMessageContaining("WAL " + node.wal.walId());
    world.crash();

    var catalog = world.catalog("cli");
    world.await(catalog.open());
    WalAbandonment.Abandoned given =
        world.await(
            WalAbandonment.abandon(catalog, node.wal.walId(), world.threads.randomSource()));
    assertThat(given.streams()).extracting("committedEndOffset").containsExactly(50L);

    Node serves = world.start(config(1));
    StreamHandle handleAgain = serves.claim(1, 2);
    assertThat(handleAgain.highWatermark()).isEqualTo(50);
    serves.requireReadable(handleAgain, 0, 1000);
    serves.stop();
    assertThat(lost.fileNames()).isNotEmpty();
  }

  @Test
  void anAbandonedWalIsNotReplayed() {
    Node node = world.start(config(1));
    node.append(node.claim(1, 1), 5, 1000);
    world.crash();
    var catalog = world.catalog("cli");
    world.await(catalog.open());
    world.await(WalAbandonment.abandon(catalog, node.wal.walId(), world.threads.randomSource()));

    Node refused = world.starting(config(1));
    assertThatThrownBy(() -> world.await(refused.opening))
        .hasCauseInstanceOf(StartRefusedException.WalAbandoned.class)
        .hasMessageContaining(node.wal.walId().toString());
  }

  @Test
  void aWalOfAnotherBucketIsRefused() {
    EngineWorld other = new EngineWorld(32 * MIB);
    Node node = world.start(config(1));
    node.append(node.claim(1, 1), 5, 1000);
    world.crash();
    var disk = world.disk(1);
    for (String name : disk.fileNames()) {
      other.disk(1).put(name, disk.bytes(name));
    }

    Node refused = other.starting(config(1));
    assertThatThrownBy(() -> other.await(refused.opening))
        .hasCauseInstanceOf(StartRefusedException.WalForeign.class)
        .hasMessageContaining("right bucket");
  }

  @Test
  void anIdleEngineSendsNothing() {
    Node node = world.start(config(1));
    node.append(node.claim(1, 1), 5, 1000);
    world.runFor(5, TimeUnit.HOURS);
    assertThat(node.engine().stats().unuploadedBytes()).as("age made an upload").isZero();
    Map<String, Long> before = node.store.requests();

    world.runFor(24, TimeUnit.HOURS);

    assertThat(node.store.requests()).isEqualTo(before);
    node.stop();
  }

  @Test
  void largeObjectsGoInEqualParts() {
    EngineConfig smallBuffers =
        config(1)
            .withUploads(256L * MIB, 600_000)
            .withCaches(MIB, 8L * MIB, 8L * MIB)
            .withMerging(MergeConfig.off())
            .toBuilder()
            .walFillUploadPercent(90)
            .uploadBufferBytes(8L * MIB)
            .minPartBytes(5 * MIB)
            .objectBlockBytes(64 << 10)
            .readBufferBytes(8L * MIB)
            .maxReadAheadBytes(2 * MIB)
            .build();
    Node node = world.start(smallBuffers);
    StreamHandle handle = node.claim(1, 1);
    node.append(handle, 180, 100_000);
    StreamHandle other = node.claim(2, 1);
    node.append(other, 50, 999);
    world.await(node.engine().flush());

    assertThat(node.store.requests()).containsEntry("part/ok", 4L);
    assertThat(node.engine().stats().uploadedObjects()).isEqualTo(1);
    world.crash(); // the tail is gone
    Node again = world.start(smallBuffers);
    again.requireReadable(again.claim(1, 2), 0, 100_000);
    again.requireReadable(again.claim(2, 2), 0, 999);
    again.stop();
  }

  @Test
  void anOutageFillsTheWalAndHeals() {
    EngineWorld tight = new EngineWorld(2 * MIB);
    Node node = tight.start(config(1));
    StreamHandle handle = node.claim(1, 1);
    node.append(handle, 1, 10_000);
    tight.bucket.setOutage(true);
    assertThatThrownBy(() -> node.append(handle, 1000, 10_000))
        .isInstanceOf(WalException.Full.class);
    tight.runFor(1, TimeUnit.SECONDS);
    assertThatThrownBy(() -> node.append(handle, 1000, 10_000))
        .isInstanceOf(WalException.Full.class);
    tight.runFor(10, TimeUnit.MINUTES);
    long high = handle.highWatermark();
    assertThat(high).isGreaterThan(10);
    node.requireReadable(handle, high - 50, 10_000);
    assertThat(node.engine().stats().oldestUnuploadedAgeMs()).isGreaterThan(60_000);
    assertThatThrownBy(() -> node.engine().reserve(200_000, false))
        .isInstanceOf(WalException.Full.class);

    tight.bucket.setOutage(false);
    tight.runFor(1, TimeUnit.MINUTES);
    node.append(handle, 20, 10_000);
    assertThat(handle.highWatermark()).isEqualTo(high + 200);
    node.requireReadable(handle, 0, 10_000);
    assertThat(node.stop()).isZero();
    assertThat(node.faults).isEmpty();
  }

  @Test
  void aStopDuringAnOutageKeepsTheWal() {
    Node node = world.start(config(1));
    StreamHandle handle = node.claim(1, 1);
    node.append(handle, 10, 1000);
    world.bucket.setOutage(true);
    assertThat(node.stop()).isEqualTo(10_000);
    assertThat(node.engine().isSealed()).isFalse();
    world.bucket.setOutage(false);
    world.crash();

    Node again = world.start(config(1));
    again.requireReadable(again.claim(1, 2), 0, 1000);
    again.stop();
  }

  @Test
  void aClaimWaitsForTheBrokerThatHasTheStream() {
    Node one = world.start(config(1));
    Node two = world.start(config(2));
    StreamHandle owned = one.claim(1, 1);
    one.append(owned, 10, 1000);

    CompletableFuture<StreamHandle> claim =
        two.engine().claim(stream(1), 2, 1, EngineWorld.NO_CHECKPOINTS);
    world.runFor(1, TimeUnit.MINUTES);
    assertThat(claim).isNotDone();
    world.await(owned.close());

    StreamHandle taken = world.await(claim);
    assertThat(taken.highWatermark()).isEqualTo(100);
    two.requireReadable(taken, 0, 1000);
    two.append(taken, 1, 1000);
    assertThatThrownBy(() -> one.appendAt(owned, 100, 10))
        .as("G3")
        .isInstanceOf(StreamException.Fenced.class);
    one.stop();
    two.stop();
  }

  /** Found by simulation: the claim waited for its own broker to close, forever. */
  @Test
  void aStreamThatIsGivenBackBeforeItWasClosedGoesOn() {
    Node one = world.start(config(1));
    Node two = world.start(config(2));
    StreamHandle owned = one.claim(1, 1);
    one.append(owned, 10, 1000);
    CompletableFuture<StreamHandle> other =
        two.engine().claim(stream(1), 2, 1, EngineWorld.NO_CHECKPOINTS);
    world.runFor(1, TimeUnit.MINUTES);

    StreamHandle back = one.claim(1, 3);

    assertThat(back.highWatermark()).isEqualTo(100);
    one.append(back, 1, 1000);
    one.requireReadable(back, 0, 1000);
    assertThatThrownBy(() -> world.await(other)).hasCauseInstanceOf(StreamException.Fenced.class);
    one.stop();
    two.stop();
  }

  /** Found by simulation: nobody closed what nobody had seen open. */
  @Test
  void aClaimThatIsOvertakenBeforeItsBrokerLooksLetsTheNextOneIn() {
    Node one = world.start(config(1));
    Node two = world.start(config(2));
    StreamHandle owned = one.claim(1, 1);
    one.append(owned, 10, 1000);
    CompletableFuture<StreamHandle> overtaken =
        two.engine().claim(stream(1), 2, 1, EngineWorld.NO_CHECKPOINTS);
    world.runFor(1, TimeUnit.MINUTES);
    world.await(owned.close()); // opens the stream for broker 2, which has not looked yet
    assertThat(overtaken).isNotDone();

    StreamHandle next = one.claim(1, 3);

    assertThat(next.highWatermark()).isEqualTo(100);
    assertThatThrownBy(() -> world.await(overtaken))
        .hasCauseInstanceOf(StreamException.Fenced.class);
    one.stop();
    two.stop();
  }

  @Test
  void aNewEpochStartsWhereTheOldOneEndedAndShutsItOut() {
    Node node = world.start(config(1));
    StreamHandle first = node.claim(1, 1);
    node.append(first, 3, 100);
    StreamHandle second = node.claim(1, 2);

    assertThat(second.epochs()).extracting("startOffset").containsExactly(0L, 30L);
    assertThat(second.committedEndOffset()).as("nothing had to be uploaded").isZero();
    assertThatThrownBy(() -> node.appendAt(first, 30, 10))
        .isInstanceOf(StreamException.Fenced.class);
    node.append(second, 1, 100);
    node.requireReadable(second, 0, 100);
    node.stop();
  }

  @Test
  void aDamagedBlockIsNamedAndEverythingElseServes() {
    EngineConfig noCache = config(1).withCaches(0, 0, 0);
    Node node = world.start(noCache);
    StreamHandle handle = node.claim(1, 1);
    node.append(handle, 10, 200_000);
    world.await(node.engine().flush());
    ObjectStore contents = world.bucket.contents();
    ObjectInfo object = contents.list("data/", "", 10).join().get(0);
    ByteBuffer bytes = contents.getRange(object.key(), 0, (int) object.sizeBytes()).join();
    ByteBuffer damaged = ByteBuffer.allocate(bytes.remaining()).put(bytes).flip();
    damaged.put(500_000, (byte) (damaged.get(500_000) ^ 1));
    contents.put(object.key(), List.of(damaged)).join();

    assertThatThrownBy(() -> world.await(handle.fetch(20, 100, 1)))
        .hasCauseInstanceOf(StreamException.Corrupt.class)
        .hasMessageContaining(object.key())
        .hasMessageContaining("position 400000");
    assertThat(world.await(handle.fetch(0, 100, 1)).nextOffset()).isEqualTo(10);
    node.requireReadable(handle, 40, 200_000);
    node.stop();
  }

  @Test
  void aDamagedFrameInTheWalIsAnErrorForItsOffsetsAndForNothingElse() {
    EngineConfig noTail = config(1).withCaches(0, 0, 0);
    Node node = world.start(noTail);
    StreamHandle handle = node.claim(1, 1);
    StreamHandle other = node.claim(2, 1);
    node.append(handle, 10, 30_000);
    node.append(other, 10, 30_000);
    damage(node, 50, 30_000);

    assertThat(world.await(handle.fetch(40, 100, MIB)).nextOffset())
        .as("what lies before it is served")
        .isEqualTo(50);
    assertThatThrownBy(() -> world.await(handle.fetch(50, 100, 1)))
        .hasCauseInstanceOf(StreamException.Corrupt.class);
    world.await(node.engine().flush());

    assertThat(handle.committedEndOffset()).isEqualTo(100);
    assertThat(other.committedEndOffset()).isEqualTo(100);
    assertThat(node.engine().stats().damagedBatches()).isEqualTo(1);
    assertThat(node.catalog.wals().get(0).trimPosition())
        .as("the WAL is free beyond the damage")
        .isGreaterThan(500_000);
    assertThat(world.await(handle.fetch(40, 100, MIB)).nextOffset()).isEqualTo(50);
    assertThatThrownBy(() -> world.await(handle.fetch(55, 100, MIB)))
        .hasCauseInstanceOf(StreamException.Corrupt.class)
        .hasMessageContaining("[50, 60)");
    node.requireReadable(handle, 60, 30_000);
    node.requireReadable(other, 0, 30_000);
    assertThat(node.stop()).isZero();
  }

  @Test
  void aWalThatCannotBeReadForAWhileLosesNothing() {
    Node node = world.start(config(1).withCaches(0, 0, 0));
    StreamHandle handle = node.claim(1, 1);
    node.append(handle, 10, 30_000);
    world.disk(1).setReadsFailing(true);

    world.await(node.engine().flush());
    assertThat(handle.committedEndOffset()).isZero();
    assertThat(node.engine().stats().unreadableStreams()).isEqualTo(1);
    assertThat(node.engine().stats().unuploadedBytes()).isEqualTo(300_000);
    world.runFor(1, TimeUnit.HOURS);
    assertThat(node.engine().stats().damagedBatches()).isZero();
    world.disk(1).setReadsFailing(false);
    world.runFor(1, TimeUnit.MINUTES);

    assertThat(handle.committedEndOffset()).isEqualTo(100);
    assertThat(node.engine().stats().unreadableStreams()).isZero();
    node.requireReadable(handle, 0, 30_000);
    assertThat(node.stop()).isZero();
  }

  @Test
  void nothingIsAcknowledgedOrServedOnceTheWalIsKnownToBeAbandoned_P14_G3_G4() {
    Node node = world.start(config(1));
    StreamHandle handle = node.claim(1, 1);
    StreamHandle idle = node.claim(2, 1);
    node.append(handle, 5, 1000);
    node.append(idle, 5, 1000);
    world.await(node.engine().flush());
    var catalog = world.catalog("cli");
    world.await(catalog.open());
    world.await(WalAbandonment.abandon(catalog, node.wal.walId(), world.threads.randomSource()));

    List<CompletableFuture<Void>> appends = new ArrayList<>();
    node.engine().flush();
    for (long base = 50; node.faults.isEmpty(); base += 10) {
      if (base == 60) {
        node.engine().flush();
      }
      appends.add(node.appendAt(handle, base, 1000));
      world.threads.step();
    }
    long acked = appends.stream().filter(CompletableFuture::isDone).count();
    assertThat(node.faults.get(0)).isInstanceOf(WalException.Fenced.class);
    assertThat(acked).as("some are under way").isLessThan(appends.size());
    long highWatermark = handle.highWatermark();
    world.runFor(1, TimeUnit.MINUTES);

    assertThat(appends.stream().filter(each -> each.isDone() && !each.isCompletedExceptionally()))
        .hasSize((int) acked);
    assertThat(appends).allMatch(CompletableFuture::isDone);
    assertThat(handle.highWatermark()).isEqualTo(highWatermark);
    assertThatThrownBy(() -> node.engine().reserve(10, false))
        .isInstanceOf(WalException.Fenced.class)
        .hasMessageContaining("ABANDONED");
    for (StreamHandle each : List.of(handle, idle)) {
      assertThatThrownBy(() -> world.await(each.fetch(0, 10, 1)))
          .hasCauseInstanceOf(StreamException.Fenced.class);
    }
    assertThatThrownBy(() -> world.await(handle.close()))
        .hasCauseInstanceOf(StreamException.Fenced.class);
    assertThatThrownBy(() -> node.claim(1, 2)).hasCauseInstanceOf(StreamException.Fenced.class);
    assertThat(node.faults).hasSize(1);
    node.stop();
  }

  /** A batch of a deleted stream will never be committed, so it is not acknowledged. */
  @Test
  void anAppendUnderWayIsNotAcknowledgedOnceItsStreamIsDeleted_G4() {
    Node node = world.start(config(1));
    StreamHandle handle = node.claim(1, 1);
    CompletableFuture<Void> deleted = node.engine().delete(stream(1), 5);
    CompletableFuture<Void> underWay = new CompletableFuture<>();
    for (long base = 0; !deleted.isDone(); base += 10) {
      underWay = node.appendAt(handle, base, 1000);
      world.threads.step();
    }

    CompletableFuture<Void> last = underWay;
    assertThatThrownBy(() -> world.await(last)).hasCauseInstanceOf(WalException.Fenced.class);
    assertThatThrownBy(() -> node.appendAt(handle, 0, 10))
        .isInstanceOf(StreamException.Fenced.class);
    node.stop();
  }

  private void damage(Node node, long baseOffset, int size) {
    byte[] payload = EngineWorld.payload(baseOffset, size);
    var disk = world.disk(1);
    for (String name : disk.fileNames()) {
      byte[] bytes = disk.bytes(name);
      for (int at = 0; at + size <= bytes.length; at += 512) {
        if (bytes[at] == payload[0]
            && java.util.Arrays.equals(bytes, at, at + 20_000, payload, 0, 20_000)) {
          disk.flipBit(name, at + 100, 3);
          return;
        }
      }
    }
    throw new AssertionError("batch " + baseOffset + " is not on the disk of " + node.wal.walId());
  }

  @Test
  void orphansAreSweptAndNothingElse() {
    EngineConfig sweeping = config(1).withSweepInterval(10_000);
    Node node = world.start(sweeping);
    StreamHandle handle = node.claim(1, 1);
    node.append(handle, 10, 1000);
    world.await(node.engine().flush());
    ObjectStore contents = world.bucket.contents();
    String orphan = "data/ab/00000000000000000001-000102030405060708090a0b0c0d0e0f";
    String foreign = "data/notes.txt";
    contents.put(orphan, List.of(ByteBuffer.allocate(10))).join();
    contents.put(foreign, List.of(ByteBuffer.allocate(10))).join();
    contents.startMultipart(orphan, 5 * MIB).join();

    world.runFor(9, TimeUnit.SECONDS);
    assertThat(contents.head(orphan).join()).as("grace").isPresent();
    world.runFor(2, TimeUnit.MINUTES);

    assertThat(contents.head(orphan).join()).isEmpty();
    assertThat(contents.head(foreign).join()).isPresent();
    assertThat(contents.listMultiparts("data/").join()).isEmpty();
    assertThat(node.catalog.orphanFloor()).isEqualTo(2);
    node.requireReadable(handle, 0, 1000);
    node.append(handle, 10, 1000);
    world.await(node.engine().flush());
    assertThat(handle.committedEndOffset()).isEqualTo(200);
    node.stop();
  }

  @Test
  void trimmedAndDeletedStreamsFreeTheirObjects() {
    Node node = world.start(config(1));
    StreamHandle kept = node.claim(1, 1);
    StreamHandle deleted = node.claim(2, 1);
    node.append(kept, 10, 1000);
    world.await(node.engine().flush());
    node.append(deleted, 10, 1000);
    world.await(node.engine().flush());
    node.append(kept, 10, 1000);
    node.append(deleted, 10, 1000);
    assertThat(kept.parts()).extracting("endOffset").containsExactly(100L, 200L);
    assertThat(kept.sizeBytes()).isEqualTo(20_000);

    world.await(kept.trim(150));
    world.await(node.engine().delete(stream(2), 2));
    world.runFor(1, TimeUnit.SECONDS);
    assertThat(world.bucket.contents().list("data/", "", 10).join()).isEmpty();
    assertThat(node.engine().streams()).containsExactly(stream(1));
    assertThat(kept.logStartOffset()).isEqualTo(150);
    assertThat(node.engine().stats().unuploadedBytes()).isEqualTo(10_000);
    node.requireReadable(kept, 150, 1000);
    assertThatThrownBy(() -> world.await(kept.fetch(149, 200, 1)))
        .hasCauseInstanceOf(StreamException.OutOfRange.class);
    assertThatThrownBy(() -> node.claim(2, 5)).hasCauseInstanceOf(StreamException.Fenced.class);
    assertThat(node.stop()).isZero();
  }

  @Test
  void theCheckpointOfACloseIsTheStateAtTheEnd() {
    Node node = world.start(config(1));
    List<Long> ends = new ArrayList<>(List.of(0L));
    StreamHandle handle =
        world.await(
            node.engine()
                .claim(
                    stream(1),
                    1,
                    1,
                    () -> {
                      long end = ends.get(ends.size() - 1);
                      return Optional.of(
                          new StateAt(end, ByteBuffer.allocate(8).putLong(end).flip()));
                    }));
    node.append(handle, 3, 100);
    world.await(node.engine().flush()); // captured at 0
    assertThat(handle.checkpoint()).map(StateAt::offset).hasValue(0L);
    ends.add(30L);
    world.await(handle.close());

    StreamHandle again = node.claim(1, 2);
    StateAt state = again.checkpoint().orElseThrow();
    assertThat(state.offset()).isEqualTo(30);
    assertThat(state.state().getLong()).isEqualTo(30);
    node.stop();
  }

  @Test
  void aCheckpointIsCommittedUpToAnOffsetWhateverIsUnderWay_P22() {
    Node node = world.start(config(1));
    List<StreamHandle> claimed = new ArrayList<>();
    StreamHandle handle =
        world.await(
            node.engine()
                .claim(
                    stream(1),
                    1,
                    1,
                    () ->
                        Optional.of(
                            new StateAt(claimed.get(0).highWatermark(), ByteBuffer.allocate(8)))));
    claimed.add(handle);
    node.append(handle, 3, 100);
    CompletableFuture<Void> kept = handle.commitCheckpoint(30);
    node.append(handle, 3, 100); // so that what is captured lies beyond what is being uploaded
    world.await(kept);
    assertThat(handle.checkpoint().orElseThrow().offset()).isBetween(30L, 60L);
    assertThat(handle.committedEndOffset()).isGreaterThanOrEqualTo(30);

    world.await(handle.commitCheckpoint(60));
    assertThat(handle.checkpoint()).map(StateAt::offset).hasValue(60L);
    assertThat(handle.commitCheckpoint(60)).as("nothing to do").isCompleted();
    node.stop();
  }

  @Test
  void aFailedWalFailsEveryAppendAndIsToldOnce() {
    Node node = world.start(config(1));
    StreamHandle one = node.claim(1, 1);
    StreamHandle two = node.claim(2, 1);
    node.append(one, 3, 100);
    world.disk(1).failWritesAfter(0);
    CompletableFuture<Void> first = node.appendAt(one, 30, 100);
    CompletableFuture<Void> second = node.appendAt(two, 0, 100);

    assertThatThrownBy(() -> world.await(first)).hasCauseInstanceOf(WalException.class);
    assertThatThrownBy(() -> world.await(second)).hasCauseInstanceOf(WalException.class);
    assertThatThrownBy(() -> node.appendAt(two, 10, 100))
        .isInstanceOf(WalException.Unavailable.class);
    assertThat(node.faults).hasSize(1);
    assertThat(one.highWatermark()).isEqualTo(30);
    node.requireReadable(one, 0, 100);
    world.await(node.engine().flush());
    assertThat(one.committedEndOffset()).as("what is durable can still be uploaded").isEqualTo(30);
  }
}
