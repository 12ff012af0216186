package io.spillway.partition;

import io.spillway.metadata.TopicConfigs;
import io.spillway.runtime.Clock;
import io.spillway.runtime.Scheduler;
import io.spillway.stream.StreamStore;
import java.util.concurrent.Executor;

/**
 * What the partitions of one broker share.
 *
 * @param scheduler delays, retries and leadership events
 * @param workers for what is too long for an event loop: decompression, recompression
 */
record PartitionRuntime(
    StreamStore store,
    TopicConfigs configs,
    Clock clock,
    Scheduler scheduler,
    Executor workers,
    PartitionSettings settings,
    BatchPreparer preparer,
    RefusedSequences refused,
    RoomQueue room,
    TrafficListener traffic,
    TransactionVerifier verifier) {}
