package io.spillway.benchmarks;

import io.spillway.runtime.AmbientRuntime;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.jspecify.annotations.Nullable;

/**
 * A producer at a steady rate, acks=all: random bytes, each record sent at its own moment of a
 * fixed timetable. A latency counts from that moment, so that a broker that stalls the producer is
 * charged for every record that should have been sent meanwhile. What is still not sent when the
 * time is over stays unsent: the run ends, and its result says how much it was.
 *
 * @param lingerMs how long a record may wait for company; 0: none
 */
record PacedLoad(
    String topic, int partitions, int recordBytes, double bytesPerSecond, int lingerMs) {

  /** What was sent, in how long until the last was acknowledged, and how long each took. */
  record Result(long records, double seconds, Latencies latencies) {}

  /** Returns when all are acknowledged. */
  @AmbientRuntime
  Result run(String bootstrapServers, double seconds) {
    Map<String, Object> settings = new HashMap<>();
    settings.put("bootstrap.servers", bootstrapServers);
    settings.put("acks", "all");
    settings.put("linger.ms", lingerMs);
    settings.put("client.id", "paced-" + topic);
    // So that five requests under way are enough for any rate at any latency.
    settings.put("batch.size", 64 << 10);
    settings.put("max.request.size", 8 << 20);
    settings.put("buffer.memory", 128L << 20);
    byte[][] values = RandomRecords.values(recordBytes);
    double intervalNanos = recordBytes / bytesPerSecond * 1e9;
    long records = (long) (seconds * 1e9 / intervalNanos);
    Latencies latencies = new Latencies();
    AtomicReference<@Nullable Exception> failure = new AtomicReference<>();
    long start;
    long sent = 0;
    try (KafkaProducer<byte[], byte[]> producer =
        new KafkaProducer<>(settings, new ByteArraySerializer(), new ByteArraySerializer())) {
      producer.partitionsFor(topic); // the timetable does not begin with a look for the broker
      start = System.nanoTime();
      long end = start + (long) (seconds * 1e9);
      while (sent < records && System.nanoTime() - end < 0 && failure.get() == null) {
        long i = sent;
        long due = start + (long) (i * intervalNanos);
        await(due);
        producer.send(
            new ProducerRecord<>(
                topic, (int) (i % partitions), null, values[(int) (i % values.length)]),
            (metadata, e) -> {
              latencies.add(System.nanoTime() - due);
              if (e != null) {
                failure.compareAndSet(null, e);
              }
            });
        sent++;
      }
    }
    Exception e = failure.get();
    if (e != null) {
      throw new IllegalStateException("a record was not acknowledged", e);
    }
    return new Result(sent, (System.nanoTime() - start) / 1e9, latencies);
  }

  @AmbientRuntime
  private static void await(long due) {
    for (long left = due - System.nanoTime(); left > 0; left = due - System.nanoTime()) {
      LockSupport.parkNanos(left);
    }
  }
}
