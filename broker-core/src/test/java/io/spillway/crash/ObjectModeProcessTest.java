package io.spillway.crash;

import static org.assertj.core.api.Assertions.assertThat;

import io.spillway.peers.BrokerProcess;
import io.spillway.peers.ChildProcess;
import io.spillway.peers.Peers;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Future;
import java.util.stream.Stream;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.Producer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.serialization.StringSerializer;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** {@code wal.url=object:} with processes that are killed, and switching to it and back. */
class ObjectModeProcessTest {

  private static final int RECORDS = 500;
  private static final String IN_BUCKET = "wal.url=object:";

  @TempDir Path work;

  @Test
  void killedWithEveryLocalFileDeletedItLosesNothing_G8() throws Exception {
    try (BrokerProcess broker = start(IN_BUCKET)) {
      LostDirectoryTest.produce(broker);
      LostDirectoryTest.commit(broker);
      broker.kill();
    }
    deleteLocal();
    try (BrokerProcess broker = start(IN_BUCKET)) {
      assertThat(LostDirectoryTest.read(broker)).hasSize(RECORDS).last().isEqualTo("value-499");
      assertThat(LostDirectoryTest.committed(broker)).isEqualTo(42);
      broker.stop();
    }
    assertThat(Files.exists(work.resolve("data/wal"))).isFalse();
  }

  @Test
  @Tag("full")
  void switchingDrainsWhatTheOtherLogHolds_P3() throws Exception {
    try (BrokerProcess broker = start()) {
      LostDirectoryTest.produce(broker);
      broker.kill();
    }
    try (BrokerProcess broker = start(IN_BUCKET)) {
      assertThat(LostDirectoryTest.read(broker)).hasSize(RECORDS);
      LostDirectoryTest.produce(broker);
      broker.kill();
    }
    deleteLocal();
    try (BrokerProcess broker = start()) {
      assertThat(LostDirectoryTest.read(broker)).hasSize(2 * RECORDS);
      LostDirectoryTest.produce(broker);
      broker.kill();
    }
    try (BrokerProcess broker = start()) {
      assertThat(LostDirectoryTest.read(broker)).hasSize(3 * RECORDS);
    }
  }

  @Test
  void aSecondProcessOfALiveNodeIsRefusedAndFencesNobody() throws Exception {
    try (BrokerProcess broker = start(IN_BUCKET)) {
      LostDirectoryTest.produce(broker);
      List<String> settings = settings("other", IN_BUCKET);
      try (ChildProcess second = BrokerProcess.launch(work, settings)) {
        assertThat(second.awaitExit(Peers.PATIENCE)).isEqualTo(2);
        assertThat(String.join("\n", second.stderr()))
            .contains("node.id=1 is served by")
            .contains(broker.bootstrapServers());
      }
      LostDirectoryTest.produce(broker);
      assertThat(LostDirectoryTest.read(broker)).hasSize(2 * RECORDS);
    }
  }

  @Test
  @Tag("full")
  void aBrokerThatWakesUpFencedEndsWithCode3AndServesAgainInANewIncarnation_P14() throws Exception {
    try (BrokerProcess fenced = start(IN_BUCKET)) {
      LostDirectoryTest.produce(fenced);
      LostDirectoryTest.commit(fenced);
      fenced.process().pause();
      List<String> settings = settings("other", IN_BUCKET);
      try (BrokerProcess successor = BrokerProcess.start(work, settings)) {
        LostDirectoryTest.produce(successor);
        fenced.process().resume();
        try (Producer<String, String> late = producer(fenced)) {
          Future<RecordMetadata> ack = late.send(new ProducerRecord<>("kept", 0, "key", "late"));
          assertThat(fenced.process().awaitExit(Peers.PATIENCE))
              .as(fenced.process().output())
              .isEqualTo(3);
          late.close(Duration.ZERO);
          assertThat(ack).as("G3: acknowledged by nobody").failsWithin(Peers.PATIENCE);
        }
        assertThat(fenced.process().stderr())
            .anyMatch(
                line -> line.matches("spillway: .*(has taken over|was replaced|is fenced).*"));
        assertThat(LostDirectoryTest.read(successor)).hasSize(2 * RECORDS).doesNotContain("late");
        successor.kill();
      }
    }
    try (BrokerProcess again = start(IN_BUCKET)) {
      assertThat(LostDirectoryTest.read(again)).hasSize(2 * RECORDS);
      assertThat(LostDirectoryTest.committed(again)).isEqualTo(42);
      LostDirectoryTest.produce(again);
      assertThat(LostDirectoryTest.read(again)).hasSize(3 * RECORDS).doesNotContain("late");
      again.stop();
    }
  }

  private static Producer<String, String> producer(BrokerProcess broker) {
    return new KafkaProducer<>(
        Map.of(
            "bootstrap.servers",
            broker.bootstrapServers(),
            "request.timeout.ms",
            "5000",
            "delivery.timeout.ms",
            "20000",
            "max.block.ms",
            "20000"),
        new StringSerializer(),
        new StringSerializer());
  }

  private BrokerProcess start(String... more) {
    return BrokerProcess.start(work, settings("data", more));
  }

  private List<String> settings(String dataDir, String... more) {
    List<String> settings =
        new ArrayList<>(
            List.of(
                "listeners=PLAINTEXT://127.0.0.1:0",
                "metrics.listener=off",
                "presence.interval.ms=500",
                "object.store.url=file:" + work.resolve("bucket"),
                "data.dir=" + work.resolve(dataDir)));
    settings.addAll(List.of(more));
    return settings;
  }

  private void deleteLocal() throws IOException {
    try (Stream<Path> files = Files.walk(work.resolve("data"))) {
      for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
        Files.delete(file);
      }
    }
  }
}
