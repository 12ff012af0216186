package io.spillway.benchmarks;

import io.spillway.runtime.AmbientRuntime;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** A broker as a process of its own: started fresh, measured from /proc, stopped. */
@AmbientRuntime
abstract class SystemUnderTest implements AutoCloseable {

  private static final long START_TIMEOUT_NANOS = TimeUnit.SECONDS.toNanos(60);

  private final Process process;
  private final Path directory;

  SystemUnderTest(Path directory, List<String> command) throws IOException {
    this.directory = directory;
    this.process =
        new ProcessBuilder(command)
            .redirectErrorStream(true)
            .redirectOutput(directory.resolve("output.log").toFile())
            .start();
  }

  abstract String name();

  abstract String bootstrapServers();

  /** Returns when everything produced so far has reached its final place. */
  abstract void awaitSettled() throws IOException, InterruptedException;

  /**
   * What to wait after topics were made: an idempotent producer that meets a partition without a
   * leader, as Kafka's are for a moment, can jam for good.
   */
  static final long SETTLE_MS = 3_000;

  /** The systems that are measured side by side. */
  static final List<String> SYSTEMS = List.of("spillway", "kafka");

  /** One of {@link #SYSTEMS}, fresh, on a free port and the cores of the pinning. */
  static SystemUnderTest start(String system, Path root, Path directory, Pinning pinning)
      throws Exception {
    int port = freePort();
    return system.equals("kafka")
        ? kafka(root, directory, port, pinning)
        : spillway(root, directory, port, pinning);
  }

  /** Apache Kafka, as its defaults have it: no fsync. */
  private static SystemUnderTest kafka(Path root, Path directory, int port, Pinning pinning)
      throws Exception {
    Path properties = directory.resolve("server.properties");
    Files.writeString(
        properties,
        String.join(
            "\n",
            "process.roles=broker,controller",
            "node.id=1",
            "controller.quorum.voters=1@127.0.0.1:" + (port + 1),
            "listeners=PLAINTEXT://127.0.0.1:" + port + ",CONTROLLER://127.0.0.1:" + (port + 1),
            "controller.listener.names=CONTROLLER",
            "log.dirs=" + directory.resolve("logs"),
            "offsets.topic.replication.factor=1"));
    String classPath = root.resolve("broker-core/peers/kafka-server/target/lib") + "/*";
    List<String> java = javaCommand(classPath);
    List<String> format = new ArrayList<>(java);
    format.addAll(List.of("kafka.tools.StorageTool", "format", "-t", "3Db5QLSqSZieL3rJBUUegA"));
    format.addAll(List.of("-c", properties.toString()));
    int exitCode =
        new ProcessBuilder(format)
            .redirectErrorStream(true)
            .redirectOutput(directory.resolve("format.log").toFile())
            .start()
            .waitFor();
    if (exitCode != 0) {
      throw new IOException("formatting failed, see " + directory.resolve("format.log"));
    }
    List<String> serve = new ArrayList<>(java);
    serve.addAll(List.of("kafka.Kafka", properties.toString()));
    return new Kafka(directory, pinning.command(serve), port);
  }

  /** Spillway with its embedded defaults; uploads every few seconds so that they are measured. */
  private static SystemUnderTest spillway(Path root, Path directory, int port, Pinning pinning)
      throws Exception {
    List<String> serve =
        List.of(
            root.resolve("broker-core/bin/spillway").toString(),
            "serve",
            "--set",
            "listeners=PLAINTEXT://127.0.0.1:" + port,
            "--set",
            "metrics.listener=127.0.0.1:" + (port + 1),
            "--set",
            "upload.interval.ms=5000",
            "--set",
            "data.dir=" + directory.resolve("data"));
    return new Spillway(directory, pinning.command(serve), port);
  }

  private static List<String> javaCommand(String classPath) {
    return List.of(
        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
        "-Xmx1g",
        "-XX:+UseG1GC",
        "-cp",
        classPath);
  }

  static int freePort() throws IOException {
    try (ServerSocket socket = new ServerSocket(0)) {
      return socket.getLocalPort();
    }
  }

  final void awaitListening(int port) throws IOException, InterruptedException {
    long deadline = System.nanoTime() + START_TIMEOUT_NANOS;
    while (System.nanoTime() < deadline && process.isAlive()) {
      try (Socket socket = new Socket()) {
        socket.connect(new InetSocketAddress(InetAddress.getLoopbackAddress(), port), 1_000);
        return;
      } catch (IOException e) {
        Thread.sleep(50);
      }
    }
    throw new IOException(name() + " did not start, see " + directory.resolve("output.log"));
  }

  /** CPU seconds of the process so far, user and system. */
  final double cpuSeconds() throws IOException {
    return cpuSeconds(process.pid());
  }

  static double cpuSeconds(long pid) throws IOException {
    String stat = Files.readString(Path.of("/proc/" + pid + "/stat"));
    String[] fields = stat.substring(stat.lastIndexOf(')') + 2).split(" ", -1);
    long ticks = Long.parseLong(fields[11]) + Long.parseLong(fields[12]);
    return ticks / 100.0;
  }

  final long residentBytes() throws IOException {
    return residentBytes(process.pid());
  }

  static long residentBytes(long pid) throws IOException {
    for (String line : Files.readAllLines(Path.of("/proc/" + pid + "/status"))) {
      if (line.startsWith("VmRSS:")) {
        return Long.parseLong(line.replaceAll("[^0-9]", "")) * 1024;
      }
    }
    throw new IOException("no VmRSS");
  }

  @Override
  public void close() throws IOException, InterruptedException {
    process.destroy();
    if (!process.waitFor(30, TimeUnit.SECONDS)) {
      process.destroyForcibly().waitFor();
    }
    WorkDirectory.delete(directory);
  }

  private static final class Kafka extends SystemUnderTest {
    private final int port;

    Kafka(Path directory, List<String> command, int port) throws Exception {
      super(directory, command);
      this.port = port;
      awaitListening(port);
    }

    @Override
    String name() {
      return "kafka";
    }

    @Override
    String bootstrapServers() {
      return "127.0.0.1:" + port;
    }

    @Override
    void awaitSettled() {}
  }

  @AmbientRuntime
  private static final class Spillway extends SystemUnderTest {
    private final int port;

    Spillway(Path directory, List<String> command, int port) throws Exception {
      super(directory, command);
      this.port = port;
      awaitListening(port);
    }

    @Override
    String name() {
      return "spillway";
    }

    @Override
    String bootstrapServers() {
      return "127.0.0.1:" + port;
    }

    @Override
    void awaitSettled() throws IOException, InterruptedException {
      while (MetricsPage.value(port + 1, "spillway_unuploaded_bytes") > 0) {
        Thread.sleep(200);
      }
    }
  }
}
