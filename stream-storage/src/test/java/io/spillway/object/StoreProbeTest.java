package io.spillway.object;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.spillway.object.SimulatedBucket.Faults;
import io.spillway.runtime.SimulatedThreads;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;

class StoreProbeTest {

  private final SimulatedThreads threads = new SimulatedThreads(9, 1_000);

  @Test
  void acceptsAStoreThatKeepsItsWordAndLeavesNothingBehind() {
    MemoryObjectStore store = new MemoryObjectStore();
    await(probe(store));
    assertThat(store.list("", "", 10).join()).isEmpty();
  }

  @Test
  void waitsForAStoreThatCannotBeReached() {
    SimulatedBucket bucket = new SimulatedBucket(threads, Faults.many());
    bucket.setOutage(true);
    CompletableFuture<Void> probe = probe(bucket.connect("a"));
    threads.runFor(300_000_000_000L);
    assertThat(probe.isDone()).isFalse();
    bucket.setOutage(false);
    await(probe);
  }

  @Test
  void refusesAStoreThatIgnoresTheCondition_G9() {
    assertRefused(
        new Liar() {
          @Override
          public CompletableFuture<PutIfAbsent> putIfAbsent(String key, List<ByteBuffer> body) {
            return store.put(key, body).thenApply(done -> PutIfAbsent.CREATED);
          }
        },
        "8 were told that they did");
  }

  @Test
  void refusesAStoreThatNeverCreates() {
    assertRefused(
        new Liar() {
          @Override
          public CompletableFuture<PutIfAbsent> putIfAbsent(String key, List<ByteBuffer> body) {
            return CompletableFuture.completedFuture(PutIfAbsent.EXISTS);
          }
        },
        "0 were told that they did");
  }

  @Test
  void refusesAStoreThatKeepsTheBytesOfALoser() {
    assertRefused(
        new Liar() {
          @Override
          public CompletableFuture<PutIfAbsent> putIfAbsent(String key, List<ByteBuffer> body) {
            CompletableFuture<PutIfAbsent> answer = store.putIfAbsent(key, body);
            store.put(key, body).join();
            return answer;
          }
        },
        "other bytes");
  }

  @Test
  void refusesAStoreWithStaleListings_P6() {
    assertRefused(
        new Liar() {
          @Override
          public CompletableFuture<List<ObjectInfo>> list(String prefix, String after, int limit) {
            return CompletableFuture.completedFuture(List.of());
          }
        },
        "listing");
  }

  @Test
  void refusesAStoreWithStaleReads() {
    assertRefused(
        new Liar() {
          @Override
          public CompletableFuture<ByteBuffer> getRange(String key, long position, int length) {
            return CompletableFuture.failedFuture(new ObjectStoreException.NotFound(key));
          }
        },
        "could not be read");
  }

  private void assertRefused(ObjectStore store, String reason) {
    assertThatThrownBy(() -> await(probe(store)))
        .hasRootCauseInstanceOf(ObjectStoreException.Refused.class)
        .hasMessageContaining(reason)
        .hasMessageContaining("If-None-Match");
  }

  private CompletableFuture<Void> probe(ObjectStore store) {
    return StoreProbe.run(store, "probe/", threads.newScheduler("probe"), threads.randomSource());
  }

  private <T> T await(CompletableFuture<T> request) {
    while (!request.isDone() && threads.step()) {
      // Runs the simulation.
    }
    return request.join();
  }

  /** A store that does everything right but what a test overrides. */
  private static class Liar extends ForwardingObjectStore {
    final MemoryObjectStore store;

    Liar() {
      this(new MemoryObjectStore());
    }

    private Liar(MemoryObjectStore store) {
      super(store);
      this.store = store;
    }
  }
}
