package io.spillway.object;

import static org.assertj.core.api.Assertions.assertThat;

import io.spillway.runtime.Scheduler;
import io.spillway.runtime.SimulatedThreads;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

class RetryWarningsTest {

  private final SimulatedThreads threads = new SimulatedThreads(1, 0);
  private final Scheduler scheduler = threads.newScheduler("retry");
  private final List<Long> warnedAtSeconds = new ArrayList<>();
  private final List<String> warnings = new ArrayList<>();
  private final Retry retry =
      new Retry(
          scheduler,
          threads.randomSource(),
          Retry.Policy.forever(),
          () -> false,
          new RetryWarnings(threads.clock(), this::onWarning));

  @Test
  void aStoreThatSwallowsRequestsIsNamedWhenTheFirstIsGivenUp() {
    request("create catalog/log/17", 20);
    threads.runFor(seconds(19));
    assertThat(warnings).isEmpty();
    threads.runFor(seconds(1));
    assertThat(warnings).hasSize(1);
    assertThat(warnings.get(0))
        .startsWith(
            "create catalog/log/17 has been failing for 20 s (attempts: 1) and is tried again: ")
        .contains("s3://b at http://black.hole:1")
        .contains("see that the object store can be reached");
  }

  @Test
  void aStoreThatRefusesAtOnceIsNamedAfterFiveSeconds() {
    request("probe", 0);
    threads.runFor(seconds(4));
    assertThat(warnings).isEmpty();
    threads.runFor(seconds(60));
    // The pause before the attempt that is due is at most 5 s.
    assertThat(warnedAtSeconds).hasSize(1);
    assertThat(warnedAtSeconds.get(0)).isBetween(5L, 10L);
  }

  @Test
  void warnsOnceAMinuteOfAllThatFails() {
    for (int i = 0; i < 50; i++) {
      request("get data/" + i, i % 2 == 0 ? 0 : 1);
    }
    threads.runFor(seconds(605));
    assertThat(warnedAtSeconds).hasSizeBetween(9, 10);
    for (int i = 1; i < warnedAtSeconds.size(); i++) {
      assertThat(warnedAtSeconds.get(i) - warnedAtSeconds.get(i - 1)).isBetween(60L, 66L);
    }
  }

  @Test
  void requestsThatFailShortlyAreNotMentioned() {
    for (int i = 0; i < 100; i++) {
      int[] left = {3};
      retry.run(
          "get data/" + i,
          () -> left[0]-- > 0 ? failed() : CompletableFuture.completedFuture(1),
          Retry::isTransient);
      threads.runFor(seconds(2));
    }
    assertThat(warnings).isEmpty();
  }

  private void request(String what, long secondsAnAttempt) {
    retry.run(
        what,
        () -> {
          CompletableFuture<Integer> attempt = new CompletableFuture<>();
          scheduler.schedule(
              seconds(secondsAnAttempt), () -> attempt.completeExceptionally(unavailable()));
          return attempt;
        },
        Retry::isTransient);
  }

  private static CompletableFuture<Integer> failed() {
    return CompletableFuture.failedFuture(unavailable());
  }

  private static ObjectStoreException unavailable() {
    return new ObjectStoreException.Unavailable(
        "in s3://b at http://black.hole:1: no answer", null);
  }

  private void onWarning(String text) {
    warnings.add(text);
    warnedAtSeconds.add(TimeUnit.NANOSECONDS.toSeconds(threads.clock().nanoTime()));
  }

  private static long seconds(long seconds) {
    return TimeUnit.SECONDS.toNanos(seconds);
  }
}
