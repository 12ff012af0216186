package io.spillway.sim;

import io.spillway.catalog.LogStreamCatalog;
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
    Scheduler scheduler = threads.newScheduler("catalog");
    ObjectSharedLog log =
        new ObjectSharedLog(store, "catalog", Optional.empty(), scheduler, random);
    return new LogStreamCatalog(log, scheduler, random, new LogStreamCatalog.Config(8, 20, true));
  }
}
