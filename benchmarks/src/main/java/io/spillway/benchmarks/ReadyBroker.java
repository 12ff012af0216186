package io.spillway.benchmarks;

import io.spillway.runtime.AmbientRuntime;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/**
 * Spillway, started by its launcher in a directory that may have been used before, with what the
 * start had cost by the ready line. Its stderr is {@code output.log} in the work directory.
 */
@AmbientRuntime
final class ReadyBroker implements AutoCloseable {

  private static final double MIB = 1024 * 1024;
  private static final long STOP_TIMEOUT_SECONDS = 60;

  private final Process process;
  private final String bootstrapServers;
  private final double[] atReady;

  private ReadyBroker(Process process, long beginNanos) throws IOException {
    this.process = process;
    BufferedReader output =
        new BufferedReader(new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8));
    String line = output.readLine();
    double seconds = (System.nanoTime() - beginNanos) / 1e9;
    if (line == null || !line.startsWith("spillway ready")) {
      process.destroyForcibly();
      throw new IOException("no ready line but " + line);
    }
    this.atReady = new double[] {seconds, cpuSeconds(), residentMib()};
    this.bootstrapServers =
        List.of(line.split(" ", -1)).stream()
            .filter(word -> word.startsWith("bootstrap="))
            .findFirst()
            .orElseThrow()
            .substring("bootstrap=".length());
  }

  /**
   * Returns when it said that it is ready.
   *
   * @param settings {@code name=value}, beside {@code data.dir} and a free port
   */
  static ReadyBroker start(Path root, Path work, List<String> settings) throws IOException {
    List<String> command =
        new ArrayList<>(List.of(root.resolve("broker-core/bin/spillway").toString(), "serve"));
    List<String> all = new ArrayList<>(settings);
    all.add("listeners=PLAINTEXT://127.0.0.1:0");
    all.add("data.dir=" + work.resolve("data"));
    all.forEach(setting -> command.addAll(List.of("--set", setting)));
    long begin = System.nanoTime();
    Process process =
        new ProcessBuilder(command)
            .redirectError(ProcessBuilder.Redirect.appendTo(work.resolve("output.log").toFile()))
            .start();
    return new ReadyBroker(process, begin);
  }

  String bootstrapServers() {
    return bootstrapServers;
  }

  /** Seconds to the ready line, CPU seconds and MiB resident by then. */
  double[] atReady() {
    return atReady.clone();
  }

  boolean isAlive() {
    return process.isAlive();
  }

  double cpuSeconds() throws IOException {
    return SystemUnderTest.cpuSeconds(process.pid());
  }

  double residentMib() throws IOException {
    return SystemUnderTest.residentBytes(process.pid()) / MIB;
  }

  /** Returns when it has stopped cleanly. */
  void stop() throws InterruptedException {
    end(false);
  }

  /** By SIGKILL. */
  void kill() throws InterruptedException {
    end(true);
  }

  void end(boolean kill) throws InterruptedException {
    if (kill) {
      process.destroyForcibly();
    } else {
      process.destroy();
    }
    if (!process.waitFor(STOP_TIMEOUT_SECONDS, TimeUnit.SECONDS)) {
      throw new IllegalStateException(
          "the broker runs " + STOP_TIMEOUT_SECONDS + " s after it was told to stop");
    }
  }

  @Override
  public void close() throws InterruptedException {
    process.destroyForcibly().waitFor();
  }
}
