package io.spillway.compaction;

/**
 * A transaction that was aborted.
 *
 * @param firstOffset of its first record
 * @param markerOffset of its marker: what the producer wrote from the first offset up to here is
 *     void
 */
public record AbortedRange(long producerId, long firstOffset, long markerOffset) {}
