package io.spillway.s3;

import static org.assertj.core.api.Assertions.assertThat;

import io.spillway.object.s3.FaultProxy;
import io.spillway.object.s3.S3Server;
import io.spillway.peers.BrokerProcess;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.stream.IntStream;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.errors.NotEnoughReplicasException;
import org.apache.kafka.common.errors.RetriableException;
import org.apache.kafka.common.serialization.StringSerializer;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** G7: a bucket that is away until the write-ahead log is full, and comes back. */
@Tag("full")
@Timeout(600) // processes on a loaded machine
class FullWalTest {

  private static final String BUCKET = "full-wal-bucket";

  /** Beyond what costs a producer the full pause. */
  private static final int RECORD_BYTES = 900_000;

  /** More than any log here holds. */
  private static final int MANY = 100;

  private static final int BEFORE = 10;

  @TempDir static Path serverDirectory;
  private static S3Server server;

  @TempDir Path work;
  private FaultProxy proxy;

  @BeforeAll
  static void startServer() {
    server = S3Server.start(serverDirectory);
    server.createBucket(BUCKET);
  }

  @AfterAll
  static void stopServer() {
    if (server != null) {
      server.close();
    }
  }

  @BeforeEach
  void startProxy() {
    proxy = FaultProxy.to(server.port());
  }

  @AfterEach
  void stopProxy() {
    proxy.close();
  }

  private S3Broker onBucket() {
    String prefix = "p" + Long.toHexString(System.nanoTime());
    return new S3Broker(work, S3Server.url(BUCKET + "/" + prefix, proxy.port()));
  }

  /** One large record of a client that nobody has slowed yet, and that gives up at a refusal. */
  private static final class Lone implements AutoCloseable {
    private final KafkaProducer<String, String> producer;
    private final Future<RecordMetadata> sent;

    Lone(BrokerProcess broker, int number) {
      producer =
          new KafkaProducer<>(
              Map.of(
                  "bootstrap.servers", broker.bootstrapServers(),
                  "enable.idempotence", "false",
                  "retries", "0",
                  "request.timeout.ms", "300000",
                  "delivery.timeout.ms", "400000"),
              new StringSerializer(),
              new StringSerializer());
      sent = S3Broker.send(producer, number, 1, RECORD_BYTES).get(0);
    }

    /** What the answer told the client to wait for. */
    double throttleMs() {
      return producer.metrics().values().stream()
          .filter(metric -> metric.metricName().name().equals("produce-throttle-time-max"))
          .mapToDouble(metric -> (Double) metric.metricValue())
          .filter(value -> !Double.isNaN(value))
          .max()
          .orElseThrow();
    }

    boolean isRefused() throws InterruptedException {
      try {
        sent.get();
        return false;
      } catch (ExecutionException e) {
        assertThat(e.getCause())
            .isInstanceOf(NotEnoughReplicasException.class)
            .isInstanceOf(RetriableException.class);
        return true;
      }
    }

    @Override
    public void close() {
      producer.close();
    }
  }

  @Test
  void asItFillsProducersAreSlowedMoreAndMoreThenRefusedRetriablyAndNeitherOnceItHeals_G7()
      throws Exception {
    S3Broker config = onBucket().with("wal.capacity.bytes=" + (32 << 20), "upload.bytes=1048576");
    try (BrokerProcess broker = config.start()) {
      S3Broker.produce(broker, 0, BEFORE, 100);
      proxy.outage(true);
      List<Double> pauses = new ArrayList<>();
      int next = BEFORE;
      boolean refused = false;
      while (!refused && next < MANY) {
        try (Lone lone = new Lone(broker, next)) {
          refused = lone.isRefused();
          pauses.add(lone.throttleMs());
          next += refused ? 0 : 1;
        }
      }

      assertThat(refused).isTrue();
      List<Double> beforeRefusal = pauses.subList(0, pauses.size() - 1);
      assertThat(beforeRefusal).as("pauses").isSorted().startsWith(0.0);
      assertThat(beforeRefusal.stream().filter(pause -> pause > 0).distinct().count())
          .as("steps of %s", beforeRefusal)
          .isGreaterThanOrEqualTo(3);
      assertThat(config.metric("spillway_wal_fill_ratio")).isGreaterThan(0.9);
      assertThat(config.metric("spillway_store_reachable")).isZero();
      assertThat(S3Broker.read(broker, next - 3)).hasSize(3);
      assertThat(broker.process().isAlive()).isTrue();

      proxy.outage(false);
      S3Broker.await("all is uploaded", () -> config.metric("spillway_unuploaded_bytes") == 0);
      try (Lone lone = new Lone(broker, next)) {
        assertThat(lone.isRefused()).isFalse();
        assertThat(lone.throttleMs()).isZero();
      }
      assertThat(config.page("/readyz")).startsWith("ready");
      assertThat(S3Broker.read(broker, 0)).isEqualTo(numbers(next + 1));
      broker.stop();
    }
  }

  /** Nothing is acknowledged meanwhile: the log is in the bucket. What waits, waits in memory. */
  @Test
  void withTheLogInTheBucketWhatWaitsIsBoundedRestIsRefusedRetriablyAndAllIsTakenUpAgain()
      throws Exception {
    S3Broker config = onBucket().with("wal.url=object:", "wal.buffer.bytes=" + (8 << 20));
    List<Lone> waiting = new ArrayList<>();
    try (BrokerProcess broker = config.start()) {
      S3Broker.produce(broker, 0, BEFORE, 100);
      proxy.outage(true);
      int next = BEFORE;
      while (bufferFill(config) < 0.85 && next < MANY) {
        double fill = bufferFill(config);
        Lone lone = new Lone(broker, next++);
        waiting.add(lone);
        S3Broker.await("it waits", () -> bufferFill(config) > fill);
      }
      try (Lone tooMuch = new Lone(broker, MANY)) {
        assertThat(tooMuch.isRefused()).isTrue();
      }
      assertThat(waiting).noneMatch(lone -> lone.sent.isDone());
      assertThat(config.metric("spillway_wal_throttles_total")).isPositive();
      assertThat(S3Broker.read(broker, 0)).as("from memory").isEqualTo(numbers(BEFORE));
      assertThat(broker.process().isAlive()).isTrue();

      proxy.outage(false);
      for (Lone lone : waiting) {
        assertThat(lone.isRefused()).isFalse();
      }
      assertThat(S3Broker.read(broker, 0)).isEqualTo(numbers(next));
      S3Broker.await("room", () -> config.metric("spillway_wal_fill_ratio") < 0.5);
      assertThat(config.page("/readyz")).startsWith("ready");
      broker.stop();
    } finally {
      waiting.forEach(Lone::close);
    }
  }

  private static double bufferFill(S3Broker config) {
    return config.metric("spillway_wal_bound_fill_ratio{bound=\"wal.buffer.bytes\"}");
  }

  private static List<Integer> numbers(int count) {
    return IntStream.range(0, count).boxed().toList();
  }
}
