package io.spillway.sim;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** {@code -Dsim.seeds=N} runs more seeds, {@code -Dsim.seed=S} one alone. */
class PartitionSimulationTest {

  private static final long FEW = 30;
  static final long MANY = 400;

  @Test
  void producersGetExactlyOnceUnderSomeSeeds() {
    Coverage coverage = run(Long.getLong("sim.seeds", FEW));
    if (coverage.of("seed") >= FEW) {
      coverage.require("crash", "duplicate answered", "move", "trim", "repeat known");
    }
  }

  @Test
  @Tag("full")
  void producersGetExactlyOnceUnderManySeedsAndMeetEveryFault() {
    Coverage coverage = run(Long.getLong("sim.seeds", MANY));
    if (coverage.of("seed") < MANY) {
      return;
    }
    assertThat(coverage.of("event")).as("events").isGreaterThanOrEqualTo(MANY * Seeds.EVENTS);
    coverage.require(
        // what producers meet
        "batch acknowledged",
        "duplicate answered",
        "answer OUT_OF_ORDER_SEQUENCE_NUMBER",
        "answer NOT_LEADER_OR_FOLLOWER",
        "answer NOT_ENOUGH_REPLICAS",
        "answer KAFKA_STORAGE_ERROR",
        "answer REQUEST_TIMED_OUT",
        "answer MESSAGE_TOO_LARGE",
        "epoch bump",
        "record given up",
        "request timed out",
        "request of a broken connection",
        "transaction committed",
        "transaction aborted",
        "marker written again",
        "late batch kept out",
        // what brokers go through
        "crash",
        "crash with unacked batches",
        "clean stop",
        "stall",
        "failed write",
        "fenced by the controller",
        "move",
        "takeover",
        "new epoch of the same leader",
        "trim",
        "read below the log start",
        "position validated",
        "repeat known");
  }

  /** Seeds that failed once, each for a reason of its own. */
  @Test
  void producersGetExactlyOnceUnderSeedsThatOnceFailed() {
    for (long seed :
        new long[] {
          10, // retention let go of batches before any checkpoint had their sequences
          202, // DeleteRecords did
        }) {
      run(seed, 1);
    }
  }

  @Test
  void sameSeedSameEvents() {
    PartitionSimulation first = new PartitionSimulation(4711);
    PartitionSimulation second = new PartitionSimulation(4711);

    first.run(Seeds.EVENTS);
    second.run(Seeds.EVENTS);

    assertThat(second.hash()).isEqualTo(first.hash());
  }

  private static Coverage run(long seeds) {
    return Seeds.run(PartitionSimulation::new, seeds);
  }

  private static void run(long first, long seeds) {
    Seeds.run(PartitionSimulation::new, first, seeds);
  }
}
