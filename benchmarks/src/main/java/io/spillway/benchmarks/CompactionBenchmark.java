package io.spillway.benchmarks;

import io.spillway.runtime.AmbientRuntime;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.SplittableRandom;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/**
 * How long a client takes to read a compacted topic from the start that has had many updates of few
 * keys, as Connect's workers and Schema Registry do at their start: before compaction, after it,
 * and after a restart of the broker.
 *
 * <p>Arguments: the checkout, updates, keys. Prints a table in Markdown.
 */
@AmbientRuntime
public final class CompactionBenchmark {

  private static final TopicPartition PARTITION = new TopicPartition("compacted", 0);
  private static final int ROUNDS = 3;
  private static final int VALUE_BYTES = 100;

  private final Path root;
  private final Path data;
  private final int updates;
  private final int keys;

  private CompactionBenchmark(Path root, Path data, int updates, int keys) {
    this.root = root;
    this.data = data;
    this.updates = updates;
    this.keys = keys;
  }

  public static void main(String[] arguments) throws Exception {
    Path root = Path.of(arguments[0]).toAbsolutePath().normalize();
    try (WorkDirectory work = WorkDirectory.create(root, "compaction")) {
      new CompactionBenchmark(
              root, work.path(), Integer.parseInt(arguments[1]), Integer.parseInt(arguments[2]))
          .run();
    }
  }

  private void run() throws Exception {
    System.out.printf(
        "%d updates of %d keys, %d bytes each; median (least-most) of %d%n%n",
        updates, keys, VALUE_BYTES, ROUNDS);
    System.out.println("| read from the start | records | s |");
    System.out.println("|---|---|---|");
    try (ReadyBroker broker = start("log.cleaner.enable=false")) {
      create(broker);
      produce(broker);
      measure("before compaction", broker);
      broker.stop();
    }
    try (ReadyBroker broker = start("log.cleaner.backoff.ms=1000")) {
      long records;
      do {
        records = read(broker);
      } while (records > updates / 10);
      measure("after compaction", broker);
      broker.stop();
    }
    try (ReadyBroker broker = start("log.cleaner.backoff.ms=1000")) {
      measure("after a restart", broker);
      broker.stop();
    }
  }

  private void measure(String name, ReadyBroker broker) {
    List<double[]> rows = new ArrayList<>();
    for (int i = 0; i < ROUNDS; i++) {
      long began = System.nanoTime();
      long records = read(broker);
      rows.add(new double[] {records, (System.nanoTime() - began) / 1e9});
    }
    System.out.printf(
        "| %s | %s | %s |%n", name, Spread.of(rows, 0, "%.0f"), Spread.of(rows, 1, "%.2f"));
  }

  private static void create(ReadyBroker broker) throws Exception {
    try (Admin admin = Admin.create(Map.of("bootstrap.servers", broker.bootstrapServers()))) {
      NewTopic topic =
          new NewTopic(PARTITION.topic(), 1, (short) 1)
              .configs(Map.of("cleanup.policy", "compact"));
      admin.createTopics(Set.of(topic)).all().get();
    }
  }

  private void produce(ReadyBroker broker) {
    SplittableRandom random = new SplittableRandom(1);
    try (KafkaProducer<byte[], byte[]> producer =
        new KafkaProducer<>(
            Map.of("bootstrap.servers", broker.bootstrapServers(), "linger.ms", 20),
            new ByteArraySerializer(),
            new ByteArraySerializer())) {
      for (int i = 0; i < updates; i++) {
        byte[] key = ByteBuffer.allocate(Integer.BYTES).putInt(random.nextInt(keys)).array();
        byte[] value = new byte[VALUE_BYTES];
        random.nextBytes(value);
        producer.send(new ProducerRecord<>(PARTITION.topic(), PARTITION.partition(), key, value));
      }
    }
  }

  private static long read(ReadyBroker broker) {
    long records = 0;
    try (KafkaConsumer<byte[], byte[]> consumer =
        new KafkaConsumer<>(
            Map.of("bootstrap.servers", broker.bootstrapServers()),
            new ByteArrayDeserializer(),
            new ByteArrayDeserializer())) {
      consumer.assign(List.of(PARTITION));
      consumer.seekToBeginning(List.of(PARTITION));
      long end = Objects.requireNonNull(consumer.endOffsets(List.of(PARTITION)).get(PARTITION));
      while (consumer.position(PARTITION) < end) {
        records += consumer.poll(Duration.ofSeconds(1)).count();
      }
    }
    return records;
  }

  private ReadyBroker start(String cleaner) throws IOException {
    return ReadyBroker.start(
        root, data, List.of("metrics.listener=off", "upload.interval.ms=1000", cleaner));
  }
}
