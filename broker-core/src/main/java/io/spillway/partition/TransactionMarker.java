package io.spillway.partition;

/**
 * The end of a transaction in one partition (KIP-98), as its coordinator decided it.
 *
 * @param producerEpoch fences the producer: below the partition's own it is refused
 * @param committed commit, or abort
 * @param coordinatorEpoch leader epoch of the coordinator's partition; an older one is refused
 * @param transactionVersion 2 and above: each transaction has an epoch of its own (KIP-890), so
 *     that the marker's must be above the partition's unless it is repeated
 */
public record TransactionMarker(
    long producerId,
    short producerEpoch,
    boolean committed,
    int coordinatorEpoch,
    short transactionVersion) {}
