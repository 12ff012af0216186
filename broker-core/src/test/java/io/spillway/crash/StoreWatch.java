package io.spillway.crash;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.stream.Stream;

/**
 * Sees from the store's directory whether an upload is between its first byte and its commit: an
 * object that has no name yet, or a data object younger than the newest record of the catalog.
 */
final class StoreWatch {

  private static final long PATIENCE_NANOS = 5_000_000_000L;

  private final Path root;

  /**
   * @param root of the store alone: beside it, segments of the WAL are written all the time
   */
  StoreWatch(Path root) {
    this.root = root;
  }

  /** Returns as soon as an upload is under way, or after a while without one. */
  void awaitUploadUnderWay() {
    long deadline = System.nanoTime() + PATIENCE_NANOS;
    while (!uploadWasCutShort() && System.nanoTime() < deadline) {
      Thread.onSpinWait();
    }
  }

  /** For a dead broker: whether it left an upload, or its commit, unfinished. */
  boolean uploadWasCutShort() {
    long newestData = newest("data");
    return hasUnnamed() || (newestData > 0 && newestData > newest("catalog"));
  }

  private boolean hasUnnamed() {
    try (Stream<Path> files = walk(root)) {
      return files.anyMatch(
          file ->
              file.getParent().getParent() != null
                  && file.getParent().getParent().endsWith(".tmp")
                  && Files.isRegularFile(file));
    }
  }

  private long newest(String folder) {
    try (Stream<Path> files = walk(root.resolve(folder))) {
      return files
          .filter(Files::isRegularFile)
          .mapToLong(StoreWatch::modifiedNanos)
          .max()
          .orElse(0);
    }
  }

  private static Stream<Path> walk(Path folder) {
    try (Stream<Path> files = Files.walk(folder)) {
      return files.toList().stream();
    } catch (NoSuchFileException e) {
      return Stream.empty();
    } catch (UncheckedIOException | IOException e) {
      // Files come and go while the broker works; the next look sees a whole picture.
      return Stream.empty();
    }
  }

  private static long modifiedNanos(Path file) {
    try {
      return Files.getLastModifiedTime(file).to(java.util.concurrent.TimeUnit.NANOSECONDS);
    } catch (IOException e) {
      return 0;
    }
  }
}
