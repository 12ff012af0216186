package io.spillway.presence;

import io.spillway.object.ObjectStore;
import io.spillway.object.ObjectStoreException;
import io.spillway.runtime.Clock;
import io.spillway.runtime.Scheduler;
import io.spillway.runtime.Threads;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.Executor;
import java.util.concurrent.TimeUnit;
import java.util.function.BiConsumer;
import org.jspecify.annotations.Nullable;

/**
 * Finds out whether the broker of a WAL lives. It does when it answers at an address it advertised,
 * or when its beat changes while this looks on: no two clocks are compared (P21's way). It does not
 * when it took its sign down, or when no beat comes for one and a half of its own intervals.
 */
public final class PresenceProbe {

  private static final int MAX_BYTES = 64 * 1024;
  private static final int POLLS_PER_INTERVAL = 4;

  private final ObjectStore store;
  private final Clock clock;
  private final Scheduler scheduler;
  private final Executor sockets;
  private final NodeAtAddress addresses;

  /** Threads of its own, ended with the given ones. */
  public PresenceProbe(ObjectStore store, Threads threads) {
    this(store, threads, new NodeAtAddress());
  }

  PresenceProbe(ObjectStore store, Threads threads, NodeAtAddress addresses) {
    this.store = store;
    this.clock = threads.clock();
    this.scheduler = threads.newScheduler("presence-probe");
    this.sockets = threads.newPool("presence-probe-socket", 1);
    this.addresses = addresses;
  }

  /**
   * The live broker of the WAL. Empty when there is none, after at most one and a half of its
   * intervals. Fails with {@link ObjectStoreException} when the store cannot be read.
   *
   * @param clusterId as Kafka shows it: another cluster's broker at that address does not count
   * @param waiting told once, when the broker does not answer and its beat has to be watched: whom
   *     this watches, and for how long at most
   */
  public CompletableFuture<Optional<Presence>> findLive(
      UUID walId, String clusterId, BiConsumer<Presence, Duration> waiting) {
    return read(walId)
        .thenCompose(
            body -> {
              if (body == null) {
                return CompletableFuture.completedFuture(Optional.empty());
              }
              Presence first = Presence.decode(body);
              return CompletableFuture.supplyAsync(
                      () -> addresses.anyAnswers(first, clusterId), sockets)
                  .thenCompose(
                      answers ->
                          answers
                              ? CompletableFuture.completedFuture(Optional.of(first))
                              : watch(first, body, waiting));
            });
  }

  /**
   * The broker of the WAL, when it answers right now at an address it advertised. Empty says
   * nothing about a broker that cannot be reached from here. As {@link #findLive}, without waiting
   * for a beat.
   */
  public CompletableFuture<Optional<Presence>> findAnswering(UUID walId, String clusterId) {
    return read(walId)
        .thenCompose(
            body -> {
              if (body == null) {
                return CompletableFuture.completedFuture(Optional.empty());
              }
              Presence sign = Presence.decode(body);
              return CompletableFuture.supplyAsync(
                      () -> addresses.anyAnswers(sign, clusterId), sockets)
                  .thenApply(answers -> answers ? Optional.of(sign) : Optional.empty());
            });
  }

  private CompletableFuture<Optional<Presence>> watch(
      Presence first, ByteBuffer seen, BiConsumer<Presence, Duration> waiting) {
    long intervalNanos = TimeUnit.MILLISECONDS.toNanos(first.intervalMs());
    waiting.accept(first, Duration.ofNanos(intervalNanos + intervalNanos / 2));
    CompletableFuture<Optional<Presence>> verdict = new CompletableFuture<>();
    long deadline = clock.nanoTime() + intervalNanos + intervalNanos / 2;
    look(first, seen, deadline, Math.max(1, intervalNanos / POLLS_PER_INTERVAL), verdict);
    return verdict;
  }

  private void look(
      Presence first,
      ByteBuffer seen,
      long deadline,
      long pollNanos,
      CompletableFuture<Optional<Presence>> verdict) {
    scheduler.schedule(
        pollNanos,
        () -> {
          boolean last = clock.nanoTime() - deadline >= 0; // before the read: its beat still counts
          read(first.walId())
              .whenComplete(
                  (body, failure) -> {
                    if (failure != null) {
                      verdict.completeExceptionally(failure);
                    } else if (body == null) {
                      verdict.complete(Optional.empty());
                    } else if (!body.equals(seen)) {
                      verdict.complete(Optional.of(first));
                    } else if (last) {
                      verdict.complete(Optional.empty());
                    } else {
                      look(first, seen, deadline, pollNanos, verdict);
                    }
                  });
        });
  }

  private CompletableFuture<@Nullable ByteBuffer> read(UUID walId) {
    return store
        .getRange(Presence.key(walId), 0, MAX_BYTES)
        .<@Nullable ByteBuffer>thenApply(body -> body)
        .exceptionally(PresenceProbe::nullWhenThereIsNone);
  }

  private static @Nullable ByteBuffer nullWhenThereIsNone(Throwable failure) {
    Throwable cause =
        failure instanceof CompletionException && failure.getCause() != null
            ? failure.getCause()
            : failure;
    if (cause instanceof ObjectStoreException.NotFound) {
      return null;
    }
    throw new CompletionException(cause);
  }
}
