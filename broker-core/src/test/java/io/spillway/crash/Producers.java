package io.spillway.crash;

import io.spillway.crash.History.Acked;
import io.spillway.crash.History.Unresolved;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicLong;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/** Idempotent producers that never stop sending and write down what became of each record. */
final class Producers implements AutoCloseable {

  private static final int MAX_UNACKED = 400;

  private final History history;
  private final String topic;
  private final int partitions;
  private final Map<String, Object> settings;
  private final AtomicLong unacked = new AtomicLong();
  private final List<Thread> threads = new ArrayList<>();
  private volatile boolean stopping;

  Producers(History history, String bootstrapServers, String topic, int partitions, int count) {
    this.history = history;
    this.topic = topic;
    this.partitions = partitions;
    this.settings =
        Map.of(
            "bootstrap.servers", bootstrapServers,
            "acks", "all",
            "linger.ms", "2",
            "retry.backoff.ms", "20",
            "retry.backoff.max.ms", "200",
            "reconnect.backoff.max.ms", "200",
            "request.timeout.ms", "10000",
            "delivery.timeout.ms", "300000",
            "max.block.ms", "300000");
    for (int i = 0; i < count; i++) {
      String name = "producer-" + i;
      Thread thread = new Thread(() -> produce(name), name);
      thread.start();
      threads.add(thread);
    }
  }

  private void produce(String name) {
    Map<Integer, Long> next = new HashMap<>();
    try (KafkaProducer<byte[], byte[]> producer =
        new KafkaProducer<>(settings, new ByteArraySerializer(), new ByteArraySerializer())) {
      int round = 0;
      while (!stopping) {
        if (unacked.get() > MAX_UNACKED) {
          Thread.sleep(1);
          continue;
        }
        int partition = round++ % partitions;
        long number = next.merge(partition, 1L, Long::sum) - 1;
        send(producer, name, partition, number);
      }
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }

  private void send(
      KafkaProducer<byte[], byte[]> producer, String name, int partition, long number) {
    byte[] key = (name + ":" + number).getBytes(StandardCharsets.UTF_8);
    byte[] value = new byte[100 + (int) (number % 900)];
    unacked.incrementAndGet();
    producer.send(
        new ProducerRecord<>(topic, partition, key, value),
        (metadata, failure) -> {
          unacked.decrementAndGet();
          if (failure == null) {
            history.add(new Acked(name, partition, number, metadata.offset()));
          } else {
            history.add(new Unresolved(name, partition, number));
          }
        });
  }

  /** Stops sending, and waits until every record is acknowledged or given up. */
  @Override
  public void close() {
    stopping = true;
    for (Thread thread : threads) {
      try {
        thread.join();
      } catch (InterruptedException e) {
        throw new IllegalStateException(e);
      }
    }
  }
}
