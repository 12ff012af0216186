package io.spillway.benchmarks;

import io.spillway.runtime.AmbientRuntime;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.jspecify.annotations.Nullable;

/**
 * One broker with its default heap and many partitions: making them, starting with them after a
 * clean stop and after {@code kill -9}, writing to each and reading each from the start, and what
 * the process holds after each step. Topics have up to 1,000 partitions; records are 100 bytes.
 *
 * <p>Usage: {@code ManyPartitionsBenchmark CHECKOUT [partitions=10000 recordsPerPartition=10]}.
 * About 2 minutes. Prints a table in Markdown.
 */
@AmbientRuntime
public final class ManyPartitionsBenchmark {

  private static final int PARTITIONS_PER_TOPIC = 1_000;
  private static final int RECORD_BYTES = 100;
  private static final long STALL_NANOS = TimeUnit.SECONDS.toNanos(60);

  private final Path root;
  private final Path work;
  private final List<TopicPartition> partitions;
  private final int records;
  private final Table table = new Table("step", "s", "broker CPU-s", "resident MiB");
  private int produced;

  private ManyPartitionsBenchmark(Path root, Path work, int partitions, int records) {
    this.root = root;
    this.work = work;
    this.records = records;
    this.partitions = new ArrayList<>();
    for (int i = 0; i < partitions; i++) {
      this.partitions.add(
          new TopicPartition("many-" + i / PARTITIONS_PER_TOPIC, i % PARTITIONS_PER_TOPIC));
    }
  }

  public static void main(String[] arguments) throws Exception {
    Path root = Path.of(arguments[0]).toAbsolutePath().normalize();
    int partitions = arguments.length > 1 ? Integer.parseInt(arguments[1]) : 10_000;
    int records = arguments.length > 2 ? Integer.parseInt(arguments[2]) : 10;
    try (WorkDirectory work = WorkDirectory.create(root, "many")) {
      new ManyPartitionsBenchmark(root, work.path(), partitions, records).run();
    }
  }

  private void run() throws Exception {
    try (ReadyBroker broker = start("start, empty")) {
      step("create " + partitions.size() + " partitions", broker, () -> create(broker));
      step("produce to all", broker, () -> produce(broker));
      step("fetch from all", broker, () -> fetch(broker));
      step("clean stop", broker, broker::stop);
    }
    try (ReadyBroker broker = start("start after it")) {
      step("produce to all", broker, () -> produce(broker));
      step("fetch from all", broker, () -> fetch(broker));
      broker.kill();
    }
    try (ReadyBroker broker = start("start after kill -9")) {
      step("fetch from all", broker, () -> fetch(broker));
      broker.stop();
    }
    System.out.printf(
        "%d partitions, %d records of %d bytes to each a time%n",
        partitions.size(), records, RECORD_BYTES);
    table.printMarkdown(System.out);
  }

  private ReadyBroker start(String name) throws IOException {
    ReadyBroker broker = ReadyBroker.start(root, work, List.of("metrics.listener=off"));
    double[] cost = broker.atReady();
    add(name, cost[0], cost[1], format("%.0f", cost[2]));
    return broker;
  }

  private interface Step {
    void run() throws Exception;
  }

  private void step(String name, ReadyBroker broker, Step step) throws Exception {
    double cpu = broker.cpuSeconds();
    long start = System.nanoTime();
    step.run();
    double seconds = (System.nanoTime() - start) / 1e9;
    if (broker.isAlive()) {
      add(name, seconds, broker.cpuSeconds() - cpu, format("%.0f", broker.residentMib()));
    } else {
      add(name, seconds, Double.NaN, "");
    }
  }

  private void add(String name, double seconds, double cpu, String resident) {
    String cpuSeconds = Double.isNaN(cpu) ? "" : format("%.2f", cpu);
    table.add(name, format("%.2f", seconds), cpuSeconds, resident);
    System.err.printf("%s: %.2f s, %s CPU-s, %s MiB%n", name, seconds, cpuSeconds, resident);
  }

  private void create(ReadyBroker broker) throws Exception {
    Map<String, Integer> topics = new HashMap<>();
    partitions.forEach(partition -> topics.merge(partition.topic(), 1, Integer::sum));
    try (Admin admin = Admin.create(Map.of("bootstrap.servers", broker.bootstrapServers()))) {
      for (Map.Entry<String, Integer> topic : topics.entrySet()) {
        NewTopic made = new NewTopic(topic.getKey(), topic.getValue(), (short) 1);
        admin.createTopics(List.of(made)).all().get();
      }
    }
  }

  private void produce(ReadyBroker broker) {
    Map<String, Object> settings = new HashMap<>();
    settings.put("bootstrap.servers", broker.bootstrapServers());
    settings.put("acks", "all");
    settings.put("linger.ms", 20);
    settings.put("batch.size", 4096);
    byte[][] values = RandomRecords.values(RECORD_BYTES);
    AtomicReference<@Nullable Exception> failure = new AtomicReference<>();
    try (KafkaProducer<byte[], byte[]> producer =
        new KafkaProducer<>(settings, new ByteArraySerializer(), new ByteArraySerializer())) {
      for (int i = 0; i < records; i++) {
        for (TopicPartition partition : partitions) {
          producer.send(
              new ProducerRecord<>(
                  partition.topic(), partition.partition(), null, values[i % values.length]),
              (metadata, e) -> {
                if (e != null) {
                  failure.compareAndSet(null, e);
                }
              });
        }
      }
    }
    Exception e = failure.get();
    if (e != null) {
      throw new IllegalStateException("a record was not acknowledged", e);
    }
    produced += records;
  }

  private void fetch(ReadyBroker broker) {
    Map<String, Object> settings =
        Map.of("bootstrap.servers", broker.bootstrapServers(), "max.poll.records", 10_000);
    long expected = (long) produced * partitions.size();
    long read = 0;
    try (KafkaConsumer<byte[], byte[]> consumer =
        new KafkaConsumer<>(settings, new ByteArrayDeserializer(), new ByteArrayDeserializer())) {
      consumer.assign(partitions);
      consumer.seekToBeginning(partitions);
      long since = System.nanoTime();
      while (read < expected) {
        int count = consumer.poll(Duration.ofSeconds(1)).count();
        read += count;
        if (count > 0) {
          since = System.nanoTime();
        } else if (System.nanoTime() - since > STALL_NANOS) {
          throw new IllegalStateException(
              "expected %d records, found %d, and nothing came for 60 s".formatted(expected, read));
        }
      }
    }
  }

  private static String format(String format, double value) {
    return String.format(Locale.ROOT, format, value);
  }
}
