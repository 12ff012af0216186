package io.spillway.sim;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

/** {@code -Dsim.seeds=N} runs more seeds, {@code -Dsim.seed=S} one alone. */
class SimulationTest {

  private static final int ACTIONS = 400;

  @Test
  void keepsItsGuaranteesUnderEverySeed() {
    long single = Long.getLong("sim.seed", -1);
    long first = single >= 0 ? single : 0;
    long count = single >= 0 ? 1 : Long.getLong("sim.seeds", 60);
    Simulation.Tally tally = new Simulation.Tally();
    for (long seed = first; seed < first + count; seed++) {
      try {
        tally.add(new Simulation(seed).run(ACTIONS));
      } catch (Throwable failure) {
        throw new AssertionError("seed " + seed + ": repeat with -Dsim.seed=" + seed, failure);
      }
    }
    if (single < 0 && count >= 60) {
      assertThat(tally.multipartReads).as("objects in parts made from the WAL").isPositive();
    }
    System.out.println("simulated " + count + " seeds: " + tally);
  }

  /** Seeds that failed once, each for a reason of its own. */
  @Test
  void keepsItsGuaranteesUnderSeedsThatOnceFailed() {
    for (long seed :
        new long[] {
          274, // settled while a trim was under way
          352, // a commit of the previous incarnation came into the log during the recovery
        }) {
      new Simulation(seed).run(ACTIONS);
    }
  }

  @Test
  void sameSeedSameEvents() {
    Simulation first = new Simulation(4711);
    Simulation second = new Simulation(4711);

    first.run(ACTIONS);
    second.run(ACTIONS);

    assertThat(second.hash()).isEqualTo(first.hash());
  }
}
