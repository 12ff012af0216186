package io.spillway.object;

import io.spillway.object.ObjectStore.ObjectInfo;
import io.spillway.object.ObjectStore.PutIfAbsent;
import io.spillway.runtime.RandomSource;
import io.spillway.runtime.Scheduler;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;

/**
 * Asks a store, before anything depends on it, to keep the word that everything depends on: of
 * several writers that race for a key exactly one wins and the bytes are the winner's, and a read
 * and a listing that begin after a write see it. Stores exist that accept the condition and ignore
 * it, or honour it only while nobody races.
 *
 * <p>The probe's objects are removed again, whatever came out.
 */
public final class StoreProbe {

  private static final int WRITERS = 8;

  private final ObjectStore store;
  private final RandomSource random;
  private final String prefix;

  private StoreProbe(ObjectStore store, RandomSource random, String prefix) {
    this.store = store;
    this.random = random;
    this.prefix = prefix;
  }

  /**
   * Probes until the store gives an answer: while it is unreachable the probe waits and warns.
   *
   * @param prefix folder of the probe's objects, ending in {@code /}
   * @param store one that repeats nothing by itself: a repeat of a create that was carried out
   *     would find its own object there
   * @return fails with {@link ObjectStoreException.Refused}, which says what the store did, or that
   *     there is no such bucket, or no access to it
   */
  public static CompletableFuture<Void> run(
      ObjectStore store, String prefix, Scheduler scheduler, RandomSource random) {
    Retry retry = new Retry(scheduler, random, Retry.Policy.forever(), () -> false);
    return retry.run(
        "probe of " + store,
        () -> new StoreProbe(store, random, prefix).once(),
        Retry::isTransient);
  }

  private CompletableFuture<Void> once() {
    String key = prefix + Long.toHexString(random.nextLong());
    CompletableFuture<Void> probe =
        race(key)
            .thenCompose(winner -> readAfterWrite(key, winner))
            .thenCompose(winner -> secondWriter(key, winner))
            .thenCompose(winner -> listAfterWrite(key));
    CompletableFuture<Void> result = new CompletableFuture<>();
    probe.whenComplete(
        (ok, failure) ->
            store
                .delete(key)
                .whenComplete(
                    (deleted, notDeleted) -> {
                      if (failure == null && notDeleted == null) {
                        result.complete(null);
                      } else {
                        result.completeExceptionally(
                            Retry.unwrap(failure != null ? failure : notDeleted));
                      }
                    }));
    return result;
  }

  private CompletableFuture<byte[]> race(String key) {
    List<CompletableFuture<PutIfAbsent>> attempts = new ArrayList<>();
    for (int writer = 0; writer < WRITERS; writer++) {
      attempts.add(store.putIfAbsent(key, List.of(ByteBuffer.wrap(body(key, writer)))));
    }
    return CompletableFuture.allOf(attempts.toArray(CompletableFuture<?>[]::new))
        .thenApply(
            done -> {
              boolean conflict = false;
              List<Integer> winners = new ArrayList<>();
              for (int writer = 0; writer < WRITERS; writer++) {
                switch (attempts.get(writer).join()) {
                  case CREATED -> winners.add(writer);
                  case CONFLICT -> conflict = true;
                  case EXISTS -> {}
                }
              }
              if (winners.isEmpty() && conflict) {
                throw new ObjectStoreException.Unavailable(
                    "writers that raced all conflicted", null);
              }
              if (winners.size() != 1) {
                throw refused(
                    "of "
                        + WRITERS
                        + " writers that raced to create one object "
                        + winners.size()
                        + " were told that they did");
              }
              return body(key, winners.get(0));
            });
  }

  private CompletableFuture<byte[]> readAfterWrite(String key, byte[] expected) {
    return store
        .getRange(key, 0, expected.length + 1)
        .handle(
            (found, failure) -> {
              if (failure != null
                  && Retry.unwrap(failure) instanceof ObjectStoreException.NotFound) {
                throw refused("an object that was created could not be read at once");
              } else if (failure != null) {
                throw asRuntime(failure);
              }
              if (!found.equals(ByteBuffer.wrap(expected))) {
                throw refused("an object holds other bytes than those of the writer that won");
              }
              return expected;
            });
  }

  private CompletableFuture<byte[]> secondWriter(String key, byte[] expected) {
    return store
        .putIfAbsent(key, List.of(ByteBuffer.wrap(body(key, WRITERS))))
        .thenCompose(
            second -> {
              if (second == PutIfAbsent.CREATED) {
                throw refused("an object that existed was created again");
              }
              return readAfterWrite(key, expected);
            });
  }

  private CompletableFuture<Void> listAfterWrite(String key) {
    return store
        .list(prefix, key.substring(0, key.length() - 1), 1_000)
        .thenCombine(
            store.head(key),
            (List<ObjectInfo> listed, Optional<ObjectInfo> head) -> {
              if (listed.stream().noneMatch(object -> object.key().equals(key))) {
                throw refused("a listing did not show an object that was created before it began");
              }
              if (head.isEmpty()) {
                throw refused("an object that was created has no head");
              }
              return null;
            });
  }

  private ObjectStoreException.Refused refused(String what) {
    return new ObjectStoreException.Refused(
        "object store "
            + store
            + " cannot be used: "
            + what
            + "; it must support conditional creates (If-None-Match: *) and be strongly consistent",
        null);
  }

  private static RuntimeException asRuntime(Throwable failure) {
    Throwable cause = Retry.unwrap(failure);
    return cause instanceof RuntimeException e ? e : new IllegalStateException(cause);
  }

  private static byte[] body(String key, int writer) {
    return (key + " by writer " + writer).getBytes(StandardCharsets.US_ASCII);
  }
}
