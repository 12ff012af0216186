package io.spillway.embed;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.stream.Stream;
import java.util.zip.ZipEntry;
import java.util.zip.ZipInputStream;
import java.util.zip.ZipOutputStream;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Data directories that earlier builds left are opened and hold what they held. Each archive in
 * {@code /upgrade} is a cleanly stopped broker's directory with records in objects, and one of a
 * broker that was killed with records in the write-ahead log alone; {@link #main} makes new ones.
 */
class UpgradeTest {

  private static final TopicPartition OLD = new TopicPartition("old", 1);
  private static final int RECORDS = 300;

  @TempDir Path work;

  @ParameterizedTest
  @ValueSource(strings = {"format-1-stopped", "format-1-killed"})
  void anEarlierBuildsDirectoryHoldsWhatItHeld(String archive) throws Exception {
    unzip("/upgrade/" + archive + ".zip", work);
    try (Broker broker = Broker.builder().dataDirectory(work).port(0).start()) {
      assertThat(read(broker)).hasSize(RECORDS).startsWith("value-0").endsWith("value-299");
      try (Admin admin = Admin.create(Map.of("bootstrap.servers", broker.bootstrapServers()))) {
        assertThat(
                admin.listConsumerGroupOffsets("old-group").partitionsToOffsetAndMetadata().get())
            .containsEntry(OLD, new OffsetAndMetadata(17));
      }
    }
  }

  /** Arguments: data directory of a broker, its bootstrap servers, archive to write. */
  public static void main(String[] arguments) throws Exception {
    if (arguments.length == 2) {
      zip(Path.of(arguments[0]), Path.of(arguments[1]));
    } else {
      fill(arguments[0]);
    }
  }

  private static void fill(String bootstrapServers) throws Exception {
    try (Admin admin = Admin.create(Map.of("bootstrap.servers", bootstrapServers));
        KafkaProducer<String, String> producer =
            new KafkaProducer<>(
                Map.of("bootstrap.servers", bootstrapServers),
                new StringSerializer(),
                new StringSerializer())) {
      admin.createTopics(Set.of(new NewTopic(OLD.topic(), 3, (short) 1))).all().get();
      for (int i = 0; i < RECORDS; i++) {
        producer.send(new ProducerRecord<>(OLD.topic(), OLD.partition(), "key", "value-" + i));
      }
      producer.flush();
      admin
          .alterConsumerGroupOffsets("old-group", Map.of(OLD, new OffsetAndMetadata(17)))
          .all()
          .get();
    }
  }

  private static List<String> read(Broker broker) {
    List<String> values = new ArrayList<>();
    try (KafkaConsumer<String, String> consumer =
        new KafkaConsumer<>(
            Map.of("bootstrap.servers", broker.bootstrapServers()),
            new StringDeserializer(),
            new StringDeserializer())) {
      consumer.assign(List.of(OLD));
      consumer.seekToBeginning(List.of(OLD));
      long end = Objects.requireNonNull(consumer.endOffsets(List.of(OLD)).get(OLD));
      while (consumer.position(OLD) < end) {
        for (ConsumerRecord<String, String> record : consumer.poll(Duration.ofMillis(200))) {
          values.add(record.value());
        }
      }
    }
    return values;
  }

  private static void zip(Path directory, Path archive) throws IOException {
    try (OutputStream file = Files.newOutputStream(archive);
        ZipOutputStream zip = new ZipOutputStream(file);
        Stream<Path> paths = Files.walk(directory)) {
      for (Path path : paths.filter(Files::isRegularFile).sorted().toList()) {
        zip.putNextEntry(new ZipEntry(directory.relativize(path).toString()));
        Files.copy(path, zip);
      }
    }
  }

  private static void unzip(String resource, Path directory) throws IOException {
    try (InputStream file = UpgradeTest.class.getResourceAsStream(resource);
        ZipInputStream zip = new ZipInputStream(Objects.requireNonNull(file))) {
      for (ZipEntry entry = zip.getNextEntry(); entry != null; entry = zip.getNextEntry()) {
        Path target = directory.resolve(entry.getName()).normalize();
        Files.createDirectories(target.getParent());
        Files.copy(zip, target);
      }
    }
  }
}
