package io.spillway.connect;

import static org.assertj.core.api.Assertions.assertThat;

import io.spillway.peers.BrokerProcess;
import io.spillway.peers.Peers;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** A file through a source connector, a topic and a sink connector, with restarts in the middle. */
@Tag("full")
@Timeout(value = 15, unit = TimeUnit.MINUTES)
class ConnectTest {

  private static final int LINES = 100_000;

  @TempDir Path work;

  @Test
  void everyLineArrivesThoughWorkerAndBrokerRestartInTheMiddle() throws Exception {
    Path in = work.resolve("in.txt");
    Path out = work.resolve("out.txt");
    append(in, 0, LINES / 2);
    List<String> settings =
        List.of(
            "listeners=PLAINTEXT://127.0.0.1:" + BrokerProcess.freePort(),
            "metrics.listener=off",
            "data.dir=" + work.resolve("data"));

    BrokerProcess broker = BrokerProcess.start(work, settings);
    ConnectWorker worker = ConnectWorker.start(work, broker.bootstrapServers());
    try {
      worker.put(
          "source",
          Map.of(
              "connector.class", "FileStreamSource",
              "tasks.max", "1",
              "file", in.toString(),
              "topic", "lines"));
      worker.put(
          "sink",
          Map.of(
              "connector.class", "FileStreamSink",
              "tasks.max", "1",
              "file", out.toString(),
              "topics", "lines"));
      worker.awaitRunning("source");
      worker.awaitRunning("sink");
      awaitLines(out, LINES / 4, worker);

      worker.kill();
      broker.kill();
      broker = BrokerProcess.start(work, settings);
      worker = ConnectWorker.start(work, broker.bootstrapServers());
      append(in, LINES / 2, LINES);
      worker.awaitRunning("source");
      worker.awaitRunning("sink");
      Set<String> seen = awaitLines(out, LINES, worker);

      assertThat(seen).isEqualTo(expected());
    } finally {
      worker.close();
      broker.close();
    }
  }

  private static void append(Path file, int from, int to) throws IOException {
    String lines =
        IntStream.range(from, to).mapToObj(i -> line(i) + "\n").collect(Collectors.joining());
    Files.writeString(file, lines, StandardOpenOption.CREATE, StandardOpenOption.APPEND);
  }

  private static String line(int i) {
    return "line " + i + " of a file that a connector reads";
  }

  private static Set<String> expected() {
    return IntStream.range(0, LINES).mapToObj(ConnectTest::line).collect(Collectors.toSet());
  }

  /** Distinct lines of the file, once there are so many. */
  private static Set<String> awaitLines(Path file, int count, ConnectWorker worker)
      throws IOException {
    long deadline = System.nanoTime() + 2 * Peers.PATIENCE.toNanos();
    Set<String> lines = Set.of();
    while (System.nanoTime() < deadline) {
      if (Files.exists(file)) {
        try (Stream<String> read = Files.lines(file)) {
          lines = read.collect(Collectors.toCollection(HashSet::new));
        }
        if (lines.size() >= count) {
          return lines;
        }
      }
      ConnectWorker.pause();
    }
    throw new AssertionError("only " + lines.size() + " lines arrived\n" + worker.output());
  }
}
