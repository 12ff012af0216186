package io.spillway.embed;

import static org.assertj.core.api.Assertions.assertThat;

import io.spillway.embed.BrokerWithOutages.Running;
import io.spillway.peers.Peers;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.DoubleAccumulator;
import java.util.stream.IntStream;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * The bucket goes away under load and stays away until the WAL, which is sixteen times the memory
 * for it, is full; then the broker is killed and recovers with the same heap (G1, P35).
 */
@Tag("full")
class OutageTest {

  private static final int PARTITIONS = 8;
  private static final int RECORD_BYTES = 8 * 1024;
  private static final int RECORDS_BEFORE = 2_000;
  private static final int MAX_RECORDS = 1_000_000;
  private static final List<TopicPartition> ALL =
      IntStream.range(0, PARTITIONS).mapToObj(i -> new TopicPartition("t", i)).toList();

  @TempDir Path work;

  private final BitSet acked = new BitSet();
  private final BitSet seen = new BitSet();
  private String bootstrap = "";

  @Test
  void aWalFarLargerThanMemoryCarriesAnOutageUntilItIsFullAndIsRecovered_G1_P35() throws Exception {
    Path down = work.resolve("down");
    AtomicBoolean stop = new AtomicBoolean();
    try (Running broker = start(down)) {
      try (Admin admin = Admin.create(Map.of("bootstrap.servers", bootstrap))) {
        admin.createTopics(List.of(new NewTopic("t", PARTITIONS, (short) 1))).all().get();
      }
      produce(0, RECORDS_BEFORE);
      commit(1);
      Map<TopicPartition, Long> outageBegins;
      try (KafkaConsumer<byte[], byte[]> consumer = consumer()) {
        outageBegins = consumer.endOffsets(ALL);
      }
      Thread reader = new Thread(() -> readUntil(stop), "reader");
      reader.start();
      while (seenCount() < RECORDS_BEFORE) { // its place before the outage
        Thread.onSpinWait();
      }
      Files.createFile(down);

      double throttleMs = fill(broker);

      String ready = broker.page("/readyz");
      assertThat(throttleMs).as("throttled before it was refused").isPositive();
      assertThat(ready).startsWith("not ready\nproducers are refused").contains("does not answer");
      assertThat(broker.metric("spillway_store_reachable")).isZero();
      assertThat(broker.metric("spillway_wal_throttles_total")).isPositive();
      commit(2); // P35: a full WAL has room for group offsets
      assertThat(readFrom(outageBegins)).as("from the WAL by position").isGreaterThan(5_000);
      stop.set(true);
      reader.join();
      assertThat(missing()).as("acked, and not seen by who read all along").isZero();
      broker.process.kill();
      broker.process.awaitExit(Peers.PATIENCE);
    }
    Files.delete(down);
    try (Running broker = start(down)) {
      stop.set(false);
      seen.clear();
      readAll();
      assertThat(missing()).as("acked before the kill, and gone").isZero();
      produce(MAX_RECORDS, 100); // numbers that were not used before
      while (broker.metric("spillway_unuploaded_bytes") > 0) {
        Thread.onSpinWait();
      }
      assertThat(broker.page("/readyz")).startsWith("ready\n");
      assertThat(broker.process.isAlive()).isTrue();
    }
  }

  private synchronized int seenCount() {
    return seen.cardinality();
  }

  private int missing() {
    BitSet missed = (BitSet) acked.clone();
    missed.andNot(seen);
    return missed.cardinality();
  }

  private Running start(Path down) {
    Running broker =
        BrokerWithOutages.start(
            work,
            List.of("-Xmx128m", "-XX:MaxDirectMemorySize=192m"),
            down,
            0,
            List.of(
                "data.dir=" + work.resolve("data"),
                "wal.capacity.bytes=134217728",
                "tail.cache.bytes=8388608",
                "block.cache.bytes=8388608",
                "read.ahead.bytes=16777216",
                "upload.buffer.bytes=16777216",
                "fetch.response.bytes=16777216",
                "queued.max.request.bytes=33554432",
                "socket.request.max.bytes=8388608",
                "upload.interval.ms=1000",
                "offsets.topic.num.partitions=1"));
    bootstrap = broker.bootstrap;
    return broker;
  }

  private KafkaProducer<byte[], byte[]> producer() {
    return new KafkaProducer<>(
        Map.of(
            "bootstrap.servers", bootstrap,
            "enable.idempotence", "false",
            "linger.ms", "5",
            "batch.size", "65536",
            "buffer.memory", "1048576",
            "max.block.ms", "60000",
            "request.timeout.ms", "30000",
            "delivery.timeout.ms", "60000"),
        new ByteArraySerializer(),
        new ByteArraySerializer());
  }

  private KafkaConsumer<byte[], byte[]> consumer() {
    return new KafkaConsumer<>(
        Map.of("bootstrap.servers", bootstrap, "fetch.max.bytes", "2097152"),
        new ByteArrayDeserializer(),
        new ByteArrayDeserializer());
  }

  private static byte[] value(int number, Random random) {
    byte[] value = new byte[RECORD_BYTES];
    random.nextBytes(value);
    ByteBuffer.wrap(value).putInt(number);
    return value;
  }

  private void produce(int first, int count) throws Exception {
    Random random = new Random(first);
    try (KafkaProducer<byte[], byte[]> producer = producer()) {
      List<Future<RecordMetadata>> acks = new ArrayList<>();
      for (int i = first; i < first + count; i++) {
        acks.add(producer.send(new ProducerRecord<>("t", i % PARTITIONS, null, value(i, random))));
      }
      for (Future<RecordMetadata> ack : acks) {
        ack.get();
      }
    }
    acked.set(first, first + count);
  }

  /** Produces until clients are refused; the longest pause that a producer was told to make. */
  private double fill(Running broker) throws Exception {
    AtomicBoolean full = new AtomicBoolean();
    AtomicInteger next = new AtomicInteger(RECORDS_BEFORE);
    DoubleAccumulator longestPause = new DoubleAccumulator(Math::max, 0);
    List<Thread> producers = new ArrayList<>();
    for (int i = 0; i < PARTITIONS; i++) {
      int partition = i;
      producers.add(new Thread(() -> fill(partition, next, full, longestPause), "producer-" + i));
    }
    producers.forEach(Thread::start);
    while (!broker.page("/readyz").contains("producers are refused")) {
      Thread.sleep(200);
    }
    full.set(true);
    for (Thread producer : producers) {
      producer.join();
    }
    return longestPause.get();
  }

  private void fill(
      int partition, AtomicInteger next, AtomicBoolean full, DoubleAccumulator longestPause) {
    Random random = new Random(partition);
    try (KafkaProducer<byte[], byte[]> producer = producer()) {
      while (!full.get()) {
        int own = next.getAndIncrement();
        producer.send(
            new ProducerRecord<>("t", partition, null, value(own, random)),
            (metadata, failure) -> {
              if (failure == null) {
                synchronized (acked) {
                  acked.set(own);
                }
              }
            });
      }
      double pause =
          producer.metrics().values().stream()
              .filter(metric -> metric.metricName().name().equals("produce-throttle-time-max"))
              .mapToDouble(metric -> (Double) metric.metricValue())
              .filter(value -> !Double.isNaN(value))
              .max()
              .orElse(0);
      longestPause.accumulate(pause);
      producer.close(Duration.ZERO);
    }
  }

  private void readUntil(AtomicBoolean stop) {
    try (KafkaConsumer<byte[], byte[]> consumer = consumer()) {
      consumer.assign(ALL);
      consumer.seekToBeginning(ALL);
      int silent = 0;
      while (!stop.get() || silent < 3) {
        silent = note(consumer) ? 0 : silent + 1;
      }
    }
  }

  private void readAll() {
    try (KafkaConsumer<byte[], byte[]> consumer = consumer()) {
      consumer.assign(ALL);
      consumer.seekToBeginning(ALL);
      Map<TopicPartition, Long> ends = consumer.endOffsets(ALL);
      while (ends.entrySet().stream().anyMatch(e -> consumer.position(e.getKey()) < e.getValue())) {
        note(consumer);
      }
    }
  }

  private boolean note(KafkaConsumer<byte[], byte[]> consumer) {
    boolean any = false;
    for (ConsumerRecord<byte[], byte[]> record : consumer.poll(Duration.ofMillis(300))) {
      synchronized (this) {
        seen.set(ByteBuffer.wrap(record.value()).getInt());
      }
      any = true;
    }
    return any;
  }

  private int readFrom(Map<TopicPartition, Long> offsets) {
    int count = 0;
    try (KafkaConsumer<byte[], byte[]> consumer = consumer()) {
      consumer.assign(ALL);
      offsets.forEach(consumer::seek);
      Map<TopicPartition, Long> ends = consumer.endOffsets(ALL);
      while (ends.entrySet().stream().anyMatch(e -> consumer.position(e.getKey()) < e.getValue())) {
        count += consumer.poll(Duration.ofMillis(300)).count();
      }
    }
    return count;
  }

  private void commit(long offset) throws InterruptedException, ExecutionException {
    try (Admin admin = Admin.create(Map.of("bootstrap.servers", bootstrap))) {
      admin
          .alterConsumerGroupOffsets("g", Map.of(ALL.get(0), new OffsetAndMetadata(offset)))
          .all()
          .get();
    }
  }
}
