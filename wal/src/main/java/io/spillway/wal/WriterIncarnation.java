package io.spillway.wal;

import java.util.UUID;

/**
 * Who writes: P1, {@code (nodeId, walId, incarnation)}. A WAL gets a new incarnation each time it
 * is opened for writing; what an older one wrote beyond the recovered end is void.
 */
public record WriterIncarnation(int nodeId, UUID walId, long incarnation) {}
