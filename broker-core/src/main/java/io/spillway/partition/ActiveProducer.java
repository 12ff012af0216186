package io.spillway.partition;

/**
 * A producer as DescribeProducers shows it (KIP-664).
 *
 * @param lastTimestampMs the largest timestamp of its last batch, or -1
 */
public record ActiveProducer(long producerId, int epoch, int lastSequence, long lastTimestampMs) {}
