package io.spillway.benchmarks;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;

/** Makes the kernel forget what it holds of files, so that the next read is the disk's. */
final class PageCache {

  private static final Path DROP_CACHES = Path.of("/proc/sys/vm/drop_caches");

  private PageCache() {}

  /** How {@link #drop} does it on this machine, for a table's heading. */
  static String method() {
    return Files.isWritable(DROP_CACHES) ? "drop_caches" : "posix_fadvise(DONTNEED) of each file";
  }

  /** Everything where this process may; else the files of the directory, one by one. */
  static void drop(Path directory) throws IOException, InterruptedException {
    new ProcessBuilder("sync").start().waitFor();
    dropClean(directory);
  }

  /** The same without writing back first what is dirty: that stays. */
  static void dropClean(Path directory) throws IOException, InterruptedException {
    if (Files.isWritable(DROP_CACHES)) {
      Files.writeString(DROP_CACHES, "3\n");
      return;
    }
    try (Stream<Path> files = Files.walk(directory).filter(Files::isRegularFile)) {
      for (Path file : files.toList()) {
        // With no block to copy, dd only gives the advice.
        new ProcessBuilder("dd", "if=" + file, "iflag=nocache", "count=0", "status=none")
            .start()
            .waitFor();
      }
    }
  }
}
