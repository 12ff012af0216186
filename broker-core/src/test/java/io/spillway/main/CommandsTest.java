package io.spillway.main;

import static org.assertj.core.api.Assertions.assertThat;

import io.spillway.embed.Broker;
import io.spillway.failure.Explanation;
import io.spillway.wal.WalException;
import io.spillway.wal.local.LocalWal;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.stream.Stream;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.StringSerializer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class CommandsTest {

  private final ByteArrayOutputStream out = new ByteArrayOutputStream();
  private final ByteArrayOutputStream err = new ByteArrayOutputStream();

  @TempDir Path dir;

  @Test
  void helpNamesEveryCommandAndTheExitCodes() {
    assertThat(run("--help")).isZero();
    assertThat(out()).contains("serve", "inspect", "wal", "version", "Exit codes: 0 done");
    assertThat(run("serve", "--help")).isZero();
    assertThat(out()).contains("--config=FILE", "--set=NAME=VALUE");
  }

  @Test
  void refusesWhatItDoesNotKnowInOneLine() {
    assertThat(run("serv")).isEqualTo(ExitCode.REFUSED);
    assertThat(err())
        .startsWith("spillway: no such command: serv; the commands of spillway are serve, inspect,")
        .containsOnlyOnce("\n");
    assertThat(run("inspect", "wal")).isEqualTo(ExitCode.REFUSED);
    assertThat(run("wal", "drop")).isEqualTo(ExitCode.REFUSED);
    assertThat(err()).contains("no such command: drop; the commands of spillway wal are abandon");
    assertThat(run("version", "--frob")).isEqualTo(ExitCode.REFUSED);
    assertThat(err()).contains("--frob").contains("see spillway --help");
  }

  @Test
  void aDamagedLogIsRefusedByName() {
    WalException damage = new WalException.Corrupt("wal/3 at byte 4096: CRC32C differs");
    assertThat(StartFailures.exitCode(damage)).isEqualTo(ExitCode.REFUSED);
    assertThat(Explanation.of(damage).orElseThrow().line())
        .contains("wal/3 at byte 4096", "restore the file", "spillway inspect wal");
  }

  @Test
  void showsVersions() {
    assertThat(run("version")).isZero();
    assertThat(out()).startsWith("spillway ").contains("Java " + Runtime.version());
    String version = out();
    assertThat(run("--version")).isZero();
    assertThat(out()).isEqualTo(version);
  }

  @Test
  void showsWhatABrokerLeft() throws Exception {
    String cluster;
    try (Broker broker = Broker.builder().dataDirectory(dir).port(0).start()) {
      assertThat(broker.bootstrapServers()).startsWith("127.0.0.1:");
      cluster = broker.clusterId();
    }

    assertThat(run("inspect", "wal", "--frames", dir.resolve("wal").toString())).isZero();
    assertThat(out()).contains("segment ", "block 0 ", "node 1  incarnation 1", "ends at ");
    assertThat(run("inspect", "catalog", dir.resolve("store").toString())).isZero();
    assertThat(out())
        .contains("record 0", "OpenWal", "state at record", "  cluster " + cluster + "  ");
    String byPath = out();
    assertThat(run("inspect", "catalog", "file:" + dir.resolve("store"))).isZero();
    assertThat(out()).isEqualTo(byPath);

    try (Stream<Path> segments = Files.list(dir.resolve("wal"))) {
      Path segment =
          segments.filter(file -> file.toString().contains("0")).sorted().findFirst().orElseThrow();
      Path notAnObject = Files.write(dir.resolve("not an object"), Files.readAllBytes(segment));
      assertThat(run("inspect", "object", notAnObject.toString())).isEqualTo(ExitCode.REFUSED);
      assertThat(out()).contains("DAMAGED", "not an object");
    }
  }

  @Test
  void namesWhatIsNotThere() {
    for (String what : List.of("wal", "object", "catalog")) {
      assertThat(run("inspect", what, dir.resolve("none").toString())).isEqualTo(ExitCode.REFUSED);
      assertThat(err())
          .isEqualTo("spillway: no such file or directory: " + dir.resolve("none") + "\n");
    }
    assertThat(run("inspect", "catalog", dir.toString())).isEqualTo(ExitCode.REFUSED);
    assertThat(err()).contains("no object store with a catalog in " + dir);
    // Nor is it made by being looked for.
    Path nowhere = dir.resolve("nowhere");
    String url = "file:" + nowhere;
    for (List<String> command :
        List.of(
            List.of("inspect", "wal", url),
            List.of("inspect", "object", url, "--key", "data/00/x"),
            List.of("inspect", "catalog", url),
            List.of("restore", "--from", url, "--set", "data.dir=" + dir.resolve("new")))) {
      assertThat(run(command.toArray(String[]::new))).isEqualTo(ExitCode.REFUSED);
      assertThat(err()).isEqualTo("spillway: no object store in " + nowhere + "\n");
      assertThat(nowhere).doesNotExist();
    }
  }

  @Test
  void showsAnObjectByItsFileAndByItsKey() throws Exception {
    try (Broker broker = Broker.builder().dataDirectory(dir).port(0).start();
        KafkaProducer<String, String> producer =
            new KafkaProducer<>(
                Map.of("bootstrap.servers", broker.bootstrapServers()),
                new StringSerializer(),
                new StringSerializer())) {
      producer.send(new ProducerRecord<>("t", "v")).get();
    }
    Path store = dir.resolve("store");
    Path object;
    try (Stream<Path> files = Files.walk(store.resolve("data"))) {
      object = files.filter(Files::isRegularFile).findFirst().orElseThrow();
    }
    assertThat(run("inspect", "object", object.toString())).as(err()).isZero();
    String byFile = out();
    assertThat(byFile).contains("stream ", "[0, 1)", "intact");
    String url = "file:" + store;
    String key = store.relativize(object).toString();
    assertThat(run("inspect", "object", url, "--key", key)).as(err()).isZero();
    assertThat(out()).isEqualTo(byFile);

    byte[] bytes = Files.readAllBytes(object);
    bytes[20]++;
    Files.write(object, bytes);
    assertThat(run("inspect", "object", url, "--key", key)).isEqualTo(ExitCode.REFUSED);
    assertThat(out()).contains("1 blocks DAMAGED");

    assertThat(run("inspect", "object", url, "--key", "data/00/none")).isEqualTo(ExitCode.REFUSED);
    assertThat(err()).isEqualTo("spillway: no object data/00/none in " + url + "\n");
    assertThat(run("inspect", "object", url)).isEqualTo(ExitCode.REFUSED);
    assertThat(err()).contains("--key KEY").containsOnlyOnce("\n");
  }

  @Test
  void abandonsOnlyWhenToldAndOnlyWhatTheCatalogKnows() {
    String data = "data.dir=" + dir;
    String unknown = new UUID(1, 2).toString();
    assertThat(run("wal", "abandon", unknown, "--set", data)).isEqualTo(ExitCode.REFUSED);
    assertThat(err()).contains("nothing was done: give --yes");
    try (Broker broker = Broker.builder().dataDirectory(dir).port(0).start()) {
      assertThat(broker.dataDirectory()).isEqualTo(dir);
    }
    assertThat(run("wal", "abandon", unknown, "--yes", "--set", data)).isEqualTo(ExitCode.REFUSED);
    assertThat(err()).contains(unknown).containsOnlyOnce("\n");
    assertThat(run("wal", "abandon", "no-uuid", "--yes")).isEqualTo(ExitCode.REFUSED);
  }

  @Test
  void abandonsNoWalThatIsBeingWritten() throws Exception {
    String bucket = "object.store.url=file:" + dir.resolve("bucket");
    Path elsewhere = Files.createDirectory(dir.resolve("elsewhere"));
    try (Broker broker =
        Broker.builder()
            .dataDirectory(dir.resolve("live"))
            .set("object.store.url", "file:" + dir.resolve("bucket"))
            .port(0)
            .start()) {
      String wal = LocalWal.peek(dir.resolve("live/wal")).orElseThrow().walId().toString();
      List<String> abandon =
          List.of(
              "wal", "abandon", wal, "--yes", "--set", bucket, "--set", "data.dir=" + elsewhere);

      assertThat(run(abandon.toArray(String[]::new))).isEqualTo(ExitCode.REFUSED);

      assertThat(err())
          .contains("nothing was done", wal, broker.bootstrapServers(), "which is alive")
          .containsOnlyOnce("\n");
    }
  }

  @Test
  void aWalDirectoryInUseOrOfAnotherNodeIsAReasonNotAFailure() {
    assertThat(StartFailures.exitCode(new WalException.InUse("in use")))
        .isEqualTo(ExitCode.REFUSED);
    assertThat(StartFailures.exitCode(new WalException.Foreign("foreign")))
        .isEqualTo(ExitCode.REFUSED);
  }

  private int run(String... arguments) {
    out.reset();
    err.reset();
    return Commands.execute(
        List.of(arguments),
        new PrintStream(out, true, StandardCharsets.UTF_8),
        new PrintStream(err, true, StandardCharsets.UTF_8));
  }

  private String out() {
    return out.toString(StandardCharsets.UTF_8);
  }

  private String err() {
    return err.toString(StandardCharsets.UTF_8);
  }
}
