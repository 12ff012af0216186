package io.spillway.crash;

import static org.assertj.core.api.Assertions.assertThat;

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
            List.of("data.dir=" + work.resolve("data"), "wal.capacity.bytes=" + (256L << 20)),
            Map.of(),
            () -> {});
    rounds.run(20);

    assertThat(rounds.killsWithUnacked()).isGreaterThanOrEqualTo(15);
    assertThat(rounds.killsInUpload()).isGreaterThanOrEqualTo(5);
    assertThat(rounds.replayedFrames()).isPositive();
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
              List.of("data.dir=" + data, "object.store.url=" + s3.url("crash"), "wal.url=object:"),
              Map.of(
                  "AWS_ACCESS_KEY_ID", S3Server.ACCESS_KEY,
                  "AWS_SECRET_ACCESS_KEY", S3Server.SECRET_KEY),
              () -> delete(data));
      rounds.run(10);

      assertThat(rounds.killsWithUnacked()).isGreaterThanOrEqualTo(8);
      assertThat(rounds.replayedFrames()).isPositive();
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
