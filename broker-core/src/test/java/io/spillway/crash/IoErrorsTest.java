package io.spillway.crash;

import static org.assertj.core.api.Assertions.assertThat;

import io.spillway.peers.BrokerProcess;
import io.spillway.peers.Peers;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * G1, P28: the disk under the WAL begins to answer EIO, in the middle of the broker's writes or of
 * its forces. The broker ends with code 3, and nothing that was acknowledged is missing after it.
 */
@Tag("full")
@Timeout(value = 5, unit = TimeUnit.MINUTES)
class IoErrorsTest {

  private static final String TOPIC = "io-errors";
  private static final int PARTITIONS = 4;

  @TempDir Path work;

  @ParameterizedTest
  @CsvSource({"write, true", "write, false", "sync, false"})
  void aFailingDiskEndsTheBrokerAndLosesNothingAcked_G1_P28(String failing, boolean direct)
      throws Exception {
    int port = BrokerProcess.freePort();
    String bootstrap = "127.0.0.1:" + port;
    List<String> settings =
        List.of(
            "listeners=PLAINTEXT://" + bootstrap,
            "metrics.listener=off",
            "wal.direct.io=" + direct,
            "wal.capacity.bytes=" + (64L << 20),
            "upload.interval.ms=500",
            "data.dir=" + work.resolve("data"));
    Path trigger = work.resolve("trigger");
    Map<String, String> failingDisk =
        Map.of("LD_PRELOAD", shim().toString(), "IO_ERRORS_TRIGGER", trigger.toString());
    History history = new History();

    BrokerProcess failed = BrokerProcess.start(work, settings, failingDisk);
    BrokerProcess broker = failed;
    int exitCode;
    createTopic(bootstrap);
    try (Readers readers = new Readers(history, bootstrap, TOPIC, 1)) {
      try (Producers producers = new Producers(history, bootstrap, TOPIC, PARTITIONS, 2)) {
        awaitAcked(history, 2_000);
        Files.writeString(trigger, failing);
        exitCode = failed.process().awaitExit(Peers.PATIENCE);
        Files.delete(trigger);

        int acked = history.acked().size();
        broker = BrokerProcess.start(work, settings);
        awaitAcked(history, acked + 500);
      }
      readers.readAll(PARTITIONS);
    } finally {
      broker.close();
    }
    assertThat(exitCode).as(failed.process().output()).isEqualTo(3);
    assertThat(failed.process().stderr())
        .anySatisfy(
            line -> assertThat(line).startsWith("spillway: WAL ").contains("Input/output error"));
    assertThat(HistoryChecker.check(history)).isEmpty();
  }

  private static void createTopic(String bootstrap) throws Exception {
    try (Admin admin = Admin.create(Map.of("bootstrap.servers", bootstrap))) {
      admin.createTopics(Set.of(new NewTopic(TOPIC, PARTITIONS, (short) 1))).all().get();
    }
  }

  private static void awaitAcked(History history, int count) throws InterruptedException {
    long deadline = System.nanoTime() + Peers.PATIENCE.toNanos();
    while (history.acked().size() < count) {
      assertThat(System.nanoTime()).as("%d acked", history.acked().size()).isLessThan(deadline);
      Thread.sleep(20);
    }
  }

  /** Compiles the library that makes the calls fail. */
  private Path shim() throws Exception {
    Path source = work.resolve("io_errors.c");
    Path library = work.resolve("io_errors.so");
    try (InputStream resource = IoErrorsTest.class.getResourceAsStream("io_errors.c")) {
      Files.copy(resource, source);
    }
    Peers.program(
            "gcc",
            work,
            Map.of(),
            List.of(
                "-shared", "-fPIC", "-Wall", "-o", library.toString(), source.toString(), "-ldl"))
        .awaitSuccess(Peers.PATIENCE);
    return library;
  }
}
