package io.spillway.engine;

import io.spillway.catalog.CatalogCommand.AbandonWal;
import io.spillway.catalog.StreamCatalog;
import io.spillway.catalog.StreamCatalog.StreamState;
import io.spillway.catalog.StreamCatalog.Verdict;
import io.spillway.runtime.RandomSource;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;

/**
 * P2: an operator gives up what a lost WAL alone holds, so that its streams can be served again.
 */
public final class WalAbandonment {

  private WalAbandonment() {}

  /**
   * What was given up: everything of these streams from their committed end on.
   *
   * @param streams as they were before
   */
  public record Abandoned(UUID walId, List<StreamState> streams) {}

  /**
   * Abandons the WAL. Repeating it does no harm. No broker of that node may run.
   *
   * @param catalog opened
   * @return fails with {@link IllegalArgumentException} when there is no such WAL, or it holds
   *     nothing to give up: says which
   */
  public static CompletableFuture<Abandoned> abandon(
      StreamCatalog catalog, UUID walId, RandomSource random) {
    return catalog
        .refresh()
        .thenCompose(
            position -> {
              Abandoned abandoned = new Abandoned(walId, Recovery.streamsOf(catalog, walId));
              UUID commandId = new UUID(random.nextLong(), random.nextLong());
              return catalog
                  .submit(new AbandonWal(commandId, walId))
                  .thenApply(
                      verdict -> {
                        if (verdict instanceof Verdict.Rejected rejected) {
                          throw new IllegalArgumentException(
                              "WAL %s cannot be abandoned: %s".formatted(walId, rejected.reason()));
                        }
                        return abandoned;
                      });
            });
  }
}
