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
            threads.randomSource(),
            Retry.Policy.attempts(3),
            4);
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

  private ObjectStore retrying(ObjectStore store, int maxRequests) {
    return new RetryingObjectStore(
        store,
        threads.newScheduler("retry"),
        threads.randomSource(),
        Retry.Policy.forever(),
        maxRequests);
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
