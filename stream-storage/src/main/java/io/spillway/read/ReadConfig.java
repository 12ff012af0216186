package io.spillway.read;

/**
 * What reads of objects may use.
 *
 * @param segmentBytes of a piece of an object: what one GET gets at least
 * @param readBufferBytes memory for what is on its way from the store, or was fetched ahead
 * @param blockCacheBytes memory for pieces that were read
 * @param indexCacheBytes memory for indexes of objects
 * @param maxReadAheadBytes how far to be ahead of a sequential reader, and the most of one GET
 * @param maxRequests GETs under way at once
 */
public record ReadConfig(
    int segmentBytes,
    long readBufferBytes,
    long blockCacheBytes,
    long indexCacheBytes,
    int maxReadAheadBytes,
    int maxRequests) {}
