package io.spillway.engine;

import static org.assertj.core.api.Assertions.assertThat;

import io.spillway.stream.StreamStore;
import io.spillway.stream.StreamStoreContract;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.AfterEach;

/** The engine over a local WAL, under simulated threads. */
class LocalWalStreamStoreTest extends StreamStoreContract {

  private final EngineWorld world = new EngineWorld(32 << 20);
  private final EngineWorld.Node node = world.start(EngineWorld.config(1));

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
