package io.spillway.s3;

import static org.assertj.core.api.Assertions.assertThat;

import io.spillway.object.s3.FaultProxy;
import io.spillway.object.s3.FaultProxy.Fault;
import io.spillway.object.s3.S3Server;
import io.spillway.peers.BrokerProcess;
import io.spillway.peers.ChildProcess;
import io.spillway.peers.Peers;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** A broker process on a bucket behind a network that fails. */
@Timeout(300) // processes on a loaded machine
class S3BrokerTest {

  private static final String BUCKET = "broker-bucket";

  @TempDir static Path serverDirectory;
  private static S3Server server;

  @TempDir Path work;
  private FaultProxy proxy;
  private String prefix;

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
    prefix = "p" + Long.toHexString(System.nanoTime());
  }

  @AfterEach
  void stopProxy() {
    proxy.close();
  }

  private S3Broker onBucket() {
    return new S3Broker(work, S3Server.url(BUCKET + "/" + prefix, proxy.port()));
  }

  private static List<Integer> numbers(int count) {
    return IntStream.range(0, count).boxed().toList();
  }

  @Test
  void whatWasAckedIsReadAfterAKillAndAfterACleanStopFromTheBucketAlone_G1_G8() throws Exception {
    S3Broker config = onBucket();
    try (BrokerProcess broker = config.start()) {
      S3Broker.produce(broker, 0, 1_000, 2_000);
      S3Broker.await("an upload", () -> config.metric("spillway_uploaded_objects_total") > 0);
      S3Broker.produce(broker, 1_000, 500, 100);
      broker.kill();
    }
    try (BrokerProcess broker = config.start()) {
      assertThat(S3Broker.read(broker, 0)).isEqualTo(numbers(1_500));
      S3Broker.produce(broker, 1_500, 500, 100);
      broker.stop();
    }
    Path elsewhere = Files.createDirectories(work.resolve("elsewhere"));
    S3Broker moved = new S3Broker(elsewhere, S3Server.url(BUCKET + "/" + prefix, proxy.port()));
    try (BrokerProcess broker = moved.start()) {
      assertThat(S3Broker.read(broker, 0)).isEqualTo(numbers(2_000));
    }
  }

  /** G7: the write-ahead log is the budget of an outage. */
  @Tag("full")
  @Test
  void withoutItsBucketABrokerTakesWhatTheWalHoldsThenSlowsAndHealsByItself_G7() throws Exception {
    S3Broker config = onBucket().with("wal.capacity.bytes=" + (32 << 20), "upload.bytes=1048576");
    int size = 100_000;
    try (BrokerProcess broker = config.start();
        KafkaProducer<String, String> producer = S3Broker.producer(broker)) {
      S3Broker.produce(broker, 0, 10, size);
      proxy.outage(true);
      S3Broker.produce(broker, 10, 50, size); // goes on
      assertThat(S3Broker.read(broker, 30)).as("the tail is read").hasSize(30);
      List<Future<RecordMetadata>> sent = S3Broker.send(producer, 60, 300, size);
      // One producer is paced before it can fill the log: OutageTest fills it with several.
      S3Broker.await("the WAL fills up", () -> config.metric("spillway_wal_fill_ratio") >= 0.7);
      assertThat(config.metric("spillway_store_reachable")).isZero();
      assertThat(sent.stream().filter(Future::isDone).count()).isLessThan(300);
      assertThat(S3Broker.read(broker, 50).size()).isGreaterThanOrEqualTo(10);
      proxy.outage(false);
      for (Future<RecordMetadata> each : sent) {
        each.get();
      }
      assertThat(S3Broker.read(broker, 0)).isEqualTo(numbers(360));
      S3Broker.await("all is uploaded", () -> config.metric("spillway_unuploaded_bytes") == 0);
      assertThat(config.page("/readyz")).startsWith("ready");
      broker.stop();
    }
  }

  @Tag("full")
  @Test
  void aStoreThatThrottlesSlowsUploadsAndNothingElse() throws Exception {
    S3Broker config = onBucket().with("upload.bytes=1048576");
    AtomicInteger refused = new AtomicInteger();
    try (BrokerProcess broker = config.start()) {
      S3Broker.produce(broker, 0, 10, 100);
      proxy.onEach(
          request -> {
            boolean upload = request.about("/data/") && request.isWrite();
            if (upload && refused.incrementAndGet() % 10 != 0) {
              return Fault.status(503, "SlowDown");
            }
            return upload ? Fault.delay(20) : Fault.PASS;
          });
      S3Broker.produce(broker, 10, 500, 20_000);
      assertThat(S3Broker.read(broker, 0)).isEqualTo(numbers(510));
      S3Broker.await("a refusal", () -> refused.get() > 3);
      assertThat(config.page("/readyz")).startsWith("ready");
      proxy.onEach(request -> Fault.PASS);
      S3Broker.await("all is uploaded", () -> config.metric("spillway_unuploaded_bytes") == 0);
      broker.stop();
    }
    int before = refused.get();
    assertThat(before).isLessThan(100);
  }

  @Tag("full")
  @Test
  void keysThatExpireAreWaitedOut() throws Exception {
    S3Broker config = onBucket();
    try (BrokerProcess broker = config.start()) {
      S3Broker.produce(broker, 0, 100, 100);
      proxy.onEach(request -> Fault.status(403, "ExpiredToken"));
      S3Broker.produce(broker, 100, 100, 100);
      S3Broker.await(
          "refused requests",
          () -> config.metric("spillway_store_requests_total{kind=\"put\",outcome=\"un") > 1);
      assertThat(S3Broker.read(broker, 0)).isEqualTo(numbers(200));
      proxy.onEach(request -> Fault.PASS);
      S3Broker.await("all is uploaded", () -> config.metric("spillway_unuploaded_bytes") == 0);
      broker.stop();
    }
  }

  @Test
  void aBrokerThatIsStartedBeforeItsBucketAnswersWaitsAndSaysSo() throws Exception {
    int port = BrokerProcess.freePort();
    S3Broker config = new S3Broker(work, S3Server.url("late-bucket", port));
    try (ChildProcess broker = BrokerProcess.launch(work, config.settings())) {
      S3Broker.await("the monitoring port", () -> answers(config));
      assertThat(config.page("/livez")).startsWith("alive");
      assertThat(config.page("/readyz"))
          .startsWith("not ready")
          .contains("waiting for the object store")
          .contains("late-bucket");
      assertThat(broker.isAlive()).isTrue();
      Path directory = Files.createDirectories(work.resolve("late"));
      Files.createDirectories(directory.resolve("buckets/late-bucket"));
      try (S3Server late = S3Server.start(directory, port)) {
        broker.awaitLine(line -> line.startsWith("spillway ready "), Peers.PATIENCE);
        assertThat(config.page("/readyz")).startsWith("ready");
        broker.terminate();
        broker.awaitSuccess(Peers.PATIENCE);
      }
    }
  }

  private static boolean answers(S3Broker config) {
    try {
      return config.page("/readyz").contains("waiting");
    } catch (java.io.UncheckedIOException e) {
      return false;
    }
  }

  @Test
  void whatWaitingDoesNotMendEndsTheStartWithTheReasonAndTheFix() throws Exception {
    List<String> missing = new S3Broker(work, S3Server.url("no-bucket", proxy.port())).settings();
    assertRefused(missing, "no-bucket", "create the bucket");
    List<String> denied = new ArrayList<>(onBucket().settings());
    denied.add("object.store.secret.key=wrong");
    assertRefused(denied, "403", "or give other keys");
    proxy.onEach(request -> request.conditional() ? Fault.LIE : Fault.PASS);
    assertRefused(onBucket().settings(), "were told that they did", "If-None-Match");
  }

  @Test
  void aWalAndABucketOfDifferentClustersAreRefused() throws Exception {
    S3Broker config = onBucket();
    try (BrokerProcess broker = config.start()) {
      S3Broker.produce(broker, 0, 10, 100);
      broker.kill();
    }
    Path elsewhere = Files.createDirectories(work.resolve("elsewhere"));
    String other = S3Server.url(BUCKET + "/" + prefix + "-other", proxy.port());
    try (BrokerProcess broker = new S3Broker(elsewhere, other).start()) {
      broker.stop();
    }
    List<String> crossed = new ArrayList<>(config.settings());
    crossed.add("object.store.url=" + other);
    assertRefused(crossed, "holds cluster", "served cluster", "set object.store.url");
  }

  private void assertRefused(List<String> settings, String... said) {
    try (ChildProcess broker = BrokerProcess.launch(work, settings)) {
      assertThat(broker.awaitExit(Peers.PATIENCE)).as(broker.output()).isEqualTo(2);
      assertThat(broker.stderr().get(broker.stderr().size() - 1))
          .startsWith("spillway: ")
          .contains(said)
          .doesNotContain(S3Server.SECRET_KEY);
    }
  }

  @Tag("full")
  @Test
  void aStopWithoutTheBucketEndsInTimeAndSaysWhatRemains() throws Exception {
    S3Broker config = onBucket().with("shutdown.timeout.ms=3000");
    try (BrokerProcess broker = config.start()) {
      S3Broker.produce(broker, 0, 10, 100);
      proxy.outage(true);
      S3Broker.produce(broker, 10, 100, 20_000);
      broker.stop();
      assertThat(broker.process().output()).contains("MiB remain in the write-ahead log");
    }
    proxy.outage(false);
    try (BrokerProcess broker = config.start()) {
      assertThat(S3Broker.read(broker, 0)).isEqualTo(numbers(110));
    }
  }
}
