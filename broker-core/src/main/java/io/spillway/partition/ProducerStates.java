package io.spillway.partition;

import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.zip.CRC32C;
import org.apache.kafka.common.errors.InvalidProducerEpochException;
import org.apache.kafka.common.errors.OutOfOrderSequenceException;
import org.jspecify.annotations.Nullable;

/**
 * What a partition remembers of its idempotent producers (KIP-98): the last five durable batches of
 * each, and those in flight. One structure holds both, each batch with its end offset, so that the
 * state at the high watermark can be taken for a checkpoint (P22), and the state above it dropped
 * (P30), at any time.
 *
 * <p>Not safe for threads: the partition's lock guards it.
 *
 * <p>Checkpoint layout, version 1, big-endian:
 *
 * <pre>
 * field        type   bytes  unit
 * version      int8       1  1
 * offset       int64      8  the state is the state at exactly this offset
 * producers    int32      4  count, ascending by id
 *   producerId int64      8
 *   lastSeenMs int64      8  wall clock of the last append, for expiry
 *   batches    int8       1  1 to 5, oldest first, all of one epoch
 *     epoch    int16      2
 *     first    int32      4  sequence
 *     last     int32      4  sequence
 *     base     int64      8  offset
 *     end      int64      8  offset, exclusive
 *     maxTime  int64      8  ms
 * crc          int32      4  CRC32C of everything before it
 * </pre>
 */
final class ProducerStates {

  static final int REMEMBERED_BATCHES = 5;
  static final byte VERSION = 1;

  private static final int HEAD_BYTES = 13;
  private static final int PRODUCER_BYTES = 17;
  private static final int BATCH_BYTES = 34;
  private static final int CRC_BYTES = 4;

  private final Map<Long, Entry> entries = new HashMap<>();

  /** A batch of a producer. Offsets are half-open; {@code maxTimestampMs} is the records' own. */
  record AppendedBatch(
      short producerEpoch,
      int firstSequence,
      int lastSequence,
      long baseOffset,
      long endOffset,
      long maxTimestampMs) {}

  int size() {
    return entries.size();
  }

  boolean knows(long producerId) {
    return entries.containsKey(producerId);
  }

  /**
   * Judges a batch against what its producer sent before, as Kafka does: a repeat of a remembered
   * batch is found first, then the epoch must not go back, then the sequence must be the next. An
   * unknown producer may begin anywhere: its state may have expired (KIP-360).
   *
   * @return the batch it repeats, or null when it is the next one
   * @throws InvalidProducerEpochException when a newer epoch was seen
   * @throws OutOfOrderSequenceException when sequences are missing, or a new epoch begins above 0
   */
  @Nullable AppendedBatch check(
      String partition, long producerId, short epoch, int firstSequence, int lastSequence) {
    Entry entry = entries.get(producerId);
    if (entry == null) {
      return null;
    }
    AppendedBatch newest = entry.batches.getLast();
    if (epoch == newest.producerEpoch()) {
      AppendedBatch repeated = entry.find(epoch, firstSequence, lastSequence);
      if (repeated != null) {
        return repeated;
      }
      if (!follows(newest.lastSequence(), firstSequence)) {
        throw new OutOfOrderSequenceException(
            "Out of order sequence number for producer %d in partition %s: %d (incoming seq. number), %d (current end sequence number)"
                .formatted(producerId, partition, firstSequence, newest.lastSequence()));
      }
      return null;
    }
    if (epoch < newest.producerEpoch()) {
      throw new InvalidProducerEpochException(
          "Epoch of producer %d in %s is %d, which is smaller than the last seen epoch %d"
              .formatted(producerId, partition, epoch, newest.producerEpoch()));
    }
    if (firstSequence != 0) {
      throw new OutOfOrderSequenceException(
          "Invalid sequence number for new epoch of producer %d in partition %s: %d (request epoch), %d (seq. number), %d (current producer epoch)"
              .formatted(producerId, partition, epoch, firstSequence, newest.producerEpoch()));
    }
    return null;
  }

  /**
   * Remembers a batch that was given its offsets.
   *
   * @param highWatermark what is durable: batches below it beyond the last five are forgotten
   */
  void add(long producerId, AppendedBatch batch, long nowMs, long highWatermark) {
    Entry entry = entries.computeIfAbsent(producerId, id -> new Entry());
    entry.batches.addLast(batch);
    entry.lastSeenMs = nowMs;
    entry.prune(highWatermark);
  }

  /** P30: forgets every batch above the high watermark, and producers that have no other. */
  void truncateTo(long highWatermark) {
    Iterator<Entry> all = entries.values().iterator();
    while (all.hasNext()) {
      Entry entry = all.next();
      while (!entry.batches.isEmpty() && entry.batches.getLast().endOffset() > highWatermark) {
        entry.batches.removeLast();
      }
      if (entry.batches.isEmpty()) {
        all.remove();
      }
    }
  }

  /** Forgets producers that were last heard of {@code expirationMs} ago, or longer. */
  void expire(long nowMs, long expirationMs, long highWatermark) {
    entries
        .values()
        .removeIf(
            entry ->
                nowMs - entry.lastSeenMs >= expirationMs
                    && entry.batches.getLast().endOffset() <= highWatermark);
  }

  /** Whether any batch of those remembered has an offset in the range. */
  boolean hasBatchIn(long fromOffset, long endOffset) {
    for (Entry entry : entries.values()) {
      for (AppendedBatch batch : entry.batches) {
        if (batch.endOffset() > fromOffset && batch.baseOffset() < endOffset) {
          return true;
        }
      }
    }
    return false;
  }

  List<ActiveProducer> active() {
    List<ActiveProducer> active = new ArrayList<>(entries.size());
    entries.forEach(
        (id, entry) -> {
          AppendedBatch newest = entry.batches.getLast();
          active.add(
              new ActiveProducer(
                  id, newest.producerEpoch(), newest.lastSequence(), newest.maxTimestampMs()));
        });
    return active;
  }

  Map<Long, LastBatch> lastBatches() {
    Map<Long, LastBatch> last = new HashMap<>();
    entries.forEach(
        (id, entry) -> {
          AppendedBatch newest = entry.batches.getLast();
          last.put(id, new LastBatch(newest.endOffset() - 1, newest.producerEpoch()));
        });
    return last;
  }

  /** The state at the high watermark: what is above it is left out (P22). */
  ByteBuffer encode(long highWatermark) {
    Map<Long, List<AppendedBatch>> durable = new TreeMap<>();
    int batches = 0;
    for (Map.Entry<Long, Entry> producer : entries.entrySet()) {
      List<AppendedBatch> kept = producer.getValue().durable(highWatermark);
      if (!kept.isEmpty()) {
        durable.put(producer.getKey(), kept);
        batches += kept.size();
      }
    }
    ByteBuffer out =
        ByteBuffer.allocate(
            HEAD_BYTES + durable.size() * PRODUCER_BYTES + batches * BATCH_BYTES + CRC_BYTES);
    out.put(VERSION).putLong(highWatermark).putInt(durable.size());
    durable.forEach(
        (id, kept) -> {
          Entry entry = entries.get(id);
          out.putLong(id).putLong(entry == null ? 0 : entry.lastSeenMs).put((byte) kept.size());
          for (AppendedBatch batch : kept) {
            out.putShort(batch.producerEpoch())
                .putInt(batch.firstSequence())
                .putInt(batch.lastSequence())
                .putLong(batch.baseOffset())
                .putLong(batch.endOffset())
                .putLong(batch.maxTimestampMs());
          }
        });
    return out.putInt(crc(out, out.position())).flip();
  }

  /**
   * @throws IllegalArgumentException naming what is wrong: another version, offset or checksum
   */
  static ProducerStates decode(ByteBuffer checkpoint, long offset) {
    ByteBuffer in = checkpoint.slice();
    if (in.remaining() < HEAD_BYTES + CRC_BYTES) {
      throw new IllegalArgumentException(
          "producer state of " + in.remaining() + " bytes is too short");
    }
    int crcAt = in.remaining() - CRC_BYTES;
    byte version = in.get(0);
    if (version != VERSION) {
      throw new IllegalArgumentException(
          "producer state has version " + version + ", this broker reads " + VERSION);
    }
    int expected = crc(in, crcAt);
    if (in.getInt(crcAt) != expected) {
      throw new IllegalArgumentException(
          "producer state is damaged: expected CRC %08x, found %08x"
              .formatted(expected, in.getInt(crcAt)));
    }
    in.get();
    long statedOffset = in.getLong();
    if (statedOffset != offset) {
      throw new IllegalArgumentException(
          "producer state is of offset " + statedOffset + ", expected " + offset);
    }
    ProducerStates states = new ProducerStates();
    for (int producers = in.getInt(); producers > 0; producers--) {
      Entry entry = new Entry();
      states.entries.put(in.getLong(), entry);
      entry.lastSeenMs = in.getLong();
      for (int batches = in.get(); batches > 0; batches--) {
        entry.batches.addLast(
            new AppendedBatch(
                in.getShort(), in.getInt(), in.getInt(), in.getLong(), in.getLong(), in.getLong()));
      }
    }
    return states;
  }

  private static int crc(ByteBuffer bytes, int endIndex) {
    ByteBuffer covered = bytes.duplicate();
    covered.position(0).limit(endIndex);
    CRC32C crc = new CRC32C();
    crc.update(covered);
    return (int) crc.getValue();
  }

  private static boolean follows(int lastSequence, int nextSequence) {
    return nextSequence == lastSequence + 1L
        || (nextSequence == 0 && lastSequence == Integer.MAX_VALUE);
  }

  private static final class Entry {
    private final ArrayDeque<AppendedBatch> batches = new ArrayDeque<>(REMEMBERED_BATCHES + 1);
    private long lastSeenMs;

    /** Looks at the newest five, as Kafka does. */
    @Nullable AppendedBatch find(short epoch, int firstSequence, int lastSequence) {
      Iterator<AppendedBatch> newestFirst = batches.descendingIterator();
      for (int i = 0; i < REMEMBERED_BATCHES && newestFirst.hasNext(); i++) {
        AppendedBatch batch = newestFirst.next();
        if (batch.producerEpoch() == epoch
            && batch.firstSequence() == firstSequence
            && batch.lastSequence() == lastSequence) {
          return batch;
        }
      }
      return null;
    }

    /** Keeps what is in flight and the last five that are durable. */
    void prune(long highWatermark) {
      while (batches.size() > REMEMBERED_BATCHES
          && countDurable(highWatermark) > REMEMBERED_BATCHES) {
        batches.removeFirst();
      }
    }

    /** Up to five durable batches of the newest durable epoch. */
    List<AppendedBatch> durable(long highWatermark) {
      List<AppendedBatch> kept = new ArrayList<>(REMEMBERED_BATCHES);
      Iterator<AppendedBatch> newestFirst = batches.descendingIterator();
      while (newestFirst.hasNext() && kept.size() < REMEMBERED_BATCHES) {
        AppendedBatch batch = newestFirst.next();
        boolean sameEpoch = kept.isEmpty() || kept.get(0).producerEpoch() == batch.producerEpoch();
        if (batch.endOffset() <= highWatermark && sameEpoch) {
          kept.add(0, batch);
        }
      }
      return kept;
    }

    private int countDurable(long highWatermark) {
      int durable = 0;
      for (AppendedBatch batch : batches) {
        if (batch.endOffset() > highWatermark) {
          break;
        }
        durable++;
      }
      return durable;
    }
  }
}
