package io.spillway.catalog;

import io.spillway.catalog.CatalogCommand.Claim;
import io.spillway.catalog.StreamCatalog.Verdict;
import io.spillway.catalog.StreamCatalog.Verdict.AlreadyApplied;
import io.spillway.catalog.StreamCatalog.Verdict.Applied;
import io.spillway.catalog.StreamCatalog.Verdict.MustDrain;
import java.nio.ByteBuffer;
import java.util.concurrent.CompletableFuture;

/** A command on its way into the log. Touched by the catalog's thread. */
final class PendingCommand {

  final ByteBuffer encoded;
  final CompletableFuture<Verdict> verdict = new CompletableFuture<>();
  private final CatalogCommand command;
  private boolean maybeApplied;

  PendingCommand(CatalogCommand command) {
    this.command = command;
    this.encoded = CommandCodec.encode(command);
  }

  /** It may be in the log although nobody here saw its verdict: it will be submitted again. */
  void onLostSight() {
    maybeApplied = true;
  }

  /**
   * A repeat of this replica's own making is no repeat to whoever submitted the command.
   *
   * @param state in which it was decided
   */
  void complete(Verdict decided, CatalogState state) {
    if (maybeApplied && decided instanceof AlreadyApplied before) {
      verdict.complete(first(before, state));
    } else {
      verdict.complete(decided);
    }
  }

  private Verdict first(AlreadyApplied before, CatalogState state) {
    if (command instanceof Claim claim) {
      StreamEntry stream = state.streams.get(claim.stream());
      if (stream != null && claim.token().equals(stream.claimant)) {
        return new MustDrain(before.position(), stream.writer);
      }
    }
    return new Applied(before.position(), before.appliedRanges());
  }
}
