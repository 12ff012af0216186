package io.spillway.engine;

import static org.assertj.core.api.Assertions.assertThat;

import io.spillway.object.s3.S3Server;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.LongStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInfo;
import org.junit.jupiter.api.io.TempDir;

/**
 * Two engines as processes over one bucket behind an S3 server: moves, deaths, sleepers. What the
 * simulation shows on simulated threads is shown here on a real network, a real client and real
 * signals.
 */
class TwoProcessesTest {

  private static final String IN_BUCKET = "object:";
  private static final String BUCKET = "engines";

  @TempDir static Path directory;
  private static S3Server server;

  @TempDir Path work;
  private String storeUrl = "";

  @BeforeAll
  static void startServer() {
    server = S3Server.start(directory);
    server.createBucket(BUCKET);
  }

  @AfterAll
  static void stopServer() {
    if (server != null) {
      server.close();
    }
  }

  @BeforeEach
  void useAFolderOfItsOwn(TestInfo test) {
    storeUrl = server.url(BUCKET + "/" + test.getTestMethod().orElseThrow().getName());
  }

  private RemoteEngine starting(int nodeId, String walUrl) {
    return RemoteEngine.starting(work, nodeId, walUrl, storeUrl);
  }

  private String onDisk(String name) {
    return "file:" + work.resolve(name);
  }

  /** Offsets from 0 on, each once. */
  private static List<Long> upTo(long endOffset) {
    return LongStream.range(0, endOffset).boxed().toList();
  }

  @Test
  void aZombieThatWakesUpAcknowledgesNothingOfItsOwn_G3() {
    try (RemoteEngine zombie = starting(1, IN_BUCKET);
        RemoteEngine heir = starting(2, IN_BUCKET)) {
      zombie.awaitReady().claim(1, 1);
      heir.awaitReady();
      int underWay = zombie.send("append 1 4000 5");
      zombie.awaitAck(1, 500);
      zombie.pause();
      int readWhenAwake = zombie.send("append 1 100 0");

      int claim = heir.send("claim 1 2");
      heir.tell("fence 1");
      long taken = heir.claimed(claim);
      heir.append(1, 50);
      zombie.resume();

      assertThat(zombie.awaitFault())
          .contains(zombie.walId(), "fenced at number", "by node 2", heir.walId());
      assertThat(zombie.answer(readWhenAwake))
          .startsWith("appended 0 100 ")
          .contains(zombie.walId(), "by node 2", heir.walId());
      assertThat(zombie.answer(underWay)).contains("by node 2", heir.walId());
      assertThat(zombie.tell("claim 2 1")).startsWith("failed Fenced").contains("by node 2");
      assertThat(zombie.saidSinceFault()).noneMatch(line -> line.startsWith("acked "));

      List<Long> acked = zombie.acked(1);
      assertThat(acked).as("each once, in order").isEqualTo(upTo(acked.size()));
      assertThat((long) acked.size())
          .as("G1: acknowledged, so taken over")
          .isLessThanOrEqualTo(taken);
      assertThat(heir.tell("read 1")).isEqualTo("holds 1*%d 2*50".formatted(taken));
      assertThat(zombie.tell("stop")).as("it leaves nothing").isEqualTo("stopped 0");
      heir.stop();
    }
  }

  @Test
  @Tag("full")
  void aPlannedMoveWaitsForTheOwnerAndLosesNothing_P12() {
    try (RemoteEngine one = starting(1, onDisk("one"));
        RemoteEngine two = starting(2, IN_BUCKET)) {
      one.awaitReady().claim(1, 1);
      two.awaitReady();
      int underWay = one.send("append 1 1000 1");
      one.awaitAck(1, 300);
      int claim = two.send("claim 1 2");
      two.tell("fence 1");
      one.awaitAck(1, 999);
      assertThat(two.hasAnswered(claim)).as("its volume has the rest (P13)").isFalse();
      assertThat(one.answer(underWay).strip()).isEqualTo("appended 1000 0");

      assertThat(one.tell("close 1")).isEqualTo("closed");
      assertThat(two.claimed(claim)).isEqualTo(1000);
      assertThat(one.tell("append 1 3 0")).startsWith("appended 0 3 Fenced: stream ");
      assertThat(one.tell("claim 1 1"))
          .startsWith("failed Fenced")
          .contains("is not newer than")
          .contains("nodeId=1", "nodeId=2");
      two.append(1, 20);
      assertThat(two.tell("read 1")).isEqualTo("holds 1*1000 2*20");

      int back = one.send("claim 1 3");
      assertThat(two.tell("close 1")).isEqualTo("closed");
      assertThat(one.claimed(back)).isEqualTo(1020);
      one.append(1, 5);
      assertThat(one.tell("read 1")).isEqualTo("holds 1*1000 2*20 1*5");
      assertThat(two.tell("close 1")).as("it has nothing to give up").isEqualTo("closed");
      one.stop();
      two.stop();
    }
  }

  @Test
  @Tag("full")
  void theStreamsOfAKilledOwnerAreTakenOver_P13() {
    try (RemoteEngine owner = starting(1, IN_BUCKET);
        RemoteEngine two = starting(2, IN_BUCKET)) {
      owner.awaitReady().claim(1, 1);
      owner.claim(2, 1);
      two.awaitReady();
      owner.append(1, 200);
      owner.tell("flush");
      owner.append(2, 70);
      owner.send("append 1 4000 5");
      owner.awaitAck(1, 600);
      owner.kill();

      int first = two.send("claim 1 2");
      int second = two.send("claim 2 2");
      two.append(claimedFresh(two), 5);
      assertThat(two.hasAnswered(first)).as("impatience is no reason (P13)").isFalse();
      two.tell("fence 1");
      long taken = two.claimed(first);
      assertThat(taken).as("G1").isGreaterThanOrEqualTo(owner.acked(1).size());
      assertThat(two.claimed(second)).as("G1").isEqualTo(70);
      two.append(1, 10);
      assertThat(two.tell("read 1")).isEqualTo("holds 1*%d 2*10".formatted(taken));
      assertThat(two.tell("read 2")).isEqualTo("holds 1*70");

      try (RemoteEngine again = starting(1, IN_BUCKET).awaitReady()) {
        assertThat(again.tell("stats")).as("the chain was sealed").isEqualTo("recovered 0");
        assertThat(again.tell("claim 1 1"))
            .startsWith("failed Fenced")
            .contains("nodeId=1", "nodeId=2");
        int move = again.send("claim 2 3");
        two.tell("close 2");
        assertThat(again.claimed(move)).isEqualTo(70);
        again.append(2, 1);
        assertThat(again.tell("read 2")).isEqualTo("holds 1*71");
        again.stop();
      }
      two.stop();
    }
  }

  /** A stream that nobody had, so that it is claimed at once. */
  private static int claimedFresh(RemoteEngine engine) {
    assertThat(engine.claim(9, 1)).isZero();
    return 9;
  }

  @Test
  @Tag("full")
  void ofTwoProcessesWithOneNodeIdTheLaterOneHasItsStreams() {
    try (RemoteEngine first = starting(1, IN_BUCKET)) {
      first.awaitReady().claim(1, 1);
      int underWay = first.send("append 1 4000 5");
      first.awaitAck(1, 300);
      try (RemoteEngine second = starting(1, IN_BUCKET)) {
        long taken = second.awaitReady().claim(1, 1);
        second.append(1, 30);
        assertThat(first.awaitFault()).contains(first.walId(), second.walId());
        assertThat(first.answer(underWay))
            .contains("another process with node.id 1", first.walId(), second.walId());
        assertThat(first.saidSinceFault()).noneMatch(line -> line.startsWith("acked "));
        assertThat(first.tell("claim 2 1")).startsWith("failed Fenced").contains(second.walId());
        List<Long> acked = first.acked(1);
        assertThat(acked).isEqualTo(upTo(acked.size()));
        assertThat((long) acked.size()).as("G1").isLessThanOrEqualTo(taken);
        assertThat(second.tell("read 1")).isEqualTo("holds 1*" + (taken + 30));
        second.stop();
      }
    }
  }

  @Test
  @Tag("full")
  void aSecondProcessOfANodeWithAVolumeIsRefusedAndNamesBothWals_P3() {
    try (RemoteEngine first = starting(1, onDisk("volume"))) {
      first.awaitReady().claim(1, 1);
      first.append(1, 30);
      try (RemoteEngine elsewhere = starting(1, onDisk("other"))) {
        assertThat(elsewhere.awaitRefusal())
            .contains("WAL " + first.walId() + " of node 1 was not drained")
            .containsPattern("here is WAL [0-9a-f-]{36}");
      }
      try (RemoteEngine sameVolume = starting(1, onDisk("volume"))) {
        assertThat(sameVolume.awaitRefusal()).contains(work.resolve("volume").toString(), "in use");
      }
      first.append(1, 5);
      assertThat(first.tell("read 1")).isEqualTo("holds 1*35");
      first.stop();
    }
  }

  @Test
  @Tag("full")
  void aVolumeThatReturnsAfterItWasAbandonedBringsNothingBack_P3() {
    try (RemoteEngine lost = starting(1, onDisk("volume"));
        RemoteEngine two = starting(2, IN_BUCKET)) {
      lost.awaitReady().claim(1, 1);
      two.awaitReady();
      lost.append(1, 40);
      lost.tell("flush");
      lost.append(1, 30);
      lost.pause();
      int claim = two.send("claim 1 2");
      two.tell("fence 1");
      assertThat(two.claim(9, 1)).isZero();
      assertThat(two.hasAnswered(claim)).as("only the volume has the rest").isFalse();

      assertThat(two.tell("abandon " + lost.walId())).isEqualTo("abandoned");
      assertThat(two.claimed(claim)).as("up to what is in objects").isEqualTo(40);
      two.append(1, 10);
      lost.resume();
      lost.send("flush");
      assertThat(lost.awaitFault()).contains(lost.walId(), "ABANDONED");
      assertThat(lost.tell("append 1 5 0")).startsWith("appended 0 5 Fenced");
      lost.kill();

      try (RemoteEngine returns = starting(1, onDisk("volume"))) {
        assertThat(returns.awaitRefusal())
            .contains("WAL " + lost.walId() + " was abandoned: what it holds must not come back");
      }
      assertThat(two.tell("read 1")).isEqualTo("holds 1*40 2*10");
      try (RemoteEngine fresh = starting(1, onDisk("another"))) {
        int move = fresh.awaitReady().send("claim 1 3");
        two.tell("close 1");
        assertThat(fresh.claimed(move)).isEqualTo(50);
        assertThat(fresh.tell("read 1")).isEqualTo("holds 1*40 2*10");
        fresh.stop();
      }
      two.stop();
    }
  }
}
