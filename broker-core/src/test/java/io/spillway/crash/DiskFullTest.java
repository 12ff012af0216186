package io.spillway.crash;

import static org.assertj.core.api.Assertions.assertThat;

import io.spillway.peers.BrokerProcess;
import io.spillway.peers.ChildProcess;
import io.spillway.peers.Peers;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.errors.NotEnoughReplicasException;
import org.apache.kafka.common.errors.RetriableException;
import org.apache.kafka.common.errors.TimeoutException;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** G1, G7: a WAL whose file system has less room than {@code wal.capacity.bytes} promises. */
@Tag("full")
@Timeout(value = 5, unit = TimeUnit.MINUTES)
class DiskFullTest {

  private static final String TOPIC = "full";

  /** For records that are in no history: some are taken while there is a little space. */
  private static final String OTHER_TOPIC = "other";

  private static final int PARTITIONS = 2;
  private static final long VOLUME_BYTES = 96L << 20;

  @TempDir Path work;
  private final int port = BrokerProcess.freePort();
  private final String bootstrap = "127.0.0.1:" + port;
  private Path volume;

  @BeforeEach
  void mountSmallVolume() throws Exception {
    volume = Files.createDirectories(work.resolve("volume"));
    try (ChildProcess mount =
        Peers.program(
            "mount",
            work,
            Map.of(),
            List.of("-t", "tmpfs", "-o", "size=" + VOLUME_BYTES, "tmpfs", volume.toString()))) {
      int code = mount.awaitExit(Peers.PATIENCE);
      Assumptions.assumeTrue(
          code == 0, () -> "a small file system cannot be mounted here: " + mount.output());
    }
  }

  @AfterEach
  void unmount() {
    ChildProcess.start("umount", work, Map.of(), List.of("umount", "--lazy", volume.toString()))
        .awaitExit(Peers.PATIENCE);
  }

  @Test
  void producersAreRefusedRetriablyUntilThereIsSpace() throws Exception {
    History history = new History();
    Path filler = fill(VOLUME_BYTES / 2);
    BrokerProcess broker = startWithTopic();
    try (Readers readers = new Readers(history, bootstrap, TOPIC, 1)) {
      try (Producers producers = new Producers(history, bootstrap, TOPIC, PARTITIONS, 2)) {
        awaitObstacle(broker);
        assertThat(refusal())
            .isInstanceOfAny(NotEnoughReplicasException.class, TimeoutException.class)
            .isInstanceOf(RetriableException.class);
        assertThat(broker.process().isAlive()).isTrue();

        int acked = history.acked().size();
        Files.delete(filler);
        awaitAcked(history, acked + 1_000);
      }
      readers.readAll(PARTITIONS);
    } finally {
      broker.close();
    }
    assertThat(HistoryChecker.check(history)).isEmpty();
  }

  @Test
  void killedOnAFullDiskItRecoversEverythingAckedOnceThereIsSpace() throws Exception {
    History history = new History();
    Path filler = fill(VOLUME_BYTES / 2);
    BrokerProcess broker = startWithTopic();
    try (Readers readers = new Readers(history, bootstrap, TOPIC, 1)) {
      try (Producers producers = new Producers(history, bootstrap, TOPIC, PARTITIONS, 2)) {
        awaitObstacle(broker);
        broker.kill();
        Files.delete(filler);
        int acked = history.acked().size();
        broker = BrokerProcess.start(work, settings());
        awaitAcked(history, acked + 1_000);
      }
      readers.readAll(PARTITIONS);
    } finally {
      broker.close();
    }
    assertThat(HistoryChecker.check(history)).isEmpty();
  }

  /** Uploads would make room: they wait for the end. */
  private List<String> settings() {
    return List.of(
        "listeners=PLAINTEXT://" + bootstrap,
        "metrics.listener=off",
        "wal.url=file:" + volume.resolve("wal"),
        "wal.capacity.bytes=" + 4 * VOLUME_BYTES,
        "upload.bytes=" + 2 * VOLUME_BYTES,
        "upload.interval.ms=600000",
        "data.dir=" + work.resolve("data"));
  }

  private Path fill(long bytes) throws IOException {
    Path filler = volume.resolve("filler");
    byte[] zeros = new byte[1 << 20];
    try (var out = Files.newOutputStream(filler)) {
      for (long written = 0; written < bytes; written += zeros.length) {
        out.write(zeros);
      }
    }
    return filler;
  }

  private BrokerProcess startWithTopic() throws Exception {
    BrokerProcess broker = BrokerProcess.start(work, settings());
    try (Admin admin = Admin.create(Map.of("bootstrap.servers", bootstrap))) {
      admin
          .createTopics(
              Set.of(
                  new NewTopic(TOPIC, PARTITIONS, (short) 1),
                  new NewTopic(OTHER_TOPIC, 1, (short) 1)))
          .all()
          .get();
    }
    return broker;
  }

  private static void awaitObstacle(BrokerProcess broker) throws InterruptedException {
    long deadline = System.nanoTime() + Peers.PATIENCE.toNanos();
    while (broker.process().stderr().stream().noneMatch(line -> line.contains("No space left"))) {
      assertThat(System.nanoTime()).as(broker.process().output()).isLessThan(deadline);
      Thread.sleep(20);
    }
  }

  /** What a producer is told that does not retry for long. */
  private Throwable refusal() throws InterruptedException {
    Map<String, Object> settings =
        Map.of(
            "bootstrap.servers",
            bootstrap,
            "retries",
            "0",
            "enable.idempotence",
            "false",
            "linger.ms",
            "0",
            "request.timeout.ms",
            "15000",
            "delivery.timeout.ms",
            "30000");
    try (KafkaProducer<byte[], byte[]> producer =
        new KafkaProducer<>(settings, new ByteArraySerializer(), new ByteArraySerializer())) {
      for (int i = 0; i < 100; i++) {
        producer.send(new ProducerRecord<>(OTHER_TOPIC, 0, new byte[1], new byte[100_000])).get();
      }
      return new AssertionError("a hundred batches were taken on a full disk");
    } catch (ExecutionException e) {
      return e.getCause();
    }
  }

  private static void awaitAcked(History history, int count) throws InterruptedException {
    long deadline = System.nanoTime() + Peers.PATIENCE.toNanos();
    while (history.acked().size() < count) {
      assertThat(System.nanoTime()).as("%d acked", history.acked().size()).isLessThan(deadline);
      Thread.sleep(20);
    }
  }
}
