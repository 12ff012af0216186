package io.spillway.embed;

import static io.spillway.embed.UpgradeFixtures.OLD;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.zip.ZipEntry;
import java.util.zip.ZipInputStream;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * What earlier builds left is opened and holds what it held: each archive in {@code /upgrade},
 * whose README says what it is; {@link UpgradeFixtures} makes new ones.
 */
class UpgradeTest {

  @TempDir Path work;

  @ParameterizedTest
  @ValueSource(strings = {"format-1-stopped", "format-1-killed"})
  void anEarlierBuildsDirectoryHoldsWhatItHeld(String archive) throws Exception {
    unzip("/upgrade/" + archive + ".zip", work);
    assertHoldsWhatItHeld(Broker.builder());
  }

  /** P24: of a killed broker's, all is in its chain alone. */
  @ParameterizedTest
  @ValueSource(strings = {"format-1-object-wal-stopped", "format-1-object-wal-killed"})
  void anEarlierBuildsBucketWithTheLogInItHoldsWhatItHeld(String archive) throws Exception {
    unzip("/upgrade/" + archive + ".zip", work);
    assertThat(work).isDirectoryContaining("glob:**/store").isDirectoryNotContaining("glob:**/wal");
    assertHoldsWhatItHeld(Broker.builder().set("wal.url", "object:"));
  }

  @Test
  void anEarlierBuildsBackupIsRestored() throws Exception {
    Path backup = Files.createDirectory(work.resolve("backup"));
    unzip("/upgrade/format-1-backup.zip", backup);
    UpgradeFixtures.run(work, "restore", "--set", "data.dir=" + work, "--from", "file:" + backup);
    assertHoldsWhatItHeld(Broker.builder());
  }

  private void assertHoldsWhatItHeld(Broker.Builder builder) throws Exception {
    try (Broker broker = builder.dataDirectory(work).port(0).start()) {
      assertThat(read(broker))
          .hasSize(UpgradeFixtures.RECORDS)
          .startsWith("value-0")
          .endsWith("value-" + (UpgradeFixtures.RECORDS - 1));
      try (Admin admin = Admin.create(Map.of("bootstrap.servers", broker.bootstrapServers()))) {
        assertThat(
                admin
                    .listConsumerGroupOffsets(UpgradeFixtures.GROUP)
                    .partitionsToOffsetAndMetadata()
                    .get())
            .containsEntry(OLD, new OffsetAndMetadata(UpgradeFixtures.COMMITTED));
      }
    }
  }

  private static List<String> read(Broker broker) {
    List<String> values = new ArrayList<>();
    try (KafkaConsumer<String, String> consumer =
        new KafkaConsumer<>(
            Map.of("bootstrap.servers", broker.bootstrapServers()),
            new StringDeserializer(),
            new StringDeserializer())) {
      consumer.assign(List.of(OLD));
      consumer.seekToBeginning(List.of(OLD));
      long end = Objects.requireNonNull(consumer.endOffsets(List.of(OLD)).get(OLD));
      while (consumer.position(OLD) < end) {
        for (ConsumerRecord<String, String> record : consumer.poll(Duration.ofMillis(200))) {
          values.add(record.value());
        }
      }
    }
    return values;
  }

  private static void unzip(String resource, Path directory) throws IOException {
    try (InputStream file = UpgradeTest.class.getResourceAsStream(resource);
        ZipInputStream zip = new ZipInputStream(Objects.requireNonNull(file))) {
      for (ZipEntry entry = zip.getNextEntry(); entry != null; entry = zip.getNextEntry()) {
        Path target = directory.resolve(entry.getName()).normalize();
        Files.createDirectories(target.getParent());
        Files.copy(zip, target);
      }
    }
  }
}
