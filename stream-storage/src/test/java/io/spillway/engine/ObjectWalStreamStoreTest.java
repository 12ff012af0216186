package io.spillway.engine;

import static org.assertj.core.api.Assertions.assertThat;

import io.spillway.object.SimulatedBucket.Faults;
import io.spillway.stream.StreamStore;
import io.spillway.stream.StreamStoreContract;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.AfterEach;

/** The engine over a WAL in the bucket, under simulated threads. */
class ObjectWalStreamStoreTest extends StreamStoreContract {

  private final ObjectModeWorld world = new ObjectModeWorld(11, Faults.none());
  private final ObjectModeWorld.Node node = world.start(1);

  @Override
  protected StreamStore open() {
    return node.engine();
  }

  @Override
  protected <T> T await(CompletableFuture<T> future) {
    return world.await(future);
  }

  @Override
  protected long stop() {
    return node.stop();
  }

  @Override
  protected long takenBytes() {
    return node.engine().walUsage().usedBytes();
  }

  @AfterEach
  void nothingFailed() {
    assertThat(node.faults).isEmpty();
    assertThat(world.threads.faults()).isEmpty();
  }
}
