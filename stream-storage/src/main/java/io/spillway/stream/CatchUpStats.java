package io.spillway.stream;

/**
 * Reads of objects since start, and the memory they have now.
 *
 * @param blockHits pieces of objects found in memory
 * @param blockMisses pieces that had to be fetched when they were asked for
 * @param indexHits indexes of objects found in memory
 * @param indexMisses indexes that had to be fetched
 * @param indexCacheBytes indexes held
 * @param readBufferBytes memory of what is on its way, or was fetched ahead and is not read yet
 * @param aheadUsedBytes fetched ahead, and then read
 * @param aheadWastedBytes fetched ahead for nothing
 * @param mergedReads reads that went along in another one's GET
 * @param budgetWaits reads that had to wait for memory or a free request
 * @param checkedBlocks blocks whose checksum was computed
 */
public record CatchUpStats(
    long blockHits,
    long blockMisses,
    long indexHits,
    long indexMisses,
    long indexCacheBytes,
    long readBufferBytes,
    long aheadUsedBytes,
    long aheadWastedBytes,
    long mergedReads,
    long budgetWaits,
    long checkedBlocks) {

  public static final CatchUpStats NONE = new CatchUpStats(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
}
