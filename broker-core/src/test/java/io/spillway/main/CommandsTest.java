package io.spillway.main;

import static org.assertj.core.api.Assertions.assertThat;

import io.spillway.embed.Broker;
import io.spillway.wal.WalException;
import io.spillway.wal.local.LocalWal;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.UUID;
import java.util.stream.Stream;
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
    assertThat(err()).startsWith("spillway: ").contains("serv").containsOnlyOnce("\n");
    assertThat(run("inspect", "wal")).isEqualTo(ExitCode.REFUSED);
  }

  @Test
  void showsVersions() {
    assertThat(run("version")).isZero();
    assertThat(out()).startsWith("spillway ").contains("Java " + Runtime.version());
  }

  @Test
  void showsWhatABrokerLeft() throws Exception {
    try (Broker broker = Broker.builder().dataDirectory(dir).port(0).start()) {
      assertThat(broker.bootstrapServers()).startsWith("127.0.0.1:");
    }

    assertThat(run("inspect", "wal", "--frames", dir.resolve("wal").toString())).isZero();
    assertThat(out()).contains("segment ", "block 0 ", "node 1  incarnation 1", "ends at ");
    assertThat(run("inspect", "catalog", dir.resolve("store").toString())).isZero();
    assertThat(out()).contains("record 0", "OpenWal", "state at record");

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
