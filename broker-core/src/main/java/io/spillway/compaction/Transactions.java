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
 * whether the records of a batch are void, and whether a marker still has records that it is for.
 *
 * <p>An aborted transaction counts up to its marker's offset only: the marker itself may be gone
 * since an earlier pass, and what its producer wrote afterwards is not void.
 */
final class Transactions {

  private final Map<Long, Deque<AbortedRange>> aborted = new HashMap<>();
  private final Set<AbortedRange> withRecords = new HashSet<>();
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
    AbortedRange of = abortedAt(batch);
    if (of == null) {
      committing.add(batch.producerId());
      return false;
    }
    withRecords.add(of);
    return true;
  }

  /**
   * Whether nothing is left of the transaction that the marker ends; false for any other control
   * batch. A batch that is void, but was there, counts as left.
   */
  boolean isOfNothing(RecordBatch marker) {
    Iterator<Record> records = marker.iterator();
    if (!records.hasNext()) {
      return true; // it was kept for its producer's epoch
    }
    ControlRecordType type = ControlRecordType.parse(records.next().key());
    if (type == ControlRecordType.ABORT) {
      AbortedRange of = abortedAt(marker);
      return of == null || !withRecords.remove(of);
    }
    return type == ControlRecordType.COMMIT && !committing.remove(marker.producerId());
  }

  private @Nullable AbortedRange abortedAt(RecordBatch batch) {
    Deque<AbortedRange> ranges = aborted.getOrDefault(batch.producerId(), new ArrayDeque<>());
    while (!ranges.isEmpty() && ranges.element().markerOffset() < batch.baseOffset()) {
      withRecords.remove(ranges.remove());
    }
    AbortedRange first = ranges.peek();
    return first != null && first.firstOffset() <= batch.lastOffset() ? first : null;
  }
}
