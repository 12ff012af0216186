package io.spillway.crash;

import io.spillway.crash.History.Committed;
import io.spillway.crash.History.Seen;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

/** Consumers of one group that commit what they read, and the reader that reads all at the end. */
final class Readers implements AutoCloseable {

  static final String GROUP = "readers";

  private final History history;
  private final String bootstrapServers;
  private final String topic;
  private final Object commitLock = new Object();
  private final List<Thread> threads = new ArrayList<>();
  private volatile boolean stopping;

  Readers(History history, String bootstrapServers, String topic, int count) {
    this.history = history;
    this.bootstrapServers = bootstrapServers;
    this.topic = topic;
    for (int i = 0; i < count; i++) {
      String name = "reader-" + i;
      Thread thread = new Thread(() -> read(name), name);
      thread.start();
      threads.add(thread);
    }
  }

  private void read(String name) {
    try (KafkaConsumer<byte[], byte[]> consumer = consumer(GROUP)) {
      consumer.subscribe(List.of(topic));
      while (!stopping) {
        try {
          boolean any = false;
          for (ConsumerRecord<byte[], byte[]> record : consumer.poll(Duration.ofMillis(100))) {
            history.add(seen(name, record));
            any = true;
          }
          if (any) {
            commit(consumer);
          }
        } catch (KafkaException e) {
          // The broker is down, or the group rebalances: poll again.
        }
      }
    }
  }

  private void commit(KafkaConsumer<byte[], byte[]> consumer) {
    synchronized (commitLock) {
      Map<TopicPartition, Long> positions = new java.util.HashMap<>();
      consumer.assignment().forEach(tp -> positions.put(tp, consumer.position(tp)));
      consumer.commitSync(Duration.ofSeconds(5));
      positions.forEach(
          (tp, offset) -> history.add(new Committed(GROUP, tp.partition(), offset, false)));
    }
  }

  /** What the broker says is committed; no commit is under way meanwhile. */
  void readCommitted(Admin admin) throws Exception {
    synchronized (commitLock) {
      admin
          .listConsumerGroupOffsets(GROUP)
          .partitionsToOffsetAndMetadata()
          .get()
          .forEach(
              (tp, committed) ->
                  history.add(new Committed(GROUP, tp.partition(), committed.offset(), true)));
    }
  }

  /** Reads every partition from its start to its present end. */
  void readAll(int partitions) {
    List<TopicPartition> all =
        IntStream.range(0, partitions).mapToObj(p -> new TopicPartition(topic, p)).toList();
    try (KafkaConsumer<byte[], byte[]> consumer = consumer("final")) {
      consumer.assign(all);
      consumer.seekToBeginning(all);
      Map<TopicPartition, Long> ends = consumer.endOffsets(all);
      while (all.stream().anyMatch(tp -> consumer.position(tp) < ends.get(tp))) {
        for (ConsumerRecord<byte[], byte[]> record : consumer.poll(Duration.ofMillis(200))) {
          history.add(seen(HistoryChecker.FINAL_READER, record));
        }
      }
    }
  }

  private KafkaConsumer<byte[], byte[]> consumer(String group) {
    return new KafkaConsumer<>(
        Map.of(
            "bootstrap.servers", bootstrapServers,
            "group.id", group,
            "auto.offset.reset", "earliest",
            "enable.auto.commit", "false",
            "session.timeout.ms", "10000",
            "reconnect.backoff.max.ms", "200",
            "retry.backoff.max.ms", "200",
            "default.api.timeout.ms", "20000"),
        new ByteArrayDeserializer(),
        new ByteArrayDeserializer());
  }

  private static Seen seen(String reader, ConsumerRecord<byte[], byte[]> record) {
    String key = new String(record.key(), StandardCharsets.UTF_8);
    int colon = key.indexOf(':');
    return new Seen(
        reader,
        record.partition(),
        record.offset(),
        key.substring(0, colon),
        Long.parseLong(key.substring(colon + 1)));
  }

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
