package io.spillway.embed;

import static org.assertj.core.api.Assertions.assertThat;

import io.spillway.embed.BrokerWithOutages.Running;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicLongArray;
import java.util.stream.IntStream;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.Callback;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * G7: 50 producers over 200 partitions offer at least twice what a broker with a small heap can
 * hand on to its bucket; two of them are small and steady, and are not behind the bursts of the
 * others. Overload slows clients, and hurts nobody else's data.
 */
@Tag("full")
class OverloadTest {

  private static final int PRODUCERS = 50;
  private static final int STEADY = 2;
  private static final int PARTITIONS = 200;
  private static final int RECORD_BYTES = 8 * 1024;
  private static final long MIB = 1 << 20;
  private static final long STORE_BYTES_PER_SECOND = 8 * MIB;
  private static final int WINDOWS = 5;
  private static final long WINDOW_MS = 5_000;

  /** What each but the steady ones has to send, whatever the broker takes. */
  private static final int WANTED_RECORDS_PER_SECOND = 128;

  /** A steady client gets so many times the share of what it sends that a burst gets. */
  private static final int STEADY_SHARE = 2;

  /**
   * What may go before a record of a steady client on average, if it is not behind a burst: twice a
   * usual full batch of each.
   */
  private static final long TWO_TURNS_OF_EACH = 2L * PRODUCERS * 64 * 1024;

  private static final long HEAP_BYTES = 256 * MIB;
  private static final long DIRECT_BYTES = 256 * MIB;

  @TempDir Path work;

  private final AtomicBoolean stop = new AtomicBoolean();
  private final AtomicLongArray acked = new AtomicLongArray(PRODUCERS);
  private final AtomicLongArray sent = new AtomicLongArray(PRODUCERS);

  /** When each began, by its own clock. */
  private final AtomicLongArray began = new AtomicLongArray(PRODUCERS);

  private final AtomicLong consumed = new AtomicLong();

  /** Of the steady ones: records that were acknowledged, and bursts' records taken meanwhile. */
  private final AtomicLong steadyAcked = new AtomicLong();

  private final AtomicLong takenMeanwhile = new AtomicLong();

  @Test
  void everyClientProgressesInEveryWindowAndMemoryStaysWithinItsLimits_G7_P35() throws Exception {
    List<Thread> threads = new ArrayList<>();
    try (Running broker = start()) {
      try (Admin admin = Admin.create(Map.of("bootstrap.servers", broker.bootstrap))) {
        admin.createTopics(List.of(new NewTopic("t", PARTITIONS, (short) 1))).all().get();
        commit(admin, 1);
        for (int i = 0; i < PRODUCERS; i++) {
          int number = i;
          threads.add(new Thread(() -> produce(broker.bootstrap, number), "producer-" + i));
        }
        threads.add(new Thread(() -> consume(broker.bootstrap), "consumer"));
        threads.forEach(Thread::start);
        while (broker.metric("spillway_wal_throttles_total") < PRODUCERS) {
          Thread.sleep(100);
        }
        steadyAcked.set(0); // what was taken before the log was filling counts for nobody
        takenMeanwhile.set(0);
        for (int window = 0; window < WINDOWS; window++) {
          window(broker, admin, window);
        }
        requireThatSteadyClientsAreNotBehindBursts();
      } finally {
        stop.set(true);
      }
      for (Thread thread : threads) {
        thread.join();
      }
      assertThat(broker.process.isAlive()).isTrue();
      assertThat(broker.process.output()).doesNotContain("OutOfMemoryError");
    }
  }

  /** One window in which everybody has to get on, whatever the others do. */
  private void window(Running broker, Admin admin, int window) throws Exception {
    long[] before = IntStream.range(0, PRODUCERS).mapToLong(acked::get).toArray();
    double uploadsBefore = uploadRequests(broker);
    double throttlesBefore = broker.metric("spillway_wal_throttles_total");
    double pausedMsBefore = broker.metric("spillway_wal_throttle_milliseconds_total");
    long consumedBefore = consumed.get();
    long wantedBefore = wantedByBursts();
    long acceptedBefore = acceptedOfBursts();
    long sentBySteady = sentBySteady();
    long steadyBefore = steadyAcked.get();
    Thread.sleep(WINDOW_MS);
    long wanted = wantedByBursts() - wantedBefore;
    long accepted = acceptedOfBursts() - acceptedBefore;
    for (int i = 0; i < PRODUCERS; i++) {
      assertThat(acked.get(i)).as("producer %d in window %d", i, window).isGreaterThan(before[i]);
    }
    assertThat(consumed.get()).as("consumer in window " + window).isGreaterThan(consumedBefore);
    assertThat(uploadRequests(broker))
        .as("uploads in window " + window)
        .isGreaterThan(uploadsBefore);
    assertThat(wanted)
        .as("records that bursts had to send in window %d, twice %d accepted", window, accepted)
        .isGreaterThanOrEqualTo(2 * accepted);
    double steadyShare =
        (double) (steadyAcked.get() - steadyBefore) / (sentBySteady() - sentBySteady);
    assertThat(steadyShare)
        .as("share of their records that steady clients got accepted in window %d", window)
        .isGreaterThan((double) STEADY_SHARE * accepted / wanted);
    for (int i = STEADY; i < PRODUCERS; i++) {
      assertThat(sent.get(i)).as("sent by %d, which is behind", i).isLessThan(wantedBy(i));
    }
    double throttles = broker.metric("spillway_wal_throttles_total") - throttlesBefore;
    double pausedMs = broker.metric("spillway_wal_throttle_milliseconds_total") - pausedMsBefore;
    assertThat(throttles).as("throttles in window " + window).isPositive();
    assertThat(pausedMs).as("pauses in window " + window).isPositive();
    System.out.printf(
        "window %d: %d records wanted, %d accepted, %.0f %% of the steady clients'; %.0f throttles of %.0f ms in all, direct %.0f MiB, resident %d MiB%n",
        window,
        wanted,
        accepted,
        100 * steadyShare,
        throttles,
        pausedMs,
        directBytes(broker) / MIB,
        residentBytes(broker) / MIB);
    commit(admin, window); // P35
    assertThat(directBytes(broker)).as("direct memory").isLessThan(DIRECT_BYTES);
    assertThat(residentBytes(broker))
        .as("resident memory")
        .isLessThan(HEAP_BYTES + DIRECT_BYTES + 200 * MIB);
  }

  private void requireThatSteadyClientsAreNotBehindBursts() {
    double bytes = (double) takenMeanwhile.get() * RECORD_BYTES / steadyAcked.get();
    System.out.printf(
        "each record of a steady client was behind %.0f KiB of bursts%n", bytes / 1024);
    assertThat(bytes)
        .as("bytes of bursts that went before a record of a steady client, on average")
        .isLessThan(TWO_TURNS_OF_EACH);
  }

  private long wantedByBursts() {
    return IntStream.range(STEADY, PRODUCERS).mapToLong(this::wantedBy).sum();
  }

  /** Records that were due until now. */
  private long wantedBy(int number) {
    long elapsedNanos = System.nanoTime() - began.get(number);
    return elapsedNanos * WANTED_RECORDS_PER_SECOND / 1_000_000_000L;
  }

  private long sentBySteady() {
    return IntStream.range(0, STEADY).mapToLong(sent::get).sum();
  }

  private long acceptedOfBursts() {
    return IntStream.range(STEADY, PRODUCERS).mapToLong(acked::get).sum();
  }

  private Running start() {
    return BrokerWithOutages.start(
        work,
        List.of("-Xmx" + HEAP_BYTES, "-XX:MaxDirectMemorySize=" + DIRECT_BYTES),
        work.resolve("down"),
        STORE_BYTES_PER_SECOND,
        List.of(
            "data.dir=" + work.resolve("data"),
            "wal.capacity.bytes=" + 128 * MIB,
            "tail.cache.bytes=" + 32 * MIB,
            "block.cache.bytes=" + 16 * MIB,
            "read.ahead.bytes=" + 16 * MIB,
            "upload.buffer.bytes=" + 32 * MIB,
            "fetch.response.bytes=" + 16 * MIB,
            "queued.max.request.bytes=" + 32 * MIB,
            "socket.request.max.bytes=" + 8 * MIB,
            "upload.bytes=" + 16 * MIB,
            "offsets.topic.num.partitions=1"));
  }

  /**
   * The first two send a record ten times a second; the others have a record to send as often as
   * their clock says, and catch up as fast as they are let.
   */
  private void produce(String bootstrap, int number) {
    Random random = new Random(number);
    byte[] value = new byte[number < STEADY ? 100 : RECORD_BYTES];
    random.nextBytes(value);
    try (KafkaProducer<byte[], byte[]> producer =
        new KafkaProducer<>(
            Map.of(
                "bootstrap.servers",
                bootstrap,
                "client.id",
                "producer-" + number,
                "batch.size",
                "65536",
                "buffer.memory",
                Long.toString(2 * MIB),
                "max.block.ms",
                "60000"),
            new ByteArraySerializer(),
            new ByteArraySerializer())) {
      int own = PARTITIONS / PRODUCERS;
      began.set(number, System.nanoTime());
      for (long next = 0; !stop.get(); next++) {
        if (number < STEADY) {
          Thread.sleep(100);
        } else {
          awaitDue(number, next);
        }
        producer.send(
            new ProducerRecord<>("t", number * own + (int) (next % own), null, value),
            onAcked(number, acceptedOfBursts()));
        sent.incrementAndGet(number);
      }
      producer.close(Duration.ZERO);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private Callback onAcked(int number, long acceptedBefore) {
    return (metadata, failure) -> {
      if (failure == null) {
        acked.incrementAndGet(number);
        if (number < STEADY) {
          steadyAcked.incrementAndGet();
          takenMeanwhile.addAndGet(acceptedOfBursts() - acceptedBefore);
        }
      }
    };
  }

  private void awaitDue(int number, long record) throws InterruptedException {
    while (wantedBy(number) < record && !stop.get()) {
      Thread.sleep(5);
    }
  }

  private void consume(String bootstrap) {
    List<TopicPartition> all =
        IntStream.range(0, PARTITIONS).mapToObj(i -> new TopicPartition("t", i)).toList();
    try (KafkaConsumer<byte[], byte[]> consumer =
        new KafkaConsumer<>(
            Map.of("bootstrap.servers", bootstrap, "fetch.max.bytes", "4194304"),
            new ByteArrayDeserializer(),
            new ByteArrayDeserializer())) {
      consumer.assign(all);
      consumer.seekToBeginning(all);
      while (!stop.get()) {
        consumed.addAndGet(consumer.poll(Duration.ofMillis(100)).count());
      }
    }
  }

  private static void commit(Admin admin, long offset) throws Exception {
    admin
        .alterConsumerGroupOffsets(
            "g", Map.of(new TopicPartition("t", 0), new OffsetAndMetadata(offset)))
        .all()
        .get();
  }

  /** Parts of data objects that were sent: an object may take longer than a window. */
  private static double uploadRequests(Running broker) {
    return broker.metric("spillway_store_requests_total", "kind=\"(part|put)\",outcome=\"ok\"");
  }

  private static double directBytes(Running broker) {
    return broker.metric("jvm_buffer_memory_used_bytes", "id=\"direct\"");
  }

  private static long residentBytes(Running broker) throws IOException {
    for (String line : Files.readAllLines(Path.of("/proc/" + broker.process.pid() + "/status"))) {
      if (line.startsWith("VmRSS:")) {
        return Long.parseLong(line.replaceAll("[^0-9]", "")) * 1024;
      }
    }
    throw new AssertionError("no VmRSS");
  }
}
