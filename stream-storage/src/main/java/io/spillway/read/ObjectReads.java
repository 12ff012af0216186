package io.spillway.read;

import io.spillway.cache.BoundedCache;
import io.spillway.catalog.CatalogCommand.Extent;
import io.spillway.catalog.CatalogException;
import io.spillway.catalog.StreamCatalog;
import io.spillway.object.ObjectStore;
import io.spillway.object.ObjectStoreException;
import io.spillway.runtime.Clock;
import io.spillway.stream.CatchUpStats;
import io.spillway.stream.FetchedData;
import io.spillway.stream.StreamException;
import io.spillway.upload.Failures;
import io.spillway.wal.StreamId;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.function.Supplier;

/**
 * Reads what is committed: catalog → index → blocks. Its threads, memory and requests are its own,
 * and bounded, so that reading everything again is in nobody's way. Safe for any thread; completes
 * in the call when everything is in memory, else on a read thread.
 */
public final class ObjectReads {

  /**
   * One fetch goes on over at most so many extents, so that small uploads do not mean small reads.
   */
  private static final int MAX_EXTENTS = 16;

  private final StreamCatalog catalog;
  private final Executor readers;
  private final ReadConfig config;
  private final ReadStats stats;
  private final CatchUpCounters counters = new CatchUpCounters();
  private final Segments segments;
  private final ObjectIndexes indexes;
  private final ObjectRanges ranges;
  private final BlockChecks checks;
  private final TimeSearch search;

  /**
   * @param readers threads that check and cut what was read
   * @param caches makes the block cache and the index cache, once there is something to keep
   * @param stats told where fetches found what they found
   */
  public ObjectReads(
      ReadConfig config,
      StreamCatalog catalog,
      ObjectStore store,
      Executor readers,
      Clock clock,
      BoundedCache.Factory caches,
      ReadStats stats) {
    this.catalog = catalog;
    this.readers = readers;
    this.config = config;
    this.stats = stats;
    this.segments = new Segments(config, store, readers, clock, caches, counters);
    this.indexes =
        new ObjectIndexes(
            config.indexCacheBytes(), store, readers, segments.queue(), caches, counters);
    this.ranges = new ObjectRanges(catalog, indexes);
    this.checks = new BlockChecks(counters);
    this.search = new TimeSearch(ranges);
  }

  /** What remembers the readers of one stream. */
  public ReadAhead newReadAhead() {
    return new ReadAhead(
        Math.min(config.segmentBytes(), config.maxReadAheadBytes()), config.maxReadAheadBytes());
  }

  /**
   * Whole batches from the first that ends above {@code offset}, none that ends above {@code
   * endOffset}; about {@code maxBytes}, at least one if there is one.
   *
   * @param readAhead of the stream
   * @param client whose turn it is between clients; 0 for the broker itself
   */
  public CompletableFuture<FetchedData> fetch(
      StreamId stream,
      long offset,
      long endOffset,
      int maxBytes,
      ReadAhead readAhead,
      long client) {
    return told(stream, () -> fetchNow(stream, offset, endOffset, maxBytes, readAhead, client));
  }

  /** The catalog may be unable to answer, too. */
  private static <T> CompletableFuture<T> told(
      StreamId stream, Supplier<CompletableFuture<T>> reading) {
    try {
      return reading.get();
    } catch (CatalogException e) {
      return CompletableFuture.failedFuture(storageFailure(stream, e));
    }
  }

  private CompletableFuture<FetchedData> fetchNow(
      StreamId stream,
      long offset,
      long endOffset,
      int maxBytes,
      ReadAhead readAhead,
      long client) {
    List<Extent> extents = catalog.extents(stream, offset, MAX_EXTENTS);
    if (extents.isEmpty() || extents.get(0).baseOffset() > offset) { // coverage has no holes
      return CompletableFuture.failedFuture(
          new Gone("offset " + offset + " of stream " + stream + " is in no object"));
    }
    ColdFetch fetch = new ColdFetch(ranges, segments, checks, offset, endOffset, maxBytes, client);
    return fetch
        .run(extents, 0)
        .handle(
            (done, failure) -> {
              SegmentData data = fetch.data();
              if (failure != null && data.isEmpty()) {
                throw storageFailure(stream, failure);
              }
              if (!data.isEmpty()) {
                stats.onObjects(fetch.inMemory());
                fetchAhead(stream, offset, data, readAhead, client);
              }
              return data;
            });
  }

  private void fetchAhead(
      StreamId stream, long offset, SegmentData data, ReadAhead readAhead, long client) {
    ReadAhead.Ask ask = readAhead.onRead(offset, data.nextOffset(), data.sizeBytes());
    if (ask == null) {
      return;
    }
    Prefetch prefetch = new Prefetch(ranges, segments, checks, stream, client, ask);
    readers.execute(
        () ->
            prefetch
                .run()
                .whenComplete(
                    (done, failure) ->
                        readAhead.onFetching(
                            ask.reader(), prefetch.nextOffset(), prefetch.bytes())));
  }

  /** See {@link TimeSearch#firstBatchAtOrAfter}. */
  public CompletableFuture<Optional<BatchTime>> firstBatchAtOrAfter(
      StreamId stream, long fromOffset, long timestampMs) {
    return told(stream, () -> search.firstBatchAtOrAfter(stream, fromOffset, timestampMs))
        .exceptionally(
            failure -> {
              throw storageFailure(stream, failure);
            });
  }

  /** See {@link TimeSearch#largestBatch}. */
  public CompletableFuture<Optional<BatchTime>> largestBatch(StreamId stream, long fromOffset) {
    return told(stream, () -> search.largestBatch(stream, fromOffset))
        .exceptionally(
            failure -> {
              throw storageFailure(stream, failure);
            });
  }

  /** Nothing of the object is needed any more. */
  public void forget(String objectKey) {
    indexes.forget(objectKey);
    segments.forget(objectKey);
  }

  /** Bytes of the block cache. */
  public long cachedBytes() {
    return segments.cachedBytes();
  }

  /**
   * @param otherWaits reads that waited for a budget apart from this one
   */
  public CatchUpStats stats(long otherWaits) {
    return counters.snapshot(indexes.cachedBytes(), segments.queue().takenBytes(), otherWaits);
  }

  /** Fails what waits for the store, and lets all memory go that no answer holds. */
  public void close() {
    segments.close();
    indexes.clear();
  }

  private static RuntimeException storageFailure(StreamId stream, Throwable failure) {
    Throwable cause = Failures.cause(failure);
    if (cause instanceof StreamException known) {
      return known;
    }
    if (cause instanceof ObjectStoreException.NotFound) {
      return new Gone(stream + ": " + cause.getMessage());
    }
    return new StreamException.Unavailable(
        "stream " + stream + " cannot be read now: " + cause.getMessage(), cause);
  }

  /**
   * An object that was looked up is not there any more: either the stream was trimmed or deleted in
   * between, and the catalog knows, or it is lost.
   */
  public static final class Gone extends RuntimeException {
    private static final long serialVersionUID = 1L;

    Gone(String message) {
      super(message);
    }
  }
}
