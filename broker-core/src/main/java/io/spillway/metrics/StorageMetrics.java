package io.spillway.metrics;

import io.spillway.stream.CatchUpStats;
import io.spillway.stream.StorageStats;
import java.util.function.Supplier;

/** The write-ahead log, uploads, caches and the object store. */
public final class StorageMetrics implements MetricsSource {

  private final Supplier<StorageStats> storage;

  public StorageMetrics(Supplier<StorageStats> storage) {
    this.storage = storage;
  }

  @Override
  public void collect(MetricsSink sink) {
    StorageStats stats = storage.get();
    sink.gauge(
        "spillway_wal_capacity_bytes",
        "What the write-ahead log can hold",
        stats.walCapacityBytes());
    sink.gauge(
        "spillway_wal_used_bytes",
        "What is in the write-ahead log; at capacity producers are refused",
        stats.walUsedBytes());
    sink.counter(
        "spillway_wal_writes",
        "Blocks written to the write-ahead log; with wal.url=object: one request each",
        stats.walWrites());
    sink.counter(
        "spillway_wal_written_bytes",
        "Written to the write-ahead log, what frames add included",
        stats.walWrittenBytes());
    sink.counter(
        "spillway_wal_damaged_batches",
        "Batches lost since start: the WAL had other bytes than were written",
        stats.damagedBatches());
    sink.gauge(
        "spillway_wal_unreadable_streams",
        "Streams not uploaded now: the WAL cannot be read where their next batch is",
        stats.unreadableStreams());
    sink.counter("spillway_wal_recovered_frames", "Replayed at start", stats.recoveredFrames());
    sink.gauge(
        "spillway_unuploaded_bytes",
        "Durable in the write-ahead log alone",
        stats.unuploadedBytes());
    sink.gauge(
        "spillway_unuploaded_age_seconds",
        "Age of the oldest batch that is durable in the write-ahead log alone",
        stats.oldestUnuploadedAgeMs() / 1000.0);
    sink.gauge(
        "spillway_cache_bytes", "Memory of a cache", stats.tailCacheBytes(), "cache", "tail");
    sink.gauge(
        "spillway_cache_bytes", "Memory of a cache", stats.blockCacheBytes(), "cache", "block");
    stats
        .reads()
        .forEach(
            (source, count) ->
                sink.counter(
                    "spillway_batch_reads",
                    "Reads of batches by where they were found: tail, wal, cache, object",
                    count,
                    "source",
                    source));
    stats.storeRequests().forEach((key, count) -> collectStoreRequest(sink, key, count));
    sink.counter("spillway_uploaded_bytes", "Written to data objects", stats.uploadedBytes());
    sink.counter("spillway_uploaded_objects", "Data objects written", stats.uploadedObjects());
    sink.counter(
        "spillway_deleted_objects",
        "Data objects deleted, after retention, topic deletion, merging or compaction",
        stats.deletedObjects());
    collectMerges(sink, stats.merges());
    collectRewrites(sink, stats.rewrites());
    collectCatchUp(sink, stats.catchUp());
    sink.gauge(
        "spillway_store_reachable",
        "1 while the last request to the object store worked",
        stats.storeReachable() ? 1 : 0);
  }

  private static void collectMerges(MetricsSink sink, StorageStats.Merges merges) {
    sink.counter(
        "spillway_merged_bytes", "Written to data objects by merging others", merges.bytes());
    sink.counter(
        "spillway_merged_objects", "Data objects written by merging others", merges.objects());
    sink.counter(
        "spillway_merge_replaced_objects",
        "Data objects that nothing refers to any more, since they were merged",
        merges.replacedObjects());
    sink.counter(
        "spillway_merge_void_ranges",
        "Parts of partitions merged in vain: trimmed, deleted or claimed meanwhile",
        merges.voidRanges());
    sink.gauge("spillway_merge_running", "1 while a merge is under way", merges.running() ? 1 : 0);
  }

  private static void collectRewrites(MetricsSink sink, StorageStats.Rewrites rewrites) {
    sink.counter(
        "spillway_compaction_read_bytes", "Of batches that compaction read", rewrites.readBytes());
    sink.counter(
        "spillway_compaction_written_bytes",
        "Written to data objects by compaction",
        rewrites.writtenBytes());
    sink.counter(
        "spillway_compaction_written_objects",
        "Data objects written by compaction",
        rewrites.writtenObjects());
    sink.counter(
        "spillway_compaction_void_objects",
        "Data objects it wrote in vain: the partition was trimmed, deleted or claimed meanwhile",
        rewrites.voidObjects());
    sink.gauge(
        "spillway_compaction_running", "1 while a pass is under way", rewrites.running() ? 1 : 0);
  }

  private static void collectCatchUp(MetricsSink sink, CatchUpStats stats) {
    sink.gauge(
        "spillway_cache_bytes", "Memory of a cache", stats.indexCacheBytes(), "cache", "index");
    collectCache(sink, "block", stats.blockHits(), stats.blockMisses());
    collectCache(sink, "index", stats.indexHits(), stats.indexMisses());
    sink.gauge(
        "spillway_read_budget_used_bytes",
        "Of reads from objects: under way, or fetched ahead and not read yet",
        stats.readBufferBytes());
    sink.counter(
        "spillway_read_budget_waits",
        "Reads behind the tail that waited for memory or a free request",
        stats.budgetWaits());
    String ahead = "Fetched ahead of sequential readers, by what became of it: used, wasted";
    sink.counter("spillway_read_ahead_bytes", ahead, stats.aheadUsedBytes(), "outcome", "used");
    sink.counter("spillway_read_ahead_bytes", ahead, stats.aheadWastedBytes(), "outcome", "wasted");
    sink.counter(
        "spillway_merged_reads",
        "Reads that went along in another one's request to the object store",
        stats.mergedReads());
    sink.counter(
        "spillway_checked_blocks",
        "Blocks of objects whose checksum was computed",
        stats.checkedBlocks());
  }

  private static void collectCache(MetricsSink sink, String cache, long hits, long misses) {
    String help = "Look-ups in a cache by outcome: hit, miss";
    sink.counter("spillway_cache_lookups", help, hits, "cache", cache, "outcome", "hit");
    sink.counter("spillway_cache_lookups", help, misses, "cache", cache, "outcome", "miss");
  }

  private static void collectStoreRequest(MetricsSink sink, String key, long count) {
    int slash = key.indexOf('/');
    sink.counter(
        "spillway_store_requests",
        "Requests to the object store",
        count,
        "kind",
        slash < 0 ? key : key.substring(0, slash),
        "outcome",
        slash < 0 ? "" : key.substring(slash + 1));
  }
}
