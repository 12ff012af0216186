package io.spillway.sim;

import io.spillway.catalog.Indexing;
import io.spillway.catalog.LogStreamCatalog;
import io.spillway.catalog.MemoryIndexHome;
import io.spillway.catalog.StreamCatalog;
import io.spillway.object.ObjectStore;
import io.spillway.runtime.RandomSource;
import io.spillway.runtime.Scheduler;
import io.spillway.runtime.Threads;
import io.spillway.sharedlog.ObjectSharedLog;
import java.util.Optional;

/** The real catalog on the real shared log, over somebody's store. */
final class SimCatalogs {

  private SimCatalogs() {}

  /** With checkpoints so often that a run sees many. */
  static StreamCatalog open(ObjectStore store, Threads threads, RandomSource random) {
    return open(store, threads, random, Optional.empty());
  }

  /**
   * The same over an index, from so few extents on, and written so often, that most of what is
   * found is found there.
   */
  static StreamCatalog open(
      ObjectStore store, Threads threads, RandomSource random, MemoryIndexHome home) {
    Indexing indexing = new Indexing(home, threads.newScheduler("catalog-index"), 3, 8);
    return open(store, threads, random, Optional.of(indexing));
  }

  private static StreamCatalog open(
      ObjectStore store, Threads threads, RandomSource random, Optional<Indexing> indexing) {
    Scheduler scheduler = threads.newScheduler("catalog");
    ObjectSharedLog log =
        new ObjectSharedLog(store, "catalog", Optional.empty(), scheduler, random);
    return new LogStreamCatalog(
        log, scheduler, random, new LogStreamCatalog.Config(8, 20, true), indexing);
  }
}
