package io.spillway.engine;

import io.spillway.catalog.CatalogCommand;
import io.spillway.catalog.StreamCatalog;
import io.spillway.catalog.StreamCatalog.Verdict;
import io.spillway.runtime.FaultHandler;
import io.spillway.runtime.RandomSource;
import io.spillway.upload.Failures;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicBoolean;

/**
 * How the engine puts commands into the catalog: after each verdict it looks whether it may still
 * write, and a catalog that fails for good is reported once. Safe for any thread.
 */
final class CatalogWriter {

  private final StreamCatalog catalog;
  private final RandomSource random;
  private final FaultHandler faults;
  private final Runnable afterVerdict;
  private final AtomicBoolean quiet = new AtomicBoolean();

  CatalogWriter(
      StreamCatalog catalog, RandomSource random, FaultHandler faults, Runnable afterVerdict) {
    this.catalog = catalog;
    this.random = random;
    this.faults = faults;
    this.afterVerdict = afterVerdict;
  }

  CompletableFuture<Verdict> submit(CatalogCommand command) {
    return catalog
        .submit(command)
        .whenComplete(
            (verdict, failure) -> {
              if (failure == null) {
                afterVerdict.run();
              } else if (quiet.compareAndSet(false, true)) {
                faults.onFault("catalog", Failures.cause(failure));
              }
            });
  }

  UUID commandId() {
    return new UUID(random.nextLong(), random.nextLong());
  }

  /** From here on failures are nobody's business: the engine has stopped. */
  void close() {
    quiet.set(true);
  }

  static void requireApplied(String what, Verdict verdict) {
    if (verdict instanceof Verdict.Rejected rejected) {
      throw new IllegalStateException(what + " is void: " + rejected.reason());
    }
  }
}
