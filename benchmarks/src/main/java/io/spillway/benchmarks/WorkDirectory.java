package io.spillway.benchmarks;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.stream.Stream;

/** A directory of one run on the disk of the checkout; close deletes it. */
record WorkDirectory(Path path) implements AutoCloseable {

  /** Makes one in {@code benchmarks/target}. */
  static WorkDirectory create(Path root, String name) throws IOException {
    Path target = Files.createDirectories(root.resolve("benchmarks/target"));
    return new WorkDirectory(Files.createTempDirectory(target, name));
  }

  static void delete(Path directory) throws IOException {
    try (Stream<Path> files = Files.walk(directory)) {
      for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
        Files.delete(file);
      }
    }
  }

  @Override
  public void close() throws IOException {
    delete(path);
  }
}
