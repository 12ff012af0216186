package io.spillway.crash;

import static org.assertj.core.api.Assertions.assertThat;

import io.spillway.peers.BrokerProcess;
import io.spillway.peers.ChildProcess;
import io.spillway.peers.Peers;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * {@code wal.url} is changed under a broker that was killed: what the old log holds is drained
 * first, also by the second start when the first one was killed over it (P3).
 */
class WalSwitchTest {

  private static final int RECORDS = 500;

  @TempDir Path work;

  @ParameterizedTest
  @CsvSource({"file:one, file:two", "file:one, object:", "object:, file:one"})
  void theOldLogIsDrainedFirstAlsoAfterAKillWithinTheDrain(String from, String to)
      throws Exception {
    try (BrokerProcess broker = start(from)) {
      LostDirectoryTest.produce(broker);
      broker.kill();
    }
    Path obstacle = obstructUploads();
    try (ChildProcess draining = launch(to)) {
      draining.awaitErrorLine(
          line -> line.matches(".*(recovered [1-9].* frames|reading what it holds).*"),
          Peers.PATIENCE);
      draining.kill();
    }
    assertThat(Files.readString(note())).as("not before it is drained").contains(url(from));
    Files.delete(obstacle);

    try (BrokerProcess broker = start(to)) {
      assertThat(LostDirectoryTest.read(broker)).hasSize(RECORDS).last().isEqualTo("value-499");
      assertThat(Files.readString(note())).contains(url(to));
      LostDirectoryTest.produce(broker);
      broker.kill();
    }
    deleteIfDirectory(from);
    try (BrokerProcess broker = start(to)) {
      assertThat(LostDirectoryTest.read(broker)).hasSize(2 * RECORDS);
    }
  }

  /** A kill between the seal of the old log and the note of the new one. */
  @Test
  void aNoteThatNamesALogDrainedLongAgoDoesNoHarm() throws Exception {
    try (BrokerProcess broker = start("file:one")) {
      LostDirectoryTest.produce(broker);
      broker.kill();
    }
    byte[] before = Files.readAllBytes(note());
    try (BrokerProcess broker = start("file:two")) {
      LostDirectoryTest.produce(broker);
      broker.stop();
    }
    Files.write(note(), before);
    try (BrokerProcess broker = start("file:three")) {
      assertThat(LostDirectoryTest.read(broker)).hasSize(2 * RECORDS);
      broker.kill();
    }
    try (BrokerProcess back = start("file:one")) {
      assertThat(LostDirectoryTest.read(back)).hasSize(2 * RECORDS);
      LostDirectoryTest.produce(back);
      assertThat(LostDirectoryTest.read(back)).hasSize(3 * RECORDS);
    }
  }

  @Test
  void aLogOutOfReachIsRefusedWithTheWayBackBeforeTheWayToGiveItUp() throws Exception {
    try (BrokerProcess broker = start("file:one")) {
      LostDirectoryTest.produce(broker);
      broker.kill();
    }
    Files.move(work.resolve("one"), work.resolve("unmounted"));
    for (String to : List.of("file:two", "object:")) {
      try (ChildProcess refused = launch(to)) {
        assertThat(refused.awaitExit(Peers.PATIENCE)).isEqualTo(2);
        String line = refused.stderr().get(refused.stderr().size() - 1);
        assertThat(line)
            .contains("was not drained", "up to offset 0", url("file:one"))
            .containsSubsequence(
                "Start once with the wal.url", "only if it is lost", "wal abandon");
      }
      assertThat(work.resolve("two")).doesNotExist();
      assertThat(Files.readString(note())).contains(url("file:one"));
    }
    Files.move(work.resolve("unmounted"), work.resolve("one"));
    try (BrokerProcess broker = start("file:two")) {
      assertThat(LostDirectoryTest.read(broker)).hasSize(RECORDS);
    }
  }

  /** No object can be made where a file has the name of their folder. */
  private Path obstructUploads() throws IOException {
    Path data = work.resolve("bucket/data");
    Files.deleteIfExists(data);
    return Files.createFile(data);
  }

  private void deleteIfDirectory(String walUrl) throws IOException {
    if (walUrl.startsWith("file:")) {
      Files.move(work.resolve(walUrl.substring("file:".length())), work.resolve("gone"));
    }
  }

  private Path note() {
    return work.resolve("data/meta.properties");
  }

  private BrokerProcess start(String walUrl) {
    return BrokerProcess.start(work, settings(walUrl));
  }

  private ChildProcess launch(String walUrl) {
    return BrokerProcess.launch(work, settings(walUrl));
  }

  private List<String> settings(String walUrl) {
    return List.of(
        "listeners=PLAINTEXT://127.0.0.1:0",
        "metrics.listener=off",
        "presence.interval.ms=500",
        "object.store.url=file:" + work.resolve("bucket"),
        "data.dir=" + work.resolve("data"),
        "wal.url=" + url(walUrl));
  }

  private String url(String walUrl) {
    return walUrl.startsWith("file:")
        ? "file:" + work.resolve(walUrl.substring("file:".length()))
        : walUrl;
  }
}
