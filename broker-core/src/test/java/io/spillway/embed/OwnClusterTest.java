package io.spillway.embed;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.Map;
import java.util.stream.Stream;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.StringSerializer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Another cluster's bucket, or an empty one, under a data directory that knows its cluster. */
class OwnClusterTest {

  @TempDir Path work;

  @ParameterizedTest
  @ValueSource(strings = {"object:", "file:WAL"})
  void anotherClustersBucketIsRefusedWithBothIds_G9(String wal) {
    String mine = serveOnce("data", "mine", wal);
    String other = serveOnce("elsewhere", "other", "object:");

    assertThatThrownBy(() -> serveOnce("data", "other", wal))
        .isInstanceOf(BrokerStartException.class)
        .hasMessageContainingAll(
            "object store file:" + work.resolve("other") + " holds cluster " + other,
            "data.dir=" + work.resolve("data") + " served cluster " + mine,
            work.resolve("data/meta.properties").toString(),
            "set object.store.url to the store of that cluster",
            "an empty data.dir")
        .hasMessageNotContaining("\n");

    assertThat(serveOnce("data", "mine", wal)).as("what was noted stays").isEqualTo(mine);
  }

  @ParameterizedTest
  @ValueSource(strings = {"object:", "file:WAL"})
  void anEmptyBucketBeginsNoSecondCluster(String wal) {
    String mine = serveOnce("data", "mine", wal);

    assertThatThrownBy(() -> serveOnce("data", "empty", wal))
        .isInstanceOf(BrokerStartException.class)
        .hasMessageContainingAll(
            "object store file:" + work.resolve("empty") + " holds no cluster",
            "served cluster " + mine);

    assertThat(work.resolve("empty/catalog")).doesNotExist();
    assertThat(serveOnce("data", "mine", wal)).isEqualTo(mine);
  }

  @Test
  void anEmptyDirectoryJoinsWhateverThereIs() throws Exception {
    String mine = serveOnce("data", "mine", "object:");
    String other = serveOnce("elsewhere", "other", "object:");
    delete(work.resolve("data"));
    assertThat(serveOnce("data", "mine", "object:")).isEqualTo(mine);
    delete(work.resolve("data"));
    assertThat(serveOnce("data", "other", "object:")).isEqualTo(other);
  }

  /** As after an upgrade: the log is what tells, and the wrong cluster must not be noted. */
  @Test
  void withoutANoteALogOfAnotherClusterIsRefusedAndNothingIsNoted() throws Exception {
    serveOnce("elsewhere", "other", "object:");
    try (Broker broker =
            broker("data", "mine", "file:WAL").set("shutdown.timeout.ms", "0").start();
        KafkaProducer<String, String> producer =
            new KafkaProducer<>(
                Map.of("bootstrap.servers", broker.bootstrapServers()),
                new StringSerializer(),
                new StringSerializer())) {
      producer.send(new ProducerRecord<>("t", "v")).get();
    }
    Path note = work.resolve("data/meta.properties");
    Files.delete(note);

    assertThatThrownBy(() -> serveOnce("data", "other", "file:WAL"))
        .hasStackTraceContaining("is this the right bucket?");

    assertThat(note).doesNotExist();
    serveOnce("data", "mine", "file:WAL");
    assertThat(note).exists();
  }

  /** The cluster's id. */
  private String serveOnce(String dataDir, String bucket, String walUrl) {
    try (Broker broker = broker(dataDir, bucket, walUrl).start()) {
      return broker.clusterId();
    }
  }

  private Broker.Builder broker(String dataDir, String bucket, String walUrl) {
    return Broker.builder()
        .dataDirectory(work.resolve(dataDir))
        .set("object.store.url", "file:" + work.resolve(bucket))
        .set("wal.url", walUrl.replace("WAL", work.resolve("wal").toString()))
        .port(0);
  }

  private static void delete(Path directory) throws IOException {
    try (Stream<Path> files = Files.walk(directory)) {
      for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
        Files.delete(file);
      }
    }
  }
}
