package io.spillway.compaction;

/**
 * Compaction since start.
 *
 * @param passes that were finished
 * @param recordsRead by them
 * @param recordsKept of these
 * @param uncleanable partitions that are not compacted any more, since a record cannot be read
 * @param due partitions that were found due at the last look
 */
public record CompactionStats(
    long passes, long recordsRead, long recordsKept, int uncleanable, int due) {}
