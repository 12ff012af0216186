package io.spillway.stream;

import java.util.Map;

/**
 * A momentary view of storage, for metrics and readiness.
 *
 * @param walCapacityBytes what the WAL can hold
 * @param walUsedBytes not yet trimmed
 * @param walWrites blocks written since start: device writes of a local log, requests of one in the
 *     bucket
 * @param walWrittenBytes by them
 * @param unuploadedBytes durable in the WAL alone
 * @param oldestUnuploadedAgeMs since the oldest such batch became durable; 0 when there is none
 * @param tailCacheBytes blocks held for tail reads
 * @param blockCacheBytes blocks held for catch-up reads
 * @param reads batch reads by source: {@code tail}, {@code wal}, {@code cache}, {@code object}
 * @param storeRequests object store requests by {@code kind/outcome}: {@code put/ok}
 * @param uploadedBytes since start
 * @param uploadedObjects since start
 * @param deletedObjects since start
 * @param recoveredFrames WAL frames replayed at start
 * @param damagedBatches since start: batches whose bytes in the WAL were not those written, which
 *     objects now cover as lost
 * @param unreadableStreams that cannot be uploaded now, since the WAL cannot be read where their
 *     next batch is
 * @param storeReachable whether the last request to the bucket worked
 * @param catchUp reads of objects
 * @param merges what merging has done
 * @param rewrites what rewriting for the layer above has done
 */
public record StorageStats(
    long walCapacityBytes,
    long walUsedBytes,
    long walWrites,
    long walWrittenBytes,
    long unuploadedBytes,
    long oldestUnuploadedAgeMs,
    long tailCacheBytes,
    long blockCacheBytes,
    Map<String, Long> reads,
    Map<String, Long> storeRequests,
    long uploadedBytes,
    long uploadedObjects,
    long deletedObjects,
    long recoveredFrames,
    long damagedBatches,
    int unreadableStreams,
    boolean storeReachable,
    CatchUpStats catchUp,
    Merges merges,
    Rewrites rewrites) {

  /**
   * Merging since start.
   *
   * @param bytes of objects that it wrote and that count
   * @param objects so many
   * @param replacedObjects that nothing refers to any more because of it
   * @param voidRanges that it wrote in vain: their stream had been trimmed, deleted or claimed
   * @param running whether an object is being written
   */
  public record Merges(
      long bytes, long objects, long replacedObjects, long voidRanges, boolean running) {}

  /**
   * Rewriting for the layer above (compaction) since start.
   *
   * @param readBytes of batches
   * @param writtenBytes of objects that count
   * @param writtenObjects so many
   * @param voidObjects written in vain: the stream had been trimmed, deleted or claimed
   * @param running whether a stream is being rewritten
   */
  public record Rewrites(
      long readBytes, long writtenBytes, long writtenObjects, long voidObjects, boolean running) {}
}
