package io.spillway.object;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.DirectoryStream;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/**
 * Where one store instance writes objects before they get their name: {@code .tmp/<n>/}, guarded by
 * a lock on {@code .tmp/<n>.lock}. The lock ends with the process, which is how the next start
 * tells leftovers, which it removes, from the work of a living neighbour.
 */
final class TempSpace implements AutoCloseable {

  static final String FOLDER = ".tmp";
  private static final String LOCK_SUFFIX = ".lock";

  private final Path folder;
  private final Path lockFile;
  private final FileChannel lockChannel;
  private final AtomicLong nextFile = new AtomicLong();

  private TempSpace(Path folder, Path lockFile, FileChannel lockChannel) {
    this.folder = folder;
    this.lockFile = lockFile;
    this.lockChannel = lockChannel;
  }

  static TempSpace open(Path root) throws IOException {
    Path parent = Files.createDirectories(root.resolve(FOLDER));
    removeLeftovers(parent);
    for (int n = 0; ; n++) {
      TempSpace space = tryTake(parent, n);
      if (space != null) {
        return space;
      }
    }
  }

  /** A path nobody else uses; nothing is there yet. */
  Path newFile() {
    return folder.resolve(Long.toString(nextFile.getAndIncrement()));
  }

  @Override
  public void close() throws IOException {
    deleteFolder(folder);
    Files.deleteIfExists(lockFile);
    lockChannel.close();
  }

  private static @Nullable TempSpace tryTake(Path parent, int n) throws IOException {
    Path lockFile = parent.resolve(n + LOCK_SUFFIX);
    FileChannel channel;
    try {
      channel = FileChannel.open(lockFile, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE);
    } catch (FileAlreadyExistsException e) {
      return null;
    }
    // Between the two lines another start may have taken the file for a leftover and removed it.
    if (tryLock(channel) == null || !Files.exists(lockFile)) {
      channel.close();
      return null;
    }
    Path folder = parent.resolve(Integer.toString(n));
    deleteFolder(folder);
    return new TempSpace(Files.createDirectory(folder), lockFile, channel);
  }

  private static void removeLeftovers(Path parent) throws IOException {
    try (DirectoryStream<Path> locks = Files.newDirectoryStream(parent, "*" + LOCK_SUFFIX)) {
      for (Path lockFile : locks) {
        try (FileChannel channel = FileChannel.open(lockFile, StandardOpenOption.WRITE)) {
          if (tryLock(channel) != null) {
            String name = lockFile.getFileName().toString();
            deleteFolder(parent.resolve(name.substring(0, name.length() - LOCK_SUFFIX.length())));
            Files.deleteIfExists(lockFile);
          }
        } catch (NoSuchFileException e) {
          // Another start removed it first.
        }
      }
    }
  }

  /** The lock, or null when a living process, this one included, holds it. */
  private static @Nullable FileLock tryLock(FileChannel channel) throws IOException {
    try {
      return channel.tryLock();
    } catch (OverlappingFileLockException e) {
      return null;
    }
  }

  private static void deleteFolder(Path folder) throws IOException {
    try (DirectoryStream<Path> files = Files.newDirectoryStream(folder)) {
      for (Path file : files) {
        Files.deleteIfExists(file);
      }
    } catch (NoSuchFileException e) {
      return;
    }
    Files.deleteIfExists(folder);
  }
}
