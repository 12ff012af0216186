package io.spillway.partition;

/**
 * A producer as DescribeProducers shows it (KIP-664).
 *
 * @param lastSequence of its last batch in this epoch, or -1
 * @param lastTimestampMs the largest timestamp of its last batch, or its last marker's, or -1
 * @param coordinatorEpoch of its last marker, or -1
 * @param txnFirstOffset where its open transaction begins, or -1
 */
public record ActiveProducer(
    long producerId,
    int epoch,
    int lastSequence,
    long lastTimestampMs,
    int coordinatorEpoch,
    long txnFirstOffset) {}
