package io.spillway.peers;

import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.Producer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/**
 * A round trip through the Java client, as a program of its own, so that it can run on the
 * libraries of another client version: creates a topic, produces with every compression type and
 * with keys, headers, tombstones and sizes, consumes in a group with both group protocols it knows,
 * and compares. Prints {@code round trip ok} and the number of records.
 */
public final class ClientPeer {

  private static final int PARTITIONS = 3;
  private static final int RECORDS = 200;
  private static final int LARGEST_BYTES = 1_000_000;

  private ClientPeer() {}

  /** Arguments: bootstrap servers, topic, the client's version (for the group protocols). */
  public static void main(String[] arguments) throws Exception {
    String bootstrap = arguments[0];
    String topic = arguments[1];
    boolean newProtocol = Integer.parseInt(arguments[2].split("\\.", 2)[0]) >= 4;
    try (Admin admin = Admin.create(Map.of("bootstrap.servers", bootstrap))) {
      admin.createTopics(Set.of(new NewTopic(topic, PARTITIONS, (short) 1))).all().get();
    }
    int count = 0;
    for (String compression : List.of("none", "gzip", "snappy", "lz4", "zstd")) {
      count += produce(bootstrap, topic, compression);
    }
    consume(bootstrap, topic, count, "classic", newProtocol);
    if (newProtocol) {
      consume(bootstrap, topic, count, "consumer", true);
    }
    System.out.println("round trip ok: " + count);
  }

  private static int produce(String bootstrap, String topic, String compression) throws Exception {
    Map<String, Object> settings =
        Map.of("bootstrap.servers", bootstrap, "compression.type", compression, "linger.ms", "5");
    List<java.util.concurrent.Future<RecordMetadata>> acks = new ArrayList<>();
    try (Producer<byte[], byte[]> producer =
        new KafkaProducer<>(settings, new ByteArraySerializer(), new ByteArraySerializer())) {
      for (int i = 0; i < RECORDS; i++) {
        byte[] key = i % 3 == 0 ? null : bytes(compression + "-" + i);
        byte[] value = key != null && i % 7 == 0 ? null : payload(i);
        ProducerRecord<byte[], byte[]> record =
            new ProducerRecord<>(topic, i % PARTITIONS, key, value);
        record.headers().add("compression", bytes(compression)).add("number", bytes("" + i));
        record.headers().add("empty", null);
        acks.add(producer.send(record));
      }
      for (var ack : acks) {
        if (ack.get().offset() < 0) {
          throw new AssertionError("an acknowledged record has no offset");
        }
      }
    }
    return acks.size();
  }

  private static void consume(
      String bootstrap, String topic, int count, String protocol, boolean knowsProtocols) {
    Map<String, Object> settings =
        new java.util.HashMap<>(
            Map.of(
                "bootstrap.servers",
                bootstrap,
                "group.id",
                topic + "-" + protocol,
                "auto.offset.reset",
                "earliest",
                "enable.auto.commit",
                "false"));
    if (knowsProtocols) {
      settings.put("group.protocol", protocol);
    }
    int seen = 0;
    try (Consumer<byte[], byte[]> consumer =
        new KafkaConsumer<>(settings, new ByteArrayDeserializer(), new ByteArrayDeserializer())) {
      consumer.subscribe(List.of(topic));
      long deadline = System.nanoTime() + Duration.ofSeconds(60).toNanos();
      while (seen < count && System.nanoTime() < deadline) {
        for (ConsumerRecord<byte[], byte[]> record : consumer.poll(Duration.ofMillis(500))) {
          check(record);
          seen++;
        }
      }
      consumer.commitSync();
      consumer
          .committed(consumer.assignment())
          .forEach(
              (partition, committed) -> {
                if (committed.offset() != consumer.position(partition)) {
                  throw new AssertionError(partition + " committed " + committed.offset());
                }
              });
    }
    if (seen != count) {
      throw new AssertionError(protocol + ": saw " + seen + " records of " + count);
    }
  }

  private static void check(ConsumerRecord<byte[], byte[]> record) {
    int number = Integer.parseInt(text(record.headers().lastHeader("number").value()));
    String compression = text(record.headers().lastHeader("compression").value());
    String key = record.key() == null ? null : text(record.key());
    String expectedKey = number % 3 == 0 ? null : compression + "-" + number;
    byte[] expectedValue = expectedKey != null && number % 7 == 0 ? null : payload(number);
    if (!java.util.Objects.equals(key, expectedKey)
        || !java.util.Arrays.equals(record.value(), expectedValue)
        || record.headers().lastHeader("empty").value() != null) {
      throw new AssertionError("read another record than was sent: " + record);
    }
  }

  /** From one byte to, in the last of each codec, what a producer sends without being told to. */
  private static byte[] payload(int number) {
    byte[] payload = new byte[number == RECORDS - 1 ? LARGEST_BYTES : 1 + number * number % 20_000];
    java.util.Arrays.fill(payload, (byte) number);
    return payload;
  }

  private static byte[] bytes(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }

  private static String text(byte[] bytes) {
    return new String(bytes, StandardCharsets.UTF_8);
  }
}
