package io.spillway.benchmarks;

import java.nio.ByteBuffer;
import org.apache.kafka.common.compress.Compression;
import org.apache.kafka.common.record.internal.MemoryRecords;
import org.apache.kafka.common.record.internal.SimpleRecord;

/**
 * Kafka record batches of one record of random bytes each, in direct memory, made before anything
 * is measured. There are enough of them that they do not stay in a core's own caches.
 */
final class KafkaBatches {

  private static final long TOTAL_BYTES = 16L << 20;

  private final ByteBuffer[] batches;
  private int next;

  KafkaBatches(int valueBytes) {
    byte[][] values = RandomRecords.values(valueBytes);
    int count = (int) Math.max(1, Math.min(values.length, TOTAL_BYTES / valueBytes));
    batches = new ByteBuffer[count];
    for (int i = 0; i < count; i++) {
      ByteBuffer batch =
          MemoryRecords.withRecords(Compression.NONE, new SimpleRecord(0, null, values[i]))
              .buffer();
      batches[i] = ByteBuffer.allocateDirect(batch.remaining()).put(batch).flip();
    }
  }

  /** In turn. The caller only reads it. */
  ByteBuffer next() {
    ByteBuffer batch = batches[next];
    next = (next + 1) % batches.length;
    return batch.duplicate();
  }

  /** Of each. */
  int sizeBytes() {
    return batches[0].remaining();
  }
}
