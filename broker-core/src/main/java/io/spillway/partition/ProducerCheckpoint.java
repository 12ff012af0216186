package io.spillway.partition;

import io.spillway.partition.ProducerHistory.Durable;
import io.spillway.partition.ProducerHistory.State;
import io.spillway.partition.ProducerStates.AppendedBatch;
import io.spillway.partition.ProducerStates.DurableProducer;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.zip.CRC32C;
import org.apache.kafka.common.protocol.ByteBufferAccessor;

/**
 * The bytes of {@link ProducerStates} at the high watermark (P22). Layout, version 2, big-endian:
 *
 * <pre>
 * field              type     bytes  unit
 * version            int8         1  2
 * offset             int64        8  the state is the state at exactly this offset
 * producers          int32        4  count, ascending by id
 *   producerId       int64        8
 *   lastSeenMs       int64        8  wall clock of the last append, for expiry
 *   epoch            int16        2
 *   coordinatorEpoch int32        4  of the last marker, or -1
 *   txnFirstOffset   int64        8  offset, or -1 when no transaction is open
 *   timestamp        int64        8  ms, the last batch's or marker's
 *   batches          int8         1  0 to 5 of that epoch, oldest first
 *     first          int32        4  sequence
 *     last           int32        4  sequence
 *     base           int64        8  offset
 *     end            int64        8  offset, exclusive
 *     maxTime        int64        8  ms
 * aborted            int32        4  count, ascending by marker
 *   producerId       varlong   1-10  less the one before it
 *   marker           varlong   1-10  offset, less the one before it
 *   length           varlong   1-10  marker less first offset
 *   unstable         varlong   1-10  marker + 1 less the last stable offset after it
 * crc                int32        4  CRC32C of everything before it
 * </pre>
 *
 * <p>Varlongs are zigzag-coded, seven bits a byte. Version 1 had no transactions, and an epoch with
 * each batch: {@code epoch int16} before {@code first}, no fields between {@code lastSeenMs} and
 * {@code batches}, and nothing after the producers. It is read, not written.
 */
final class ProducerCheckpoint {

  static final byte VERSION = 2;

  private static final byte WITHOUT_TRANSACTIONS = 1;
  private static final int HEAD_BYTES = 13;
  private static final int PRODUCER_BYTES = 39;
  private static final int BATCH_BYTES = 32;
  private static final int COUNT_BYTES = 4;
  private static final int CRC_BYTES = 4;
  private static final int VARLONG_BITS = 7;

  private ProducerCheckpoint() {}

  // ---- writing ----

  /** The state at the high watermark: what is above it is left out. */
  static ByteBuffer encode(ProducerStates states, long highWatermark) {
    SortedMap<Long, DurableProducer> producers = states.durableProducers(highWatermark);
    List<AbortedTransaction> aborted = states.durableAborted(highWatermark);
    ByteBuffer out = ByteBuffer.allocate(sizeBytes(producers, aborted));
    out.put(VERSION).putLong(highWatermark).putInt(producers.size());
    producers.forEach((id, producer) -> write(out, id, producer));
    out.putInt(aborted.size());
    ByteBufferAccessor varlongs = new ByteBufferAccessor(out);
    AbortedTransaction before = NONE_BEFORE;
    for (AbortedTransaction each : aborted) {
      varlongs.writeVarlong(each.producerId() - before.producerId());
      varlongs.writeVarlong(each.lastOffset() - before.lastOffset());
      varlongs.writeVarlong(each.lastOffset() - each.firstOffset());
      varlongs.writeVarlong(each.lastOffset() + 1 - each.lastStableOffset());
      before = each;
    }
    return out.putInt(crc(out, out.position())).flip();
  }

  private static final AbortedTransaction NONE_BEFORE = new AbortedTransaction(0, 0, 0, 0);

  private static int sizeBytes(
      Map<Long, DurableProducer> producers, List<AbortedTransaction> aborted) {
    int bytes = HEAD_BYTES + COUNT_BYTES + CRC_BYTES;
    for (DurableProducer producer : producers.values()) {
      bytes += PRODUCER_BYTES + producer.durable().batches().size() * BATCH_BYTES;
    }
    AbortedTransaction before = NONE_BEFORE;
    for (AbortedTransaction each : aborted) {
      bytes +=
          sizeOfVarlong(each.producerId() - before.producerId())
              + sizeOfVarlong(each.lastOffset() - before.lastOffset())
              + sizeOfVarlong(each.lastOffset() - each.firstOffset())
              + sizeOfVarlong(each.lastOffset() + 1 - each.lastStableOffset());
      before = each;
    }
    return bytes;
  }

  private static int sizeOfVarlong(long value) {
    long zigzag = (value << 1) ^ (value >> (Long.SIZE - 1));
    int bits = Long.SIZE - Long.numberOfLeadingZeros(zigzag | 1);
    return (bits + VARLONG_BITS - 1) / VARLONG_BITS;
  }

  private static void write(ByteBuffer out, long producerId, DurableProducer producer) {
    State state = producer.durable().state();
    out.putLong(producerId)
        .putLong(producer.lastSeenMs())
        .putShort(state.producerEpoch())
        .putInt(state.coordinatorEpoch())
        .putLong(state.txnFirstOffset())
        .putLong(producer.durable().timestampMs())
        .put((byte) producer.durable().batches().size());
    for (AppendedBatch batch : producer.durable().batches()) {
      out.putInt(batch.firstSequence())
          .putInt(batch.lastSequence())
          .putLong(batch.baseOffset())
          .putLong(batch.endOffset())
          .putLong(batch.maxTimestampMs());
    }
  }

  // ---- reading ----

  /**
   * @throws IllegalArgumentException naming what is wrong: another version, offset or checksum
   */
  static ProducerStates decode(ByteBuffer checkpoint, long offset) {
    ByteBuffer in = checkpoint.slice();
    byte version = requireIntact(in);
    in.get();
    long statedOffset = in.getLong();
    if (statedOffset != offset) {
      throw new IllegalArgumentException(
          "producer state is of offset " + statedOffset + ", expected " + offset);
    }
    ProducerStates states = new ProducerStates();
    for (int left = in.getInt(); left > 0; left--) {
      long producerId = in.getLong();
      DurableProducer producer =
          version == WITHOUT_TRANSACTIONS ? readVersion1(in) : readProducer(in);
      states.restore(producerId, producer, offset);
    }
    if (version != WITHOUT_TRANSACTIONS) {
      readAborted(in, states);
    }
    return states;
  }

  private static byte requireIntact(ByteBuffer in) {
    if (in.remaining() < HEAD_BYTES + CRC_BYTES) {
      throw new IllegalArgumentException(
          "producer state of " + in.remaining() + " bytes is too short");
    }
    byte version = in.get(0);
    if (version < WITHOUT_TRANSACTIONS || version > VERSION) {
      throw new IllegalArgumentException(
          "producer state has version %d, this broker reads %d to %d"
              .formatted(version, WITHOUT_TRANSACTIONS, VERSION));
    }
    int crcAt = in.remaining() - CRC_BYTES;
    int expected = crc(in, crcAt);
    if (in.getInt(crcAt) != expected) {
      throw new IllegalArgumentException(
          "producer state is damaged: expected CRC %08x, found %08x"
              .formatted(expected, in.getInt(crcAt)));
    }
    return version;
  }

  private static DurableProducer readProducer(ByteBuffer in) {
    long lastSeenMs = in.getLong();
    State state = new State(in.getShort(), in.getInt(), in.getLong());
    long timestampMs = in.getLong();
    List<AppendedBatch> batches = new ArrayList<>();
    for (int left = in.get(); left > 0; left--) {
      batches.add(readBatch(in, state.producerEpoch()));
    }
    return new DurableProducer(lastSeenMs, new Durable(state, timestampMs, batches));
  }

  private static DurableProducer readVersion1(ByteBuffer in) {
    long lastSeenMs = in.getLong();
    List<AppendedBatch> batches = new ArrayList<>();
    for (int left = in.get(); left > 0; left--) {
      batches.add(readBatch(in, in.getShort()));
    }
    AppendedBatch newest = batches.get(batches.size() - 1);
    State state = new State(newest.producerEpoch(), -1, -1);
    return new DurableProducer(lastSeenMs, new Durable(state, newest.maxTimestampMs(), batches));
  }

  private static AppendedBatch readBatch(ByteBuffer in, short epoch) {
    return new AppendedBatch(
        epoch, in.getInt(), in.getInt(), in.getLong(), in.getLong(), in.getLong());
  }

  private static void readAborted(ByteBuffer in, ProducerStates states) {
    ByteBufferAccessor varlongs = new ByteBufferAccessor(in);
    AbortedTransaction before = NONE_BEFORE;
    for (int left = in.getInt(); left > 0; left--) {
      long producerId = before.producerId() + varlongs.readVarlong();
      long marker = before.lastOffset() + varlongs.readVarlong();
      long first = marker - varlongs.readVarlong();
      long stable = marker + 1 - varlongs.readVarlong();
      before = new AbortedTransaction(producerId, first, marker, stable);
      states.restore(before);
    }
  }

  private static int crc(ByteBuffer bytes, int endIndex) {
    ByteBuffer covered = bytes.duplicate();
    covered.position(0).limit(endIndex);
    CRC32C crc = new CRC32C();
    crc.update(covered);
    return (int) crc.getValue();
  }
}
