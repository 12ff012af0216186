package io.spillway.partition;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import org.apache.kafka.common.compress.Compression;
import org.apache.kafka.common.record.TimestampType;
import org.apache.kafka.common.record.internal.MemoryRecordsBuilder;
import org.apache.kafka.common.record.internal.RecordBatch;
import org.apache.kafka.common.utils.internals.ByteBufferOutputStream;

/** Batches as producers make them. */
public final class TestBatches {

  public static final long NOW_MS = 1_700_000_000_000L;

  private TestBatches() {}

  public static ByteBuffer plain(String... values) {
    return batch(-1, 0, -1, Compression.NONE, NOW_MS, true, values);
  }

  public static ByteBuffer withoutKeys(Compression compression, String... values) {
    return batch(-1, 0, -1, compression, NOW_MS, false, values);
  }

  public static ByteBuffer compressed(Compression compression, String... values) {
    return batch(-1, 0, -1, compression, NOW_MS, true, values);
  }

  public static ByteBuffer at(long timestampMs, String... values) {
    return batch(-1, 0, -1, Compression.NONE, timestampMs, true, values);
  }

  public static ByteBuffer idempotent(long producerId, int epoch, int sequence, String... values) {
    return batch(producerId, epoch, sequence, Compression.NONE, NOW_MS, true, values);
  }

  /** Records at {@code timestampMs}, one more each. */
  public static ByteBuffer batch(
      long producerId,
      int epoch,
      int sequence,
      Compression compression,
      long timestampMs,
      boolean keys,
      String... values) {
    try (MemoryRecordsBuilder builder = builder(producerId, epoch, sequence, compression, false)) {
      for (int i = 0; i < values.length; i++) {
        byte[] key = keys ? bytes("k" + i) : null;
        builder.appendWithOffset(i, timestampMs + i, key, bytes(values[i]));
      }
      return direct(builder.build().buffer());
    }
  }

  public static ByteBuffer transactional(
      long producerId, int epoch, int sequence, String... values) {
    try (MemoryRecordsBuilder builder =
        builder(producerId, epoch, sequence, Compression.NONE, true)) {
      for (int i = 0; i < values.length; i++) {
        builder.appendWithOffset(i, NOW_MS, null, bytes(values[i]));
      }
      return direct(builder.build().buffer());
    }
  }

  private static MemoryRecordsBuilder builder(
      long producerId, int epoch, int sequence, Compression compression, boolean transactional) {
    return new MemoryRecordsBuilder(
        new ByteBufferOutputStream(256),
        RecordBatch.MAGIC_VALUE_V2,
        compression,
        TimestampType.CREATE_TIME,
        0,
        RecordBatch.NO_TIMESTAMP,
        producerId,
        producerId < 0 ? (short) -1 : (short) epoch,
        sequence,
        transactional,
        false,
        -1,
        256);
  }

  private static ByteBuffer direct(ByteBuffer heap) {
    return ByteBuffer.allocateDirect(heap.remaining()).put(heap.duplicate()).flip();
  }

  private static byte[] bytes(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }
}
