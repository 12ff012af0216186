package io.spillway.crash;

import static org.assertj.core.api.Assertions.assertThat;

import io.spillway.crash.Kill.Moment;
import io.spillway.peers.BrokerProcess;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.UUID;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.common.Uuid;

/** Rounds of kill -9 under producers, consumers and uploads, and the judgement of it all. */
final class CrashRounds {

  /** What happens to a broker that is dead. */
  interface AfterKill {
    void happen() throws Exception;
  }

  private static final int PARTITIONS = 8;
  private static final String TOPIC = "crash";

  /** Which kind of kill follows which. */
  private static final List<Moment> MOMENTS =
      List.of(Moment.IN_UPLOAD, Moment.UNACKED, Moment.IN_UPLOAD, Moment.ANY);

  private final Path work;
  private final List<String> settings;
  private final Map<String, String> environment;
  private final AfterKill afterKill;
  private final int port = BrokerProcess.freePort();
  private final int metricsPort = BrokerProcess.freePort();
  private final History history = new History();
  private final StoreWatch watch;
  private final Killer killer;
  private final List<Kill> kills = new ArrayList<>();

  /**
   * @param work the broker's working directory
   * @param store where its objects lie as files
   * @param wal its write-ahead log
   * @param settings beyond addresses and the pace of uploads
   * @param environment added to this process's
   * @param afterKill done to each dead broker
   */
  CrashRounds(
      Path work,
      Path store,
      WalContents wal,
      List<String> settings,
      Map<String, String> environment,
      AfterKill afterKill) {
    this.work = work;
    this.watch = new StoreWatch(store);
    this.killer = new Killer(history, watch, wal);
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
      UUID topicId = createTopic(admin);
      try (Readers readers = new Readers(history, "127.0.0.1:" + port, TOPIC, 2)) {
        try (Producers producers =
            new Producers(history, "127.0.0.1:" + port, TOPIC, PARTITIONS, 4)) {
          for (int round = 0; round < rounds; round++) {
            Thread.sleep(500 + random.nextInt(1_000));
            Moment moment = MOMENTS.get(round % MOMENTS.size());
            killer.kill(broker, moment, topicId);
            boolean inUpload = watch.uploadWasCutShort();
            long unackedFrames = killer.unackedFrames(topicId);
            afterKill.happen();
            broker = start();
            kills.add(new Kill(moment, inUpload, unackedFrames, recoveredFrames()));
            readers.readCommitted(admin);
          }
        }
        readers.readAll(PARTITIONS);
        readers.readCommitted(admin);
      }
    } finally {
      broker.close();
    }

    kills.forEach(System.out::println);
    System.out.printf(
        "acked %d, unresolved %d, seen %d%n",
        history.acked().size(), history.unresolved().size(), history.seen().size());
    assertThat(HistoryChecker.check(history)).as("seed %d", seed).isEmpty();
    assertThat(history.acked()).hasSizeGreaterThan(1_000);
    assertThat(kills)
        .as("what was durable is replayed")
        .allMatch(kill -> kill.replayedFrames() >= kill.unackedFrames());
  }

  /** Kills that were aimed at that moment and met it. */
  long hits(Moment moment) {
    return kills.stream().filter(kill -> kill.moment() == moment && kill.isHit()).count();
  }

  private static UUID createTopic(Admin admin) throws Exception {
    Uuid id =
        admin.createTopics(Set.of(new NewTopic(TOPIC, PARTITIONS, (short) 1))).topicId(TOPIC).get();
    return new UUID(id.getMostSignificantBits(), id.getLeastSignificantBits());
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
    return (long) BrokerProcess.metric(metricsPort, "spillway_wal_recovered_frames");
  }
}
