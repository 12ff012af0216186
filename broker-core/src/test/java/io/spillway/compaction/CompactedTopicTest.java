package io.spillway.compaction;

import static org.assertj.core.api.Assertions.assertThat;

import io.spillway.embed.Broker;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** A compacted topic as clients see it: before, during and after, over restarts. */
@Timeout(value = 5, unit = TimeUnit.MINUTES)
class CompactedTopicTest {

  private static final String TOPIC = "compacted";
  private static final TopicPartition PARTITION = new TopicPartition(TOPIC, 0);
  private static final int KEYS = 100;

  @TempDir Path work;

  private final Random random = new Random(11);
  private final Map<String, String> model = new HashMap<>();

  @Test
  void whatIsReadIsTheLastValueOfEachKeyAndOffsetsStay() throws Exception {
    long end;
    long bytes;
    try (Broker broker = broker()) {
      create(broker, Map.of("delete.retention.ms", "3600000"));
      end = produce(broker, 20_000, "gzip");
      bytes = storedBytes(broker);
      awaitCompacted(broker, end);
      assertThat(storedBytes(broker)).as("of %d", bytes).isLessThan(bytes / 2);
      requireTimesFound(broker);
    }
    try (Broker broker = broker()) {
      assertThat(endOffset(broker)).as("the end comes from the catalog").isEqualTo(end);
      requireModel(read(broker));
      end = produce(broker, 5_000, "none");
      end = produce(broker, 5_000, "zstd");
      awaitCompacted(broker, end);
    }
    try (Broker broker = broker()) {
      assertThat(endOffset(broker)).isEqualTo(end);
      requireModel(read(broker));
    }
  }

  @Test
  void tombstonesGoAndWhatIsBehindThemIsFound() throws Exception {
    try (Broker broker = broker()) {
      create(broker, Map.of("delete.retention.ms", "0"));
      long end = produce(broker, 2_000, "lz4");
      for (int i = 0; i < KEYS; i++) {
        model.put("key-" + i, null);
      }
      try (KafkaProducer<String, String> producer = producer(broker, "none")) {
        for (int i = 0; i < KEYS; i++) {
          producer.send(new ProducerRecord<>(TOPIC, 0, "key-" + i, null));
        }
      }
      end += KEYS;
      // A tombstone goes at a pass after the one that found it: somebody has to go on writing.
      List<ConsumerRecord<String, String>> left = read(broker);
      for (int i = 0; left.stream().anyMatch(each -> each.value() == null); i++) {
        try (KafkaProducer<String, String> producer = producer(broker, "none")) {
          producer.send(new ProducerRecord<>(TOPIC, 0, "other", "value-" + i)).get();
        }
        end++;
        Thread.onSpinWait();
        left = read(broker);
      }
      assertThat(endOffset(broker)).isEqualTo(end);
      assertThat(left).allMatch(each -> each.key().equals("other"));
      assertThat(left.get(left.size() - 1).offset()).isEqualTo(end - 1);
    }
  }

  /** Markers go or stay so that nothing aborted is read, and nothing committed skipped. */
  @Test
  void readersOfCommittedDataGetWhatWasCommittedAndAllOfIt() throws Exception {
    try (Broker broker = broker()) {
      create(broker, Map.of("delete.retention.ms", "0"));
      try (KafkaProducer<String, String> producer = transactional(broker)) {
        producer.initTransactions();
        for (int round = 0; round < 5; round++) {
          long end = transactions(producer, 100);
          awaitCompacted(broker, end);
        }
      }
    }
    try (Broker broker = broker()) {
      requireModel(read(broker));
    }
  }

  /** The end offset afterwards. */
  private long transactions(KafkaProducer<String, String> producer, int count) throws Exception {
    long last = 0;
    for (int i = 0; i < count; i++) {
      boolean commits = i == count - 1 || random.nextInt(3) > 0;
      producer.beginTransaction();
      Map<String, String> written = new HashMap<>();
      for (int j = 0; j < 5; j++) {
        String key = "key-" + random.nextInt(KEYS);
        String value = (commits ? "value-" : "aborted-") + random.nextLong();
        written.put(key, value);
        last = producer.send(new ProducerRecord<>(TOPIC, 0, key, value)).get().offset();
      }
      if (commits) {
        producer.commitTransaction();
        model.putAll(written);
      } else {
        producer.abortTransaction();
      }
    }
    return last + 2; // the marker
  }

  private static KafkaProducer<String, String> transactional(Broker broker) {
    return new KafkaProducer<>(
        Map.of("bootstrap.servers", broker.bootstrapServers(), "transactional.id", "compacted"),
        new StringSerializer(),
        new StringSerializer());
  }

  @Test
  void committedOffsetsOutliveTheCompactionOfTheirTopic() throws Exception {
    int commits = 2_000;
    TopicPartition offsets = new TopicPartition("__consumer_offsets", 0);
    try (Broker broker = broker()) {
      create(broker, Map.of());
      produce(broker, commits, "none");
      try (KafkaConsumer<String, String> consumer = member(broker)) {
        consumer.commitSync(Map.of(PARTITION, new OffsetAndMetadata(0)));
        compactSoon(broker, offsets.topic());
        for (int i = 1; i <= commits; i++) {
          consumer.commitSync(Map.of(PARTITION, new OffsetAndMetadata(i)));
        }
      }
      long left;
      do {
        left = read(broker, offsets).size();
      } while (left > commits / 10);
    }
    try (Broker broker = broker();
        KafkaConsumer<String, String> consumer = member(broker)) {
      assertThat(consumer.committed(Set.of(PARTITION)).get(PARTITION))
          .isEqualTo(new OffsetAndMetadata(commits));
    }
  }

  private static void compactSoon(Broker broker, String topic) throws Exception {
    ConfigResource resource = new ConfigResource(ConfigResource.Type.TOPIC, topic);
    AlterConfigOp old =
        new AlterConfigOp(new ConfigEntry("segment.ms", "100"), AlterConfigOp.OpType.SET);
    try (Admin admin = Admin.create(Map.of("bootstrap.servers", broker.bootstrapServers()))) {
      admin.incrementalAlterConfigs(Map.of(resource, List.of(old))).all().get();
    }
  }

  private static KafkaConsumer<String, String> member(Broker broker) {
    return new KafkaConsumer<>(
        Map.of(
            "bootstrap.servers",
            broker.bootstrapServers(),
            "group.id",
            "group",
            "enable.auto.commit",
            "false"),
        new StringDeserializer(),
        new StringDeserializer());
  }

  private Broker broker() throws Exception {
    return Broker.builder()
        .set("offsets.topic.num.partitions", "1")
        .set("transaction.state.log.num.partitions", "1")
        .dataDirectory(work.resolve("data"))
        .port(0)
        .set("upload.interval.ms", "100")
        .set("log.cleaner.backoff.ms", "50")
        .start();
  }

  private static void create(Broker broker, Map<String, String> settings) throws Exception {
    Map<String, String> all = new HashMap<>(settings);
    all.put("cleanup.policy", "compact");
    all.put("min.cleanable.dirty.ratio", "0.01");
    all.put("segment.ms", "100");
    try (Admin admin = Admin.create(Map.of("bootstrap.servers", broker.bootstrapServers()))) {
      admin.createTopics(List.of(new NewTopic(TOPIC, 1, (short) 1).configs(all))).all().get();
    }
  }

  private static KafkaProducer<String, String> producer(Broker broker, String codec) {
    return new KafkaProducer<>(
        Map.of(
            "bootstrap.servers",
            broker.bootstrapServers(),
            "compression.type",
            codec,
            "linger.ms",
            "1"),
        new StringSerializer(),
        new StringSerializer());
  }

  /** The end offset afterwards. */
  private long produce(Broker broker, int records, String codec) throws Exception {
    long last = 0;
    try (KafkaProducer<String, String> producer = producer(broker, codec)) {
      for (int i = 0; i < records; i++) {
        String key = "key-" + random.nextInt(KEYS);
        String value = random.nextInt(20) == 0 ? null : "value-" + random.nextLong();
        model.put(key, value);
        var sent = producer.send(new ProducerRecord<>(TOPIC, 0, key, value));
        if (i % 500 == 499) {
          last = sent.get().offset();
        }
      }
    }
    return last + 1;
  }

  /** Compaction is done when no key is there twice; until then each read has to be right, too. */
  private void awaitCompacted(Broker broker, long end) {
    List<ConsumerRecord<String, String>> found;
    do {
      found = read(broker);
      requireModel(found);
      assertThat(endOffset(broker)).isEqualTo(end);
    } while (found.size() > keysIn(found).size());
  }

  private static Set<String> keysIn(List<ConsumerRecord<String, String>> records) {
    Set<String> keys = new HashSet<>();
    records.forEach(each -> keys.add(each.key()));
    return keys;
  }

  private void requireModel(List<ConsumerRecord<String, String>> records) {
    Map<String, @Nullable String> last = new HashMap<>();
    long before = -1;
    for (ConsumerRecord<String, String> each : records) {
      assertThat(each.offset()).isGreaterThan(before);
      before = each.offset();
      last.put(each.key(), each.value());
    }
    assertThat(last).isEqualTo(model);
  }

  private static List<ConsumerRecord<String, String>> read(Broker broker) {
    return read(broker, PARTITION);
  }

  private static List<ConsumerRecord<String, String>> read(
      Broker broker, TopicPartition partition) {
    List<ConsumerRecord<String, String>> records = new ArrayList<>();
    try (KafkaConsumer<String, String> consumer = consumer(broker)) {
      consumer.assign(List.of(partition));
      consumer.seekToBeginning(List.of(partition));
      long end = Objects.requireNonNull(consumer.endOffsets(List.of(partition)).get(partition));
      while (consumer.position(partition) < end) {
        consumer.poll(Duration.ofSeconds(1)).forEach(records::add);
      }
    }
    return records;
  }

  private static KafkaConsumer<String, String> consumer(Broker broker) {
    return new KafkaConsumer<>(
        Map.of("bootstrap.servers", broker.bootstrapServers(), "isolation.level", "read_committed"),
        new StringDeserializer(),
        new StringDeserializer());
  }

  private static long endOffset(Broker broker) {
    try (KafkaConsumer<String, String> consumer = consumer(broker)) {
      return Objects.requireNonNull(consumer.endOffsets(List.of(PARTITION)).get(PARTITION));
    }
  }

  /** ListOffsets by a record's timestamp finds the first that is not older. */
  private static void requireTimesFound(Broker broker) throws Exception {
    List<ConsumerRecord<String, String>> records = read(broker);
    try (Admin admin = Admin.create(Map.of("bootstrap.servers", broker.bootstrapServers()))) {
      for (int i = 0; i < records.size(); i += 17) {
        long timestamp = records.get(i).timestamp();
        long expected =
            records.stream()
                .filter(each -> each.timestamp() >= timestamp)
                .findFirst()
                .orElseThrow()
                .offset();
        long found =
            admin
                .listOffsets(Map.of(PARTITION, OffsetSpec.forTimestamp(timestamp)))
                .partitionResult(PARTITION)
                .get()
                .offset();
        assertThat(found).as("of %d", timestamp).isEqualTo(expected);
      }
    }
  }

  private static long storedBytes(Broker broker) throws IOException {
    long bytes = 0;
    try (Stream<Path> files = Files.walk(broker.dataDirectory().resolve("store").resolve("data"))) {
      for (Path file : files.toList()) {
        try {
          bytes += Files.isRegularFile(file) ? Files.size(file) : 0;
        } catch (NoSuchFileException e) {
          bytes += 0; // deleted meanwhile
        }
      }
    }
    return bytes;
  }
}
