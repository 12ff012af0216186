package io.spillway.engine;

import static io.spillway.engine.ObjectModeWorld.stream;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.spillway.catalog.StreamCatalog.WalPhase;
import io.spillway.engine.ObjectModeWorld.Node;
import io.spillway.object.SimulatedBucket.Faults;
import io.spillway.stream.StreamException;
import io.spillway.stream.StreamHandle;
import io.spillway.wal.WalException;
import io.spillway.wal.device.MemoryDisk;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Engines without a disk: restarts, planned moves, deaths, and brokers that come back too late. */
class ObjectModeTest {

  private final ObjectModeWorld world = new ObjectModeWorld(11, Faults.none());

  @AfterEach
  void nothingWasThrown() {
    assertThat(world.threads.faults()).isEmpty();
  }

  @Test
  void aKilledBrokerWithoutADiskLosesNothingAcked_G8() {
    Node node = world.start(1);
    StreamHandle one = node.claim(1, 1);
    StreamHandle two = node.claim(2, 1);
    node.append(one, 30);
    world.await(node.engine().flush());
    node.append(one, 20);
    node.append(two, 7);
    world.threads.crash();

    Node again = world.start(1);
    assertThat(again.engine().stats().recoveredFrames()).isGreaterThanOrEqualTo(27);
    StreamHandle reclaimed = again.claim(1, 1);
    assertThat(reclaimed.highWatermark()).isEqualTo(500);
    again.requireReadable(reclaimed);
    again.requireReadable(again.claim(2, 1));
    assertThat(again.claim(3, 1).highWatermark()).isZero();
    again.append(reclaimed, 5);
    assertThat(again.stop()).isZero();
    assertThat(again.engine().isSealed()).isTrue();
  }

  @Test
  void aChainThatIsDrainedIsSealedAndOnlyItsFenceStays_P25() {
    Node node = world.start(1);
    node.append(node.claim(1, 1), 10);
    UUID chain = node.wal.walId();
    assertThat(world.keys("wal/" + chain)).isNotEmpty();
    world.threads.crash();

    Node again = world.start(1);
    world.runFor(1, TimeUnit.MINUTES);
    assertThat(again.catalog.wals())
        .filteredOn(wal -> wal.writer().walId().equals(chain))
        .singleElement()
        .matches(wal -> wal.phase() == WalPhase.SEALED);
    assertThat(world.keys("wal/" + chain)).hasSize(1);
    again.requireReadable(again.claim(1, 2));
    again.stop();
  }

  @Test
  void anIdleBrokerSendsNothing() {
    Node node = world.start(1);
    node.append(node.claim(1, 1), 1);
    world.await(node.engine().flush());
    world.runFor(3, TimeUnit.HOURS); // sweeps end when nothing moves any more
    var before = node.engine().stats().storeRequests();
    world.runFor(100, TimeUnit.HOURS);
    assertThat(node.engine().stats().storeRequests()).isEqualTo(before);
    node.stop();
  }

  @Test
  void aPlannedMoveNeedsNoFence_P12() {
    Node one = world.start(1);
    Node two = world.start(2);
    StreamHandle owned = one.claim(1, 1);
    one.append(owned, 20);
    CompletableFuture<StreamHandle> claim = two.claiming(1, 2);
    world.runFor(10, TimeUnit.SECONDS);
    assertThat(claim).as("impatience is no reason to fence (P13)").isNotDone();
    world.await(owned.close());
    StreamHandle taken = world.await(claim);
    assertThat(taken.highWatermark()).isEqualTo(200);
    two.append(taken, 5);
    two.requireReadable(taken);
    one.append(one.claim(2, 1), 3);
    assertThat(one.faults).isEmpty();
    one.stop();
    two.stop();
  }

  @Test
  void theStreamsOfADeadBrokerAreTakenOverByTheirNewLeaders_P13() {
    Node dead = world.start(1);
    Node two = world.start(2);
    Node three = world.start(3);
    for (int i = 0; i < 20; i++) {
      StreamHandle handle = dead.claim(i, 1);
      dead.append(handle, 3 + i);
      if (i == 7) {
        world.await(dead.engine().flush());
      }
    }
    UUID chain = dead.wal.walId();
    dead.store.shut();
    List<CompletableFuture<StreamHandle>> claims = new ArrayList<>();
    for (int i = 0; i < 20; i++) {
      claims.add((i % 2 == 0 ? two : three).claiming(i, 2));
    }
    world.runFor(5, TimeUnit.SECONDS);
    assertThat(claims).noneMatch(CompletableFuture::isDone);
    world.fencedNodes.add(1);
    for (int i = 0; i < 20; i++) {
      StreamHandle taken = world.await(claims.get(i));
      assertThat(taken.highWatermark()).as("G1").isEqualTo(10L * (3 + i));
      assertThat(taken.epochs()).extracting("startOffset").containsExactly(0L, 30L + 10L * i);
      Node owner = i % 2 == 0 ? two : three;
      owner.requireReadable(taken);
      owner.append(taken, 2);
    }
    world.runFor(1, TimeUnit.MINUTES);
    assertThat(two.catalog.wals())
        .as("the last claimant seals the chain")
        .filteredOn(wal -> wal.writer().walId().equals(chain))
        .singleElement()
        .matches(wal -> wal.phase() == WalPhase.SEALED);
    assertThat(world.keys("wal/" + chain)).as("the fence stays (P24)").hasSize(1);
    two.stop();
    three.stop();
  }

  @Test
  void aZombieWithManyLateWritesIsFencedAndNothingOfItIsSeen_G3() {
    Node zombie = world.start(1);
    Node two = world.start(2);
    StreamHandle old = zombie.claim(1, 1);
    zombie.append(old, 10);
    zombie.store.shut();
    List<CompletableFuture<Void>> late = new ArrayList<>();
    for (int i = 0; i < 12; i++) {
      late.add(zombie.appendAt(old, 100 + 10L * i));
      world.runFor(300, TimeUnit.MILLISECONDS);
    }
    assertThat(zombie.store.held()).as("blocks on their way").isGreaterThan(8);

    world.fencedNodes.add(1);
    StreamHandle taken = two.claim(1, 2);
    assertThat(taken.highWatermark()).isEqualTo(100);
    two.append(taken, 30);
    zombie.store.open();
    world.runFor(1, TimeUnit.MINUTES);

    assertThat(late).allMatch(CompletableFuture::isCompletedExceptionally);
    assertThat(zombie.faults)
        .singleElement()
        .isInstanceOf(WalException.Fenced.class)
        .extracting(Throwable::getMessage)
        .asString()
        .contains("fenced at number", "by node 2");
    assertThatThrownBy(() -> zombie.engine().reserve(10, false))
        .isInstanceOf(WalException.Fenced.class);
    assertThatThrownBy(() -> world.await(old.fetch(0, 100, 1000)))
        .hasCauseInstanceOf(StreamException.Fenced.class);
    assertThatThrownBy(() -> zombie.claim(5, 1)).hasCauseInstanceOf(StreamException.Fenced.class);
    assertThat(zombie.stop()).isZero();

    two.append(taken, 5);
    two.requireReadable(taken);
    assertThat(taken.highWatermark()).isEqualTo(450);
    world.threads.crash();
    Node again = world.start(2);
    StreamHandle after = again.claim(1, 3);
    assertThat(after.highWatermark()).as("late blocks erased nothing").isEqualTo(450);
    again.requireReadable(after);
    again.stop();
  }

  @Test
  void aFencedBrokerClaimsAgainInANewIncarnation_P14() {
    Node one = world.start(1);
    Node two = world.start(2);
    StreamHandle lost = one.claim(1, 1);
    StreamHandle kept = one.claim(2, 1);
    one.append(lost, 5);
    one.append(kept, 5);
    one.store.shut();
    world.fencedNodes.add(1);
    StreamHandle taken = two.claim(1, 2);
    one.store.open();
    assertThatThrownBy(() -> world.await(one.appendAt(kept, 50)))
        .hasCauseInstanceOf(WalException.Fenced.class);
    one.stop();
    world.fencedNodes.clear();

    Node again = world.start(1);
    assertThat(again.wal.writer().incarnation()).isGreaterThan(one.wal.writer().incarnation());
    StreamHandle reclaimed = again.claim(2, 1);
    assertThat(reclaimed.highWatermark()).isEqualTo(50);
    again.append(reclaimed, 1);
    again.requireReadable(reclaimed);
    assertThatThrownBy(() -> again.claim(1, 1)).hasCauseInstanceOf(StreamException.Fenced.class);
    two.append(taken, 1);
    again.stop();
    two.stop();
  }

  @Test
  void ofTwoProcessesWithOneNodeIdTheLaterOneHasIt() {
    Node first = world.start(1);
    StreamHandle old = first.claim(1, 1);
    first.append(old, 10);
    Node second = world.start(1);
    StreamHandle handle = second.claim(1, 1);
    assertThat(handle.highWatermark()).isEqualTo(100);
    CompletableFuture<Void> late = first.appendAt(old, 100);
    second.append(handle, 5);
    assertThatThrownBy(() -> world.await(late))
        .hasCauseInstanceOf(WalException.Fenced.class)
        .hasMessageContaining("another process with node.id 1")
        .hasMessageContaining(second.wal.walId().toString());
    assertThatThrownBy(() -> first.claim(2, 1)).hasCauseInstanceOf(StreamException.Fenced.class);
    second.requireReadable(handle);
    first.stop();
    second.stop();
  }

  @Test
  void aBrokerThatOnlyUploadsFindsOutThatItsWalWasEnded() {
    Node first = world.start(1);
    StreamHandle old = first.claim(1, 1);
    first.append(old, 10);
    Node second = world.start(1);
    second.append(second.claim(1, 1), 5);
    first.engine().flush();
    world.runFor(1, TimeUnit.MINUTES);
    assertThat(first.faults)
        .singleElement()
        .isInstanceOf(WalException.Fenced.class)
        .extracting(Throwable::getMessage)
        .asString()
        .contains("now node 1 writes WAL " + second.wal.walId());
    first.stop();
    second.stop();
  }

  @Test
  void twoStartsAtOnceLeaveOneBroker() {
    Node first = world.start(1);
    first.append(first.claim(1, 1), 10);
    world.threads.crash();
    Node a = world.starting(1);
    Node b = world.starting(1);
    world.runFor(1, TimeUnit.MINUTES);
    assertThat(a.opening).isDone();
    assertThat(b.opening).isDone();
    for (Node node : List.of(a, b)) {
      if (node.opening.isCompletedExceptionally()) {
        assertThatThrownBy(node.opening::join)
            .hasCauseInstanceOf(StartRefusedException.NodeIdInUse.class);
      }
    }
    var catalog = world.catalog(world.bucket.connect("cli"));
    world.await(catalog.open());
    List<UUID> open =
        catalog.wals().stream()
            .filter(wal -> wal.phase() == WalPhase.OPEN)
            .map(wal -> wal.writer().walId())
            .toList();
    assertThat(open).hasSize(1);
    Node last = open.contains(a.wal.walId()) ? a : b;
    StreamHandle handle = last.claim(1, 1);
    assertThat(handle.highWatermark()).isEqualTo(100);
    last.append(handle, 1);
  }

  @Test
  void aRestartedBrokerAndATakeoverMayReadTheSameChain() {
    for (int seed = 0; seed < 10; seed++) {
      ObjectModeWorld worldOfSeed = new ObjectModeWorld(seed, Faults.many());
      Node one = worldOfSeed.start(1);
      for (int i = 0; i < 6; i++) {
        one.append(one.claim(i, 1), 5);
      }
      Node two = worldOfSeed.start(2);
      one.store.shut();
      worldOfSeed.fencedNodes.add(1);
      List<CompletableFuture<StreamHandle>> claims = new ArrayList<>();
      for (int i = 0; i < 3; i++) {
        claims.add(two.claiming(i, 2));
      }
      worldOfSeed.runFor(seed * 40L, TimeUnit.MILLISECONDS);
      Node again = worldOfSeed.start(1);
      for (int i = 0; i < 6; i++) {
        Node owner = i < 3 ? two : again;
        StreamHandle handle = i < 3 ? worldOfSeed.await(claims.get(i)) : again.claim(i, 1);
        assertThat(handle.highWatermark()).as("seed %d", seed).isEqualTo(50);
        owner.append(handle, 1);
        owner.requireReadable(handle);
      }
      assertThat(worldOfSeed.threads.faults()).isEmpty();
      again.stop();
      two.stop();
    }
  }

  @Test
  void aClaimThatIsReplacedWhileItIsTakenOverLeavesTheStreamToTheNextClaimant() {
    Node dead = world.start(1);
    Node two = world.start(2);
    Node three = world.start(3);
    dead.append(dead.claim(1, 1), 10);
    dead.store.shut();
    world.fencedNodes.add(1);
    CompletableFuture<StreamHandle> overtaken = two.claiming(1, 2);
    world.runFor(20, TimeUnit.MILLISECONDS);
    StreamHandle taken = three.claim(1, 3);
    three.append(taken, 1);
    three.requireReadable(taken);
    world.runFor(1, TimeUnit.MINUTES);
    assertThat(overtaken).isDone();
    three.stop();
    two.stop();
  }

  @Test
  void anAbandonedVolumeThatReturnsIsNotReplayed_P3() {
    MemoryDisk disk = new MemoryDisk(4);
    Node lost = world.startingOnDisk(4, disk);
    world.await(lost.opening);
    Node two = world.start(2);
    StreamHandle old = lost.claim(1, 1);
    lost.append(old, 4);
    world.await(lost.engine().flush());
    lost.append(old, 3);
    lost.store.shut();
    world.fencedNodes.add(4);
    CompletableFuture<StreamHandle> claim = two.claiming(1, 2);
    world.runFor(1, TimeUnit.MINUTES);
    assertThat(claim).as("only the volume has the rest").isNotDone();

    abandon(lost.wal.walId());
    StreamHandle taken = world.await(claim);
    assertThat(taken.highWatermark()).isEqualTo(40);
    two.append(taken, 2);
    lost.store.open();
    lost.engine().flush();
    world.runFor(1, TimeUnit.MINUTES);
    assertThat(lost.faults)
        .as("it is told")
        .singleElement()
        .isInstanceOf(WalException.Fenced.class);
    lost.stop();

    Node returns = world.startingOnDisk(4, disk);
    assertThatThrownBy(() -> world.await(returns.opening))
        .hasCauseInstanceOf(StartRefusedException.WalAbandoned.class);
    two.requireReadable(taken);
    assertThat(two.claim(2, 1).id()).isEqualTo(stream(2));
    two.stop();
  }

  /** The operator errs: the broker lives, and is not fenced by anybody. */
  @Test
  void anAbandonedChainIsNotReplayedAndItsLivingWriterIsTold_P2_P14() {
    Node given = world.start(1);
    Node two = world.start(2);
    StreamHandle old = given.claim(1, 1);
    given.append(old, 4);
    world.await(given.engine().flush());
    given.append(old, 3);
    UUID chain = given.wal.walId();
    CompletableFuture<StreamHandle> claim = two.claiming(1, 2);
    world.runFor(10, TimeUnit.SECONDS);
    assertThat(claim).as("the chain has the rest, and its broker lives").isNotDone();

    abandon(chain);
    StreamHandle taken = world.await(claim);
    assertThat(taken.highWatermark()).as("what was committed").isEqualTo(40);
    two.append(taken, 2);
    given.engine().flush();
    world.runFor(1, TimeUnit.MINUTES);
    assertThat(given.faults)
        .singleElement()
        .isInstanceOf(WalException.Fenced.class)
        .extracting(Throwable::getMessage)
        .asString()
        .contains("ABANDONED");
    assertThatThrownBy(() -> given.engine().reserve(10, false))
        .isInstanceOf(WalException.Fenced.class);
    given.stop();
    two.requireReadable(taken);
    two.stop();

    Node again = world.start(1);
    assertThat(again.engine().stats().recoveredFrames()).as("never replayed (P3)").isZero();
    StreamHandle back = again.claim(1, 3);
    assertThat(back.highWatermark()).isEqualTo(60);
    again.requireReadable(back);
    world.runFor(1, TimeUnit.MINUTES);
    assertThat(world.keys("wal/" + chain)).as("left to the operator (P25)").isNotEmpty();
    again.stop();
  }

  /** P9–P14: the chain that is given up is fenced already, and on its way to another broker. */
  @Test
  void aChainMayBeAbandonedWhileItIsTakenOver_P13() {
    for (int seed = 0; seed < 20; seed++) {
      ObjectModeWorld worldOfSeed = new ObjectModeWorld(seed, Faults.many());
      Node dead = worldOfSeed.start(1);
      StreamHandle old = dead.claim(1, 1);
      dead.append(old, 3);
      worldOfSeed.await(dead.engine().flush());
      dead.append(old, 4);
      UUID chain = dead.wal.walId();
      Node two = worldOfSeed.start(2);
      dead.store.shut();
      worldOfSeed.fencedNodes.add(1);
      CompletableFuture<StreamHandle> claim = two.claiming(1, 2);
      worldOfSeed.runFor(seed * 25L, TimeUnit.MILLISECONDS);
      abandon(worldOfSeed, chain).handle((done, sealedAlready) -> done);
      worldOfSeed.runFor(1, TimeUnit.MINUTES);
      StreamHandle taken = worldOfSeed.await(claim);
      assertThat(taken.highWatermark())
          .as("seed %d: all of it, or what was committed", seed)
          .isIn(30L, 70L);
      two.append(taken, 5);
      two.requireReadable(taken);
      dead.store.open();
      Node again = worldOfSeed.start(1);
      assertThatThrownBy(() -> again.claim(1, 1)).hasCauseInstanceOf(StreamException.Fenced.class);
      assertThat(worldOfSeed.threads.faults()).isEmpty();
      again.stop();
      two.stop();
    }
  }

  @Test
  void aNodeWhoseChainIsDamagedIsRefusedUntilTheChainIsAbandoned() {
    Node node = world.start(1);
    StreamHandle handle = node.claim(1, 1);
    node.append(handle, 4);
    world.await(node.engine().flush());
    node.append(handle, 6);
    UUID chain = node.wal.walId();
    world.threads.crash();
    List<String> blocks = world.keys("wal/" + chain);
    String last = blocks.get(blocks.size() - 1);
    world.flip(last, 150);

    Node refused = world.starting(1);
    assertThatThrownBy(() -> world.await(refused.opening))
        .hasCauseInstanceOf(WalException.Corrupt.class)
        .hasMessageContaining(last);
    world.threads.crash();
    abandon(chain);

    Node again = world.start(1);
    StreamHandle back = again.claim(1, 2);
    assertThat(back.highWatermark()).as("what was committed").isEqualTo(40);
    again.append(back, 1);
    again.requireReadable(back);
    again.stop();
  }

  private void abandon(UUID walId) {
    world.await(abandon(world, walId));
  }

  private static CompletableFuture<?> abandon(ObjectModeWorld in, UUID walId) {
    var catalog = in.catalog(in.bucket.connect("cli"));
    return catalog
        .open()
        .thenCompose(opened -> WalAbandonment.abandon(catalog, walId, in.threads.randomSource()));
  }

  @Test
  void switchingTheWalDrainsTheOldOneFirst_P3() {
    MemoryDisk disk = new MemoryDisk(1);
    Node inBucket = world.start(1);
    inBucket.append(inBucket.claim(1, 1), 10);
    UUID chain = inBucket.wal.walId();
    world.threads.crash();
    disk.crash();

    Node onDisk = world.startingOnDisk(1, disk);
    world.await(onDisk.opening);
    StreamHandle handle = onDisk.claim(1, 1);
    assertThat(handle.highWatermark()).isEqualTo(100);
    onDisk.append(handle, 10);
    onDisk.requireReadable(handle);
    assertThat(onDisk.catalog.wals())
        .filteredOn(wal -> wal.writer().walId().equals(chain))
        .singleElement()
        .matches(wal -> wal.phase() == WalPhase.SEALED);
    world.threads.crash();
    disk.crash();

    Node refused = world.starting(1);
    assertThatThrownBy(() -> world.await(refused.opening))
        .as("the disk has to be drained by whoever has it")
        .hasCauseInstanceOf(StartRefusedException.WalMissing.class);
    Node drains = world.startingOnDisk(1, disk);
    world.await(drains.opening);
    assertThat(drains.stop()).isZero();
    Node back = world.start(1);
    StreamHandle again = back.claim(1, 1);
    assertThat(again.highWatermark()).isEqualTo(200);
    back.requireReadable(again);
    back.stop();
  }
}
