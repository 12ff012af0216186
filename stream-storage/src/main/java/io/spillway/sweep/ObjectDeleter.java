package io.spillway.sweep;

import io.spillway.object.ObjectStore;
import io.spillway.runtime.Clock;
import io.spillway.runtime.RandomSource;
import io.spillway.runtime.Scheduler;
import io.spillway.upload.Retrier;
import java.util.HashSet;
import java.util.Iterator;
import java.util.LinkedHashSet;
import java.util.Set;
import java.util.concurrent.atomic.AtomicLong;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Deletes objects that nothing refers to, a few at a time, again until it works. Its queue is
 * bounded: what does not fit, or is still in it at a crash, is found by the sweep. Deleting twice
 * does no harm. Safe for any thread.
 */
public final class ObjectDeleter implements AutoCloseable {

  private static final Logger LOG = LoggerFactory.getLogger(ObjectDeleter.class);

  private static final int MAX_QUEUED = 10_000;
  private static final int MAX_AT_ONCE = 8;

  private final ObjectStore store;
  private final Scheduler scheduler;
  private final Retrier retrier;
  private final Set<String> queued = new LinkedHashSet<>();
  private final Set<String> underWay = new HashSet<>();
  private final AtomicLong deleted = new AtomicLong();
  private boolean closed;

  public ObjectDeleter(ObjectStore store, Scheduler scheduler, Clock clock, RandomSource random) {
    this.store = store;
    this.scheduler = scheduler;
    this.retrier = new Retrier(scheduler, clock, random);
  }

  /** Queues the object. */
  public void delete(String key) {
    scheduler.execute(
        () -> {
          if (closed || underWay.contains(key)) {
            return;
          }
          if (queued.size() >= MAX_QUEUED) {
            LOG.debug("{} is left to the sweep", key);
            return;
          }
          queued.add(key);
          next();
        });
  }

  /** Objects deleted so far. */
  public long deletedObjects() {
    return deleted.get();
  }

  @Override
  public void close() {
    scheduler.execute(
        () -> {
          closed = true;
          queued.clear();
          retrier.close();
        });
  }

  private void next() {
    Iterator<String> keys = queued.iterator();
    while (!closed && underWay.size() < MAX_AT_ONCE && keys.hasNext()) {
      String key = keys.next();
      keys.remove();
      underWay.add(key);
      retrier
          .untilDone("delete " + key, () -> store.delete(key))
          .whenComplete(
              (done, failure) -> {
                underWay.remove(key);
                if (failure == null) {
                  deleted.incrementAndGet();
                }
                next();
              });
    }
  }
}
