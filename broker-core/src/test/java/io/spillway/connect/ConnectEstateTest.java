package io.spillway.connect;

import static org.assertj.core.api.Assertions.assertThat;

import io.spillway.object.s3.S3Server;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** G1, G5, G8: Connect workers that are killed, added and killed with the broker. */
@Tag("full")
@Timeout(value = 15, unit = TimeUnit.MINUTES)
class ConnectEstateTest {

  /** Only how long a cluster waits for a lost worker, and how often sources commit. */
  private static final Map<String, String> SHORTER =
      Map.of("scheduled.rebalance.max.delay.ms", "1000", "offset.flush.interval.ms", "1000");

  private static final String BUCKET = "estate-bucket";

  @TempDir Path work;

  /** All is in a bucket, log included; the broker's local directory is deleted at each kill. */
  @Test
  void everyLineArrivesThroughKillsOfWorkersAndOfABrokerThatLosesItsDisk_G8() throws Exception {
    try (S3Server server = S3Server.start(work.resolve("s3"));
        ConnectEstate estate = ConnectEstate.onBucket(work, SHORTER, bucketOf(server))) {
      List<ConnectWorker> first = estate.startWorkers(2);
      for (String source : List.of("s0", "s1", "s2", "s3")) {
        estate.addSource(source);
      }
      estate.addSink("one", 1, "s0");
      estate.addSink("two", 1, "s1", "s2");
      estate.addSink("all", 2, "s0", "s1", "s2", "s3");
      estate.awaitAllRunning();
      estate.awaitTasksOnAllWorkers();
      estate.startWriting();
      estate.awaitProgress();

      estate.killWorker(first.get(1));
      estate.awaitTasksOnAllWorkers();
      estate.killBroker();

      estate.addWorkers(2);
      estate.awaitTasksOnAllWorkers();
      estate.killBrokerAnd(first.get(0));
      estate.awaitTasksOnAllWorkers();
      estate.awaitAllRunning();
      estate.awaitProgress();

      estate.stopWriting();
      estate.awaitAllLines();
      assertThat(estate.findings()).isEmpty();
    }
  }

  private static List<String> bucketOf(S3Server server) {
    server.createBucket(BUCKET);
    return List.of(
        "object.store.url=" + server.url(BUCKET + "/estate"),
        "object.store.access.key=" + S3Server.ACCESS_KEY,
        "object.store.secret.key=" + S3Server.SECRET_KEY);
  }

  /**
   * The cluster's leader is the one that is killed: its successor gives out all tasks at once.
   * Tasks of another worker would stay with nobody for scheduled.rebalance.max.delay.ms, five
   * minutes. The broker, stock but for addresses and upload interval, is killed after it.
   */
  @Test
  void stockWorkersGoOnThroughKillsOfTheirLeaderAndOfTheBroker() throws Exception {
    try (ConnectEstate estate = ConnectEstate.onDisk(work, Map.of())) {
      // The first of a group leads it.
      ConnectWorker leader = estate.startWorkers(1).get(0);
      estate.startWorkers(1);
      estate.addSource("s0");
      estate.addSource("s1");
      estate.addSink("both", 2, "s0", "s1");
      estate.awaitAllRunning();
      estate.awaitTasksOnAllWorkers();
      estate.startWriting();
      estate.awaitProgress();

      estate.killWorker(leader);
      estate.awaitTasksOnAllWorkers();
      estate.addWorkers(1);
      estate.awaitTasksOnAllWorkers();
      estate.awaitAllRunning();
      estate.awaitProgress();

      estate.killBroker();
      estate.awaitTasksOnAllWorkers();
      estate.awaitAllRunning();
      estate.awaitProgress();

      estate.stopWriting();
      estate.awaitAllLines();
      assertThat(estate.findings()).isEmpty();
    }
  }
}
