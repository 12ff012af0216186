package io.spillway.read;

/**
 * One piece of an object.
 *
 * @param number the piece's position, in pieces
 */
record SegmentKey(String objectKey, int number) {}
