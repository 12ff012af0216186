package io.spillway.kafka.controller;

import io.spillway.sharedlog.SharedLogException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import org.apache.kafka.common.compress.Compression;
import org.apache.kafka.common.protocol.ObjectSerializationCache;
import org.apache.kafka.common.record.internal.MemoryRecords;
import org.apache.kafka.common.utils.internals.BufferSupplier;
import org.apache.kafka.common.utils.internals.LogContext;
import org.apache.kafka.metadata.MetadataRecordSerde;
import org.apache.kafka.raft.Batch;
import org.apache.kafka.raft.internals.BatchBuilder;
import org.apache.kafka.raft.internals.RecordsIterator;
import org.apache.kafka.server.common.ApiMessageAndVersion;

/**
 * What the Kafka metadata log keeps in a {@link io.spillway.sharedlog.SharedLog}, big-endian.
 *
 * <pre>
 * Record
 *   bytes  type    field
 *    0- 3  int32   magic "SPMR"
 *    4     int8    format version, 1
 *    5     int8    kind: 1 = epoch, 2 = batches
 *    6- 9  int32   epoch of the writer; for kind 1 the one that begins
 *   kind 1
 *   10-13  int32   node that leads, -1 when none does
 *   14-21  int64   end offset: where the epoch's own records begin
 *   kind 2
 *   10-17  int64   offset of the first metadata record
 *   18-25  int64   end offset, exclusive
 *   26-    bytes   Kafka record batches, magic 2, uncompressed; one for each atomic append
 *
 * Checkpoint
 *    0- 3  int32   magic "SPMS"
 *    4     int8    format version, 1
 *    5- 8  int32   epoch of the last epoch record
 *    9-12  int32   node that leads, -1 when none does
 *   13-20  int64   end offset: the metadata offset the state is the result of, exclusive
 *   21-    bytes   a Kafka snapshot: record batches between its header and footer records
 * </pre>
 *
 * The shared log's own envelope guards every byte; the Kafka batches also carry their CRC.
 */
final class MetadataLogFormat {

  static final byte VERSION = 1;
  static final int NO_LEADER = -1;

  private static final int RECORD_MAGIC = 0x53504D52;
  private static final int CHECKPOINT_MAGIC = 0x53504D53;
  private static final byte EPOCH = 1;
  private static final byte BATCHES = 2;
  private static final int RECORD_PREFIX_BYTES = 10;
  private static final int CHECKPOINT_PREFIX_BYTES = 21;

  /** No record of Kafka's metadata is near this; a batch holds an atomic append. */
  static final int MAX_BATCH_BYTES = 64 * 1024 * 1024;

  private static final MetadataRecordSerde SERDE = MetadataRecordSerde.INSTANCE;

  private MetadataLogFormat() {}

  /** A decoded record. */
  sealed interface Entry {
    int epoch();

    /** Where it must follow on. */
    long baseOffset();
  }

  record Epoch(int epoch, int leader, long baseOffset) implements Entry {}

  record Batches(
      int epoch, long baseOffset, long endOffset, List<Batch<ApiMessageAndVersion>> batches)
      implements Entry {}

  /** A checkpoint; {@code snapshot} is a slice of what was read. */
  record Checkpoint(int epoch, int leader, long endOffset, ByteBuffer snapshot) {}

  static List<ByteBuffer> epoch(int epoch, int leader, long endOffset) {
    ByteBuffer body = prefix(EPOCH, epoch, RECORD_PREFIX_BYTES + 12);
    body.putInt(leader).putLong(endOffset).flip();
    return List.of(body);
  }

  static List<ByteBuffer> batches(
      int epoch, long baseOffset, long endOffset, List<ByteBuffer> encoded) {
    ByteBuffer head = prefix(BATCHES, epoch, RECORD_PREFIX_BYTES + 16);
    head.putLong(baseOffset).putLong(endOffset).flip();
    List<ByteBuffer> body = new ArrayList<>(encoded.size() + 1);
    body.add(head);
    body.addAll(encoded);
    return body;
  }

  static List<ByteBuffer> checkpoint(
      int epoch, int leader, long endOffset, List<ByteBuffer> snapshot) {
    ByteBuffer head = ByteBuffer.allocate(CHECKPOINT_PREFIX_BYTES);
    head.putInt(CHECKPOINT_MAGIC).put(VERSION).putInt(epoch).putInt(leader).putLong(endOffset);
    head.flip();
    List<ByteBuffer> body = new ArrayList<>(snapshot.size() + 1);
    body.add(head);
    body.addAll(snapshot);
    return body;
  }

  /** One atomic append as a Kafka record batch. */
  static ByteBuffer encode(
      List<ApiMessageAndVersion> records, long baseOffset, long timestampMs, int epoch) {
    // A cache holds what sizing found out about one message; each record gets its own.
    int sizeBytes = 256;
    for (ApiMessageAndVersion record : records) {
      sizeBytes += SERDE.recordSize(record, new ObjectSerializationCache()) + 32;
    }
    BatchBuilder<ApiMessageAndVersion> builder =
        new BatchBuilder<>(
            ByteBuffer.allocate(sizeBytes),
            SERDE,
            Compression.NONE,
            baseOffset,
            timestampMs,
            epoch,
            sizeBytes);
    for (ApiMessageAndVersion record : records) {
      builder.appendRecord(record, new ObjectSerializationCache());
    }
    return builder.build().buffer();
  }

  /**
   * @throws SharedLogException.Corrupt when the record is not what was written
   * @throws SharedLogException.Foreign when a newer version wrote it
   */
  static Entry decode(long number, ByteBuffer record) {
    ByteBuffer in = record.duplicate();
    String where = "metadata log record " + number;
    if (in.remaining() < RECORD_PREFIX_BYTES || in.getInt() != RECORD_MAGIC) {
      throw new SharedLogException.Corrupt(where + " is no metadata record");
    }
    requireVersion(where, in.get());
    byte kind = in.get();
    int epoch = in.getInt();
    return switch (kind) {
      case EPOCH -> {
        requireRemaining(where, in, 12);
        yield new Epoch(epoch, in.getInt(), in.getLong());
      }
      case BATCHES -> {
        requireRemaining(where, in, 16);
        long baseOffset = in.getLong();
        long endOffset = in.getLong();
        List<Batch<ApiMessageAndVersion>> batches = decodeBatches(where, in.slice());
        requireCoverage(where, batches, baseOffset, endOffset);
        yield new Batches(epoch, baseOffset, endOffset, batches);
      }
      default ->
          throw new SharedLogException.Foreign(
              where + " is of kind " + kind + ", which this version does not know");
    };
  }

  static Checkpoint decodeCheckpoint(long nextNumber, ByteBuffer state) {
    ByteBuffer in = state.duplicate();
    String where = "metadata checkpoint before record " + nextNumber;
    if (in.remaining() < CHECKPOINT_PREFIX_BYTES || in.getInt() != CHECKPOINT_MAGIC) {
      throw new SharedLogException.Corrupt(where + " is no metadata checkpoint");
    }
    requireVersion(where, in.get());
    return new Checkpoint(in.getInt(), in.getInt(), in.getLong(), in.slice());
  }

  private static List<Batch<ApiMessageAndVersion>> decodeBatches(String where, ByteBuffer encoded) {
    List<Batch<ApiMessageAndVersion>> batches = new ArrayList<>();
    try (RecordsIterator<ApiMessageAndVersion> iterator =
        new RecordsIterator<>(
            MemoryRecords.readableRecords(encoded),
            SERDE,
            BufferSupplier.NO_CACHING,
            MAX_BATCH_BYTES,
            true,
            new LogContext())) {
      while (iterator.hasNext()) {
        batches.add(iterator.next());
      }
    } catch (RuntimeException e) {
      SharedLogException.Corrupt corrupt =
          new SharedLogException.Corrupt(where + " does not decode: " + e);
      corrupt.initCause(e);
      throw corrupt;
    }
    return batches;
  }

  private static void requireCoverage(
      String where, List<Batch<ApiMessageAndVersion>> batches, long baseOffset, long endOffset) {
    long next = baseOffset;
    for (Batch<ApiMessageAndVersion> batch : batches) {
      if (batch.baseOffset() != next) {
        throw new SharedLogException.Corrupt(
            where + ": expected offset " + next + ", found " + batch.baseOffset());
      }
      next = batch.lastOffset() + 1;
    }
    if (next != endOffset) {
      throw new SharedLogException.Corrupt(
          where + ": expected end offset " + endOffset + ", found " + next);
    }
  }

  private static void requireVersion(String where, byte version) {
    if (version != VERSION) {
      throw new SharedLogException.Foreign(
          where + " has format version " + version + "; this version reads " + VERSION);
    }
  }

  private static void requireRemaining(String where, ByteBuffer in, int bytes) {
    if (in.remaining() < bytes) {
      throw new SharedLogException.Corrupt(
          where + " is cut off: expected " + bytes + " bytes more, found " + in.remaining());
    }
  }

  private static ByteBuffer prefix(byte kind, int epoch, int capacity) {
    return ByteBuffer.allocate(capacity).putInt(RECORD_MAGIC).put(VERSION).put(kind).putInt(epoch);
  }
}
