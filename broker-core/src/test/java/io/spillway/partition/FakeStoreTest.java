package io.spillway.partition;

import static org.assertj.core.api.Assertions.assertThat;

import io.spillway.stream.StreamStore;
import io.spillway.stream.StreamStoreContract;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.AfterEach;

/** The fake that partitions are tested on does what the real store does. */
class FakeStoreTest extends StreamStoreContract {

  private final FakeStore store = new FakeStore();

  @Override
  protected StreamStore open() {
    return store;
  }

  @Override
  protected <T> T await(CompletableFuture<T> future) {
    store.makeAllDurable();
    store.completeReads();
    return future.join();
  }

  @Override
  protected long stop() {
    return store.shutdown(0);
  }

  @Override
  protected long takenBytes() {
    return store.openReservations;
  }

  @AfterEach
  void everythingIsGivenBack() {
    assertThat(store.openData).isZero();
    assertThat(store.openReservations).isZero();
  }
}
