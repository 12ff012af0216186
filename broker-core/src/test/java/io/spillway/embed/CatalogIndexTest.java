package io.spillway.embed;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Brokers whose catalog is large from the first extent on. */
@Timeout(value = 5, unit = TimeUnit.MINUTES)
class CatalogIndexTest {

  private static final String TOPIC = "indexed";

  @TempDir Path work;

  @Test
  void aBrokerWithASmallCatalogHasNoIndex() throws Exception {
    Path data = work.resolve("small");
    try (Broker broker = Broker.builder().dataDirectory(data).port(0).start()) {
      produce(broker, 0);
    }
    assertThat(data.resolve("catalog-index")).doesNotExist();
  }

  @Test
  void severalBrokersOfAProcessHaveAnIndexEachWhichMayBeDeleted() throws Exception {
    Path one = work.resolve("one");
    Path two = work.resolve("two");
    try (Broker first = broker(one);
        Broker second = broker(two)) {
      for (int i = 0; i < 20; i++) {
        produce(first, i);
        produce(second, i);
      }
    }
    // A clean stop has committed everything that the next life finds.
    try (Broker first = broker(one);
        Broker second = broker(two)) {
      assertThat(read(first)).hasSize(20);
      assertThat(read(second)).hasSize(20);
    }
    assertThat(one.resolve("catalog-index")).isDirectory();
    delete(one.resolve("catalog-index"));
    try (Broker first = broker(one)) {
      assertThat(read(first)).hasSize(20).startsWith("value-0").endsWith("value-19");
      produce(first, 20);
      assertThat(read(first)).hasSize(21);
    }
    try (Stream<Path> files = Files.walk(work)) {
      assertThat(files.filter(file -> file.toString().contains("librocksdb"))).isEmpty();
    }
  }

  private static Broker broker(Path data) throws Exception {
    return Broker.builder()
        .dataDirectory(data)
        .port(0)
        .set("catalog.index.min.extents", "0")
        .set("upload.interval.ms", "100")
        .start();
  }

  private static void produce(Broker broker, int number) throws Exception {
    try (KafkaProducer<String, String> producer =
        new KafkaProducer<>(
            Map.of("bootstrap.servers", broker.bootstrapServers()),
            new StringSerializer(),
            new StringSerializer())) {
      producer.send(new ProducerRecord<>(TOPIC, 0, "key", "value-" + number)).get();
    }
  }

  private static List<String> read(Broker broker) {
    List<String> values = new ArrayList<>();
    TopicPartition partition = new TopicPartition(TOPIC, 0);
    try (KafkaConsumer<String, String> consumer =
        new KafkaConsumer<>(
            Map.of("bootstrap.servers", broker.bootstrapServers()),
            new StringDeserializer(),
            new StringDeserializer())) {
      consumer.assign(List.of(partition));
      consumer.seekToBeginning(List.of(partition));
      long end = Objects.requireNonNull(consumer.endOffsets(List.of(partition)).get(partition));
      while (consumer.position(partition) < end) {
        consumer.poll(Duration.ofSeconds(1)).forEach(each -> values.add(each.value()));
      }
    }
    return values;
  }

  private static void delete(Path directory) throws IOException {
    try (Stream<Path> below = Files.walk(directory)) {
      for (Path each : below.sorted(Comparator.reverseOrder()).toList()) {
        Files.delete(each);
      }
    }
  }
}
