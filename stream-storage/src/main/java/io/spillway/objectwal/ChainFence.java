package io.spillway.objectwal;

import io.spillway.catalog.StreamCatalog;
import io.spillway.catalog.StreamCatalog.WalPhase;
import io.spillway.catalog.StreamCatalog.WalState;
import io.spillway.object.ObjectStore;
import io.spillway.object.ObjectStore.ObjectInfo;
import io.spillway.object.Retry;
import io.spillway.objectwal.SlotCreate.Occupant;
import io.spillway.runtime.Clock;
import io.spillway.runtime.RandomSource;
import io.spillway.runtime.Scheduler;
import io.spillway.wal.WriterIncarnation;
import java.nio.ByteBuffer;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.function.BooleanSupplier;
import java.util.zip.CRC32C;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Shuts a chain's writer out (P24). From the trim position the first number without an object is
 * taken by a fence: no block of the writer can be acknowledged there or above, because it
 * acknowledges in order; what it may have put above is void. Numbers below the trim position are
 * deleted, so a fence that was put there by mistake, on an old view of the catalog, proves nothing:
 * after the fence is made the catalog is replayed, and the fence counts only if the chain was not
 * trimmed beyond it. Several may fence a chain; the first fence is everybody's. It is never
 * deleted.
 *
 * <p>All of it runs on the scheduler; a bucket that cannot be reached is waited for.
 */
public final class ChainFence {

  private static final int PAGE = 1_000;
  private static final Logger LOG = LoggerFactory.getLogger(ChainFence.class);

  private final ObjectStore store;
  private final StreamCatalog catalog;
  private final Scheduler scheduler;
  private final Clock clock;
  private final RandomSource random;
  private final Retry retry;

  /**
   * @param stopped once true, what fails is not tried again
   */
  public ChainFence(
      ObjectStore store,
      StreamCatalog catalog,
      Scheduler scheduler,
      Clock clock,
      RandomSource random,
      BooleanSupplier stopped) {
    this.store = store;
    this.catalog = catalog;
    this.scheduler = scheduler;
    this.clock = clock;
    this.random = random;
    this.retry = new Retry(scheduler, random, Retry.Policy.forever(), stopped);
  }

  /**
   * A chain that ends.
   *
   * @param writer whose chain it was
   * @param firstNumber of the first block that is not trimmed
   * @param endNumber of the fence: blocks below it are the chain's, what lies above is void
   * @param by who fenced it
   */
  public record Fenced(
      WriterIncarnation writer, long firstNumber, long endNumber, WriterIncarnation by) {}

  /**
   * Fences the chain.
   *
   * @param walId of an object WAL
   * @param by stands in the fence, for the writer to name
   * @return with the catalog replayed since; empty when the WAL is sealed or abandoned, and there
   *     is nothing to shut out. Fails with {@link io.spillway.wal.WalException.Corrupt} when
   *     something that is no object of the chain has the number
   */
  public CompletableFuture<Optional<Fenced>> fence(UUID walId, WriterIncarnation by) {
    return then(catalog.refresh())
        .thenCompose(
            position -> {
              Optional<WalState> wal = openWal(walId);
              if (wal.isEmpty()) {
                return CompletableFuture.completedFuture(Optional.empty());
              }
              long first = ChainPosition.number(wal.get().trimPosition());
              return firstMissing(walId, first)
                  .thenCompose(number -> occupy(walId, number, by))
                  .thenCompose(fence -> confirm(walId, by, fence));
            });
  }

  private Optional<WalState> openWal(UUID walId) {
    return catalog.wals().stream()
        .filter(wal -> wal.writer().walId().equals(walId) && wal.phase() == WalPhase.OPEN)
        .findFirst();
  }

  /** Valid only if the chain was not trimmed beyond it, as the catalog knows now. */
  private CompletableFuture<Optional<Fenced>> confirm(
      UUID walId, WriterIncarnation by, ChainObject fence) {
    return then(catalog.refresh())
        .thenCompose(
            position -> {
              Optional<WalState> wal = openWal(walId);
              if (wal.isEmpty()) {
                return CompletableFuture.completedFuture(Optional.empty());
              }
              long first = ChainPosition.number(wal.get().trimPosition());
              if (first > fence.number()) {
                LOG.info(
                    "WAL {} was trimmed to number {} meanwhile, its fence at {} is void",
                    walId,
                    first,
                    fence.number());
                return fence(walId, by);
              }
              LOG.info(
                  "WAL {} of {} ends at number {}, fenced by {}",
                  walId,
                  wal.get().writer(),
                  fence.number(),
                  fence.maker());
              return CompletableFuture.completedFuture(
                  Optional.of(
                      new Fenced(wal.get().writer(), first, fence.number(), fence.maker())));
            });
  }

  /** The first number from {@code number} on that a listing does not show, or a fence's. */
  private CompletableFuture<Long> firstMissing(UUID walId, long number) {
    String prefix = ChainKeys.prefix(walId);
    return then(retry.run(
            "list " + prefix,
            () -> store.list(prefix, ChainKeys.before(walId, number), PAGE),
            Retry::isTransient))
        .thenCompose(
            page -> {
              long next = number;
              for (ObjectInfo object : page) {
                OptionalLong found = ChainKeys.number(object.key());
                boolean isBlock = object.sizeBytes() > ChainObject.HEADER_BYTES;
                if (found.isEmpty() || found.getAsLong() != next || !isBlock) {
                  return CompletableFuture.completedFuture(next);
                }
                next++;
              }
              return page.size() < PAGE
                  ? CompletableFuture.completedFuture(next)
                  : firstMissing(walId, next);
            });
  }

  /** Puts the fence there, or behind the blocks that have come meanwhile. */
  private CompletableFuture<ChainObject> occupy(UUID walId, long number, WriterIncarnation by) {
    ChainObject fence =
        new ChainObject(
            ChainObject.Kind.FENCE,
            walId,
            by,
            number,
            new UUID(random.nextLong(), random.nextLong()),
            0,
            clock.currentTimeMillis(),
            ChainObject.HEADER_BYTES);
    ByteBuffer bytes = ByteBuffer.allocate(ChainObject.HEADER_BYTES);
    fence.write(bytes, new CRC32C());
    return new SlotCreate(store, scheduler, random, fence, bytes, trouble -> {})
        .start()
        .thenCompose(
            (Occupant occupant) ->
                occupant.object().isFence()
                    ? CompletableFuture.completedFuture(occupant.object())
                    : occupy(walId, number + 1, by));
  }

  /** Goes on, on the scheduler. */
  private <T> CompletableFuture<T> then(CompletableFuture<T> answer) {
    CompletableFuture<T> here = new CompletableFuture<>();
    answer.whenComplete(
        (value, failure) ->
            scheduler.execute(
                () -> {
                  if (failure == null) {
                    here.complete(value);
                  } else {
                    here.completeExceptionally(Retry.unwrap(failure));
                  }
                }));
    return here;
  }
}
