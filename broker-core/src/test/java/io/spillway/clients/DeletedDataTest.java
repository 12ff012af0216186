package io.spillway.clients;

import static org.assertj.core.api.Assertions.assertThat;

import io.spillway.peers.BrokerProcess;
import io.spillway.peers.Peers;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.admin.RecordsToDelete;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** P18, P20: what a client lets go, or retention, leaves the store; what nobody let go stays. */
@Timeout(value = 10, unit = TimeUnit.MINUTES)
class DeletedDataTest {

  private static final int RECORDS = 100;

  @TempDir Path work;
  private final int metricsPort = BrokerProcess.freePort();

  @Test
  void objectsOfAgedTrimmedAndDeletedTopicsAreRemovedFromTheStore() throws Exception {
    try (BrokerProcess broker = BrokerProcess.start(work, settings());
        Admin admin = Admin.create(Map.of("bootstrap.servers", broker.bootstrapServers()))) {
      Set<Path> aged = fill(broker, admin, "aged");
      Set<Path> trimmed = fill(broker, admin, "trimmed");
      Set<Path> deleted = fill(broker, admin, "deleted");
      Set<Path> kept = fill(broker, admin, "kept");

      limitRetention(admin, "aged");
      awaitGone(aged);
      TopicPartition partition = new TopicPartition("trimmed", 0);
      admin.deleteRecords(Map.of(partition, RecordsToDelete.beforeOffset(RECORDS))).all().get();
      awaitGone(trimmed);
      admin.deleteTopics(List.of("deleted")).all().get();
      awaitGone(deleted);

      assertThat(objects()).isEqualTo(kept);
      assertThat(logStart(admin, "aged")).isEqualTo(RECORDS);
      assertThat(logStart(admin, "trimmed")).isEqualTo(RECORDS);
      assertThat(logStart(admin, "kept")).isZero();
      broker.stop();
    }
  }

  /** Without merging an object stays what it is until it goes. */
  private List<String> settings() {
    return List.of(
        "listeners=PLAINTEXT://127.0.0.1:0",
        "metrics.listener=127.0.0.1:" + metricsPort,
        "upload.interval.ms=100",
        "merge.bytes.per.second=0",
        "log.retention.check.interval.ms=100",
        "data.dir=" + work.resolve("data"));
  }

  /** The objects that hold the topic, and nothing else. */
  private Set<Path> fill(BrokerProcess broker, Admin admin, String topic) throws Exception {
    Set<Path> before = objects();
    admin.createTopics(Set.of(new NewTopic(topic, 1, (short) 1))).all().get();
    try (KafkaProducer<byte[], byte[]> producer =
        new KafkaProducer<>(
            Map.of("bootstrap.servers", broker.bootstrapServers()),
            new ByteArraySerializer(),
            new ByteArraySerializer())) {
      for (int i = 0; i < RECORDS; i++) {
        producer.send(new ProducerRecord<>(topic, new byte[1_000]));
      }
    }
    await(
        topic + " is uploaded",
        () -> BrokerProcess.metric(metricsPort, "spillway_unuploaded_bytes ") == 0);
    Set<Path> made = new HashSet<>(objects());
    made.removeAll(before);
    assertThat(made).as(topic).isNotEmpty();
    return made;
  }

  private static void limitRetention(Admin admin, String topic) throws Exception {
    ConfigResource resource = new ConfigResource(ConfigResource.Type.TOPIC, topic);
    ConfigEntry soon = new ConfigEntry("retention.ms", "1");
    admin
        .incrementalAlterConfigs(
            Map.of(resource, List.of(new AlterConfigOp(soon, AlterConfigOp.OpType.SET))))
        .all()
        .get();
  }

  private static long logStart(Admin admin, String topic) throws Exception {
    TopicPartition partition = new TopicPartition(topic, 0);
    return admin
        .listOffsets(Map.of(partition, OffsetSpec.earliest()))
        .partitionResult(partition)
        .get()
        .offset();
  }

  private Set<Path> objects() throws IOException {
    try (Stream<Path> files = Files.walk(work.resolve("data/store/data"))) {
      return files.filter(Files::isRegularFile).collect(Collectors.toSet());
    } catch (NoSuchFileException e) {
      return Set.of(); // before the first upload
    }
  }

  private void awaitGone(Set<Path> objects) throws Exception {
    await("removed: " + objects, () -> objects.stream().noneMatch(Files::exists));
  }

  private static void await(String what, BooleanSupplier done) throws InterruptedException {
    long deadline = System.nanoTime() + Peers.PATIENCE.toNanos();
    while (!done.getAsBoolean()) {
      assertThat(System.nanoTime()).as(what).isLessThan(deadline);
      Thread.sleep(20);
    }
  }
}
