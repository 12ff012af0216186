/**
 * Log compaction: which records of a compacted topic stay, and when that is put into force (P19).
 * {@link io.spillway.compaction.Compactor} decides when, {@link
 * io.spillway.compaction.RecordCompactor} what; where batches are is storage's.
 */
@NullMarked
package io.spillway.compaction;

import org.jspecify.annotations.NullMarked;
