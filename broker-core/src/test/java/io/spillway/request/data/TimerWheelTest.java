package io.spillway.request.data;

import static org.assertj.core.api.Assertions.assertThat;

import io.spillway.runtime.SimulatedThreads;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

class TimerWheelTest {

  private final SimulatedThreads threads = new SimulatedThreads(1, 0);
  private final TimerWheel wheel = new TimerWheel(threads.clock(), threads.newScheduler("timers"));

  @Test
  void everyTimeoutFiresOnceNeverEarlyAndAtMostATickLateUnlessCancelled() {
    for (long seed = 0; seed < 20; seed++) {
      Random random = new Random(seed);
      List<String> wrong = new ArrayList<>();
      int[] fired = {0};
      int cancelled = 0;
      for (int i = 0; i < 200; i++) {
        long delay = random.nextLong(TimeUnit.SECONDS.toNanos(20));
        long due = threads.clock().nanoTime() + delay;
        TimerWheel.Timeout timeout =
            wheel.schedule(
                delay,
                () -> {
                  fired[0]++;
                  long late = threads.clock().nanoTime() - due;
                  if (late < 0 || late > TimerWheel.TICK_NANOS) {
                    wrong.add("late by " + late);
                  }
                });
        if (random.nextInt(3) == 0) {
          timeout.cancel();
          timeout.cancel();
          cancelled++;
        }
        threads.runFor(random.nextLong(TimeUnit.MILLISECONDS.toNanos(50)));
      }
      threads.runFor(TimeUnit.SECONDS.toNanos(21));
      assertThat(wrong).as("seed %d", seed).isEmpty();
      assertThat(fired[0]).as("seed %d", seed).isLessThanOrEqualTo(200);
      assertThat(fired[0]).as("seed %d", seed).isGreaterThanOrEqualTo(200 - cancelled);
      assertThat(wheel.size()).isZero();
    }
    assertThat(threads.faults()).isEmpty();
  }

  @Test
  void anEmptyWheelDoesNotTick() {
    wheel.schedule(TimeUnit.SECONDS.toNanos(1), () -> {}).cancel();
    threads.runFor(TimeUnit.MINUTES.toNanos(1));
    assertThat(threads.runAll(10)).isZero();
  }
}
