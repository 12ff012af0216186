package io.spillway.s3;

import static org.assertj.core.api.Assertions.assertThat;

import io.spillway.object.s3.FaultProxy;
import io.spillway.object.s3.FaultProxy.Fault;
import io.spillway.object.s3.S3Server;
import io.spillway.peers.BrokerProcess;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** G1: a bucket that refuses a broker while it runs, and takes it back. */
@Tag("full")
@Timeout(600) // processes on a loaded machine
class BucketLostTest {

  private static final String BUCKET = "lost-bucket";

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

  private String url() {
    return S3Server.url(BUCKET + "/p" + Long.toHexString(System.nanoTime()), proxy.port());
  }

  private static List<Integer> numbers(int count) {
    return IntStream.range(0, count).boxed().toList();
  }

  @ParameterizedTest
  @CsvSource({
    "404, NoSuchBucket, create the bucket",
    "403, AccessDenied, or give other keys",
  })
  void producersAreAckedFromTheWalAWarningNamesTheFixAndUploadsGoOnWhenItIsMended_G1(
      int status, String code, String fix) throws Exception {
    S3Broker config = new S3Broker(work, url());
    try (BrokerProcess broker = config.start()) {
      S3Broker.produce(broker, 0, 100, 100);
      S3Broker.await("an upload", () -> config.metric("spillway_uploaded_objects_total") > 0);

      proxy.onEach(request -> Fault.status(status, code));
      S3Broker.produce(broker, 100, 100, 100);
      S3Broker.await("a warning", () -> warns(broker, code, fix));
      S3Broker.produce(broker, 200, 100, 100);
      assertThat(S3Broker.read(broker, 0)).isEqualTo(numbers(300));
      assertThat(config.metric("spillway_unuploaded_bytes")).isPositive();

      proxy.onEach(request -> Fault.PASS);
      S3Broker.await("all is uploaded", () -> config.metric("spillway_unuploaded_bytes") == 0);
      assertThat(config.page("/readyz")).startsWith("ready");
      broker.stop();
    }
    assertAllIsInTheBucketAlone(config, 300);
  }

  private static boolean warns(BrokerProcess broker, String... words) {
    return broker
        .process()
        .output()
        .lines()
        .filter(line -> line.contains("WARN"))
        .anyMatch(line -> List.of(words).stream().allMatch(line::contains));
  }

  private void assertAllIsInTheBucketAlone(S3Broker config, int count) throws Exception {
    Path elsewhere = Files.createDirectories(work.resolve("elsewhere"));
    S3Broker moved = new S3Broker(elsewhere, config.storeUrl());
    try (BrokerProcess broker = moved.start()) {
      assertThat(S3Broker.read(broker, 0)).isEqualTo(numbers(count));
      broker.stop();
    }
  }

  /** As when the old keys are switched off: the store knows only the new ones from then on. */
  @Test
  void keysThatAreRotatedInTheSharedFileAreTakenUpWithoutARestart() throws Exception {
    Path shared = writeKeys("first-key", "first-secret");
    Path directory = Files.createDirectories(work.resolve("store"));
    S3Server first = S3Server.startWithKeys(directory, 0, "first-key", "first-secret");
    first.createBucket(BUCKET);
    S3Broker config =
        new S3Broker(work, S3Server.url(BUCKET, first.port()) + "&profile=team").withoutKeys();
    try (BrokerProcess broker =
        config.start(Map.of("AWS_SHARED_CREDENTIALS_FILE", shared.toString()))) {
      S3Broker.produce(broker, 0, 100, 100);
      S3Broker.await("an upload", () -> config.metric("spillway_uploaded_objects_total") > 0);
      first.close();

      try (S3Server second =
          S3Server.startWithKeys(directory, first.port(), "second-key", "second-secret")) {
        assertThat(second.port()).isEqualTo(first.port());
        S3Broker.produce(broker, 100, 100, 100);
        S3Broker.await("refusals", () -> refusals(config) > 3);
        assertThat(config.metric("spillway_unuploaded_bytes")).isPositive();
        writeKeys("second-key", "second-secret");

        S3Broker.await("all is uploaded", () -> config.metric("spillway_unuploaded_bytes") == 0);
        assertThat(S3Broker.read(broker, 0)).isEqualTo(numbers(200));
        assertThat(broker.process().output()).doesNotContain("first-secret", "second-secret");
        broker.stop();
      }
    } finally {
      first.close();
    }
  }

  private static double refusals(S3Broker config) {
    return config
        .page("/metrics")
        .lines()
        .filter(line -> line.matches("spillway_store_requests_total\\{.*outcome=\"refused\".*"))
        .mapToDouble(line -> Double.parseDouble(line.substring(line.lastIndexOf(' ') + 1)))
        .sum();
  }

  private Path writeKeys(String accessKey, String secretKey) throws IOException {
    return Files.writeString(
        work.resolve("credentials"),
        "[team]\naws_access_key_id=%s\naws_secret_access_key=%s\n".formatted(accessKey, secretKey));
  }
}
