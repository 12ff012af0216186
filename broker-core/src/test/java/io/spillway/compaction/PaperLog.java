package io.spillway.compaction;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import io.spillway.partition.LastBatch;
import io.spillway.stream.StoredBatch;
import io.spillway.wal.Batch;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeMap;
import org.apache.kafka.common.compress.Compression;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.record.TimestampType;
import org.apache.kafka.common.record.internal.ControlRecordType;
import org.apache.kafka.common.record.internal.EndTransactionMarker;
import org.apache.kafka.common.record.internal.MemoryRecords;
import org.apache.kafka.common.record.internal.MemoryRecordsBuilder;
import org.apache.kafka.common.record.internal.Record;
import org.apache.kafka.common.record.internal.RecordBatch;
import org.apache.kafka.common.record.internal.SimpleRecord;
import org.apache.kafka.common.utils.internals.BufferSupplier;
import org.jspecify.annotations.Nullable;

/** A partition's log in memory, and everything that was ever in it. */
final class PaperLog {

  /** A record as a reader sees it. */
  record Seen(
      long offset, String key, @Nullable String value, long timestampMs, List<Header> headers) {}

  final List<StoredBatch> batches = new ArrayList<>();
  final TreeMap<Long, Seen> committed = new TreeMap<>();
  final TreeMap<Long, Seen> aborted = new TreeMap<>();
  final List<AbortedRange> abortedRanges = new ArrayList<>();
  final Map<Long, LastBatch> lastBatches = new HashMap<>();
  final TreeMap<Long, StoredBatch> original = new TreeMap<>();
  private final Map<Long, TreeMap<Long, Seen>> open = new HashMap<>();
  private final Map<Long, Integer> sequences = new HashMap<>();
  long endOffset;

  void append(Compression codec, SimpleRecord... records) {
    append(MemoryRecords.withRecords(endOffset, codec, records), committed);
  }

  void appendOf(long producerId, Compression codec, SimpleRecord... records) {
    append(
        MemoryRecords.withIdempotentRecords(
            endOffset, codec, producerId, (short) 1, sequence(producerId, records), 0, records),
        committed);
    lastBatches.put(producerId, new LastBatch(endOffset - 1, (short) 1));
  }

  void appendInTransaction(long producerId, Compression codec, SimpleRecord... records) {
    append(
        MemoryRecords.withTransactionalRecords(
            endOffset, codec, producerId, (short) 1, sequence(producerId, records), 0, records),
        open.computeIfAbsent(producerId, id -> new TreeMap<>()));
    lastBatches.put(producerId, new LastBatch(endOffset - 1, (short) 1));
  }

  private int sequence(long producerId, SimpleRecord... records) {
    return sequences.merge(producerId, records.length, Integer::sum) - records.length;
  }

  boolean isOpen(long producerId) {
    return open.containsKey(producerId);
  }

  void end(long producerId, boolean commit, long nowMs) {
    TreeMap<Long, Seen> records = Objects.requireNonNull(open.remove(producerId));
    if (!commit) {
      abortedRanges.add(new AbortedRange(producerId, records.firstKey(), endOffset));
    }
    (commit ? committed : aborted).putAll(records);
    ControlRecordType type = commit ? ControlRecordType.COMMIT : ControlRecordType.ABORT;
    append(
        MemoryRecords.withEndTransactionMarker(
            endOffset, nowMs, 0, producerId, (short) 1, new EndTransactionMarker(type, 0)),
        new TreeMap<>());
  }

  /** Offsets that no record has, as after earlier compactions. */
  void skip(long offsets) {
    endOffset += offsets;
  }

  private void append(MemoryRecords one, Map<Long, Seen> into) {
    RecordBatch batch = one.batches().iterator().next();
    for (Record record : batch) {
      if (!batch.isControlBatch()) {
        into.put(record.offset(), seen(record));
      }
    }
    StoredBatch stored =
        new StoredBatch(
            batch.baseOffset(),
            batch.nextOffset(),
            batch.maxTimestamp(),
            (batch.isTransactional() ? Batch.FLAG_TRANSACTIONAL : 0)
                | (batch.isControlBatch() ? Batch.FLAG_CONTROL : 0),
            one.buffer());
    batches.add(stored);
    original.put(stored.baseOffset(), stored);
    endOffset = stored.endOffset();
  }

  /** The first offset of a transaction that is open. */
  long lastStableOffset() {
    return open.values().stream().mapToLong(TreeMap::firstKey).min().orElse(endOffset);
  }

  static RecordBatch batch(StoredBatch stored) {
    return MemoryRecords.readableRecords(stored.bytes()).batches().iterator().next();
  }

  /** Every record below the offset that no transaction makes void, as it is read now. */
  List<Seen> read(long toOffset) {
    List<Seen> all = new ArrayList<>();
    for (StoredBatch stored : batches) {
      RecordBatch batch = batch(stored);
      batch.ensureValid();
      if (!batch.isControlBatch()) {
        for (Record record : batch) {
          if (record.offset() < toOffset) {
            all.add(seen(record));
          }
        }
      }
    }
    return all;
  }

  /** As clients read, who are told of the aborted transactions and skip by markers. */
  List<Seen> readCommitted() {
    List<Seen> all = new ArrayList<>();
    Set<AbortedRange> ahead = new HashSet<>(abortedRanges);
    Set<Long> skipped = new HashSet<>();
    for (StoredBatch stored : batches) {
      RecordBatch batch = batch(stored);
      for (AbortedRange range : List.copyOf(ahead)) {
        if (range.firstOffset() <= batch.lastOffset()) {
          ahead.remove(range);
          skipped.add(range.producerId());
        }
      }
      if (batch.isControlBatch()) {
        if (isAbort(batch)) {
          skipped.remove(batch.producerId());
        }
      } else if (!batch.isTransactional() || !skipped.contains(batch.producerId())) {
        batch.forEach(record -> all.add(seen(record)));
      }
    }
    return all;
  }

  private static boolean isAbort(RecordBatch marker) {
    Iterator<Record> records = marker.iterator();
    return records.hasNext()
        && ControlRecordType.parse(records.next().key()) == ControlRecordType.ABORT;
  }

  List<Seen> readWithoutAborted() {
    return read(Long.MAX_VALUE).stream()
        .filter(seen -> !aborted.containsKey(seen.offset()))
        .toList();
  }

  static Seen seen(Record record) {
    return new Seen(
        record.offset(),
        text(record.key()),
        record.hasValue() ? text(record.value()) : null,
        record.timestamp(),
        List.of(record.headers()));
  }

  private static String text(ByteBuffer bytes) {
    return UTF_8.decode(bytes.duplicate()).toString();
  }

  /**
   * One pass: batches below {@code toOffset}, in ranges of so many batches.
   *
   * @return how far the keys did
   */
  long compact(
      long dirtyFrom,
      long toOffset,
      int rangeBatches,
      KeyOffsets keys,
      long nowMs,
      long deleteRetentionMs) {
    List<StoredBatch> below = batches.stream().filter(b -> b.endOffset() <= toOffset).toList();
    DirtyKeys dirty = new DirtyKeys(keys, dirtyFrom, abortedRanges, BufferSupplier.create());
    below.forEach(dirty);
    RecordCompactor compactor =
        new RecordCompactor(
            keys,
            dirty.endOffset(),
            abortedRanges,
            lastBatches,
            nowMs,
            deleteRetentionMs,
            BufferSupplier.create(),
            100);
    List<StoredBatch> after = new ArrayList<>();
    for (int from = 0; from < below.size(); from += rangeBatches) {
      int to = Math.min(from + rangeBatches, below.size());
      for (int i = from; i < to; i++) {
        StoredBatch kept = compactor.filter(below.get(i), i == to - 1);
        if (kept != null) {
          after.add(copy(kept));
        }
      }
      assertThat(after.get(after.size() - 1).endOffset())
          .as("the end of a range")
          .isEqualTo(below.get(to - 1).endOffset());
    }
    after.addAll(batches.subList(below.size(), batches.size()));
    batches.clear();
    batches.addAll(after);
    return dirty.endOffset();
  }

  private static StoredBatch copy(StoredBatch batch) {
    ByteBuffer bytes = ByteBuffer.allocate(batch.bytes().remaining());
    bytes.put(batch.bytes().duplicate()).flip();
    return new StoredBatch(
        batch.baseOffset(), batch.endOffset(), batch.maxTimestampMs(), batch.flags(), bytes);
  }

  /** A batch of records without keys, as a topic may hold that was not compacted before. */
  void appendWithoutKey(String value) {
    MemoryRecordsBuilder builder =
        MemoryRecords.builder(
            ByteBuffer.allocate(512), Compression.NONE, TimestampType.CREATE_TIME, endOffset);
    builder.append(1L, (byte[]) null, value.getBytes(UTF_8));
    MemoryRecords one = builder.build();
    RecordBatch batch = one.batches().iterator().next();
    batches.add(new StoredBatch(batch.baseOffset(), batch.nextOffset(), 1, 0, one.buffer()));
    endOffset = batch.nextOffset();
  }
}
