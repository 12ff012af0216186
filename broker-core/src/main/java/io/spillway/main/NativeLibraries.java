package io.spillway.main;

import io.spillway.config.MadeDirectories;
import io.spillway.config.StartRefusedException;
import io.spillway.runtime.AmbientRuntime;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;
import org.slf4j.LoggerFactory;

/**
 * Where native libraries (epoll, compression) are unpacked: under the data directory, because
 * {@code /tmp} is often mounted so that nothing in it can be executed.
 *
 * <p>Each process has a directory of its own there, named by its id; those of processes that are
 * gone are removed at the next start.
 */
@AmbientRuntime
final class NativeLibraries {

  /** The properties by which the libraries, and the JDK, take a directory. */
  private static final List<String> PROPERTIES =
      List.of(
          "io.netty.native.workdir",
          "org.xerial.snappy.tempdir",
          "ZstdTempFolder",
          "java.io.tmpdir");

  /** What this process made for its own directory. */
  private static final AtomicReference<@Nullable MadeDirectories> MADE = new AtomicReference<>();

  private NativeLibraries() {}

  /** To be called before the first library is loaded. */
  static void unpackUnder(Path dataDir) {
    Path own = ownDirectory(dataDir);
    Path parent = dataDir.resolve("tmp");
    try {
      MADE.set(MadeDirectories.make(own));
      removeOfGoneProcesses(parent);
    } catch (IOException | UncheckedIOException e) {
      throw new StartRefusedException(
          "cannot write to data.dir="
              + dataDir
              + " ("
              + e
              + "): make it writable, or take another,"
              + " as in --set data.dir=DIR",
          e);
    }
    for (String property : PROPERTIES) {
      if (System.getProperty(property) == null || property.equals("java.io.tmpdir")) {
        System.setProperty(property, own.toString());
      }
    }
  }

  /**
   * At the end of the process; what cannot be removed goes at the next start. Where nothing else
   * came to be, as in a start that was refused, the data directory goes too if this made it.
   */
  static void removeOwn(Path dataDir) {
    try {
      remove(ownDirectory(dataDir));
      MadeDirectories made = MADE.get();
      if (made != null) {
        made.removeIfEmpty();
      }
    } catch (IOException | UncheckedIOException e) {
      LoggerFactory.getLogger(NativeLibraries.class).debug("unpacked libraries are left", e);
    }
  }

  private static Path ownDirectory(Path dataDir) {
    return dataDir.resolve("tmp").resolve(Long.toString(ProcessHandle.current().pid()));
  }

  private static void removeOfGoneProcesses(Path parent) throws IOException {
    try (DirectoryStream<Path> directories = Files.newDirectoryStream(parent)) {
      for (Path directory : directories) {
        if (isOfGoneProcess(directory.getFileName().toString())) {
          remove(directory);
        }
      }
    }
  }

  private static boolean isOfGoneProcess(String name) {
    try {
      return ProcessHandle.of(Long.parseLong(name)).isEmpty();
    } catch (NumberFormatException e) {
      return false;
    }
  }

  private static void remove(Path directory) throws IOException {
    try (DirectoryStream<Path> files = Files.newDirectoryStream(directory)) {
      for (Path file : files) {
        Files.deleteIfExists(file);
      }
    }
    Files.deleteIfExists(directory);
  }
}
