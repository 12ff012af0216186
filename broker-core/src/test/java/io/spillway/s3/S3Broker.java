package io.spillway.s3;

import io.spillway.object.s3.S3Server;
import io.spillway.peers.BrokerProcess;
import io.spillway.peers.Peers;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Future;
import java.util.function.BooleanSupplier;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

/** A broker's settings for a bucket, and clients of one topic with one partition. */
final class S3Broker {

  static final TopicPartition TP = new TopicPartition("on-s3", 0);

  private final Path work;
  private final String storeUrl;
  private final int metricsPort = BrokerProcess.freePort();
  private final List<String> settings = new ArrayList<>();

  S3Broker(Path work, String storeUrl) {
    this.work = work;
    this.storeUrl = storeUrl;
    settings.addAll(
        List.of(
            "listeners=PLAINTEXT://127.0.0.1:" + BrokerProcess.freePort(),
            "metrics.listener=127.0.0.1:" + metricsPort,
            "data.dir=" + work.resolve("data"),
            "object.store.url=" + storeUrl,
            "object.store.access.key=" + S3Server.ACCESS_KEY,
            "object.store.secret.key=" + S3Server.SECRET_KEY,
            "upload.interval.ms=300"));
  }

  S3Broker with(String... more) {
    settings.addAll(List.of(more));
    return this;
  }

  /** Keys come from elsewhere. */
  S3Broker withoutKeys() {
    settings.removeIf(setting -> setting.matches("object\\.store\\.(access|secret)\\.key=.*"));
    return this;
  }

  String storeUrl() {
    return storeUrl;
  }

  List<String> settings() {
    return settings;
  }

  BrokerProcess start() {
    return BrokerProcess.start(work, settings);
  }

  BrokerProcess start(Map<String, String> environment) {
    return BrokerProcess.start(work, settings, environment);
  }

  String page(String path) {
    return BrokerProcess.http(metricsPort, path);
  }

  double metric(String name) {
    return page("/metrics")
        .lines()
        .filter(line -> line.startsWith(name))
        .mapToDouble(line -> Double.parseDouble(line.substring(line.lastIndexOf(' ') + 1)))
        .sum();
  }

  /** Waits, however long the machine takes; fails when it never comes. */
  static void await(String what, BooleanSupplier condition) {
    long deadline = System.nanoTime() + Peers.PATIENCE.toNanos();
    while (!condition.getAsBoolean()) {
      if (System.nanoTime() > deadline) {
        throw new AssertionError("did not come: " + what);
      }
      Thread.onSpinWait();
      pause();
    }
  }

  private static void pause() {
    try {
      Thread.sleep(20);
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }

  static KafkaProducer<String, String> producer(BrokerProcess broker) {
    return new KafkaProducer<>(
        Map.of(
            "bootstrap.servers",
            broker.bootstrapServers(),
            "acks",
            "all",
            "linger.ms",
            "0",
            "delivery.timeout.ms",
            "120000",
            "request.timeout.ms",
            "20000",
            "retry.backoff.max.ms",
            "200"),
        new StringSerializer(),
        new StringSerializer());
  }

  /** Sends {@code count} records from number {@code from} on. */
  static List<Future<RecordMetadata>> send(
      KafkaProducer<String, String> producer, int from, int count, int sizeBytes) {
    List<Future<RecordMetadata>> sent = new ArrayList<>();
    for (int number = from; number < from + count; number++) {
      String value = number + ":" + "x".repeat(sizeBytes);
      sent.add(producer.send(new ProducerRecord<>(TP.topic(), TP.partition(), null, value)));
    }
    return sent;
  }

  static void produce(BrokerProcess broker, int from, int count, int sizeBytes) throws Exception {
    try (KafkaProducer<String, String> producer = producer(broker)) {
      for (Future<RecordMetadata> sent : send(producer, from, count, sizeBytes)) {
        sent.get();
      }
    }
  }

  /** The numbers of all records from the offset to the present end. */
  static List<Integer> read(BrokerProcess broker, long fromOffset) {
    List<Integer> numbers = new ArrayList<>();
    try (KafkaConsumer<String, String> consumer =
        new KafkaConsumer<>(
            Map.of(
                "bootstrap.servers",
                broker.bootstrapServers(),
                "auto.offset.reset",
                "earliest",
                "default.api.timeout.ms",
                "60000"),
            new StringDeserializer(),
            new StringDeserializer())) {
      consumer.assign(List.of(TP));
      consumer.seek(TP, fromOffset);
      long end = consumer.endOffsets(List.of(TP)).get(TP);
      while (consumer.position(TP) < end) {
        for (ConsumerRecord<String, String> record : consumer.poll(Duration.ofMillis(200))) {
          String value = record.value();
          numbers.add(Integer.parseInt(value.substring(0, value.indexOf(':'))));
        }
      }
    }
    return numbers;
  }
}
