package io.spillway.maintain;

import io.spillway.catalog.CatalogCommand.WalKind;
import io.spillway.catalog.CatalogView;
import io.spillway.catalog.StreamCatalog.WalPhase;
import io.spillway.catalog.StreamCatalog.WalState;
import io.spillway.object.ObjectStore;
import io.spillway.objectwal.ChainKeys;
import io.spillway.objectwal.ChainObject;
import io.spillway.runtime.Scheduler;
import io.spillway.wal.PayloadVerifier;
import java.util.List;
import java.util.NavigableMap;
import java.util.Optional;
import java.util.TreeMap;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.function.Supplier;

/**
 * Compares the write-ahead logs in the bucket with the catalog. A broker that runs goes on writing
 * and trimming its own, several blocks at a time: what is not as it should be is looked at again a
 * moment later, before it counts. Of the end of a chain that nobody has fenced only so much is
 * known: a block that the catalog has no trace of may as well never have been written.
 */
final class ChainCheck {

  private static final int LOOKS = 3;
  private static final long PAUSE_NANOS = TimeUnit.MILLISECONDS.toNanos(500);

  private final ObjectStore store;
  private final Supplier<CatalogView> catalog;
  private final Scheduler scheduler;
  private final PayloadVerifier verifier;
  private final boolean deep;
  private final Consumer<String> problems;
  private final Consumer<String> out;
  private final NavigableMap<UUID, Listed> listed = new TreeMap<>();

  private static final class Listed {
    long objects;
    long bytes;
    long blocks;
    long blockBytes;
  }

  /**
   * @param catalog reads it anew
   * @param problems takes what is missing, orphaned or damaged
   * @param out takes other lines
   */
  ChainCheck(
      ObjectStore store,
      Supplier<CatalogView> catalog,
      Scheduler scheduler,
      PayloadVerifier verifier,
      boolean deep,
      Consumer<String> problems,
      Consumer<String> out) {
    this.store = store;
    this.catalog = catalog;
    this.scheduler = scheduler;
    this.verifier = verifier;
    this.deep = deep;
    this.problems = problems;
    this.out = out;
  }

  /** An object of a listing that was made before the catalog was read. */
  void see(String key, long sizeBytes) {
    ChainKeys.walId(key)
        .ifPresent(
            walId -> {
              Listed of = listed.computeIfAbsent(walId, id -> new Listed());
              of.objects++;
              of.bytes += sizeBytes;
              if (sizeBytes > ChainObject.HEADER_BYTES) {
                of.blocks++;
                of.blockBytes += sizeBytes;
              }
            });
  }

  /** Blocks. */
  void run(CatalogView view) {
    Listed sealed = new Listed();
    for (WalState wal : view.wals()) {
      Listed there =
          Optional.ofNullable(listed.remove(wal.writer().walId())).orElseGet(Listed::new);
      if (wal.kind() != WalKind.OBJECT) {
        continue;
      }
      switch (wal.phase()) {
        case OPEN -> checkOpen(view, wal.writer().walId());
        case SEALED -> {
          sealed.blocks += there.blocks;
          sealed.blockBytes += there.blockBytes;
        }
        case ABANDONED -> showAbandoned(wal.writer().walId(), there);
      }
    }
    if (sealed.blocks > 0) {
      out.accept(
          "%d blocks of %d bytes are of WALs that are drained and sealed, the broker deletes them in time"
              .formatted(sealed.blocks, sealed.blockBytes));
    }
    listed.forEach(this::orphaned);
  }

  /** P25: nobody else may say that what it holds is of no use. */
  private void showAbandoned(UUID walId, Listed there) {
    if (there.objects > 0) {
      out.accept(
          "%d objects of %d bytes are of WAL %s, which was given up: nothing reads or deletes them"
              .formatted(there.objects, there.bytes, walId));
    }
  }

  /** P2: a WAL is in the catalog before its first block is in the bucket. */
  private void orphaned(UUID walId, Listed there) {
    problems.accept(
        ("ORPHANED %d objects of %d bytes of the chain of WAL %s, which the catalog does not know: it"
                + " was set back, or is another cluster's; nothing reads or deletes them")
            .formatted(there.objects, there.bytes, walId));
  }

  private void checkOpen(CatalogView view, UUID walId) {
    CatalogView before = view;
    for (int looks = 1; looks <= LOOKS; looks++) {
      Optional<WalState> open = open(before, walId);
      if (open.isEmpty()) {
        return; // drained and sealed meanwhile
      }
      ChainLook look = ChainLook.at(store, before, open.get(), verifier, deep);
      CatalogView after = look.isWhole() && !deep ? before : catalog.get();
      Optional<WalState> now = open(after, walId);
      List<String> found = now.isEmpty() ? List.of() : look.problems(after, now.get());
      if (found.isEmpty() || looks == LOOKS) {
        found.forEach(problems);
        out.accept(look.summary(after));
        return;
      }
      pause();
      before = catalog.get();
    }
  }

  private static Optional<WalState> open(CatalogView view, UUID walId) {
    return view.wals().stream()
        .filter(wal -> wal.writer().walId().equals(walId) && wal.phase() == WalPhase.OPEN)
        .findFirst();
  }

  private void pause() {
    CompletableFuture<Void> over = new CompletableFuture<>();
    scheduler.schedule(PAUSE_NANOS, () -> over.complete(null));
    over.join();
  }
}
