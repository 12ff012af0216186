package io.spillway.presence;

import io.spillway.object.ObjectStore;
import io.spillway.runtime.Cancellable;
import io.spillway.runtime.RandomSource;
import io.spillway.runtime.Scheduler;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Says in the object store that this broker is alive, once in {@link Presence#intervalMs}: one
 * small write. A write that fails is left out; the next comes in its time.
 */
public final class PresenceBeacon implements AutoCloseable {

  private static final Logger LOG = LoggerFactory.getLogger(PresenceBeacon.class);
  private static final long GOOD_BYE_SECONDS = 2;

  private final ObjectStore store;
  private final Scheduler scheduler;
  private final String key;

  // The scheduler's thread only.
  private Presence presence;
  private CompletableFuture<Void> lastWrite = CompletableFuture.completedFuture(null);
  private @Nullable Cancellable next;
  private boolean closed;

  private PresenceBeacon(ObjectStore store, Scheduler scheduler, Presence presence) {
    this.store = store;
    this.scheduler = scheduler;
    this.presence = presence;
    this.key = Presence.key(presence.walId());
  }

  /**
   * Begins at once.
   *
   * @param self its beat is not looked at
   * @param scheduler shared with others is fine
   */
  public static PresenceBeacon start(
      ObjectStore store, Scheduler scheduler, RandomSource random, Presence self) {
    PresenceBeacon beacon =
        new PresenceBeacon(store, scheduler, self.withBeat(random.nextLong() >>> 1));
    scheduler.execute(beacon::beat);
    return beacon;
  }

  private void beat() {
    if (closed) {
      return;
    }
    if (lastWrite.isDone()) {
      presence = presence.withBeat(presence.beat() + 1 & Long.MAX_VALUE);
      lastWrite =
          store
              .put(key, List.of(presence.encode()))
              .exceptionally(
                  failure -> {
                    LOG.debug("a beat was not written [{}]: {}", key, failure.toString());
                    return null;
                  });
    }
    next = scheduler.schedule(TimeUnit.MILLISECONDS.toNanos(presence.intervalMs()), this::beat);
  }

  /** Takes the sign down, so that nobody has to wait for a beat that will not come. */
  @Override
  public void close() {
    CompletableFuture<Void> gone = new CompletableFuture<>();
    scheduler.execute(
        () -> {
          closed = true;
          if (next != null) {
            next.cancel();
          }
          lastWrite
              .thenCompose(written -> store.delete(key))
              .whenComplete((deleted, failure) -> gone.complete(null));
        });
    try {
      gone.get(GOOD_BYE_SECONDS, TimeUnit.SECONDS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    } catch (ExecutionException | TimeoutException e) {
      LOG.debug("the presence stays behind [{}]", key);
    }
  }
}
