package io.spillway.rewrite;

import io.spillway.catalog.CatalogCommand.Compacted;
import io.spillway.catalog.CatalogCommand.Extent;
import io.spillway.catalog.CatalogCommand.ObjectRef;
import io.spillway.catalog.CatalogCommand.Replace;
import io.spillway.catalog.CatalogCommand.SetRuleLevel;
import io.spillway.catalog.CatalogException;
import io.spillway.catalog.StreamCatalog;
import io.spillway.catalog.StreamCatalog.Verdict;
import io.spillway.format.v1.BatchTable;
import io.spillway.object.ObjectStore;
import io.spillway.object.ObjectStoreException;
import io.spillway.object.RequestMeter;
import io.spillway.rewrite.ObjectRewrite.Rewritten;
import io.spillway.runtime.Clock;
import io.spillway.runtime.RandomSource;
import io.spillway.runtime.Scheduler;
import io.spillway.stream.StorageStats;
import io.spillway.stream.StoredBatch;
import io.spillway.stream.StreamException;
import io.spillway.stream.StreamHandle.Part;
import io.spillway.stream.StreamRewriter;
import io.spillway.upload.DataKeys;
import io.spillway.upload.Failures;
import io.spillway.upload.Retrier;
import io.spillway.wal.StreamId;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * {@link StreamRewriter} over the catalog and the store: one session at a time, one new object at a
 * time, each with a {@link Replace} of its own.
 *
 * <p>Nothing can be lost: old objects are referenced until the command is in the log, and the
 * command is void unless the old extents, clipped at the log start, are still there (P19). A new
 * object that nothing refers to in the end is deleted here, or, after a crash, by the sweep, which
 * respects {@link #buildingBirth} (P21).
 */
public final class StreamRewrites implements StreamRewriter, AutoCloseable {

  private static final Logger LOG = LoggerFactory.getLogger(StreamRewrites.class);
  private static final int PAGE = 1024;
  private static final long MAX_PART_BYTES = 64 * 1024 * 1024;

  private final ObjectRewrite.Shape shape;
  private final StreamCatalog catalog;
  private final RandomSource random;
  private final StreamLeases leases;
  private final RewriteHost host;
  private final StoreAccess access;
  private final AtomicBoolean inSession = new AtomicBoolean();
  private final AtomicBoolean levelRaised = new AtomicBoolean();
  private final AtomicLong readBytes = new AtomicLong();
  private final AtomicLong writtenBytes = new AtomicLong();
  private final AtomicLong writtenObjects = new AtomicLong();
  private final AtomicLong voidObjects = new AtomicLong();
  private volatile long buildingBirth = Long.MAX_VALUE;

  // Confined to the scheduler.
  private @Nullable Runnable abandon;
  private boolean closed;

  /**
   * @param blockBytes of a block in an object
   * @param minPartBytes the store takes no smaller part of an object but the last
   * @param scheduler its own: filters run there
   * @param leases shared with whoever else rewrites streams
   */
  public StreamRewrites(
      RewriteConfig config,
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
    this.catalog = catalog;
    this.random = random;
    this.leases = leases;
    this.host = host;
    long partBytes = Math.max(minPartBytes, Math.min(MAX_PART_BYTES, config.bufferBytes() / 2));
    this.shape = new ObjectRewrite.Shape(blockBytes, partBytes, config.bufferBytes() / 4);
    this.access =
        new StoreAccess(
            store,
            scheduler,
            new Retrier(scheduler, clock, random),
            new RewritePacer(
                config.pace(), scheduler, clock, host::mayRewrite, requests::requests));
  }

  /** P21: the birth of the object under construction; MAX_VALUE without one. */
  public long buildingBirth() {
    return buildingBirth;
  }

  public StorageStats.Rewrites stats() {
    return new StorageStats.Rewrites(
        readBytes.get(),
        writtenBytes.get(),
        writtenObjects.get(),
        voidObjects.get(),
        inSession.get());
  }

  /** Stops where it is. What is under construction is nobody's. */
  @Override
  public void close() {
    access
        .scheduler()
        .execute(
            () -> {
              closed = true;
              access.pacer().close();
              access.retrier().close();
              Runnable underWay = abandon;
              if (underWay != null) {
                underWay.run();
              }
            });
  }

  @Override
  public Optional<Standing> standing(StreamId stream) {
    if (!host.isOpen(stream)) {
      return Optional.empty();
    }
    return catalog.stream(stream)
        .map(
            known ->
                new Standing(
                    known.logStartOffset(),
                    known.committedEndOffset(),
                    known.compactedEndOffset()));
  }

  @Override
  public List<Part> parts(StreamId stream, long fromOffset) {
    if (!host.isOpen(stream)) {
      return List.of();
    }
    try {
      return extents(stream, fromOffset, Long.MAX_VALUE).stream()
          .map(
              each ->
                  new Part(
                      each.baseOffset(), each.endOffset(), each.sizeBytes(), each.maxTimestampMs()))
          .toList();
    } catch (CatalogException.Rebuilding e) {
      return List.of();
    }
  }

  private List<Extent> extents(StreamId stream, long fromOffset, long endOffset) {
    List<Extent> all = new ArrayList<>();
    long from = fromOffset;
    List<Extent> page;
    do {
      page = catalog.extents(stream, from, PAGE);
      for (Extent extent : page) {
        if (extent.endOffset() <= endOffset) {
          all.add(extent);
        }
        from = extent.endOffset();
      }
    } while (page.size() == PAGE && from < endOffset);
    return all;
  }

  @Override
  public Optional<Session> begin(StreamId stream) {
    if (!host.isOpen(stream) || !inSession.compareAndSet(false, true)) {
      return Optional.empty();
    }
    if (!leases.take(List.of(stream))) {
      inSession.set(false);
      return Optional.empty();
    }
    return Optional.of(new OneStream(stream));
  }

  private UUID commandId() {
    return new UUID(random.nextLong(), random.nextLong());
  }

  /** Runs on the scheduler, and until it is done, or closed. */
  private CompletableFuture<Outcome> run(Supplier<CompletableFuture<Outcome>> work) {
    CompletableFuture<Outcome> result = new CompletableFuture<>();
    access
        .scheduler()
        .execute(
            () -> {
              if (closed) {
                result.completeExceptionally(new StreamException.Closed("storage is stopping"));
                return;
              }
              started(work)
                  .whenComplete(
                      (outcome, failure) ->
                          access.scheduler().execute(() -> ended(result, outcome, failure)));
            });
    return result;
  }

  private static CompletableFuture<Outcome> started(Supplier<CompletableFuture<Outcome>> work) {
    try {
      return work.get();
    } catch (RuntimeException e) {
      return CompletableFuture.failedFuture(e);
    }
  }

  private void ended(
      CompletableFuture<Outcome> result, @Nullable Outcome outcome, @Nullable Throwable failure) {
    abandon = null;
    buildingBirth = Long.MAX_VALUE;
    if (failure == null) {
      result.complete(Objects.requireNonNull(outcome));
      return;
    }
    result.completeExceptionally(told(Failures.cause(failure)));
  }

  private static Throwable told(Throwable cause) {
    String message = String.valueOf(cause.getMessage());
    if (cause instanceof Unreadable) {
      return new StreamException.Corrupt(message, cause);
    }
    return cause instanceof CatalogException
        ? new StreamException.Unavailable(message, cause)
        : cause;
  }

  private final class OneStream implements Session {
    private final StreamId stream;
    private final AtomicBoolean ended = new AtomicBoolean();

    OneStream(StreamId stream) {
      this.stream = stream;
    }

    @Override
    public CompletableFuture<Outcome> scan(List<Part> parts, Consumer<StoredBatch> visitor) {
      return run(
          () ->
              withSources(
                  parts,
                  (extents, objects) -> {
                    ExtentReader reader =
                        new ExtentReader(
                            access,
                            extents,
                            objects,
                            shape.chunkMemory(),
                            (extent, block, bytes) -> {
                              readBytes.addAndGet(bytes.remaining());
                              BatchTable batches = block.batches();
                              for (int i = 0; i < batches.count(); i++) {
                                visitor.accept(ObjectRewrite.batch(batches, i, bytes));
                              }
                            });
                    abandon = () -> reader.abandon("storage is stopping");
                    return reader.run().thenApply(done -> Outcome.DONE);
                  }));
    }

    @Override
    public CompletableFuture<Outcome> rewrite(List<Part> parts, BatchFilter filter) {
      return run(
          () ->
              withSources(
                  parts,
                  (extents, objects) -> {
                    long birth = Math.max(0, catalog.position());
                    buildingBirth = birth;
                    ObjectRewrite building =
                        new ObjectRewrite(
                            access,
                            DataKeys.next(birth, random),
                            birth,
                            extents,
                            objects,
                            shape,
                            filter);
                    abandon = building::abandon;
                    extents.forEach(extent -> readBytes.addAndGet(extent.sizeBytes()));
                    return building
                        .run()
                        .thenCompose(
                            written ->
                                written.isEmpty()
                                    ? CompletableFuture.completedFuture(Outcome.UNCHANGED)
                                    : replace(extents, written.get()));
                  }));
    }

    private CompletableFuture<Outcome> replace(List<Extent> old, Rewritten written) {
      if (closed) {
        return CompletableFuture.failedFuture(new StreamException.Closed("storage is stopping"));
      }
      Replace command =
          new Replace(
              commandId(),
              stream,
              host.writer(),
              List.of(written.object()),
              old,
              written.newExtents());
      return host.submit(command).thenApply(verdict -> onVerdict(written.object(), verdict));
    }

    /** On the catalog's thread. */
    private Outcome onVerdict(ObjectRef object, Verdict verdict) {
      if (catalog.isUnreferenced(object.key())) {
        host.discard(object.key()); // void, or the stream was trimmed or deleted meanwhile
      }
      if (verdict instanceof Verdict.Rejected rejected) {
        voidObjects.incrementAndGet();
        LOG.info("rewriting into {} is void: {}", object.key(), rejected.reason());
        return Outcome.VOID;
      }
      writtenObjects.incrementAndGet();
      writtenBytes.addAndGet(object.sizeBytes());
      return Outcome.DONE;
    }

    @Override
    public CompletableFuture<Outcome> compacted(long endOffset) {
      return run(
          () -> {
            if (levelRaised.compareAndSet(false, true)) {
              host.submit(new SetRuleLevel(commandId(), StreamCatalog.RULE_LEVEL_COMPACTION));
            }
            return host.submit(new Compacted(commandId(), stream, host.writer(), endOffset))
                .thenApply(
                    verdict -> {
                      if (verdict instanceof Verdict.Rejected) {
                        return Outcome.VOID;
                      }
                      host.onCompacted(stream, endOffset);
                      return Outcome.DONE;
                    });
          });
    }

    private CompletableFuture<Outcome> withSources(List<Part> parts, Reading reading) {
      List<Extent> extents = asGiven(parts);
      Optional<Map<String, ObjectRef>> objects = SourceObjects.of(catalog, extents);
      if (extents.isEmpty() || objects.isEmpty() || !host.isOpen(stream)) {
        return CompletableFuture.completedFuture(Outcome.VOID);
      }
      return reading
          .run(extents, objects.get())
          .handle(
              (outcome, failure) ->
                  failure == null
                      ? CompletableFuture.completedFuture(outcome)
                      : failed(extents, Failures.cause(failure)))
          .thenCompose(each -> each);
    }

    /**
     * The store failed for good, as where an object is not there. The catalog is read again first:
     * the stream may have been taken over and trimmed by another broker, or what was being written
     * was swept away by one, below whose orphan floor the next would be born, too (P21).
     */
    private CompletableFuture<Outcome> failed(List<Extent> read, Throwable cause) {
      return cause instanceof ObjectStoreException
          ? catalog
              .refresh()
              .thenCompose(
                  position ->
                      isAsItWas(read)
                          ? lostOrNot(read.iterator(), cause)
                          : CompletableFuture.completedFuture(Outcome.VOID))
          : CompletableFuture.failedFuture(cause);
    }

    private boolean isAsItWas(List<Extent> read) {
      return extents(stream, read.get(0).baseOffset(), read.get(read.size() - 1).endOffset())
          .equals(read);
    }

    private CompletableFuture<Outcome> lostOrNot(Iterator<Extent> of, Throwable cause) {
      if (!of.hasNext()) {
        return CompletableFuture.failedFuture(
            new StreamException.Unavailable(
                "stream %s cannot be rewritten now: %s".formatted(stream, cause.getMessage()),
                cause));
      }
      String key = of.next().objectKey();
      return access
          .retrier()
          .untilDone("head " + key, () -> access.store().head(key))
          .thenCompose(
              found ->
                  found.isPresent()
                      ? lostOrNot(of, cause)
                      : CompletableFuture.failedFuture(
                          new StreamException.Corrupt(
                              "stream %s lacks an object: %s".formatted(stream, key), cause)));
    }

    /** The extents that are the parts; none when they have changed. */
    private List<Extent> asGiven(List<Part> parts) {
      long from = parts.get(0).baseOffset();
      long end = parts.get(parts.size() - 1).endOffset();
      List<Extent> extents = extents(stream, from, end);
      boolean isSame =
          extents.size() == parts.size()
              && extents.get(0).baseOffset() == from
              && extents.get(extents.size() - 1).endOffset() == end;
      return isSame ? extents : List.of();
    }

    @Override
    public void close() {
      if (ended.compareAndSet(false, true)) {
        leases.release(List.of(stream));
        inSession.set(false);
      }
    }
  }

  private interface Reading {
    CompletableFuture<Outcome> run(List<Extent> extents, Map<String, ObjectRef> objects);
  }
}
