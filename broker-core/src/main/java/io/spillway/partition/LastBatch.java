package io.spillway.partition;

/**
 * The last batch that a partition remembers of a producer.
 *
 * @param lastOffset of its last batch with records; -1 when its last batch is a marker
 * @param producerEpoch its newest
 */
public record LastBatch(long lastOffset, short producerEpoch) {}
