package io.spillway.object;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.spillway.object.SimulatedBucket.Faults;
import io.spillway.runtime.SimulatedThreads;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;

/** Behind retries a store that is often unavailable keeps the contract. */
class RetryingObjectStoreTest extends ObjectStoreContract {

  private final SimulatedThreads threads = new SimulatedThreads(4, 1_000);

  @Override
  protected ObjectStore newStore() {
    return retrying(
        new SimulatedBucket(threads, new Faults(30, 0, 0, 0, 0, 20, 0)).connect("a"), 4);
  }

  @Override
  protected <T> T await(CompletableFuture<T> request) {
    while (!request.isDone() && threads.step()) {
      // Runs the simulation.
    }
    return request.join();
  }

  @Test
  void anAmbiguousCreateIsTheCallersToResolve() {
    ObjectStore store =
        retrying(new SimulatedBucket(threads, new Faults(0, 100, 0, 0, 0, 1, 0)).connect("a"), 4);
    assertThatThrownBy(() -> await(store.putIfAbsent("k", List.of(ByteBuffer.allocate(1)))))
        .hasRootCauseInstanceOf(ObjectStoreException.Ambiguous.class);
  }

  @Test
  void anAmbiguousPutIsRepeated() {
    MeteredObjectStore metered =
        new MeteredObjectStore(
            new SimulatedBucket(threads, new Faults(0, 50, 0, 0, 0, 1, 0)).connect("a"));
    ObjectStore store = retrying(metered, 4);
    for (int i = 0; i < 20; i++) {
      await(store.put("k" + i, List.of(ByteBuffer.allocate(1))));
    }
    assertThat(metered.requests()).containsEntry("put/ok", 20L).containsKey("put/ambiguous");
    assertThat(metered.reachable()).isTrue();
  }

  @Test
  void givesUpAfterTheAgreedNumberOfAttempts() {
    SimulatedBucket bucket = new SimulatedBucket(threads, Faults.none());
    MeteredObjectStore metered = new MeteredObjectStore(bucket.connect("a"));
    ObjectStore store =
        new RetryingObjectStore(
            metered,
            threads.newScheduler("retry"),
            threads.clock(),
            threads.randomSource(),
            Retry.Policy.attempts(3),
            new RequestBudget(4, 1e9));
    bucket.setOutage(true);
    assertThatThrownBy(() -> await(store.head("k")))
        .hasRootCauseInstanceOf(ObjectStoreException.Unavailable.class);
    assertThat(metered.requests()).containsEntry("head/unavailable", 3L);
    assertThat(metered.reachable()).isFalse();
    bucket.setOutage(false);
    assertThat(await(store.head("k"))).isEmpty();
    assertThat(metered.reachable()).isTrue();
  }

  @Test
  void neverSendsMoreRequestsAtOnceThanAgreed() {
    CountingStore counting = new CountingStore();
    ObjectStore store = retrying(counting.store(), 2);
    List<CompletableFuture<Void>> puts = new ArrayList<>();
    for (int i = 0; i < 10; i++) {
      puts.add(store.put("k" + i, List.of()));
    }
    puts.forEach(this::await);
    assertThat(counting.tasks).isEqualTo(10);
    assertThat(counting.mostAtOnce).isEqualTo(2);
  }

  @Test
  void startsNoMoreRequestsASecondThanAgreed() {
    CountingStore counting = new CountingStore();
    RequestLane lane = lane(1_000, 10);
    List<CompletableFuture<Void>> puts = new ArrayList<>();
    for (int i = 0; i < 1_000; i++) {
      String key = "k" + i;
      puts.add(lane.run(() -> counting.store().put(key, List.of())));
    }
    threads.runFor(10_000_000_000L);
    assertThat(counting.tasks).isBetween(95, 103);
    lane.close();
    assertThat(puts).allSatisfy(put -> assertThat(put.isDone()).isTrue());
  }

  @Test
  void aThrottledStoreIsAskedForLessThenForMoreAgain() {
    RequestLane lane = lane(100, 1_000);
    for (int second = 0; second < 10; second++) {
      for (int i = 0; i < 20; i++) {
        lane.run(
            () ->
                CompletableFuture.failedFuture(
                    new ObjectStoreException.Unavailable("slow down", null, true)));
      }
      threads.runFor(1_100_000_000L);
    }
    assertThat(lane.perSecond()).isLessThan(60);
    threads.runFor(600_000_000_000L); // what waits is refused too; then it is quiet
    assertThat(lane.perSecond()).isEqualTo(1_000);
  }

  @Test
  void throttledWritesHoldUpNoReadsAndNoCreates() {
    SimulatedBucket bucket = new SimulatedBucket(threads, Faults.none());
    ObjectStore behind = bucket.connect("a");
    ObjectStore throttled =
        new ForwardingObjectStore(behind) {
          @Override
          public CompletableFuture<Void> put(String key, List<ByteBuffer> body) {
            return CompletableFuture.failedFuture(
                new ObjectStoreException.Unavailable("slow down", null, true));
          }
        };
    ObjectStore store = retrying(throttled, 2);
    for (int i = 0; i < 50; i++) {
      store.put("data/" + i, List.of());
    }
    threads.runFor(20_000_000_000L);
    await(store.putIfAbsent("log/1", List.of()));
    assertThat(await(store.head("log/1"))).isPresent();
    store.close();
  }

  private RequestLane lane(int maxAtOnce, double maxPerSecond) {
    return new RequestLane(
        new RequestBudget(maxAtOnce, maxPerSecond), threads.newScheduler("lane"), threads.clock());
  }

  private ObjectStore retrying(ObjectStore store, int maxRequests) {
    return new RetryingObjectStore(
        store instanceof MeteredObjectStore metered ? metered : new MeteredObjectStore(store),
        threads.newScheduler("retry"),
        threads.clock(),
        threads.randomSource(),
        Retry.Policy.forever(),
        new RequestBudget(maxRequests, 1e9));
  }

  private final class CountingStore {
    private int atOnce;
    private int mostAtOnce;
    private int tasks;

    ObjectStore store() {
      return new MemoryObjectStore(
          task -> {
            atOnce++;
            tasks++;
            mostAtOnce = Math.max(mostAtOnce, atOnce);
            threads
                .newScheduler("slow")
                .schedule(
                    1_000_000,
                    () -> {
                      atOnce--;
                      task.run();
                    });
          });
    }
  }
}
