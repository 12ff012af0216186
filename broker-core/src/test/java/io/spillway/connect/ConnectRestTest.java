package io.spillway.connect;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.spillway.peers.BrokerProcess;
import io.spillway.peers.Peers;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import java.util.stream.IntStream;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** What an operator does to connectors over Connect's REST port, and its dead letters. */
@Tag("full")
@Timeout(value = 10, unit = TimeUnit.MINUTES)
class ConnectRestTest {

  @TempDir static Path work;
  private static BrokerProcess broker;
  private static ConnectWorker worker;

  @BeforeAll
  static void start() {
    broker =
        BrokerProcess.start(
            work,
            List.of(
                "listeners=PLAINTEXT://127.0.0.1:0",
                "metrics.listener=off",
                "data.dir=" + work.resolve("data")));
    // A source notices a request to stop only between two polls, and commits this often.
    worker =
        ConnectWorker.start(
            work, broker.bootstrapServers(), Map.of("offset.flush.interval.ms", "500"));
  }

  @AfterAll
  static void stop() {
    worker.close();
    broker.close();
  }

  @Test
  void malformedRecordsGoToTheDeadLetterTopicAndTheOthersArrive() throws Exception {
    int count = 500;
    TreeSet<Integer> malformed = new TreeSet<>();
    try (KafkaProducer<String, String> producer =
        new KafkaProducer<>(
            Map.of("bootstrap.servers", broker.bootstrapServers()),
            new StringSerializer(),
            new StringSerializer())) {
      for (int i = 0; i < count; i++) {
        boolean bad = i % 7 == 3;
        if (bad) {
          malformed.add(i);
        }
        producer.send(new ProducerRecord<>("mixed", (bad ? "{\"no json " : "\"item ") + i + "\""));
      }
    }
    Path out = work.resolve("mixed.out");
    worker.put(
        "mixed",
        Map.of(
            "connector.class", "FileStreamSink",
            "topics", "mixed",
            "file", out.toString(),
            "value.converter", "org.apache.kafka.connect.json.JsonConverter",
            "value.converter.schemas.enable", "false",
            "errors.tolerance", "all",
            "errors.deadletterqueue.topic.name", "dead-letters",
            "errors.deadletterqueue.context.headers.enable", "true"));

    List<ConsumerRecord<String, String>> dead = read("dead-letters", malformed.size());

    assertThat(dead.stream().map(record -> number(record.value())).toList())
        .containsExactlyElementsOf(malformed);
    assertThat(dead)
        .allSatisfy(
            record -> {
              Header topic = record.headers().lastHeader("__connect.errors.topic");
              assertThat(new String(topic.value(), StandardCharsets.UTF_8)).isEqualTo("mixed");
            });
    await("the good ones", () -> LineFile.read(out).lines().count() == count - malformed.size());
    assertThat(LineFile.read(out).lines().map(ConnectRestTest::number).toList())
        .containsExactlyElementsOf(
            IntStream.range(0, count).boxed().filter(i -> !malformed.contains(i)).toList());
    worker.delete("mixed");
  }

  private static int number(String value) {
    return Integer.parseInt(value.replaceAll("\\D", ""));
  }

  @Test
  void aSourceIsPausedResumedStoppedAndItsOffsetsAreReadSetAndReset() throws Exception {
    LineFile in = new LineFile(work.resolve("source.in"), "r");
    in.append(100);
    worker.put(
        "source",
        Map.of(
            "connector.class", "FileStreamSource",
            "file", in.path().toString(),
            "topic", "from-source"));
    assertThat(lines(in, "from-source", 100)).isEqualTo(range(0, 100));

    worker.pause("source");
    worker.awaitState("source", "PAUSED", 1);
    in.append(50);
    assertThat(worker.status("source").path("connector").path("state").asText())
        .isEqualTo("PAUSED");
    assertThat(lines(in, "from-source", 100)).hasSize(100);

    worker.resume("source");
    worker.awaitRunning("source");
    assertThat(lines(in, "from-source", 150)).isEqualTo(range(0, 150));

    worker.stop("source");
    worker.awaitState("source", "STOPPED", 0);
    assertThat(worker.status("source").path("tasks")).isEmpty();
    JsonNode offsets = worker.offsets("source").path("offsets");
    assertThat(offsets).hasSize(1);
    assertThat(offsets.path(0).path("partition").path("filename").asText())
        .isEqualTo(in.path().toString());
    assertThat(offsets.path(0).path("offset").path("position").asLong())
        .isEqualTo(150L * LineFile.LINE_BYTES);

    worker.patchOffsets(
        "source",
        Map.of("filename", in.path().toString()),
        Map.of("position", 120L * LineFile.LINE_BYTES));
    worker.resume("source");
    assertThat(lines(in, "from-source", 180)).isEqualTo(concat(range(0, 150), range(120, 150)));

    worker.stop("source");
    worker.awaitState("source", "STOPPED", 0);
    worker.deleteOffsets("source");
    assertThat(worker.offsets("source").path("offsets")).isEmpty();
    worker.resume("source");
    assertThat(lines(in, "from-source", 330))
        .isEqualTo(concat(range(0, 150), range(120, 150), range(0, 150)));
    worker.delete("source");
  }

  @Test
  void aSinkGoesOnWhereItsOffsetsAreSetTo() throws Exception {
    try (KafkaProducer<String, String> producer =
        new KafkaProducer<>(
            Map.of("bootstrap.servers", broker.bootstrapServers()),
            new StringSerializer(),
            new StringSerializer())) {
      for (int i = 0; i < 100; i++) {
        producer.send(new ProducerRecord<>("to-sink", 0, null, "item " + i));
      }
    }
    Path out = work.resolve("sink.out");
    worker.put(
        "sink",
        Map.of(
            "connector.class", "FileStreamSink",
            "topics", "to-sink",
            "file", out.toString(),
            "value.converter", "org.apache.kafka.connect.storage.StringConverter"));
    awaitNumbers(out, range(0, 100));

    worker.stop("sink");
    worker.awaitState("sink", "STOPPED", 0);
    JsonNode offset = worker.offsets("sink").path("offsets").path(0);
    assertThat(offset.path("partition").path("kafka_topic").asText()).isEqualTo("to-sink");
    assertThat(offset.path("offset").path("kafka_offset").asLong()).isEqualTo(100);

    worker.patchOffsets(
        "sink", Map.of("kafka_topic", "to-sink", "kafka_partition", 0), Map.of("kafka_offset", 90));
    worker.resume("sink");
    awaitNumbers(out, concat(range(0, 100), range(90, 100)));

    worker.stop("sink");
    worker.awaitState("sink", "STOPPED", 0);
    worker.deleteOffsets("sink");
    worker.resume("sink");
    awaitNumbers(out, concat(range(0, 100), range(90, 100), range(0, 100)));
    worker.delete("sink");
  }

  private static void awaitNumbers(Path out, List<Integer> numbers) {
    await(numbers.size() + " lines", () -> LineFile.read(out).lines().count() >= numbers.size());
    assertThat(LineFile.read(out).lines().map(ConnectRestTest::number).toList()).isEqualTo(numbers);
  }

  private static List<Integer> range(int from, int to) {
    return IntStream.range(from, to).boxed().toList();
  }

  @SafeVarargs
  private static List<Integer> concat(List<Integer>... parts) {
    List<Integer> all = new ArrayList<>();
    for (List<Integer> part : parts) {
      all.addAll(part);
    }
    return all;
  }

  private static List<Integer> lines(LineFile file, String topic, int atLeast) {
    StringBuilder text = new StringBuilder();
    read(topic, atLeast).forEach(record -> text.append(record.value()));
    return file.numbersIn(text.toString());
  }

  /** All records of a topic of one partition, once there are so many. */
  private static List<ConsumerRecord<String, String>> read(String topic, int atLeast) {
    TopicPartition partition = new TopicPartition(topic, 0);
    List<ConsumerRecord<String, String>> records = new ArrayList<>();
    try (KafkaConsumer<String, String> consumer =
        new KafkaConsumer<>(
            Map.of("bootstrap.servers", broker.bootstrapServers()),
            new StringDeserializer(),
            new StringDeserializer())) {
      consumer.assign(List.of(partition));
      consumer.seekToBeginning(List.of(partition));
      await(
          atLeast + " records in " + topic,
          () -> {
            consumer.poll(Duration.ofMillis(100)).forEach(records::add);
            return records.size() >= atLeast;
          });
      long end = consumer.endOffsets(List.of(partition)).get(partition);
      while (consumer.position(partition) < end) {
        consumer.poll(Duration.ofMillis(100)).forEach(records::add);
      }
    }
    return records;
  }

  private static void await(String what, BooleanSupplier done) {
    long deadline = System.nanoTime() + Peers.PATIENCE.toNanos();
    while (!done.getAsBoolean()) {
      if (System.nanoTime() > deadline) {
        throw new AssertionError("awaited in vain: " + what + "\n" + worker.output());
      }
      ConnectWorker.pause();
    }
  }
}
