package io.spillway.objectwal;

import io.spillway.catalog.CatalogCommand.WalKind;
import io.spillway.catalog.StreamCatalog;
import io.spillway.catalog.StreamCatalog.WalPhase;
import io.spillway.object.ObjectStore;
import io.spillway.object.ObjectStore.ObjectInfo;
import io.spillway.object.Retry;
import io.spillway.runtime.RandomSource;
import io.spillway.runtime.Scheduler;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import java.util.stream.Collectors;

/**
 * Deletes what sealed chains hold (P25), late blocks of a fenced writer included; fences stay for
 * ever, since only they shut a late writer out. A seal says that no stream has the chain's writer
 * unresolved. What an abandoned chain holds was given up by an operator, and is left to him.
 */
public final class ChainSweep {

  private static final int PAGE = 1_000;

  private final ObjectStore store;
  private final StreamCatalog catalog;
  private final Consumer<String> delete;
  private final Retry retry;

  /**
   * @param delete deletes an object some time; a repeat does no harm
   * @param stopped once true, what fails is not tried again
   */
  public ChainSweep(
      ObjectStore store,
      StreamCatalog catalog,
      Consumer<String> delete,
      Scheduler scheduler,
      RandomSource random,
      BooleanSupplier stopped) {
    this.store = store;
    this.catalog = catalog;
    this.delete = delete;
    this.retry = new Retry(scheduler, random, Retry.Policy.forever(), stopped);
  }

  /** Deletes the blocks of all sealed chains, as far as this catalog knows them: one listing. */
  public CompletableFuture<Void> run() {
    Set<UUID> chains =
        catalog.wals().stream()
            .filter(wal -> wal.phase() == WalPhase.SEALED && wal.kind() == WalKind.OBJECT)
            .map(wal -> wal.writer().walId())
            .collect(Collectors.toSet());
    return chains.isEmpty()
        ? CompletableFuture.completedFuture(null)
        : page(ChainKeys.PREFIX, "", chains);
  }

  /** Deletes the blocks of one chain, if it is sealed. */
  public CompletableFuture<Void> run(UUID walId) {
    boolean isSealed =
        catalog.wals().stream()
            .anyMatch(wal -> wal.writer().walId().equals(walId) && wal.phase() == WalPhase.SEALED);
    return isSealed
        ? page(ChainKeys.prefix(walId), "", Set.of(walId))
        : CompletableFuture.completedFuture(null);
  }

  private CompletableFuture<Void> page(String prefix, String after, Set<UUID> chains) {
    return retry
        .run("list " + prefix, () -> store.list(prefix, after, PAGE), Retry::isTransient)
        .thenCompose(
            page -> {
              for (ObjectInfo object : page) {
                boolean isBlock = object.sizeBytes() > ChainObject.HEADER_BYTES;
                if (isBlock && ChainKeys.walId(object.key()).filter(chains::contains).isPresent()) {
                  delete.accept(object.key());
                }
              }
              return page.size() < PAGE
                  ? CompletableFuture.<Void>completedFuture(null)
                  : page(prefix, page.get(page.size() - 1).key(), chains);
            });
  }
}
