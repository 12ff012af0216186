package io.spillway.engine;

import io.spillway.catalog.CatalogCommand;
import io.spillway.catalog.CatalogCommand.Recovered;
import io.spillway.catalog.CatalogCommand.SealWal;
import io.spillway.catalog.CatalogCommand.StreamToken;
import io.spillway.catalog.StreamCatalog;
import io.spillway.catalog.StreamCatalog.Phase;
import io.spillway.catalog.StreamCatalog.StreamState;
import io.spillway.catalog.StreamCatalog.Verdict;
import io.spillway.catalog.StreamCatalog.WalPhase;
import io.spillway.catalog.StreamCatalog.WalState;
import io.spillway.upload.Failures;
import io.spillway.wal.StreamId;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.function.Predicate;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * P13: recovers claimed streams from the chains of brokers that the controller has fenced. Streams
 * that are asked for while a chain is read go into the next reading of it, so that a dead broker's
 * chain is read once or twice and not once for each of its streams. One chain at a time.
 *
 * <p>Confined to the engine's scheduler.
 */
final class Takeovers {

  private static final Logger LOG = LoggerFactory.getLogger(Takeovers.class);

  private final StreamCatalog catalog;
  private final Drains drains;
  private final Function<CatalogCommand, CompletableFuture<Verdict>> submit;
  private final Supplier<UUID> commandIds;
  private final Consumer<UUID> onSealed;
  private final ArrayDeque<UUID> turns = new ArrayDeque<>();
  private final Map<UUID, Map<StreamId, Request>> waiting = new TreeMap<>();
  private boolean isRunning;

  /** Makes a {@link ChainDrain}. */
  interface Drains {
    ChainDrain of(UUID walId, Predicate<StreamState> wanted);
  }

  private record Request(StreamToken token, CompletableFuture<Void> done) {}

  /**
   * @param onSealed told of a chain that holds nothing any more
   */
  Takeovers(
      StreamCatalog catalog,
      Drains drains,
      Function<CatalogCommand, CompletableFuture<Verdict>> submit,
      Supplier<UUID> commandIds,
      Consumer<UUID> onSealed) {
    this.catalog = catalog;
    this.drains = drains;
    this.submit = submit;
    this.commandIds = commandIds;
    this.onSealed = onSealed;
  }

  /**
   * Recovers a stream from a chain for its claimant. Completes when the catalog has decided, either
   * way: who has the stream is to be asked there.
   */
  CompletableFuture<Void> recover(StreamId id, StreamToken claimant, UUID walId) {
    CompletableFuture<Void> done = new CompletableFuture<>();
    Request replaced =
        waiting.computeIfAbsent(walId, key -> new TreeMap<>()).put(id, new Request(claimant, done));
    if (replaced != null) {
      replaced.done.complete(null);
    }
    if (!turns.contains(walId)) {
      turns.addLast(walId);
    }
    next();
    return done;
  }

  private void next() {
    UUID walId = isRunning ? null : turns.pollFirst();
    Map<StreamId, Request> requests = walId == null ? null : waiting.remove(walId);
    if (walId == null || requests == null) {
      return;
    }
    isRunning = true;
    drains
        .of(walId, state -> isClaimedBy(state, requests.get(state.id())))
        .run()
        .thenCompose(frames -> declareRecovered(walId, requests, frames))
        .thenCompose(declared -> maybeSeal(walId))
        .whenComplete(
            (done, failure) -> {
              isRunning = false;
              for (Request request : requests.values()) {
                if (failure == null) {
                  request.done.complete(null);
                } else {
                  request.done.completeExceptionally(Failures.cause(failure));
                }
              }
              next();
            });
  }

  private static boolean isClaimedBy(StreamState state, @Nullable Request request) {
    return request != null
        && state.phase() == Phase.CLOSING
        && state.claimant().filter(request.token::equals).isPresent();
  }

  private CompletableFuture<Void> declareRecovered(
      UUID walId, Map<StreamId, Request> requests, long frames) {
    List<CompletableFuture<Void>> decided = new ArrayList<>();
    requests.forEach(
        (id, request) -> {
          Optional<StreamState> state =
              catalog.stream(id).filter(each -> isClaimedBy(each, request));
          if (state.isPresent()) {
            decided.add(
                submit
                    .apply(
                        new Recovered(
                            commandIds.get(), id, request.token, state.get().committedEndOffset()))
                    .thenAccept(verdict -> onDecided(id, verdict)));
          }
        });
    LOG.info(
        "[wal={}] {} streams recovered from it, {} frames were not in objects",
        walId,
        decided.size(),
        frames);
    return CompletableFuture.allOf(decided.toArray(CompletableFuture[]::new));
  }

  private static void onDecided(StreamId id, Verdict verdict) {
    if (verdict instanceof Verdict.Rejected rejected) {
      LOG.info("[stream={}] was not recovered by this broker: {}", id, rejected.reason());
    }
  }

  /** The last one closes the door: nobody needs the chain any more (P25). */
  private CompletableFuture<Void> maybeSeal(UUID walId) {
    Optional<WalState> wal =
        catalog.wals().stream()
            .filter(known -> known.writer().walId().equals(walId))
            .filter(known -> known.phase() == WalPhase.OPEN)
            .findFirst();
    if (wal.isEmpty() || !Recovery.streamsOf(catalog, walId).isEmpty()) {
      return CompletableFuture.completedFuture(null);
    }
    return submit
        .apply(new SealWal(commandIds.get(), wal.get().writer()))
        .thenAccept(
            verdict -> {
              if (!(verdict instanceof Verdict.Rejected)) {
                LOG.info("[wal={}] holds nothing any more and is sealed", walId);
                onSealed.accept(walId);
              }
            });
  }
}
