package io.spillway.partition;

/**
 * A transaction that was aborted in a partition (KIP-98): whoever reads committed data skips the
 * producer's batches from the first offset up to the marker.
 *
 * @param firstOffset of its first batch
 * @param lastOffset of its marker
 * @param lastStableOffset once the marker was there: no later transaction begins below it
 */
public record AbortedTransaction(
    long producerId, long firstOffset, long lastOffset, long lastStableOffset) {}
