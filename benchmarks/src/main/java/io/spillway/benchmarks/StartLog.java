package io.spillway.benchmarks;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.OffsetDateTime;
import java.util.List;

/** The last start in a broker's log, to tell how long its parts took. */
record StartLog(List<String> lines) {

  static StartLog read(Path file) throws IOException {
    return new StartLog(Files.readAllLines(file));
  }

  /** From the last line that has the first text to the last that has the second. */
  double secondsBetween(String first, String second) throws IOException {
    return Duration.between(timeOf(first), timeOf(second)).toMillis() / 1_000.0;
  }

  private OffsetDateTime timeOf(String text) throws IOException {
    for (int i = lines.size() - 1; i >= 0; i--) {
      String line = lines.get(i);
      if (line.contains(text)) {
        return OffsetDateTime.parse(line.substring(0, line.indexOf(' ')));
      }
    }
    throw new IOException("no line of the broker's log says '" + text + "'");
  }
}
