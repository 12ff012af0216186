package io.spillway.main;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/** Processes of {@code bin/spillway}, with what they say kept in files of a directory. */
final class LauncherRuns {

  private static final long PATIENCE_MINUTES = 10;

  private final Path dir;

  LauncherRuns(Path dir) {
    this.dir = dir;
  }

  record Started(Process process, Path out, Path err) {}

  record Run(long pid, int exitCode, List<String> stdout, String stderr) {}

  /** Starts it with this environment and none of the launcher's own that these tests run in. */
  Started start(
      Path launcher, Path workDirectory, Map<String, String> environment, String... arguments)
      throws IOException {
    List<String> command =
        Stream.concat(Stream.of(launcher.toString()), Stream.of(arguments)).toList();
    ProcessBuilder builder = new ProcessBuilder(command).directory(workDirectory.toFile());
    builder.environment().keySet().removeIf(name -> name.startsWith("SPILLWAY_"));
    builder.environment().putAll(environment);
    Path out = Files.createTempFile(dir, "out", "");
    Path err = Files.createTempFile(dir, "err", "");
    builder.redirectOutput(out.toFile()).redirectError(err.toFile());
    return new Started(builder.start(), out, err);
  }

  static Run finish(Started started) throws Exception {
    Process process = started.process();
    assertThat(process.waitFor(PATIENCE_MINUTES, TimeUnit.MINUTES)).isTrue();
    return new Run(
        process.pid(),
        process.exitValue(),
        Files.readAllLines(started.out()),
        Files.readString(started.err()));
  }

  static void script(Path file, String text) throws IOException {
    Files.createDirectories(file.getParent());
    Files.writeString(file, text);
    Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rwxr-xr-x"));
  }
}
