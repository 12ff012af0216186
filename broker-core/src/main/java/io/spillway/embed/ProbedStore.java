package io.spillway.embed;

import io.spillway.config.ObjectStoreConfig;
import io.spillway.object.MeteredObjectStore;
import io.spillway.object.ObjectStore;
import io.spillway.object.ObjectStores;
import io.spillway.object.Retry;
import io.spillway.object.RetryingObjectStore;
import io.spillway.object.StoreProbe;
import io.spillway.runtime.RandomSource;
import io.spillway.runtime.Scheduler;
import io.spillway.runtime.Threads;
import java.util.function.Consumer;
import java.util.function.UnaryOperator;

/** The configured object store, once it has shown that it keeps its word. */
final class ProbedStore {

  private static final String PROBE = "probe/";

  /** Whoever needs more repeats makes them: most requests are repeated for as long as it takes. */
  private static final int ATTEMPTS = 4;

  private ProbedStore() {}

  /**
   * Waits for the store as long as it takes. Nothing is repeated for the probe: it must see what
   * the store does with each request.
   *
   * @param wrapper what stands before the store itself; for tests
   * @param starting told what the start waits for
   */
  static ObjectStore open(
      ObjectStoreConfig config,
      UnaryOperator<ObjectStore> wrapper,
      Threads threads,
      Scheduler retries,
      RandomSource random,
      Consumer<String> starting) {
    MeteredObjectStore attempts =
        new MeteredObjectStore(
            wrapper.apply(ObjectStores.open(config.url(), config.credentials(), threads)));
    ObjectStore store =
        config.isDirectory()
            ? attempts
            : new RetryingObjectStore(
                attempts,
                retries,
                threads.clock(),
                random,
                Retry.Policy.attempts(ATTEMPTS),
                config.budget());
    boolean usable = false;
    try {
      starting.accept("waiting for the object store " + config.place());
      StoreProbe.run(attempts, PROBE, retries, random).join();
      usable = true;
    } finally {
      if (!usable) {
        store.close();
      }
    }
    starting.accept("recovering");
    return store;
  }
}
