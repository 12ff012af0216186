package io.spillway.wal.device;

import java.io.IOException;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The directory of segment files of one WAL, held exclusively.
 *
 * <p>What happens to file names ({@link #create}, {@link #rename}, {@link #delete}) is durable only
 * after {@link #syncDirectory}; a crash before that may undo it. The blocking calls are made on
 * threads from {@link #blocking} or on the WAL's pools, never on one that somebody may interrupt
 * (an interrupt would close the channel, P28).
 */
public interface WalDevice extends AutoCloseable {

  /** Work that blocks on the device. */
  @FunctionalInterface
  interface IoTask<T> {
    T run() throws IOException;
  }

  /** Told once when an asynchronous operation ended; from any thread; must not block. */
  @FunctionalInterface
  interface Completion {
    /**
     * @param failure null when the bytes are durable
     */
    void onComplete(@Nullable IOException failure);
  }

  /** The directory, for messages. */
  String location();

  /**
   * Whether reads come from the medium itself. If not, what was read may be in the page cache alone
   * after a failed force, and must be written again before it is trusted.
   */
  boolean readsMedium();

  /** Whether buffers must be direct memory (always 4 KiB-aligned, with an aligned length). */
  boolean needsDirectBuffers();

  /** Names of the segment files there are, sorted. */
  List<String> list() throws IOException;

  /**
   * Makes a file that reads as zeros; its space need not be allocated yet.
   *
   * @throws java.nio.file.FileAlreadyExistsException when there is one of that name
   */
  WalFile create(String name, long sizeBytes) throws IOException;

  WalFile open(String name) throws IOException;

  /** Gives the open file another name; it stays open. */
  void rename(WalFile file, String newName) throws IOException;

  /** Closes and deletes. */
  void delete(WalFile file) throws IOException;

  void syncDirectory() throws IOException;

  /**
   * Runs the task where blocking calls are allowed, and waits for it, whatever the caller's
   * interrupt status. Exceptions of the task are thrown as they are.
   */
  <T> T blocking(IoTask<T> task) throws IOException;

  /** Whether a failure says that there is no room, for now: anything else ends the WAL. */
  static boolean isOutOfSpace(IOException failure) {
    String message = String.valueOf(failure.getMessage());
    return message.contains("No space left") || message.contains("quota exceeded");
  }

  /** Closes what is open and lets go of the directory. No operation may be under way. */
  @Override
  void close();
}
