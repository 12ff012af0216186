package io.spillway.embed;

import io.spillway.config.StartRefusedException;
import io.spillway.config.StorageConfig;
import java.io.IOException;
import java.io.StringReader;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.Optional;
import java.util.Properties;
import org.jspecify.annotations.Nullable;

/**
 * What a data directory remembers of the broker that served from it, so that a start can tell a
 * mistake in its settings from a change: the cluster, and where the write-ahead log was.
 *
 * <p>A file of {@code name=value} in UTF-8, with the escapes of {@link Properties}, version 1:
 * {@code version}, {@code cluster.id}, {@code wal.url}. It holds no data and nothing waits for it:
 * without it a start takes the cluster that the bucket has, and looks for a log only where the
 * settings say.
 *
 * @param clusterId as people see it
 * @param walUrl {@code object:}, or {@code file:} with an absolute directory
 */
record DirectoryNote(String clusterId, String walUrl) {

  static final String FILE = "meta.properties";
  private static final String NEW_FILE = FILE + ".new";
  private static final String VERSION = "1";

  static DirectoryNote of(String clusterId, StorageConfig settings) {
    return new DirectoryNote(clusterId, settings.walUrl());
  }

  /**
   * Empty when there is none.
   *
   * @throws StartRefusedException when it cannot be read, or is none, or of a newer version
   */
  static Optional<DirectoryNote> read(Path dataDir) {
    Path file = dataDir.resolve(FILE);
    Properties values = new Properties();
    try {
      values.load(new StringReader(Files.readString(file)));
    } catch (NoSuchFileException e) {
      return Optional.empty();
    } catch (IOException | IllegalArgumentException e) {
      throw refused(file, "cannot be read: " + e, e);
    }
    String version = values.getProperty("version", "none");
    String clusterId = values.getProperty("cluster.id", "");
    String walUrl = values.getProperty("wal.url", "");
    if (!version.equals(VERSION)) {
      throw refused(file, "has version " + version + ", this build reads version " + VERSION, null);
    }
    if (clusterId.isEmpty() || !isWalUrl(walUrl)) {
      throw refused(file, "has cluster.id=" + clusterId + " and wal.url=" + walUrl, null);
    }
    return Optional.of(new DirectoryNote(clusterId, walUrl));
  }

  private static boolean isWalUrl(String url) {
    return url.equals(StorageConfig.WAL_IN_BUCKET) || url.startsWith(StorageConfig.FILE_SCHEME);
  }

  private static StartRefusedException refused(Path file, String what, @Nullable Exception cause) {
    String message =
        file + " " + what + ": upgrade, or delete it if object.store.url and wal.url are as before";
    return cause == null
        ? new StartRefusedException(message)
        : new StartRefusedException(message, cause);
  }

  /** The log's directory; empty when it was in the bucket. */
  Optional<Path> walDir() {
    return walUrl.startsWith(StorageConfig.FILE_SCHEME)
        ? Optional.of(Path.of(walUrl.substring(StorageConfig.FILE_SCHEME.length())))
        : Optional.empty();
  }

  /** Replaces the note of before, durably and as a whole. */
  void write(Path dataDir) {
    Path fresh = dataDir.resolve(NEW_FILE);
    try {
      try (FileChannel channel =
          FileChannel.open(
              fresh,
              StandardOpenOption.CREATE,
              StandardOpenOption.TRUNCATE_EXISTING,
              StandardOpenOption.WRITE)) {
        ByteBuffer bytes = StandardCharsets.UTF_8.encode(text());
        while (bytes.hasRemaining()) {
          channel.write(bytes);
        }
        channel.force(true);
      }
      Files.move(fresh, dataDir.resolve(FILE), StandardCopyOption.ATOMIC_MOVE);
      try (FileChannel directory = FileChannel.open(dataDir, StandardOpenOption.READ)) {
        directory.force(true);
      }
    } catch (IOException e) {
      throw new StartRefusedException(
          dataDir.resolve(FILE)
              + " cannot be written: "
              + e
              + "; make room, or give this user data.dir",
          e);
    }
  }

  private String text() {
    return "version=%s\ncluster.id=%s\nwal.url=%s\n".formatted(VERSION, clusterId, escaped(walUrl));
  }

  /** A path may hold anything; of that, these mean something in a file of properties. */
  private static String escaped(String value) {
    return value.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r");
  }
}
