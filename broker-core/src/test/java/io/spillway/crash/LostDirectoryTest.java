package io.spillway.crash;

import static org.assertj.core.api.Assertions.assertThat;

import io.spillway.peers.BrokerProcess;
import io.spillway.peers.ChildProcess;
import io.spillway.peers.Peers;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.stream.Stream;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** G8: what may be deleted under a stopped or killed broker, and what may not. */
class LostDirectoryTest {

  private static final TopicPartition TP = new TopicPartition("kept", 0);
  private static final int RECORDS = 500;

  @TempDir Path work;

  @Test
  void afterACleanStopTheStoreAloneHoldsEverything() throws Exception {
    try (BrokerProcess broker = start()) {
      produce(broker);
      commit(broker);
      broker.stop();
    }
    deleteAllBut("store");
    try (BrokerProcess broker = start()) {
      assertThat(read(broker)).hasSize(RECORDS).last().isEqualTo("value-499");
      assertThat(committed(broker)).isEqualTo(42);
    }
  }

  @Test
  void afterAKillTheWalAndTheStoreHoldEverything() throws Exception {
    try (BrokerProcess broker = start()) {
      produce(broker);
      commit(broker);
      broker.kill();
    }
    deleteAllBut("store", "wal");
    try (BrokerProcess broker = start()) {
      assertThat(read(broker)).hasSize(RECORDS).last().isEqualTo("value-499");
      assertThat(committed(broker)).isEqualTo(42);
    }
  }

  @Test
  void withoutItsWalAKilledBrokerRefusesUntilTheWalIsAbandoned() throws Exception {
    try (BrokerProcess broker = start()) {
      produce(broker);
      broker.kill();
    }
    delete(work.resolve("data/wal"));

    String command;
    String givenUp;
    try (ChildProcess refused = BrokerProcess.launch(work, settings())) {
      assertThat(refused.awaitExit(Peers.PATIENCE)).isEqualTo(2);
      assertThat(refused.stderr()).hasSizeGreaterThanOrEqualTo(1);
      String reason = refused.stderr().get(refused.stderr().size() - 1);
      assertThat(reason).contains("-0");
      command = reason.substring(reason.indexOf("spillway wal abandon "));
      assertThat(refused.stderr())
          .as("what it waits for, and for how long")
          .anyMatch(line -> line.contains("WARN") && line.contains("looking for up to 1 s"));
      assertThat(work.resolve("data/wal")).as("room for the old one").doesNotExist();
    }
    try (ChildProcess abandon =
        BrokerProcess.command(work, words(command).subList(1, words(command).size()))) {
      abandon.awaitSuccess(Peers.PATIENCE);
      givenUp = abandon.output();
    }
    try (BrokerProcess broker = start();
        Admin admin = admin(broker)) {
      // What is given up is named by stream and offset, and that is where the stream goes on.
      assertThat(givenUp).contains("stream " + streamOf(admin) + " from offset " + end(admin));
      produce(broker);
      assertThat(read(broker)).isNotEmpty();
    }
  }

  /** As a shell takes it; the directories of tests need no quotes. */
  private static List<String> words(String command) {
    return List.of(command.split(" "));
  }

  private static String streamOf(Admin admin) throws Exception {
    Uuid topic =
        admin.describeTopics(List.of(TP.topic())).allTopicNames().get().get(TP.topic()).topicId();
    return new UUID(topic.getMostSignificantBits(), topic.getLeastSignificantBits())
        + "-"
        + TP.partition();
  }

  private static long end(Admin admin) throws Exception {
    return admin.listOffsets(Map.of(TP, OffsetSpec.latest())).partitionResult(TP).get().offset();
  }

  private List<String> settings() {
    return List.of(
        "listeners=PLAINTEXT://127.0.0.1:0",
        "metrics.listener=off",
        "presence.interval.ms=500",
        "data.dir=" + work.resolve("data"));
  }

  private BrokerProcess start() {
    return BrokerProcess.start(work, settings());
  }

  static void produce(BrokerProcess broker) throws Exception {
    try (KafkaProducer<String, String> producer =
        new KafkaProducer<>(
            Map.of("bootstrap.servers", broker.bootstrapServers()),
            new StringSerializer(),
            new StringSerializer())) {
      List<java.util.concurrent.Future<?>> acks = new ArrayList<>();
      for (int i = 0; i < RECORDS; i++) {
        acks.add(producer.send(new ProducerRecord<>("kept", 0, "key", "value-" + i)));
      }
      for (java.util.concurrent.Future<?> ack : acks) {
        ack.get();
      }
    }
  }

  static void commit(BrokerProcess broker) throws Exception {
    try (Admin admin = admin(broker)) {
      admin.alterConsumerGroupOffsets("g", Map.of(TP, new OffsetAndMetadata(42))).all().get();
    }
  }

  static long committed(BrokerProcess broker) throws Exception {
    try (Admin admin = admin(broker)) {
      return admin
          .listConsumerGroupOffsets("g")
          .partitionsToOffsetAndMetadata()
          .get()
          .get(TP)
          .offset();
    }
  }

  private static Admin admin(BrokerProcess broker) {
    return Admin.create(Map.of("bootstrap.servers", broker.bootstrapServers()));
  }

  static List<String> read(BrokerProcess broker) {
    List<String> values = new ArrayList<>();
    try (KafkaConsumer<String, String> consumer =
        new KafkaConsumer<>(
            Map.of("bootstrap.servers", broker.bootstrapServers()),
            new StringDeserializer(),
            new StringDeserializer())) {
      consumer.assign(List.of(TP));
      consumer.seekToBeginning(List.of(TP));
      long end = consumer.endOffsets(List.of(TP)).get(TP);
      while (consumer.position(TP) < end) {
        for (ConsumerRecord<String, String> record : consumer.poll(Duration.ofMillis(200))) {
          values.add(record.value());
        }
      }
    }
    return values;
  }

  private void deleteAllBut(String... kept) throws IOException {
    try (Stream<Path> entries = Files.list(work.resolve("data"))) {
      for (Path entry : entries.toList()) {
        if (!List.of(kept).contains(entry.getFileName().toString())) {
          delete(entry);
        }
      }
    }
  }

  private static void delete(Path path) throws IOException {
    try (Stream<Path> files = Files.walk(path)) {
      for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
        Files.delete(file);
      }
    }
  }
}
