package io.spillway.compaction;

import java.util.ArrayDeque;
import java.util.Comparator;
import java.util.Deque;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.apache.kafka.common.record.internal.ControlRecordType;
import org.apache.kafka.common.record.internal.Record;
import org.apache.kafka.common.record.internal.RecordBatch;
import org.jspecify.annotations.Nullable;

/**
 * What has been seen of transactions while batches go by in offset order, from the log start on:
 * whether the records of a batch are void, and whether a marker is still needed.
 *
 * <p>A commit marker is needed while records of its transaction are left. An abort marker is needed
 * for as long as the partition names the transaction to readers, whatever is left of it: a reader
 * skips what the producer wrote from there on until it meets the marker, and would skip what was
 * committed later.
 *
 * <p>An aborted transaction counts up to its marker's offset only: what its producer wrote
 * afterwards is not void.
 */
final class Transactions {

  private final Map<Long, Deque<AbortedRange>> aborted = new HashMap<>();
  private final Set<Long> committing = new HashSet<>();

  Transactions(List<AbortedRange> all) {
    all.stream()
        .sorted(Comparator.comparingLong(AbortedRange::firstOffset))
        .forEach(
            range ->
                aborted
                    .computeIfAbsent(range.producerId(), id -> new ArrayDeque<>())
                    .addLast(range));
  }

  /** Whether a batch of records is of a transaction that was aborted. */
  boolean isAborted(RecordBatch batch) {
    if (!batch.isTransactional()) {
      return false;
    }
    boolean isAborted = abortedAt(batch) != null;
    if (!isAborted) {
      committing.add(batch.producerId());
    }
    return isAborted;
  }

  /** Whether nobody needs the marker any more; false for any other control batch. */
  boolean isOfNothing(RecordBatch marker) {
    Iterator<Record> records = marker.iterator();
    if (!records.hasNext()) {
      return true; // it was kept for its producer's epoch
    }
    ControlRecordType type = ControlRecordType.parse(records.next().key());
    if (type == ControlRecordType.ABORT) {
      return abortedAt(marker) == null;
    }
    return type == ControlRecordType.COMMIT && !committing.remove(marker.producerId());
  }

  private @Nullable AbortedRange abortedAt(RecordBatch batch) {
    Deque<AbortedRange> ranges = aborted.getOrDefault(batch.producerId(), new ArrayDeque<>());
    while (!ranges.isEmpty() && ranges.element().markerOffset() < batch.baseOffset()) {
      ranges.remove();
    }
    AbortedRange first = ranges.peek();
    return first != null && first.firstOffset() <= batch.lastOffset() ? first : null;
  }
}
