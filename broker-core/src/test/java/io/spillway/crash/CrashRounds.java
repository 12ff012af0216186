package io.spillway.crash;

import static org.assertj.core.api.Assertions.assertThat;

import io.spillway.peers.BrokerProcess;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;

/** Rounds of kill -9 under producers, consumers and uploads, and the judgement of it all. */
final class CrashRounds {

  /** What happens to a broker that is dead. */
  interface AfterKill {
    void happen() throws Exception;
  }

  private static final int PARTITIONS = 8;
  private static final String TOPIC = "crash";

  private final Path work;
  private final List<String> settings;
  private final Map<String, String> environment;
  private final AfterKill afterKill;
  private final int port = BrokerProcess.freePort();
  private final int metricsPort = BrokerProcess.freePort();
  private final History history = new History();
  private final StoreWatch watch;
  private int killsWithUnacked;
  private int killsInUpload;
  private long replayedFrames;

  /**
   * @param work the broker's working directory
   * @param store where its objects lie as files
   * @param settings beyond addresses and the pace of uploads
   * @param environment added to this process's
   * @param afterKill done to each dead broker
   */
  CrashRounds(
      Path work,
      Path store,
      List<String> settings,
      Map<String, String> environment,
      AfterKill afterKill) {
    this.work = work;
    this.watch = new StoreWatch(store);
    this.settings = settings;
    this.environment = environment;
    this.afterKill = afterKill;
  }

  /** Runs the rounds, and fails on any finding. */
  void run(int rounds) throws Exception {
    long seed = Long.getLong("crash.seed", System.nanoTime());
    System.out.println("crash.seed=" + seed);
    Random random = new Random(seed);
    BrokerProcess broker = start();
    try (Admin admin = Admin.create(Map.of("bootstrap.servers", "127.0.0.1:" + port))) {
      admin.createTopics(Set.of(new NewTopic(TOPIC, PARTITIONS, (short) 1))).all().get();
      try (Readers readers = new Readers(history, "127.0.0.1:" + port, TOPIC, 2)) {
        try (Producers producers =
            new Producers(history, "127.0.0.1:" + port, TOPIC, PARTITIONS, 4)) {
          for (int round = 0; round < rounds; round++) {
            Thread.sleep(500 + random.nextInt(1_000));
            awaitUnacked(producers);
            if (round % 2 == 0) {
              watch.awaitUploadUnderWay();
            }
            boolean unacked = producers.unacked() > 0;
            broker.kill();
            killsWithUnacked += unacked ? 1 : 0;
            killsInUpload += watch.uploadWasCutShort() ? 1 : 0;
            afterKill.happen();
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
  }

  int killsWithUnacked() {
    return killsWithUnacked;
  }

  /** Kills between the first byte of an upload and its commit. */
  int killsInUpload() {
    return killsInUpload;
  }

  long replayedFrames() {
    return replayedFrames;
  }

  private static void awaitUnacked(Producers producers) throws InterruptedException {
    for (int i = 0; i < 2_000 && producers.unacked() == 0; i++) {
      Thread.sleep(1);
    }
  }

  private BrokerProcess start() {
    List<String> all =
        new ArrayList<>(
            List.of(
                "listeners=PLAINTEXT://127.0.0.1:" + port,
                "metrics.listener=127.0.0.1:" + metricsPort,
                "upload.interval.ms=100",
                "upload.bytes=1048576"));
    all.addAll(settings);
    return BrokerProcess.start(work, all, environment);
  }

  private long recoveredFrames() {
    return BrokerProcess.http(metricsPort, "/metrics")
        .lines()
        .filter(line -> line.startsWith("spillway_wal_recovered_frames"))
        .mapToLong(line -> (long) Double.parseDouble(line.substring(line.lastIndexOf(' ') + 1)))
        .sum();
  }
}
