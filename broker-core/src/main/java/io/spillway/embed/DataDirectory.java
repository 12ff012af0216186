package io.spillway.embed;

import io.spillway.config.MadeDirectories;
import io.spillway.config.StartRefusedException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Comparator;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** The local directory of one broker, locked as long as the broker lives. */
final class DataDirectory implements AutoCloseable {

  private static final String LOCK_FILE = ".lock";
  private static final int MAX_HOLDER_BYTES = 64;

  private final Path path;
  private final FileChannel lockChannel;
  private final boolean temporary;
  private final boolean isNewLock;
  private final MadeDirectories made;
  private boolean kept;

  private DataDirectory(
      Path path,
      FileChannel lockChannel,
      boolean temporary,
      boolean isNewLock,
      MadeDirectories made) {
    this.path = path;
    this.lockChannel = lockChannel;
    this.temporary = temporary;
    this.isNewLock = isNewLock;
    this.made = made;
  }

  /**
   * Makes the directory if it is missing, and takes it. Unless it is {@link #keep kept}, what was
   * made goes again at close.
   *
   * @param temporary delete it at close
   * @throws StartRefusedException when another broker has it, or it cannot be made
   */
  static DataDirectory take(Path path, boolean temporary) {
    try {
      MadeDirectories made = MadeDirectories.make(path);
      Path lockFile = path.resolve(LOCK_FILE);
      boolean isNewLock = Files.notExists(lockFile);
      FileChannel channel =
          FileChannel.open(
              lockFile,
              StandardOpenOption.CREATE,
              StandardOpenOption.READ,
              StandardOpenOption.WRITE);
      if (tryLock(channel) == null) {
        String holder = holder(channel);
        channel.close();
        throw StartRefusedException.directoryInUse(path, holder);
      }
      String self = "process " + ProcessHandle.current().pid();
      channel.truncate(0);
      channel.write(ByteBuffer.wrap(self.getBytes(StandardCharsets.UTF_8)), 0);
      return new DataDirectory(path, channel, temporary, isNewLock, made);
    } catch (IOException e) {
      throw new StartRefusedException(
          "data.dir " + path + " cannot be used: " + e + "; give it to this user, or set another",
          e);
    }
  }

  private static @Nullable FileLock tryLock(FileChannel channel) throws IOException {
    try {
      return channel.tryLock();
    } catch (OverlappingFileLockException e) {
      return null;
    }
  }

  private static String holder(FileChannel channel) throws IOException {
    ByteBuffer content = ByteBuffer.allocate(MAX_HOLDER_BYTES);
    channel.read(content, 0);
    String text = StandardCharsets.UTF_8.decode(content.flip()).toString().strip();
    return text.isEmpty() ? "another broker" : "the broker of " + text;
  }

  Path path() {
    return path;
  }

  /** The start went well: the directory is this broker's from now on. */
  void keep() {
    kept = true;
  }

  @Override
  public void close() {
    try {
      if (!kept && isNewLock) {
        Files.deleteIfExists(path.resolve(LOCK_FILE)); // while it is held: nobody else relies on it
      }
      lockChannel.close();
      if (temporary) {
        deleteAll();
      } else if (!kept) {
        made.removeIfEmpty();
      }
    } catch (IOException e) {
      throw new UncheckedIOException("closing data.dir " + path, e);
    }
  }

  private void deleteAll() throws IOException {
    try (Stream<Path> files = Files.walk(path)) {
      for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
        Files.delete(file);
      }
    }
  }
}
