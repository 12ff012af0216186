package io.spillway.benchmarks;

import io.spillway.runtime.AmbientRuntime;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/**
 * From the launcher's start to the ready line with many partitions, each with records in it: after
 * clean stops, and after kills with records that only the WAL has.
 *
 * <p>Arguments: the checkout, partitions, restarts of each kind. Prints a table in Markdown.
 */
@AmbientRuntime
public final class RestartBenchmark {

  private static final int RECORDS_PER_PARTITION = 20;

  private final Path root;
  private final Path data;
  private final int partitions;

  private RestartBenchmark(Path root, Path data, int partitions) {
    this.root = root;
    this.data = data;
    this.partitions = partitions;
  }

  public static void main(String[] arguments) throws Exception {
    Path root = Path.of(arguments[0]).toAbsolutePath().normalize();
    Path data = Files.createTempDirectory(root.resolve("benchmarks/target"), "restart");
    int restarts = Integer.parseInt(arguments[2]);
    try {
      new RestartBenchmark(root, data, Integer.parseInt(arguments[1])).run(restarts);
    } finally {
      try (Stream<Path> files = Files.walk(data)) {
        for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
          Files.delete(file);
        }
      }
    }
  }

  private void run(int restarts) throws Exception {
    try (Started first = start()) {
      try (Admin admin = Admin.create(Map.of("bootstrap.servers", first.bootstrap))) {
        admin.createTopics(Set.of(new NewTopic("many", partitions, (short) 1))).all().get();
      }
      produce(first);
      first.stop(false);
    }
    System.out.printf("%d partitions; median (least-most) of %d%n%n", partitions, restarts);
    System.out.println("| restart | s to the ready line | CPU-s | resident MiB |");
    System.out.println("|---|---|---|---|");
    measure("after a clean stop", restarts, false);
    measure("after kill -9", restarts, true);
  }

  private void measure(String name, int restarts, boolean kill) throws Exception {
    double[] seconds = new double[restarts];
    double[] cpu = new double[restarts];
    double[] resident = new double[restarts];
    if (kill) {
      leaveBehind(true); // the stop before was a clean one
    }
    for (int i = 0; i < restarts; i++) {
      try (Started broker = start()) {
        seconds[i] = broker.seconds;
        cpu[i] = broker.cpuSeconds;
        resident[i] = broker.residentMib;
        produce(broker);
        broker.stop(kill);
      }
    }
    System.out.printf(
        "| %s | %s | %s | %s |%n",
        name, spread(seconds, "%.2f"), spread(cpu, "%.2f"), spread(resident, "%.0f"));
  }

  private void leaveBehind(boolean kill) throws Exception {
    try (Started broker = start()) {
      produce(broker);
      broker.stop(kill);
    }
  }

  private void produce(Started broker) {
    try (KafkaProducer<byte[], byte[]> producer =
        new KafkaProducer<>(
            Map.of("bootstrap.servers", broker.bootstrap, "acks", "all", "linger.ms", 20),
            new ByteArraySerializer(),
            new ByteArraySerializer())) {
      for (int i = 0; i < partitions * RECORDS_PER_PARTITION; i++) {
        producer.send(new ProducerRecord<>("many", i % partitions, null, new byte[100]));
      }
    }
  }

  private Started start() throws IOException {
    long begin = System.nanoTime();
    Process process =
        new ProcessBuilder(
                root.resolve("broker-core/bin/spillway").toString(),
                "serve",
                "--set",
                "listeners=PLAINTEXT://127.0.0.1:0",
                "--set",
                "metrics.listener=off",
                "--set",
                "data.dir=" + data.resolve("data"))
            .redirectError(data.resolve("output.log").toFile())
            .start();
    return new Started(process, begin);
  }

  private static String spread(double[] values, String format) {
    double[] sorted = values.clone();
    Arrays.sort(sorted);
    return String.format(
        format + " (" + format + "-" + format + ")",
        sorted[sorted.length / 2],
        sorted[0],
        sorted[sorted.length - 1]);
  }

  /** A broker that said it is ready, and what it had cost by then. */
  @AmbientRuntime
  private static final class Started implements AutoCloseable {
    private final Process process;
    private final String bootstrap;
    private final double seconds;
    private final double cpuSeconds;
    private final double residentMib;

    Started(Process process, long begin) throws IOException {
      this.process = process;
      BufferedReader output =
          new BufferedReader(
              new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8));
      String line = output.readLine();
      this.seconds = (System.nanoTime() - begin) / 1e9;
      if (line == null || !line.startsWith("spillway ready")) {
        process.destroyForcibly();
        throw new IOException("no ready line but " + line);
      }
      this.cpuSeconds = SystemUnderTest.cpuSeconds(process.pid());
      this.residentMib = SystemUnderTest.residentBytes(process.pid()) / (1024.0 * 1024.0);
      List<String> words = List.of(line.split(" ", -1));
      this.bootstrap =
          words.stream()
              .filter(word -> word.startsWith("bootstrap="))
              .findFirst()
              .orElseThrow()
              .substring("bootstrap=".length());
    }

    void stop(boolean kill) throws InterruptedException {
      if (kill) {
        process.destroyForcibly();
      } else {
        process.destroy();
      }
      process.waitFor(60, TimeUnit.SECONDS);
    }

    @Override
    public void close() throws InterruptedException {
      process.destroyForcibly().waitFor();
    }
  }
}
