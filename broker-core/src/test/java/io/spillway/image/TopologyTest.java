package io.spillway.image;

import static org.assertj.core.api.Assertions.assertThat;

import io.spillway.connect.ConnectWorker;
import io.spillway.object.s3.S3Server;
import io.spillway.peers.BrokerProcess;
import io.spillway.peers.ChildProcess;
import io.spillway.peers.Peers;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * What {@code docker compose up} starts, as processes: the files of both images, their entry
 * points, the commands and variables of the compose files, with only addresses and directories
 * replaced, and another S3 server in MinIO's place.
 */
@Tag("full")
@Timeout(value = 15, unit = TimeUnit.MINUTES)
class TopologyTest {

  private static final Compose BASE = Compose.read(ImageFiles.docker("compose.yaml"));

  @TempDir static Path work;
  private static ImageFiles brokerImage;
  private static ImageFiles connectImage;
  private Compose compose = BASE;
  private final int s3Port = BrokerProcess.freePort();
  private final int brokerPort = BrokerProcess.freePort();
  private final int hostPort = BrokerProcess.freePort();
  private final int metricsPort = BrokerProcess.freePort();
  private final int restPort = BrokerProcess.freePort();
  private Path brokerData;
  private Path connectData;

  @BeforeAll
  static void layOut() {
    brokerImage = ImageFiles.broker(work);
    connectImage = ImageFiles.connect(work);
  }

  @AfterAll
  static void unseal() {
    Stream.of(brokerImage, connectImage)
        .filter(Objects::nonNull) // skipped where nothing is packaged
        .forEach(ImageFiles::unseal);
  }

  @Test
  void waitsForTheBucketThenCarriesAFileThroughAndKeepsAllOverDownAndUp() throws Exception {
    carryAFileOverDownAndUp(work.resolve("wal-on-a-volume"));
  }

  /** Its directory is memory that goes with the container: the next one has an empty one. */
  @Test
  void withTheWalInTheBucketItDoesTheSameAndNeedsNoVolume() throws Exception {
    compose = BASE.with(ImageFiles.docker("compose.object-wal.yaml"));
    assertThat(compose.list("broker", "volumes")).isEmpty();
    carryAFileOverDownAndUp(work.resolve("wal-in-the-bucket"));
  }

  private void carryAFileOverDownAndUp(Path volumes) throws Exception {
    brokerData = Files.createDirectories(volumes.resolve("broker-data"));
    connectData = Files.createDirectories(volumes.resolve("connect-data"));
    Path in = connectData.resolve("in.txt");
    Path out = connectData.resolve("out.txt");

    try (ChildProcess broker = startBroker()) {
      // Up before its bucket is: alive, and not ready.
      await("alive", broker, () -> status("/livez") == 200);
      assertThat(status("/readyz")).isEqualTo(503);
      try (S3Server s3 = S3Server.start(volumes.resolve("s3"), s3Port)) {
        s3.createBucket(compose.environment("bucket").get("BUCKET"));
        await("ready", broker, () -> status("/readyz") == 200);
        try (ChildProcess process = startConnect()) {
          ConnectWorker connect = ConnectWorker.of(process, restPort);
          await("healthy", process, () -> connectHealth() == 0);
          append(in, 0, 1_000);
          connect.put("source", source(in));
          connect.put("sink", sink(out));
          connect.awaitRunning("source");
          connect.awaitRunning("sink");
          await("the lines", process, () -> lines(out).size() == 1_000);

          // Down, in Compose's order.
          System.out.printf(
              "peak memory: broker %d MiB, connect %d MiB%n", peak(broker), peak(process));
          assertThat(peak(broker)).isLessThan(limit("broker"));
          assertThat(peak(process)).isLessThan(limit("connect"));
          assertThat(broker.output()).doesNotContain("of direct memory");
          process.terminate();
          process.awaitExit(Peers.PATIENCE);
        }
        broker.terminate();
        broker.awaitSuccess(Peers.PATIENCE);
      }
    }

    // Up again: other containers on the same volumes.
    if (compose.list("broker", "volumes").isEmpty()) {
      brokerData = Files.createDirectories(volumes.resolve("broker-data-of-the-next"));
    }
    try (S3Server s3 = S3Server.start(volumes.resolve("s3"), s3Port);
        ChildProcess broker = startBroker()) {
      assertThat(s3.port()).isEqualTo(s3Port);
      await("ready", broker, () -> status("/readyz") == 200);
      try (ChildProcess process = startConnect()) {
        await("healthy", process, () -> connectHealth() == 0);
        ConnectWorker connect = ConnectWorker.of(process, restPort);
        connect.awaitRunning("source");
        connect.awaitRunning("sink");
        append(in, 1_000, 1_500);
        await("the further lines", process, () -> lines(out).size() >= 1_500);
      }
    }
    assertThat(lines(out)).isEqualTo(IntStream.range(0, 1_500).mapToObj(i -> "line " + i).toList());
  }

  /** The compose files' command, with this test's addresses. */
  private ChildProcess startBroker() {
    List<String> command = new ArrayList<>();
    command.addAll(Dockerfile.read(ImageFiles.docker("Dockerfile")).only("ENTRYPOINT").exec());
    for (String word : compose.list("broker", "command")) {
      command.add(
          word.startsWith("/etc/")
              ? brokerImage.at(word).toString()
              : word.replace("://:9092", "://127.0.0.1:" + brokerPort)
                  .replace("://broker:9092", "://127.0.0.1:" + brokerPort)
                  .replace("://:29092", "://127.0.0.1:" + hostPort)
                  .replace("localhost:29092", "127.0.0.1:" + hostPort)
                  .replace("http://minio:9000", "http://127.0.0.1:" + s3Port));
    }
    command.add("--set=data.dir=" + brokerData);
    command.add("--set=metrics.listener=127.0.0.1:" + metricsPort);
    Map<String, String> environment = new HashMap<>(compose.environment("broker"));
    environment.putAll(ImageFiles.LEAK_DETECTION);
    environment.put("AWS_ACCESS_KEY_ID", S3Server.ACCESS_KEY);
    environment.put("AWS_SECRET_ACCESS_KEY", S3Server.SECRET_KEY);
    return brokerImage.start("broker", brokerData, environment, command);
  }

  private ChildProcess startConnect() {
    Dockerfile file = Dockerfile.read(ImageFiles.docker("connect/Dockerfile"));
    List<String> command = new ArrayList<>(file.only("ENTRYPOINT").exec());
    file.only("CMD").exec().forEach(word -> command.add(connectImage.at(word).toString()));
    Map<String, String> environment = new HashMap<>();
    for (String word : file.only("ENV").words()) {
      environment.put(word.substring(0, word.indexOf('=')), word.substring(word.indexOf('=') + 1));
    }
    environment.putAll(compose.environment("connect"));
    environment.put("CONNECT_BOOTSTRAP_SERVERS", "127.0.0.1:" + brokerPort);
    environment.put("CONNECT_LISTENERS", "http://127.0.0.1:" + restPort);
    environment.put("CONNECT_ADVERTISED_HOST", "127.0.0.1");
    return connectImage.start("connect", connectData, environment, command);
  }

  private static Map<String, String> source(Path in) {
    return Map.of(
        "connector.class", "FileStreamSource",
        "file", in.toString(),
        "topic", "lines",
        "topic.creation.default.replication.factor", "3",
        "topic.creation.default.partitions", "1");
  }

  private static Map<String, String> sink(Path out) {
    return Map.of("connector.class", "FileStreamSink", "file", out.toString(), "topics", "lines");
  }

  private int status(String page) {
    HttpRequest request =
        HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + metricsPort + page))
            .timeout(Duration.ofSeconds(20))
            .build();
    try {
      return HttpClient.newHttpClient()
          .send(request, HttpResponse.BodyHandlers.discarding())
          .statusCode();
    } catch (IOException e) {
      return 0;
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }

  /** The health check of the worker's image. */
  private int connectHealth() {
    List<String> check =
        new ArrayList<>(
            Dockerfile.read(ImageFiles.docker("connect/Dockerfile")).only("HEALTHCHECK").exec());
    check.set(2, Integer.toString(restPort));
    try (ChildProcess process = connectImage.start("health", Path.of("/tmp"), Map.of(), check)) {
      return process.awaitExit(Peers.PATIENCE);
    }
  }

  private static void append(Path file, int from, int to) throws IOException {
    List<String> lines = IntStream.range(from, to).mapToObj(i -> "line " + i).toList();
    Files.write(file, lines, StandardOpenOption.CREATE, StandardOpenOption.APPEND);
  }

  private static List<String> lines(Path file) {
    try {
      return Files.exists(file) ? Files.readAllLines(file) : List.of();
    } catch (IOException e) {
      throw new java.io.UncheckedIOException(e);
    }
  }

  /** The most memory the process ever had, in MiB. */
  private static long peak(ChildProcess process) throws IOException {
    return Files.readAllLines(Path.of("/proc/" + process.pid() + "/status")).stream()
        .filter(line -> line.startsWith("VmHWM:"))
        .mapToLong(line -> Long.parseLong(line.replaceAll("\\D", "")) / 1024)
        .findFirst()
        .orElseThrow();
  }

  private long limit(String service) {
    return Long.parseLong(compose.service(service).get("mem_limit").toString().replace("m", ""));
  }

  private static void await(String what, ChildProcess process, BooleanSupplier done)
      throws InterruptedException {
    long deadline = System.nanoTime() + Peers.PATIENCE.toNanos();
    while (!done.getAsBoolean()) {
      if (System.nanoTime() > deadline || !process.isAlive()) {
        throw new AssertionError("awaited in vain: " + what + "\n" + process.output());
      }
      Thread.sleep(50);
    }
  }
}
