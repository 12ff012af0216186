package io.spillway.catalog.index;

import io.spillway.catalog.IndexException;
import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import org.rocksdb.NativeLibraryLoader;

/**
 * RocksDB's native library, unpacked beside the data and not in a temporary directory, from which
 * it often cannot be executed. A process loads it once, for all of its brokers, and not before one
 * of them needs it; the file goes as soon as it is loaded, where the system allows that.
 */
final class RocksLibrary {

  private static final String PREFIX = "native-";

  private RocksLibrary() {}

  /**
   * @param home where it may be unpacked
   * @throws IndexException when it cannot be loaded
   */
  static void load(Path home) {
    Path unpacked = null;
    try {
      Files.createDirectories(home);
      unpacked = Files.createTempDirectory(home, PREFIX);
      // Loads nothing when it is loaded already.
      NativeLibraryLoader.getInstance().loadLibrary(unpacked.toString());
    } catch (IOException | RuntimeException | LinkageError e) {
      throw new IndexException("RocksDB cannot be loaded from " + home + ": " + e, e);
    } finally {
      if (unpacked != null) {
        removeQuietly(unpacked);
      }
    }
  }

  /** With the files in it; what cannot be removed is left for the next time. */
  static void removeQuietly(Path directory) {
    try (DirectoryStream<Path> files = Files.newDirectoryStream(directory)) {
      for (Path file : files) {
        Files.deleteIfExists(file);
      }
      Files.deleteIfExists(directory);
    } catch (IOException e) {
      // In use.
    }
  }
}
