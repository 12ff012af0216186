package io.spillway.crash;

import static org.assertj.core.api.Assertions.assertThat;

import io.spillway.crash.Kill.Moment;
import io.spillway.object.s3.S3Server;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** G1, G2, G4, G5: kill -9, again and again, under producers, consumers and uploads. */
@Tag("full")
@Timeout(value = 15, unit = TimeUnit.MINUTES)
class CrashTest {

  @TempDir Path work;

  @Test
  void nothingAckedIsLostDoubledOrReorderedByTwentyKills_G1_G2_G4_G5() throws Exception {
    CrashRounds rounds =
        new CrashRounds(
            work,
            work.resolve("data/store"),
            WalContents.inDirectory(work.resolve("data/wal")),
            List.of("data.dir=" + work.resolve("data"), "wal.capacity.bytes=" + (256L << 20)),
            Map.of(),
            () -> {});
    rounds.run(20);

    assertThat(rounds.hits(Moment.UNACKED)).as("of 5").isGreaterThanOrEqualTo(4);
    assertThat(rounds.hits(Moment.IN_UPLOAD)).as("of 10").isGreaterThanOrEqualTo(5);
  }

  /** G8: in object mode the bucket is all there is. */
  @Test
  void inObjectModeNothingIsLostThoughEveryKillTakesTheWholeDiskAlong_G1_G8() throws Exception {
    Path data = work.resolve("data");
    try (S3Server s3 = S3Server.start(work.resolve("s3"))) {
      s3.createBucket("crash");
      CrashRounds rounds =
          new CrashRounds(
              work,
              s3.files("crash"),
              WalContents.inBucket(s3.url("crash")),
              List.of("data.dir=" + data, "object.store.url=" + s3.url("crash"), "wal.url=object:"),
              Map.of(
                  "AWS_ACCESS_KEY_ID", S3Server.ACCESS_KEY,
                  "AWS_SECRET_ACCESS_KEY", S3Server.SECRET_KEY),
              () -> delete(data));
      rounds.run(10);

      // What a broker had sent when it was stopped, the bucket may still have done.
      assertThat(rounds.hits(Moment.UNACKED)).as("of 3").isGreaterThanOrEqualTo(2);
      assertThat(rounds.hits(Moment.IN_UPLOAD)).as("of 5").isGreaterThanOrEqualTo(2);
    }
  }

  private static void delete(Path directory) throws IOException {
    try (Stream<Path> files = Files.walk(directory)) {
      for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
        Files.delete(file);
      }
    }
  }
}
