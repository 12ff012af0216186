package io.spillway.benchmarks;

import com.sun.nio.file.ExtendedOpenOption;
import io.spillway.runtime.AmbientRuntime;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.OpenOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;

/**
 * Reads files from beginning to end, one read at a time, past the page cache where that is
 * possible.
 */
@AmbientRuntime
final class RawRead {

  private static final int READ_BYTES = 1 << 20;
  private static final int ALIGNMENT_BYTES = 4096;

  private RawRead() {}

  /** How long it took to read as many bytes of a directory's files, in the order of their names. */
  static double seconds(Path directory, long bytes) throws IOException {
    List<Path> files;
    try (Stream<Path> all = Files.walk(directory)) {
      files = all.filter(Files::isRegularFile).sorted().toList();
    }
    ByteBuffer buffer =
        ByteBuffer.allocateDirect(READ_BYTES + ALIGNMENT_BYTES).alignedSlice(ALIGNMENT_BYTES);
    long start = System.nanoTime();
    long left = bytes;
    for (Path file : files) {
      left -= left > 0 ? read(file, left, buffer) : 0;
    }
    if (left > 0) {
      throw new IOException(
          "expected %d bytes in the files of %s, found %d"
              .formatted(bytes, directory, bytes - left));
    }
    return (System.nanoTime() - start) / 1e9;
  }

  private static long read(Path file, long most, ByteBuffer buffer) throws IOException {
    long read = 0;
    try (FileChannel channel = open(file)) {
      // Past the cache nothing can be read from behind an end that is not aligned.
      long size = Math.min(most, channel.size());
      while (read < size) {
        buffer.clear().limit(READ_BYTES);
        read += channel.read(buffer);
      }
    }
    return read;
  }

  private static FileChannel open(Path file) throws IOException {
    Set<OpenOption> direct = Set.of(StandardOpenOption.READ, ExtendedOpenOption.DIRECT);
    try {
      return FileChannel.open(file, direct);
    } catch (IOException | UnsupportedOperationException e) {
      return FileChannel.open(file, StandardOpenOption.READ);
    }
  }
}
