package io.spillway.merge;

import io.spillway.catalog.CatalogCommand.Extent;
import io.spillway.catalog.CatalogCommand.Merge;
import io.spillway.catalog.CatalogCommand.ObjectRef;
import io.spillway.catalog.CatalogCommand.SetRuleLevel;
import io.spillway.catalog.CatalogException;
import io.spillway.catalog.StreamCatalog;
import io.spillway.catalog.StreamCatalog.Verdict;
import io.spillway.object.ObjectStore;
import io.spillway.object.RequestMeter;
import io.spillway.rewrite.ObjectRewrite;
import io.spillway.rewrite.ObjectRewrite.Rewritten;
import io.spillway.rewrite.RewriteHost;
import io.spillway.rewrite.RewritePacer;
import io.spillway.rewrite.SourceObjects;
import io.spillway.rewrite.StoreAccess;
import io.spillway.rewrite.StreamLeases;
import io.spillway.rewrite.Unreadable;
import io.spillway.runtime.Cancellable;
import io.spillway.runtime.Clock;
import io.spillway.runtime.RandomSource;
import io.spillway.runtime.Scheduler;
import io.spillway.stream.StorageStats;
import io.spillway.upload.DataKeys;
import io.spillway.upload.Failures;
import io.spillway.upload.Retrier;
import io.spillway.wal.StreamId;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Merges extents in the background, one object at a time: looks ({@link MergePlanner}), writes the
 * object ({@link ObjectRewrite}), and puts one command into the catalog that names it with all that
 * it holds (P16, P19). What the command replaced is unreferenced from then on and deleted as ever.
 *
 * <p>Nothing can be lost: old objects are referenced until the command is in the log, and the
 * command is void for a stream that was trimmed through, deleted or claimed meanwhile. A new object
 * that nothing refers to in the end is deleted here, or, after a crash, by the sweep, which
 * respects {@link #buildingBirth} (P21).
 *
 * <p>Its state belongs to its scheduler, which is its own, since a look at a large catalog takes a
 * while; looks take at most a hundredth of the time. The public methods are safe for any thread.
 */
public final class Merger implements AutoCloseable {

  private static final Logger LOG = LoggerFactory.getLogger(Merger.class);

  /** After a look, so many times as long as it took passes before the next. */
  private static final int LOOK_SHARE = 100;

  private static final long MAX_PART_BYTES = 64 * 1024 * 1024;

  private final MergeConfig config;
  private final int blockBytes;
  private final long partBytes;
  private final StreamCatalog catalog;
  private final Scheduler scheduler;
  private final Clock clock;
  private final RandomSource random;
  private final RewriteHost host;
  private final StoreAccess access;
  private final StreamLeases leases;
  private final CatalogMergeView view;
  private final MergePlanner planner;
  private final AtomicLong mergedBytes = new AtomicLong();
  private final AtomicLong mergedObjects = new AtomicLong();
  private final AtomicLong replacedObjects = new AtomicLong();
  private final AtomicLong voidRanges = new AtomicLong();
  private volatile long buildingBirth = Long.MAX_VALUE;

  // Confined to the scheduler.
  private final Deque<MergeTask> tasks = new ArrayDeque<>();
  private Optional<StreamId> stoppedAt = Optional.empty();
  private @Nullable ObjectRewrite merge;
  private @Nullable Cancellable timer;
  private long restedAt = -1;
  private boolean progress;
  private boolean levelRaised;
  private boolean closed;

  /**
   * @param blockBytes of a block in an object
   * @param minPartBytes the store takes no smaller part of an object but the last
   * @param scheduler its own
   * @param leases shared with whoever else rewrites streams
   */
  public Merger(
      MergeConfig config,
      int blockBytes,
      int minPartBytes,
      StreamCatalog catalog,
      ObjectStore store,
      RequestMeter requests,
      Scheduler scheduler,
      Clock clock,
      RandomSource random,
      StreamLeases leases,
      RewriteHost host) {
    this.config = config;
    this.blockBytes = blockBytes;
    this.partBytes = Math.max(minPartBytes, Math.min(MAX_PART_BYTES, config.bufferBytes() / 2));
    this.catalog = catalog;
    this.scheduler = scheduler;
    this.clock = clock;
    this.random = random;
    this.host = host;
    this.leases = leases;
    this.access =
        new StoreAccess(
            store,
            scheduler,
            new Retrier(scheduler, clock, random),
            new RewritePacer(
                config.pace(), scheduler, clock, host::mayRewrite, requests::requests));
    this.view =
        new CatalogMergeView(catalog, stream -> host.isOpen(stream) && !leases.isTaken(stream));
    this.planner =
        new MergePlanner(
            view, new MergeLimits(config.largeBytes(), config.fanIn(), config.bufferBytes() / 4));
  }

  /** The first look comes after one interval. */
  public void start() {
    if (config.isOn()) {
      scheduler.execute(() -> later(0));
    }
  }

  /** P21: the birth of the object under construction; MAX_VALUE without one. */
  public long buildingBirth() {
    return buildingBirth;
  }

  public StorageStats.Merges stats() {
    return new StorageStats.Merges(
        mergedBytes.get(),
        mergedObjects.get(),
        replacedObjects.get(),
        voidRanges.get(),
        buildingBirth != Long.MAX_VALUE);
  }

  /** Stops where it is. What is under construction is nobody's. */
  @Override
  public void close() {
    scheduler.execute(
        () -> {
          closed = true;
          tasks.clear();
          access.pacer().close();
          access.retrier().close();
          if (merge != null) {
            merge.abandon();
          }
          if (timer != null) {
            timer.cancel();
          }
        });
  }

  private void later(long lookNanos) {
    if (!closed) {
      long interval = TimeUnit.MILLISECONDS.toNanos(config.intervalMs());
      timer = scheduler.schedule(Math.max(interval, LOOK_SHARE * lookNanos), this::look);
    }
  }

  private void look() {
    long position = catalog.position();
    if (closed || position == restedAt || !host.mayRewrite()) {
      later(0);
      return;
    }
    long began = clock.nanoTime();
    MergePlanner.Plan plan;
    try {
      plan = planner.plan(stoppedAt);
    } catch (CatalogException.Rebuilding e) {
      later(clock.nanoTime() - began);
      return;
    }
    stoppedAt = plan.stoppedAt();
    if (plan.tasks().isEmpty()) {
      restedAt = position;
      later(clock.nanoTime() - began);
      return;
    }
    tasks.addAll(plan.tasks());
    progress = false;
    next(clock.nanoTime() - began);
  }

  private void next(long lookNanos) {
    MergeTask task = tasks.pollFirst();
    if (task == null) {
      if (progress && !closed) {
        timer = scheduler.schedule(LOOK_SHARE * lookNanos, this::look);
      } else {
        later(lookNanos);
      }
      return;
    }
    merge(task)
        .whenComplete(
            (done, failure) ->
                scheduler.execute(
                    () -> {
                      merge = null;
                      buildingBirth = Long.MAX_VALUE;
                      if (failure == null) {
                        goOn(lookNanos);
                      } else {
                        onFailure(Failures.cause(failure), () -> goOn(lookNanos));
                      }
                    }));
  }

  private void goOn(long lookNanos) {
    if (!closed) {
      next(lookNanos);
    }
  }

  private CompletableFuture<Void> merge(MergeTask task) {
    List<Extent> old = task.oldExtents();
    Optional<Map<String, ObjectRef>> objects = SourceObjects.of(catalog, old);
    if (objects.isEmpty() || !leases.take(task.streams())) {
      return CompletableFuture.completedFuture(null); // the next look tries again
    }
    long birth = Math.max(0, catalog.position());
    buildingBirth = birth;
    ObjectRewrite building =
        new ObjectRewrite(
            access,
            DataKeys.next(birth, random),
            birth,
            old,
            objects.get(),
            new ObjectRewrite.Shape(blockBytes, partBytes, config.bufferBytes() / 4),
            null);
    merge = building;
    return building
        .run()
        .thenCompose(merged -> replace(task, merged.orElseThrow()))
        .whenComplete((done, failure) -> leases.release(task.streams()));
  }

  private CompletableFuture<Void> replace(MergeTask task, Rewritten merged) {
    if (closed) {
      return CompletableFuture.completedFuture(null);
    }
    if (!levelRaised) {
      levelRaised = true;
      host.submit(new SetRuleLevel(commandId(), StreamCatalog.RULE_LEVEL_MERGE));
    }
    Merge command =
        new Merge(
            commandId(), host.writer(), merged.object(), task.oldExtents(), merged.newExtents());
    return host.submit(command).thenAccept(verdict -> onVerdict(task, merged, verdict));
  }

  /** On the catalog's thread. */
  private void onVerdict(MergeTask task, Rewritten merged, Verdict verdict) {
    String key = merged.object().key();
    if (catalog.isUnreferenced(key)) {
      host.discard(key); // void, or all of its streams were deleted, or trimmed beyond it
    }
    List<Boolean> applied =
        verdict instanceof Verdict.Applied inForce ? inForce.appliedRanges() : List.of();
    long ranges = applied.stream().filter(each -> each).count();
    voidRanges.addAndGet(merged.newExtents().size() - ranges);
    if (verdict instanceof Verdict.Rejected rejected) {
      LOG.info("merge into {} is void: {}", key, rejected.reason());
    }
    if (ranges > 0) {
      mergedObjects.incrementAndGet();
      mergedBytes.addAndGet(merged.object().sizeBytes());
      Set<String> sources = task.sources();
      replacedObjects.addAndGet(sources.stream().filter(catalog::isUnreferenced).count());
      LOG.debug("merged {} extents of {} objects into {}", task.relief(), sources.size(), key);
      scheduler.execute(() -> progress = true);
    }
  }

  private void onFailure(Throwable failure, Runnable then) {
    if (closed) {
      return;
    }
    if (failure instanceof Unreadable damage) {
      if (view.onUnreadable(damage.objectKey())) {
        LOG.warn("what it holds stays as it is: {}", damage.getMessage());
        progress = true; // the next look plans around it
      }
      then.run();
      return;
    }
    LOG.info("a merge was given up: {}", failure.toString());
    // Another broker's sweep may have raised the floor above its birth: born at the same position,
    // the next would be swept away as well (P21), and the next, while nothing else moves the
    // catalog here.
    catalog.refresh().whenComplete((position, cause) -> scheduler.execute(then));
  }

  private UUID commandId() {
    return new UUID(random.nextLong(), random.nextLong());
  }
}
