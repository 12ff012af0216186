package io.spillway.benchmarks;

import io.spillway.runtime.AmbientRuntime;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** {@link BacklogReaders} as a process of its own, so that its garbage is not the producer's. */
@AmbientRuntime
final class ReaderProcess implements AutoCloseable {

  private static final long START_TIMEOUT_NANOS = TimeUnit.SECONDS.toNanos(60);

  private final Process process;
  private final Thread output;
  private volatile long bytes;

  private ReaderProcess(Process process) {
    this.process = process;
    this.output = new Thread(this::follow, "backlog-readers-output");
    output.setDaemon(true);
    output.start();
  }

  /** Returns when each of the consumers has read something. */
  static ReaderProcess start(
      SystemUnderTest broker,
      String topic,
      int partitions,
      int consumers,
      Path directory,
      Pinning on)
      throws IOException, InterruptedException {
    List<String> command =
        List.of(
            Path.of(System.getProperty("java.home"), "bin", "java").toString(),
            "-Xmx1g",
            "-XX:+UseSerialGC",
            "-cp",
            System.getProperty("java.class.path"),
            BacklogReaders.class.getName(),
            broker.bootstrapServers(),
            topic,
            String.valueOf(partitions),
            String.valueOf(consumers),
            directory.toString());
    ReaderProcess readers =
        new ReaderProcess(
            new ProcessBuilder(on.command(command))
                .redirectError(ProcessBuilder.Redirect.INHERIT)
                .start());
    readers.awaitData();
    return readers;
  }

  private void awaitData() throws IOException, InterruptedException {
    long deadline = System.nanoTime() + START_TIMEOUT_NANOS;
    while (bytes == 0) {
      if (!process.isAlive()) {
        throw new IOException("the readers ended: exit code " + process.exitValue());
      }
      if (System.nanoTime() - deadline > 0) {
        close();
        throw new IOException("not every reader has read something after 60 s");
      }
      Thread.sleep(100);
    }
  }

  /** Read so far, as of the last second. */
  long bytes() {
    return bytes;
  }

  boolean isAlive() {
    return process.isAlive();
  }

  private void follow() {
    try (BufferedReader lines =
        new BufferedReader(
            new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8))) {
      for (String line = lines.readLine(); line != null; line = lines.readLine()) {
        bytes = Long.parseLong(line);
      }
    } catch (IOException e) {
      // Its end: whoever needs more of it sees that it is not alive.
    }
  }

  @Override
  public void close() throws InterruptedException {
    process.destroyForcibly().waitFor();
    output.join();
  }
}
