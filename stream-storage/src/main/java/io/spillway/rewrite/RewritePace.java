package io.spillway.rewrite;

/**
 * What background work may ask of the store.
 *
 * @param bytesPerSecond read and written together
 * @param requestsPerSecond sent to the store, one at a time
 * @param pauseMs how long to leave the store alone after it failed or throttled a request of
 *     anybody
 */
public record RewritePace(long bytesPerSecond, int requestsPerSecond, long pauseMs) {}
