package io.spillway.benchmarks;

import java.util.Map;
import java.util.Random;
import java.util.concurrent.atomic.AtomicReference;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.jspecify.annotations.Nullable;

/**
 * What benchmarks write: records of 1 KiB of random bytes (8 bits of entropy a byte, so that
 * nothing on the way can compress them), uncompressed, batches of 16 KiB, acks=all.
 */
final class RandomRecords {

  static final int RECORD_BYTES = 1024;
  private static final int DIFFERENT_VALUES = 256;
  private static final long SEED = 42;

  private RandomRecords() {}

  static long countOf(int mib) {
    return mib * (1024L * 1024 / RECORD_BYTES);
  }

  /** Writes them to the topic's partitions in turn; returns when all are acknowledged. */
  static void produce(String bootstrapServers, String topic, int partitions, int mib) {
    Map<String, Object> settings =
        Map.of(
            "bootstrap.servers",
            bootstrapServers,
            "acks",
            "all",
            "batch.size",
            16 * 1024,
            "linger.ms",
            5,
            "buffer.memory",
            64L << 20);
    byte[][] values = values(RECORD_BYTES);
    AtomicReference<@Nullable Exception> failure = new AtomicReference<>();
    try (KafkaProducer<byte[], byte[]> producer =
        new KafkaProducer<>(settings, new ByteArraySerializer(), new ByteArraySerializer())) {
      long count = countOf(mib);
      for (long i = 0; i < count; i++) {
        producer.send(
            new ProducerRecord<>(
                topic, (int) (i % partitions), null, values[(int) (i % values.length)]),
            (metadata, e) -> {
              if (e != null) {
                failure.set(e);
              }
            });
      }
    }
    Exception e = failure.get();
    if (e != null) {
      throw new IllegalStateException("a record was not acknowledged", e);
    }
  }

  /** Different ones, made before anything is measured. */
  static byte[][] values(int valueBytes) {
    Random random = new Random(SEED);
    byte[][] values = new byte[DIFFERENT_VALUES][valueBytes];
    for (byte[] value : values) {
      random.nextBytes(value);
    }
    return values;
  }
}
