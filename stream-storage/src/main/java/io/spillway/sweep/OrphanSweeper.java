package io.spillway.sweep;

import io.spillway.catalog.CatalogCommand.RaiseOrphanFloor;
import io.spillway.catalog.StreamCatalog;
import io.spillway.catalog.StreamCatalog.Verdict;
import io.spillway.object.ObjectStore;
import io.spillway.object.ObjectStore.ObjectInfo;
import io.spillway.runtime.Cancellable;
import io.spillway.runtime.Clock;
import io.spillway.runtime.RandomSource;
import io.spillway.runtime.Scheduler;
import io.spillway.upload.DataKeys;
import io.spillway.upload.Retrier;
import java.util.HashSet;
import java.util.List;
import java.util.OptionalLong;
import java.util.Set;
import java.util.TreeSet;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Finds data objects and unfinished uploads that nobody will ever refer to: left by a crash between
 * an upload and its commit, or by a deletion that was never done.
 *
 * <p>P21: an object counts as orphaned when two sweeps in a row saw it without a reference. Before
 * any is deleted, the orphan floor is raised above their births: from then on a commit that names
 * one of them is void, however late it comes, and its uploader uploads again. No clock is compared.
 *
 * <p>Sweeps only as long as the catalog moves, so an idle broker lists nothing. State belongs to
 * the scheduler.
 */
public final class OrphanSweeper implements AutoCloseable {

  private static final Logger LOG = LoggerFactory.getLogger(OrphanSweeper.class);

  private static final int PAGE = 1000;

  /** Bounds memory; the rest waits for the next sweep. */
  private static final int MAX_CANDIDATES = 100_000;

  private final ObjectStore store;
  private final StreamCatalog catalog;
  private final ObjectDeleter deleter;
  private final Scheduler scheduler;
  private final RandomSource random;
  private final Retrier retrier;
  private final long intervalNanos;
  private final LongSupplier buildingBirth;

  private Set<String> seenObjects = Set.of();
  private Set<String> seenUploads = Set.of();
  private long sweptPosition = -1;
  private @Nullable Cancellable timer;
  private boolean closed;

  /**
   * @param buildingBirth birth of the object that this broker builds now; asked on the scheduler
   */
  public OrphanSweeper(
      ObjectStore store,
      StreamCatalog catalog,
      ObjectDeleter deleter,
      Scheduler scheduler,
      Clock clock,
      RandomSource random,
      long intervalNanos,
      LongSupplier buildingBirth) {
    this.store = store;
    this.catalog = catalog;
    this.deleter = deleter;
    this.scheduler = scheduler;
    this.random = random;
    this.retrier = new Retrier(scheduler, clock, random);
    this.intervalNanos = intervalNanos;
    this.buildingBirth = buildingBirth;
  }

  /** The first sweep comes after one interval. */
  public void start() {
    scheduler.execute(this::later);
  }

  @Override
  public void close() {
    scheduler.execute(
        () -> {
          closed = true;
          retrier.close();
          if (timer != null) {
            timer.cancel();
          }
        });
  }

  private void later() {
    if (!closed) {
      timer = scheduler.schedule(intervalNanos, this::onTime);
    }
  }

  private void onTime() {
    boolean still = catalog.position() == sweptPosition;
    if (still && seenObjects.isEmpty() && seenUploads.isEmpty()) {
      later();
      return;
    }
    sweep()
        .whenComplete(
            (done, failure) ->
                scheduler.execute(
                    () -> {
                      sweptPosition = catalog.position();
                      if (failure != null && !closed) {
                        LOG.warn("a sweep for orphaned objects failed: {}", failure.toString());
                      }
                      later();
                    }));
  }

  /** One sweep. On the scheduler. */
  CompletableFuture<Void> sweep() {
    Set<String> objects = new TreeSet<>();
    return catalog
        .refresh()
        .thenCompose(position -> listObjects("", objects))
        .thenCompose(
            listed ->
                retrier.untilDone("list uploads", () -> store.listMultiparts(DataKeys.PREFIX)))
        .thenCompose(uploads -> onListed(objects, new HashSet<>(uploads)));
  }

  private CompletableFuture<Void> listObjects(String after, Set<String> unreferenced) {
    return retrier
        .untilDone("list data", () -> store.list(DataKeys.PREFIX, after, PAGE))
        .thenCompose(
            page -> {
              for (ObjectInfo info : page) {
                if (DataKeys.birth(info.key()).isPresent()
                    && catalog.isUnreferenced(info.key())
                    && unreferenced.size() < MAX_CANDIDATES) {
                  unreferenced.add(info.key());
                }
              }
              return page.size() < PAGE
                  ? CompletableFuture.<Void>completedFuture(null)
                  : listObjects(page.get(page.size() - 1).key(), unreferenced);
            });
  }

  private CompletableFuture<Void> onListed(Set<String> objects, Set<String> uploads) {
    Set<String> oldObjects = new TreeSet<>(objects);
    oldObjects.retainAll(seenObjects);
    Set<String> oldUploads = new TreeSet<>(uploads);
    oldUploads.retainAll(seenUploads);
    seenObjects = objects;
    seenUploads = uploads;
    long floor = Math.min(buildingBirth.getAsLong(), 1 + newestBirth(oldObjects, oldUploads));
    oldObjects.removeIf(key -> !isBornBelow(key, floor));
    oldUploads.removeIf(key -> !isBornBelow(key, floor));
    if (oldObjects.isEmpty() && oldUploads.isEmpty()) {
      return CompletableFuture.completedFuture(null);
    }
    CompletableFuture<Boolean> raised =
        catalog.orphanFloor() >= floor
            ? CompletableFuture.completedFuture(true)
            : catalog
                .submit(new RaiseOrphanFloor(new UUID(random.nextLong(), random.nextLong()), floor))
                .thenApply(
                    verdict ->
                        !(verdict instanceof Verdict.Rejected) || catalog.orphanFloor() >= floor);
    return raised.thenAccept(
        inForce -> {
          if (inForce) {
            remove(oldObjects, oldUploads, floor);
          }
        });
  }

  private void remove(Set<String> objects, Set<String> uploads, long floor) {
    List<String> orphans = objects.stream().filter(catalog::isUnreferenced).toList();
    LOG.info(
        "removing {} orphaned objects and {} unfinished uploads born below {}",
        orphans.size(),
        uploads.size(),
        floor);
    orphans.forEach(deleter::delete);
    scheduler.execute(
        () ->
            uploads.forEach(
                key -> retrier.untilDone("abort " + key, () -> store.abortMultiparts(key))));
  }

  private static long newestBirth(Set<String> objects, Set<String> uploads) {
    long newest = -1;
    for (Set<String> keys : List.of(objects, uploads)) {
      for (String key : keys) {
        newest = Math.max(newest, DataKeys.birth(key).orElse(-1));
      }
    }
    return newest;
  }

  private static boolean isBornBelow(String key, long floor) {
    OptionalLong birth = DataKeys.birth(key);
    return birth.isPresent() && birth.getAsLong() < floor;
  }
}
