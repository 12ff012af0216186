package io.spillway.main;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.spillway.embed.Broker;
import io.spillway.wal.WalException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.UUID;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * What {@code check} says of write-ahead logs, local and in the bucket, and of the metadata log.
 */
@Timeout(180) // several brokers one after the other
class CheckTest {

  private static final String[] IN_BUCKET = {"--set", "wal.url=object:"};
  private static final String[] DEEP = {"--set", "wal.url=object:", "--deep"};

  /** A block's header ends at 128, its first frame's payload begins at 208. */
  private static final int IN_A_PAYLOAD = 300;

  private final CommandRun commands = new CommandRun();

  @TempDir Path dir;

  @Test
  void aLogInTheBucketIsReadAndWhatIsDamagedInItIsNamed_P23() throws Exception {
    Path chain = leaveAChain(dir);
    assertThat(commands.check(dir, IN_BUCKET)).as(said()).isZero();
    assertThat(commands.out())
        .containsPattern("WAL .* of node 1 is in the bucket: [1-9]\\d* blocks");
    assertThat(commands.check(dir, DEEP)).as(said()).isZero();
    assertThat(commands.out())
        .containsPattern("[1-9]\\d* batches of [1-9]\\d* bytes are in it alone")
        .endsWith("intact\n");

    Path block = files(chain).get(2);
    byte[] whole = Files.readAllBytes(block);
    MaintainTest.flip(block, 20);
    assertThat(commands.check(dir, IN_BUCKET)).isEqualTo(ExitCode.REFUSED);
    assertThat(commands.out())
        .contains("DAMAGED  " + dir.resolve("store").relativize(block), "checksum of its header");

    Files.write(block, whole);
    MaintainTest.flip(block, IN_A_PAYLOAD);
    assertThat(commands.check(dir, IN_BUCKET)).as("no payload is read").isZero();
    assertThat(commands.check(dir, DEEP)).isEqualTo(ExitCode.REFUSED);
    assertThat(commands.out())
        .contains("DAMAGED  " + dir.resolve("store").relativize(block), "at byte ");

    Files.write(block, Arrays.copyOf(whole, whole.length - 5));
    assertThat(commands.check(dir, IN_BUCKET)).isEqualTo(ExitCode.REFUSED);
    assertThat(commands.out())
        .contains("expected " + whole.length + " bytes, found " + (whole.length - 5))
        .endsWith("\n1 problem\n");
  }

  @Test
  void whatIsMissingFromALogInTheBucketIsNamed_P17() throws Exception {
    Path chain = leaveAChain(dir);
    Path block = files(chain).get(3);
    long number = Long.parseLong(block.getFileName().toString());
    Path aside = Files.move(block, dir.resolve("aside"));
    assertThat(commands.check(dir, IN_BUCKET)).isEqualTo(ExitCode.REFUSED);
    assertThat(commands.out())
        .contains("MISSING  objects " + number + " to " + number + " of the chain of WAL ");
    assertThat(commands.check(dir, DEEP)).isEqualTo(ExitCode.REFUSED);
    assertThat(commands.out()).contains("is neither in an object nor in the WAL");
    Files.move(aside, block);
    assertThat(commands.check(dir, DEEP)).as(said()).isZero();
  }

  /** What the trim position names is never deleted: so much is known of an end without a fence. */
  @Test
  void aLogOfWhichSomethingWasTrimmedCannotBeGoneUnseen_P17() throws Exception {
    Path chain;
    try (Broker broker =
        undrained(dir).set("wal.url", "object:").set("upload.bytes", "65536").start()) {
      MaintainTest.createTopic(broker);
      int number = 0;
      do {
        MaintainTest.produce(broker, number, 10, 5_000);
        number += 10;
        chain = onlyChain(dir);
      } while (isThere(chain, 0));
      MaintainTest.produce(broker, number, 3, 100);
    }
    assertThat(commands.check(dir, DEEP)).as(said()).isZero();
    for (Path block : files(chain)) {
      Files.delete(block);
    }
    assertThat(commands.check(dir, IN_BUCKET)).isEqualTo(ExitCode.REFUSED);
    assertThat(commands.out())
        .contains(
            "of the chain of WAL " + chain.getFileName(),
            "the first that is wanted, and all after it");
  }

  @Test
  void objectsOfALogThatTheCatalogDoesNotKnowAreOrphans_P2() throws Exception {
    Path chain = leaveAChain(dir);
    UUID unknown = new UUID(0x4000, 7);
    Path orphans = Files.createDirectory(chain.resolveSibling(unknown.toString()));
    Path block = files(chain).get(0);
    Files.copy(block, orphans.resolve(block.getFileName()));

    assertThat(commands.check(dir, IN_BUCKET)).isEqualTo(ExitCode.REFUSED);

    assertThat(commands.out())
        .contains(
            "ORPHANED 1 objects of " + Files.size(block) + " bytes of the chain of WAL " + unknown);
  }

  /** P2, P3, by the commands that an operator has. */
  @Test
  void aDamagedLogInTheBucketIsRefusedAbandonedAndThenOfNoConcern() throws Exception {
    Path chain = leaveAChain(dir);
    List<Path> blocks = files(chain);
    MaintainTest.flip(blocks.get(blocks.size() - 1), IN_A_PAYLOAD);
    assertThatThrownBy(() -> inBucket(dir).start())
        .hasRootCauseInstanceOf(WalException.Corrupt.class);
    String walId = chain.getFileName().toString();

    assertThat(
            commands.run(IN_BUCKET, "wal", "abandon", walId, "--yes", "--set", "data.dir=" + dir))
        .as(said())
        .isZero();

    assertThat(commands.out()).contains("WAL " + walId + " is abandoned", "from offset ");
    assertThat(commands.check(dir, DEEP)).as(said()).isZero();
    assertThat(commands.out()).contains("of WAL " + walId + ", which was given up");
    try (Broker broker = inBucket(dir).set("shutdown.timeout.ms", "25000").start()) {
      List<Integer> kept = MaintainTest.read(broker, Set.of());
      assertThat(kept).as("what was uploaded").isNotEmpty().doesNotHaveDuplicates();
      MaintainTest.produce(broker, 1000, 30, 100);
      assertThat(MaintainTest.read(broker, Set.of())).hasSize(kept.size() + 30);
    }
    assertThat(commands.check(dir, DEEP)).as(said()).isZero();
  }

  @Test
  void aBackupOfABrokerWithItsLogInTheBucketHoldsWhatWasUploaded() throws Exception {
    Path data = dir.resolve("data");
    leaveAChain(data);
    String backup = "file:" + dir.resolve("backup");
    assertThat(commands.backup(data, backup)).as(said()).isZero();
    assertThat(commands.out()).contains("what only WAL ");
    assertThat(dir.resolve("backup/backup/wal")).doesNotExist();
    Path restored = dir.resolve("restored");
    assertThat(commands.restore(restored, backup)).as(said()).isZero();
    assertThat(commands.check(restored, DEEP)).as(said()).isZero();
    try (Broker broker = inBucket(restored).set("shutdown.timeout.ms", "25000").start()) {
      assertThat(MaintainTest.read(broker, Set.of()))
          .isNotEmpty()
          .isSubsetOf(MaintainTest.numbers(90));
    }
    try (Broker broker = inBucket(data).set("shutdown.timeout.ms", "25000").start()) {
      assertThat(MaintainTest.read(broker, Set.of()))
          .containsExactlyElementsOf(MaintainTest.numbers(90));
    }
    assertThat(commands.backup(data, backup)).as(said()).isZero();
    assertThat(commands.out()).as("stopped cleanly").doesNotContain("what only WAL ");
  }

  @Test
  void aDamagedLocalLogAndOffsetsThatItLacksAreNamed_P26() throws Exception {
    try (Broker broker = undrained(dir).start()) {
      MaintainTest.createTopic(broker);
      MaintainTest.produce(broker, 0, 300, 20_000);
    }
    assertThat(commands.check(dir)).as(said()).isZero();
    Path first =
        files(dir.resolve("wal")).stream().filter(CheckTest::isSegment).findFirst().orElseThrow();
    byte[] whole = Files.readAllBytes(first);
    MaintainTest.flip(first, whole.length / 2);
    assertThat(commands.check(dir)).isEqualTo(ExitCode.REFUSED);
    assertThat(commands.out())
        .contains("DAMAGED  WAL in " + dir.resolve("wal"), first.getFileName().toString());

    Files.delete(first);
    assertThat(commands.check(dir)).isEqualTo(ExitCode.REFUSED);
    assertThat(commands.out())
        .containsPattern(
            "MISSING  \\[0, \\d+\\) of stream .* is neither in an object nor in the WAL");

    Files.write(first, whole);
    assertThat(commands.check(dir)).as(said()).isZero();
  }

  @Test
  void aDamagedMetadataLogIsNamed() throws Exception {
    try (Broker broker = MaintainTest.builder(dir).start()) {
      MaintainTest.produce(broker, 0, 3, 100);
    }
    Path record = MaintainTest.lastOf(dir.resolve("store/metadata/log"));
    MaintainTest.flip(record, 70);
    assertThat(commands.check(dir)).isEqualTo(ExitCode.REFUSED);
    assertThat(commands.out())
        .contains("DAMAGED  metadata log: ", record.getFileName().toString())
        .endsWith("\n1 problem\n");
  }

  /** Of a broker that could not drain it: of 90 numbers some are uploaded, the last are not. */
  private static Path leaveAChain(Path data) throws Exception {
    try (Broker broker = inBucket(data).set("upload.interval.ms", "200").start()) {
      MaintainTest.createTopic(broker);
      MaintainTest.produce(broker, 0, 30, 100);
      while (isEmpty(data.resolve("store/data"))) {
        Thread.onSpinWait();
      }
    }
    try (Broker broker = inBucket(data).start()) {
      for (int number = 30; number < 90; number += 10) {
        MaintainTest.produce(broker, number, 10, 100);
      }
    }
    try (Stream<Path> chains = Files.list(data.resolve("store/wal"))) {
      return chains.filter(chain -> files(chain).size() > 4).findFirst().orElseThrow();
    }
  }

  private static Path onlyChain(Path data) throws IOException {
    try (Stream<Path> chains = Files.list(data.resolve("store/wal"))) {
      return chains.findFirst().orElseThrow();
    }
  }

  private static boolean isThere(Path chain, int number) {
    return Files.exists(chain.resolve("%020d".formatted(number)));
  }

  private static Broker.Builder inBucket(Path data) {
    return undrained(data).set("wal.url", "object:");
  }

  private static Broker.Builder undrained(Path data) {
    return MaintainTest.builder(data)
        .set("shutdown.timeout.ms", "0")
        .set("upload.interval.ms", "3600000")
        .set("wal.capacity.bytes", Integer.toString(16 << 20))
        .set("upload.bytes", Integer.toString(8 << 20));
  }

  private static boolean isEmpty(Path directory) {
    return !Files.isDirectory(directory) || files(directory).isEmpty();
  }

  private static boolean isSegment(Path file) {
    return file.toString().endsWith(".wal");
  }

  /** In the order of their names. */
  private static List<Path> files(Path directory) {
    try (Stream<Path> files = Files.walk(directory)) {
      return files.filter(Files::isRegularFile).sorted().toList();
    } catch (IOException e) {
      throw new java.io.UncheckedIOException(e);
    }
  }

  private String said() {
    return commands.out() + commands.err();
  }
}
