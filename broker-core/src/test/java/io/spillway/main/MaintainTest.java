package io.spillway.main;

import static org.assertj.core.api.Assertions.assertThat;

import io.spillway.embed.Broker;
import io.spillway.object.s3.S3Server;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.Future;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** {@code check}, {@code backup} and {@code restore}, on what brokers left and are writing. */
@Timeout(180) // several brokers one after the other
class MaintainTest {

  private static final String TOPIC = "kept";
  private static final int PARTITIONS = 3;

  private final CommandRun commands = new CommandRun();

  @TempDir Path dir;

  @Test
  void checkFindsNothingInWhatABrokerLeftAndNamesWhatIsTakenAway() throws Exception {
    Path data = dir.resolve("data");
    try (Broker broker = start(data)) {
      produce(broker, 0, 60, 10_000);
    }
    assertThat(check(data)).as(out() + err()).isZero();
    assertThat(out()).contains("nothing is missing", "a month at list price", "batches of 0 bytes");
    assertThat(check(data, "--deep")).isZero();
    assertThat(out()).endsWith("intact\n");

    Path object = objects(data.resolve("store")).get(0);
    byte[] whole = Files.readAllBytes(object);
    flip(object, 100);
    assertThat(check(data)).isZero();
    assertThat(check(data, "--deep")).isEqualTo(ExitCode.REFUSED);
    assertThat(out()).contains("DAMAGED", object.getFileName().toString(), "damaged block");

    Files.write(object, Arrays.copyOf(whole, whole.length - 7));
    assertThat(check(data)).isEqualTo(ExitCode.REFUSED);
    assertThat(out())
        .contains("expected " + whole.length + " bytes, found ")
        .endsWith("\n1 problem\n");

    Files.delete(object);
    assertThat(check(data)).isEqualTo(ExitCode.REFUSED);
    assertThat(out()).contains("MISSING", object.getFileName().toString(), "of stream ");

    Files.write(object, whole);
    assertThat(check(data, "--deep")).isZero();
    Path stray = object.resolveSibling("0".repeat(20) + "-" + "ab".repeat(16));
    Files.write(stray, new byte[10]);
    assertThat(check(data)).isZero();
    assertThat(out()).contains("1 data objects of 10 bytes are not in the catalog");

    Path record = lastOf(data.resolve("store/catalog/log"));
    flip(record, 70);
    assertThat(check(data)).isEqualTo(ExitCode.REFUSED);
    assertThat(out()).contains("DAMAGED  catalog: ", record.getFileName().toString());
  }

  @Test
  void checkKnowsWhatIsInTheWalAloneAndThatAWalIsGone() throws Exception {
    Path data = dir.resolve("data");
    // A stop that has no time to upload.
    try (Broker broker =
        Broker.builder()
            .dataDirectory(data)
            .port(0)
            .set("metrics.listener", "off")
            .set("shutdown.timeout.ms", "0")
            .set("upload.interval.ms", "3600000")
            .start()) {
      createTopic(broker);
      produce(broker, 0, 60, 100);
    }
    assertThat(check(data)).as(out() + err()).isZero();
    assertThat(out()).contains("are in it alone").doesNotContain("batches of 0 bytes");
    Files.move(data.resolve("wal"), dir.resolve("gone"));
    assertThat(check(data)).isEqualTo(ExitCode.REFUSED);
    assertThat(out()).contains("MISSING  WAL ", "not drained");
  }

  @Test
  void aRestoredClusterServesAllThatWasBackedUp() throws Exception {
    Path data = dir.resolve("data");
    String cluster;
    try (Broker broker = start(data)) {
      cluster = broker.clusterId();
      produce(broker, 0, 300, 5_000);
      commit(broker, 42);
    }
    assertThat(backup(data, "file:" + dir.resolve("backup"))).as(out() + err()).isZero();
    // Brought up to date: only what is new is copied.
    try (Broker broker = start(data)) {
      produce(broker, 300, 30, 100);
    }
    assertThat(backup(data, "file:" + dir.resolve("backup"))).as(out() + err()).isZero();

    Path restored = dir.resolve("restored");
    assertThat(restore(restored, "file:" + dir.resolve("backup"))).as(out() + err()).isZero();
    assertThat(check(restored, "--deep")).as(out() + err()).isZero();
    String checked = out();
    try (Broker broker = start(restored)) {
      assertThat(checked).contains("cluster " + broker.clusterId() + ", catalog");
      assertThat(broker.clusterId()).isNotEqualTo(cluster);
      assertThat(read(broker, Set.of())).containsExactlyElementsOf(numbers(330));
      assertThat(committed(broker)).isEqualTo(42);
      produce(broker, 330, 30, 100);
      assertThat(read(broker, Set.of())).containsExactlyElementsOf(numbers(360));
    }
    // The one that was backed up is as it was.
    try (Broker broker = start(data)) {
      assertThat(broker.clusterId()).isEqualTo(cluster);
      assertThat(read(broker, Set.of())).containsExactlyElementsOf(numbers(330));
    }
    assertThat(restore(restored, "file:" + dir.resolve("backup"))).isEqualTo(ExitCode.REFUSED);
    assertThat(err()).contains("give one that is empty");
    Path empty = Files.createDirectory(dir.resolve("empty"));
    assertThat(restore(dir.resolve("x"), "file:" + empty)).isEqualTo(2);
    assertThat(err()).contains("no whole backup");
  }

  @Test
  void aBackupOfABrokerThatRunsHoldsAPrefixOfEveryPartition() throws Exception {
    Path data = dir.resolve("data");
    try (Broker broker = start(data)) {
      produce(broker, 0, 90, 5_000);
      try (KafkaProducer<String, String> producer = producer(broker)) {
        List<Future<RecordMetadata>> sent = new ArrayList<>();
        Thread writer =
            new Thread(
                () -> {
                  for (int number = 90; number < 3_000; number++) {
                    sent.add(send(producer, number, 500));
                  }
                },
                "writer");
        writer.start();
        assertThat(backup(data, "file:" + dir.resolve("backup"))).as(out() + err()).isZero();
        writer.join();
        for (Future<RecordMetadata> each : sent) {
          each.get();
        }
      }
    }
    assertThat(out()).contains("the broker runs");
    Path restored = dir.resolve("restored");
    assertThat(restore(restored, "file:" + dir.resolve("backup"))).as(out() + err()).isZero();
    try (Broker broker = start(restored)) {
      List<Integer> read = read(broker, Set.of());
      for (int partition = 0; partition < PARTITIONS; partition++) {
        int of = partition;
        List<Integer> ours = read.stream().filter(n -> n % PARTITIONS == of).toList();
        assertThat(ours)
            .containsExactlyElementsOf(
                IntStream.range(0, ours.size()).mapToObj(i -> i * PARTITIONS + of).toList());
      }
      produce(broker, 0, 30, 100);
    }
  }

  @Test
  void aBackupGoesOnWithoutWhatIsMissingAndNamesIt() throws Exception {
    Path data = dir.resolve("data");
    try (Broker broker = start(data)) {
      produce(broker, 0, 300, 5_000);
    }
    List<Path> objects = objects(data.resolve("store"));
    Files.delete(objects.get(0));
    assertThat(backup(data, "file:" + dir.resolve("backup"))).isEqualTo(ExitCode.REFUSED);
    assertThat(out())
        .contains("MISSING", objects.get(0).getFileName().toString())
        .contains("1 objects missing or damaged");
    Path restored = dir.resolve("restored");
    assertThat(restore(restored, "file:" + dir.resolve("backup"))).isEqualTo(ExitCode.REFUSED);
    assertThat(check(restored)).isEqualTo(ExitCode.REFUSED);
    try (Broker broker = start(restored)) {
      produce(broker, 300, 30, 100);
    }
  }

  @Test
  void aBucketIsBackedUpIntoAnotherAndRestoredFromIt() throws Exception {
    try (S3Server server = S3Server.start(dir.resolve("s3"))) {
      server.createBucket("served");
      server.createBucket("backups");
      String[] keys = {
        "--set", "object.store.access.key=" + S3Server.ACCESS_KEY,
        "--set", "object.store.secret.key=" + S3Server.SECRET_KEY
      };
      try (Broker broker = startOn(server, dir.resolve("one"), "served/a")) {
        produce(broker, 0, 300, 20_000);
      }
      String backup = server.url("backups/nightly");
      assertThat(
              run(
                  keys,
                  "backup",
                  "--to",
                  backup,
                  "--set",
                  "data.dir=" + dir.resolve("one"),
                  "--set",
                  "object.store.url=" + server.url("served/a")))
          .as(out() + err())
          .isZero();
      assertThat(
              run(
                  keys,
                  "restore",
                  "--from",
                  backup,
                  "--set",
                  "data.dir=" + dir.resolve("two"),
                  "--set",
                  "object.store.url=" + server.url("served/b")))
          .as(out() + err())
          .isZero();
      try (Broker broker = startOn(server, dir.resolve("two"), "served/b")) {
        assertThat(read(broker, Set.of())).containsExactlyElementsOf(numbers(300));
      }
      assertThat(
              run(
                  keys,
                  "check",
                  "--deep",
                  "--set",
                  "data.dir=" + dir.resolve("two"),
                  "--set",
                  "object.store.url=" + server.url("served/b")))
          .as(out() + err())
          .isZero();
    }
  }

  private static Broker startOn(S3Server server, Path data, String bucketAndPrefix) {
    return builder(data)
        .set("object.store.url", server.url(bucketAndPrefix))
        .set("object.store.access.key", S3Server.ACCESS_KEY)
        .set("object.store.secret.key", S3Server.SECRET_KEY)
        .start();
  }

  static Broker.Builder builder(Path data) {
    return Broker.builder()
        .dataDirectory(data)
        .port(0)
        .set("metrics.listener", "off")
        .set("num.partitions", Integer.toString(PARTITIONS))
        .set("upload.interval.ms", "200");
  }

  private static Broker start(Path data) {
    return builder(data).start();
  }

  static void createTopic(Broker broker) throws Exception {
    try (Admin admin = Admin.create(Map.of("bootstrap.servers", broker.bootstrapServers()))) {
      admin.createTopics(Set.of(new NewTopic(TOPIC, PARTITIONS, (short) 1))).all().get();
    }
  }

  private static KafkaProducer<String, String> producer(Broker broker) {
    return new KafkaProducer<>(
        Map.of("bootstrap.servers", broker.bootstrapServers(), "linger.ms", "0"),
        new StringSerializer(),
        new StringSerializer());
  }

  private static Future<RecordMetadata> send(
      KafkaProducer<String, String> producer, int number, int sizeBytes) {
    String value = number + ":" + "x".repeat(sizeBytes);
    return producer.send(new ProducerRecord<>(TOPIC, number % PARTITIONS, null, value));
  }

  static void produce(Broker broker, int from, int count, int sizeBytes) throws Exception {
    List<Future<RecordMetadata>> sent = new ArrayList<>();
    try (KafkaProducer<String, String> producer = producer(broker)) {
      for (int number = from; number < from + count; number++) {
        sent.add(send(producer, number, sizeBytes));
      }
      for (Future<RecordMetadata> each : sent) {
        each.get();
      }
    }
  }

  private static KafkaConsumer<String, String> consumer(Broker broker) {
    return new KafkaConsumer<>(
        Map.of(
            "bootstrap.servers",
            broker.bootstrapServers(),
            "group.id",
            "readers",
            "enable.auto.commit",
            "false",
            "auto.offset.reset",
            "earliest"),
        new StringDeserializer(),
        new StringDeserializer());
  }

  private static List<TopicPartition> partitions() {
    return IntStream.range(0, PARTITIONS).mapToObj(p -> new TopicPartition(TOPIC, p)).toList();
  }

  /** All numbers, sorted. */
  static List<Integer> read(Broker broker, Set<TopicPartition> without) {
    List<Integer> numbers = new ArrayList<>();
    try (KafkaConsumer<String, String> consumer = consumer(broker)) {
      List<TopicPartition> all = partitions().stream().filter(tp -> !without.contains(tp)).toList();
      consumer.assign(all);
      consumer.seekToBeginning(all);
      Map<TopicPartition, Long> ends = consumer.endOffsets(all);
      while (all.stream().anyMatch(tp -> consumer.position(tp) < ends.getOrDefault(tp, 0L))) {
        for (ConsumerRecord<String, String> record : consumer.poll(Duration.ofMillis(200))) {
          String value = record.value();
          numbers.add(Integer.parseInt(value.substring(0, value.indexOf(':'))));
        }
      }
    }
    return numbers.stream().sorted().toList();
  }

  static List<Integer> numbers(int count) {
    return IntStream.range(0, count).boxed().toList();
  }

  private static void commit(Broker broker, long offset) {
    try (KafkaConsumer<String, String> consumer = consumer(broker)) {
      consumer.commitSync(Map.of(partitions().get(0), new OffsetAndMetadata(offset)));
    } catch (KafkaException e) {
      throw new AssertionError(e);
    }
  }

  private static long committed(Broker broker) {
    try (KafkaConsumer<String, String> consumer = consumer(broker)) {
      TopicPartition first = partitions().get(0);
      return consumer
          .committed(Set.of(first))
          .getOrDefault(first, new OffsetAndMetadata(0))
          .offset();
    }
  }

  private static List<Path> objects(Path store) throws IOException {
    try (Stream<Path> files = Files.walk(store.resolve("data"))) {
      return files.filter(Files::isRegularFile).sorted().toList();
    }
  }

  static Path lastOf(Path directory) throws IOException {
    try (Stream<Path> files = Files.list(directory)) {
      return files.sorted().reduce((a, b) -> b).orElseThrow();
    }
  }

  static void flip(Path file, int at) throws IOException {
    try (RandomAccessFile bytes = new RandomAccessFile(file.toFile(), "rw")) {
      bytes.seek(at);
      int old = bytes.read();
      bytes.seek(at);
      bytes.write(old ^ 0x40);
    }
  }

  private int check(Path data, String... more) {
    return commands.check(data, more);
  }

  private int backup(Path data, String to) {
    return commands.backup(data, to);
  }

  private int restore(Path data, String from) {
    return commands.restore(data, from);
  }

  private int run(String[] more, String... arguments) {
    return commands.run(more, arguments);
  }

  private String out() {
    return commands.out();
  }

  private String err() {
    return commands.err();
  }
}
