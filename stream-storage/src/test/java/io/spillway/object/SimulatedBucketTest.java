package io.spillway.object;

import static org.assertj.core.api.Assertions.assertThat;

import io.spillway.object.SimulatedBucket.Faults;
import io.spillway.runtime.SimulatedThreads;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;

/** A simulated bucket without faults is a store like any other, as is a retried one with some. */
class SimulatedBucketTest extends ObjectStoreContract {

  private final SimulatedThreads threads = new SimulatedThreads(3, 1_000);

  @Override
  protected ObjectStore newStore() {
    return new SimulatedBucket(threads, Faults.none()).connect("a");
  }

  @Override
  protected <T> T await(CompletableFuture<T> request) {
    while (!request.isDone() && threads.step()) {
      // Runs the simulation.
    }
    return request.join();
  }

  @Test
  void aLateWriteLandsAfterItsSenderIsGone() {
    SimulatedBucket bucket = new SimulatedBucket(threads, new Faults(0, 0, 0, 100, 0, 1, 1_000));
    CompletableFuture<ObjectStore.PutIfAbsent> create =
        bucket.connect("a").putIfAbsent("k", List.of(ByteBuffer.wrap(new byte[1])));
    assertThat(create.isDone()).isFalse();
    threads.crash();
    threads.runFor(2_000_000_000L);
    assertThat(create.isDone()).isFalse();
    assertThat(await(bucket.connect("b").head("k"))).isPresent();
  }
}
