package io.spillway.crash;

import static org.assertj.core.api.Assertions.assertThat;

import io.spillway.peers.BrokerProcess;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** G1, G2, G4, G5: kill -9, twenty times, under producers, consumers and uploads. */
@Tag("full")
@Timeout(value = 15, unit = TimeUnit.MINUTES)
class CrashTest {

  private static final int ROUNDS = 20;
  private static final int PARTITIONS = 8;
  private static final String TOPIC = "crash";

  @TempDir Path work;
  private final int port = BrokerProcess.freePort();
  private final int metricsPort = BrokerProcess.freePort();

  @Test
  void nothingAckedIsLostDoubledOrReorderedByTwentyKills() throws Exception {
    long seed = Long.getLong("crash.seed", System.nanoTime());
    System.out.println("crash.seed=" + seed);
    Random random = new Random(seed);
    History history = new History();
    int killsWithUnacked = 0;
    int killsInUpload = 0;
    long replayedFrames = 0;

    BrokerProcess broker = start();
    try (Admin admin = Admin.create(Map.of("bootstrap.servers", "127.0.0.1:" + port))) {
      admin.createTopics(Set.of(new NewTopic(TOPIC, PARTITIONS, (short) 1))).all().get();
      try (Readers readers = new Readers(history, "127.0.0.1:" + port, TOPIC, 2)) {
        try (Producers producers =
            new Producers(history, "127.0.0.1:" + port, TOPIC, PARTITIONS, 4)) {
          for (int round = 0; round < ROUNDS; round++) {
            Thread.sleep(500 + random.nextInt(1_000));
            awaitUnacked(producers);
            StoreWatch watch = new StoreWatch(work.resolve("data"));
            if (round % 2 == 0) {
              watch.awaitUploadUnderWay();
            }
            boolean unacked = producers.unacked() > 0;
            broker.kill();
            killsWithUnacked += unacked ? 1 : 0;
            killsInUpload += watch.uploadWasCutShort() ? 1 : 0;
            broker = start();
            replayedFrames += recoveredFrames();
            readers.readCommitted(admin);
          }
        }
        readers.readAll(PARTITIONS);
        readers.readCommitted(admin);
      }
    } finally {
      broker.close();
    }

    assertThat(HistoryChecker.check(history)).as("seed %d", seed).isEmpty();
    System.out.printf(
        "acked %d, unresolved %d, seen %d, kills with unacked %d, in uploads %d, replayed %d%n",
        history.acked().size(),
        history.unresolved().size(),
        history.seen().size(),
        killsWithUnacked,
        killsInUpload,
        replayedFrames);
    assertThat(history.acked()).hasSizeGreaterThan(1_000);
    assertThat(killsWithUnacked).isGreaterThanOrEqualTo(15);
    assertThat(killsInUpload).isGreaterThanOrEqualTo(5);
    assertThat(replayedFrames).isPositive();
  }

  private static void awaitUnacked(Producers producers) throws InterruptedException {
    for (int i = 0; i < 2_000 && producers.unacked() == 0; i++) {
      Thread.sleep(1);
    }
  }

  private BrokerProcess start() {
    return BrokerProcess.start(
        work,
        List.of(
            "listeners=PLAINTEXT://127.0.0.1:" + port,
            "metrics.listener=127.0.0.1:" + metricsPort,
            "data.dir=" + work.resolve("data"),
            "wal.capacity.bytes=" + (256L << 20),
            "upload.interval.ms=100",
            "upload.bytes=1048576"));
  }

  private long recoveredFrames() {
    return BrokerProcess.http(metricsPort, "/metrics")
        .lines()
        .filter(line -> line.startsWith("spillway_wal_recovered_frames"))
        .mapToLong(line -> (long) Double.parseDouble(line.substring(line.lastIndexOf(' ') + 1)))
        .sum();
  }
}
