package io.spillway.sim;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** {@code -Dsim.seeds=N} runs more seeds, {@code -Dsim.seed=S} one alone. */
class SimulationTest {

  private static final long FEW = 60;
  private static final long MANY = 300;

  @Test
  void keepsItsGuaranteesUnderSomeSeeds() {
    Coverage coverage = Seeds.run(Simulation::new, Long.getLong("sim.seeds", FEW));
    if (coverage.of("seed") >= FEW) {
      coverage.require(
          "crash",
          "takeover",
          "torn write",
          "late write",
          "WAL full",
          "fenced",
          "merge",
          "compaction DONE");
      coverage.require("byte ahead, read", "merged read", "read that waited");
    }
  }

  @Test
  @Tag("full")
  void keepsItsGuaranteesUnderManySeedsAndMeetsEveryFault() {
    Coverage coverage = Seeds.run(Simulation::new, Long.getLong("sim.seeds", MANY));
    if (coverage.of("seed") < MANY) {
      return;
    }
    assertThat(coverage.of("event")).as("events").isGreaterThanOrEqualTo(MANY * Seeds.EVENTS);
    coverage.require(
        // the bucket and its network
        "unavailable",
        "throttled",
        "conflict",
        "own exists",
        "timeout not applied",
        "timeout applied",
        "late write",
        "slow read",
        "cut read",
        "outage",
        "deleted listed",
        "created not listed",
        "refused: listings stale",
        // machines and their volumes
        "crash",
        "crash while starting",
        "crash with unacked batches",
        "power loss",
        "stall",
        "stall before a commit",
        "clock jump",
        "torn write",
        "failed write",
        "volume lost",
        "volume returned",
        "old volume attached",
        "wiped after a clean stop",
        // operators
        "abandoned",
        "abandoned alive",
        "twin refused",
        "twin came in",
        "twin fenced the other",
        "chain abandoned alive",
        "refused: WAL missing",
        "refused: WAL abandoned",
        // what follows
        "recovered frame",
        "claim of what is only in the recovered WAL",
        "takeover",
        "fenced",
        "fenced by the controller",
        "WAL full",
        "object in parts",
        "WAL read for an object in parts",
        "deleted object",
        "merge",
        "void merge",
        "crash in a merge",
        "compaction DONE",
        "compaction VOID",
        "crash in a compaction",
        "object replaced",
        "byte ahead, read",
        "byte ahead, wasted",
        "merged read",
        "read that waited",
        "catalog's index written",
        "catalog's index found");
  }

  /** Seeds that failed once, each for a reason of its own. */
  @Test
  void keepsItsGuaranteesUnderSeedsThatOnceFailed() {
    for (long seed :
        new long[] {
          3, // an incarnation that had ended was given a stream, and nobody closed it
          155, // extents were merged one by one, for ever
          50, // a stream was deleted by one broker while another recovered it
          228, // a zombie acknowledged what others had recovered, after the stream was deleted
          312, // a claim waited for its own broker
          505, // a fetch that looked again found a later high watermark
          822, // a claim went on with what the broker lost while it claimed
          905, // another broker deleted what this one's trim had freed, before it knew of it
          919, // the claim of a fenced broker came through on what it had known before
          981, // a WAL was abandoned while its owner read it
          1284, // a newcomer took number 0 of a log that had long gone on
          2413, // a stop was held up by a recovered stream that another broker had deleted
          2937, // a stop in the middle of a takeover was a fault
          2832, // a fetch waited for room that was queued to be fetched ahead, and went nowhere
        }) {
      Seeds.run(Simulation::new, seed, 1);
    }
  }

  @Test
  void sameSeedSameEvents() {
    Simulation first = new Simulation(4711);
    Simulation second = new Simulation(4711);

    first.run(Seeds.EVENTS);
    second.run(Seeds.EVENTS);

    assertThat(second.hash()).isEqualTo(first.hash());
  }
}
