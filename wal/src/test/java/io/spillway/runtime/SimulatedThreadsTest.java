package io.spillway.runtime;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class SimulatedThreadsTest {

  @Test
  void aSchedulerKeepsItsOrderWhateverTheJitter() {
    for (long seed = 0; seed < 50; seed++) {
      SimulatedThreads threads = new SimulatedThreads(seed, 1_000);
      Scheduler scheduler = threads.newScheduler("a");
      List<Integer> ran = new ArrayList<>();
      for (int i = 0; i < 20; i++) {
        int n = i;
        scheduler.execute(() -> ran.add(n));
      }
      threads.runAll(100);
      assertThat(ran).as("seed %d", seed).isSorted().hasSize(20);
    }
  }

  @Test
  void theSameSeedGivesTheSameInterleaving() {
    assertThat(interleaving(7)).isEqualTo(interleaving(7));
    assertThat(interleaving(7)).isNotEqualTo(interleaving(8));
  }

  @Test
  void aCrashDropsWhatHasNotRun() {
    SimulatedThreads threads = new SimulatedThreads(1, 0);
    List<String> ran = new ArrayList<>();
    threads.newScheduler("a").execute(() -> ran.add("before"));
    threads.crash();
    threads.newScheduler("b").execute(() -> ran.add("after"));
    threads.runAll(10);
    assertThat(ran).containsExactly("after");
  }

  private static List<String> interleaving(long seed) {
    SimulatedThreads threads = new SimulatedThreads(seed, 1_000);
    List<String> ran = new ArrayList<>();
    for (String name : List.of("a", "b", "c")) {
      Scheduler scheduler = threads.newScheduler(name);
      for (int i = 0; i < 10; i++) {
        String label = name + i;
        scheduler.execute(() -> ran.add(label));
      }
    }
    threads.runAll(100);
    return ran;
  }
}
