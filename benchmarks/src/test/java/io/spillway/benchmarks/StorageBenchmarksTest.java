package io.spillway.benchmarks;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The benchmarks that need no broker, at sizes that say nothing. */
class StorageBenchmarksTest {

  @TempDir Path directory;

  @Test
  void uploadsWhatWasAppended() throws IOException {
    String line = UploadBenchmark.run(directory, 1, 64 << 10, 4);
    assertThat(line).contains("streams=4 GiB=0.1 append: ").endsWith(" 3 objects");
  }

  @Test
  void readsAsManyBytesAsAskedFor() throws IOException {
    Files.write(directory.resolve("a"), new byte[5_000]);
    Files.write(directory.resolve("b"), new byte[3_000]);
    assertThat(RawRead.seconds(directory, 8_000)).isPositive();
    assertThatThrownBy(() -> RawRead.seconds(directory, 8_001))
        .hasMessageContaining("expected 8001 bytes", "found 8000");
  }
}
