package io.spillway.embed;

import io.spillway.peers.BrokerProcess;
import io.spillway.peers.ChildProcess;
import io.spillway.peers.Peers;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.StringSerializer;

/**
 * Makes the archives that {@link UpgradeTest} opens, of what this build writes. Arguments: a prefix
 * of their names that says which formats they are of, and an empty directory for them.
 */
final class UpgradeFixtures {

  static final TopicPartition OLD = new TopicPartition("old", 1);
  static final int RECORDS = 300;
  static final String GROUP = "old-group";
  static final long COMMITTED = 17;

  private UpgradeFixtures() {}

  public static void main(String[] arguments) throws Exception {
    String prefix = arguments[0];
    Path target = Path.of(arguments[1]).toAbsolutePath();
    for (boolean inBucket : new boolean[] {false, true}) {
      for (boolean killed : new boolean[] {false, true}) {
        String name = prefix + (inBucket ? "-object-wal" : "") + (killed ? "-killed" : "-stopped");
        Path data = target.resolve(name);
        leave(data, inBucket, killed);
        // With its log in the bucket nothing local counts.
        zip(data, inBucket ? data.resolve("store") : data, target.resolve(name + ".zip"));
      }
    }
    Path backup = Files.createDirectory(target.resolve("backup"));
    String of = "data.dir=" + target.resolve(prefix + "-stopped");
    run(target, "backup", "--set", of, "--to", "file:" + backup);
    zip(backup, backup, target.resolve(prefix + "-backup.zip"));
  }

  /** Runs a command of the program. */
  static void run(Path work, String... arguments) {
    try (ChildProcess command = BrokerProcess.command(work, List.of(arguments))) {
      command.awaitSuccess(Peers.PATIENCE);
    }
  }

  /** A killed broker has uploaded nothing, a stopped one all. */
  private static void leave(Path data, boolean inBucket, boolean killed) throws Exception {
    List<String> settings =
        new ArrayList<>(
            List.of(
                "listeners=PLAINTEXT://127.0.0.1:0",
                "metrics.listener=off",
                "upload.interval.ms=3600000",
                "wal.capacity.bytes=67108864",
                "data.dir=" + data));
    if (inBucket) {
      settings.add("wal.url=object:");
    }
    Files.createDirectories(data);
    try (BrokerProcess broker = BrokerProcess.start(data, settings)) {
      fill(broker.bootstrapServers());
      if (killed) {
        broker.kill();
      } else {
        broker.stop();
      }
    }
  }

  private static void fill(String bootstrapServers) throws Exception {
    try (Admin admin = Admin.create(Map.of("bootstrap.servers", bootstrapServers));
        KafkaProducer<String, String> producer =
            new KafkaProducer<>(
                Map.of("bootstrap.servers", bootstrapServers),
                new StringSerializer(),
                new StringSerializer())) {
      admin.createTopics(Set.of(new NewTopic(OLD.topic(), 3, (short) 1))).all().get();
      for (int i = 0; i < RECORDS; i++) {
        producer.send(new ProducerRecord<>(OLD.topic(), OLD.partition(), "key", "value-" + i));
      }
      producer.flush();
      admin
          .alterConsumerGroupOffsets(GROUP, Map.of(OLD, new OffsetAndMetadata(COMMITTED)))
          .all()
          .get();
    }
  }

  private static void zip(Path root, Path what, Path archive) throws IOException {
    try (OutputStream file = Files.newOutputStream(archive);
        ZipOutputStream zip = new ZipOutputStream(file);
        Stream<Path> paths = Files.walk(what)) {
      for (Path path : paths.filter(Files::isRegularFile).sorted().toList()) {
        zip.putNextEntry(new ZipEntry(root.relativize(path).toString()));
        Files.copy(path, zip);
      }
    }
  }
}
