package io.spillway.sim;

import io.spillway.catalog.LogStreamCatalog;
import io.spillway.catalog.StreamCatalog;
import io.spillway.object.ObjectStore;
import io.spillway.runtime.Scheduler;
import io.spillway.runtime.SimulatedThreads;
import io.spillway.sharedlog.ObjectSharedLog;
import java.util.Optional;

/** The real catalog on the real shared log, over somebody's store. */
final class SimCatalogs {

  private SimCatalogs() {}

  /** With checkpoints so often that a run sees many. */
  static StreamCatalog open(ObjectStore store, SimulatedThreads threads) {
    Scheduler scheduler = threads.newScheduler("catalog");
    ObjectSharedLog log =
        new ObjectSharedLog(store, "catalog", Optional.empty(), scheduler, threads.randomSource());
    return new LogStreamCatalog(
        log, scheduler, threads.randomSource(), new LogStreamCatalog.Config(8, 20, true));
  }
}
