package io.spillway.wal.device;

import com.sun.nio.file.ExtendedOpenOption;
import io.spillway.runtime.Threads;
import io.spillway.wal.WalConfig;
import io.spillway.wal.WalConfig.IoMode;
import io.spillway.wal.WalException;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.OpenOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executor;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Segment files in a directory of the file system, locked against other processes by {@code
 * wal.lock}. Files are opened DIRECT and DSYNC: a write goes to the disk without a copy through the
 * page cache and is durable on return. Where the file system refuses that, writes go through the
 * page cache and each is followed by a force.
 */
public final class FileWalDevice implements WalDevice {

  /** Two block writes and one preparation at a time. */
  private static final int IO_THREADS = 3;

  private static final String SUFFIX = ".wal";
  private static final String LOCK_NAME = "wal.lock";
  private static final String PROBE_NAME = "direct.probe";
  private static final Logger LOG = LoggerFactory.getLogger(FileWalDevice.class);

  private final Path directory;
  private final boolean direct;
  private final Executor io;
  private final FileChannel lockChannel;
  private final Set<FileWalFile> open = new HashSet<>();
  private boolean closed;

  private FileWalDevice(Path directory, boolean direct, Executor io, FileChannel lockChannel) {
    this.directory = directory;
    this.direct = direct;
    this.io = io;
    this.lockChannel = lockChannel;
  }

  /**
   * Makes the directory when it is absent, and takes it.
   *
   * @param threads gives the threads that block on the disk
   * @throws WalException.InUse when somebody has the directory
   * @throws WalException.Unavailable when it cannot be made or written, or refuses {@link
   *     IoMode#DIRECT}
   */
  public static FileWalDevice open(Path directory, IoMode mode, Threads threads) {
    Executor io = threads.newPool("wal-io", IO_THREADS);
    try {
      return await(io, () -> openNow(directory, mode, io));
    } catch (IOException e) {
      throw new WalException.Unavailable(
          "cannot open WAL directory " + directory + ": " + e.getMessage(), e);
    }
  }

  private static FileWalDevice openNow(Path directory, IoMode mode, Executor io)
      throws IOException {
    if (Files.notExists(directory)) {
      Files.createDirectories(directory);
      Path parent = directory.toAbsolutePath().getParent();
      if (parent != null) {
        syncDirectory(parent);
      }
    }
    FileChannel lockChannel = lock(directory);
    try {
      boolean direct = mode != IoMode.BUFFERED && acceptsDirect(directory, mode);
      return new FileWalDevice(directory, direct, io, lockChannel);
    } catch (Throwable t) {
      lockChannel.close();
      throw t;
    }
  }

  private static FileChannel lock(Path directory) throws IOException {
    FileChannel channel =
        FileChannel.open(
            directory.resolve(LOCK_NAME),
            StandardOpenOption.CREATE,
            StandardOpenOption.READ,
            StandardOpenOption.WRITE);
    try {
      FileLock lock = channel.tryLock();
      if (lock == null) {
        throw new WalException.InUse(
            "WAL directory " + directory + " is in use by process " + holder(channel));
      }
      ByteBuffer pid =
          ByteBuffer.wrap(
              Long.toString(ProcessHandle.current().pid()).getBytes(StandardCharsets.US_ASCII));
      channel.truncate(0);
      channel.write(pid, 0);
      return channel;
    } catch (OverlappingFileLockException e) {
      channel.close();
      throw new WalException.InUse("WAL directory " + directory + " is in use by this process");
    } catch (Throwable t) {
      channel.close();
      throw t;
    }
  }

  private static String holder(FileChannel channel) throws IOException {
    ByteBuffer pid = ByteBuffer.allocate(20);
    channel.read(pid, 0);
    String text = new String(pid.array(), 0, pid.position(), StandardCharsets.US_ASCII);
    return text.isEmpty() ? "(unknown)" : text;
  }

  private static boolean acceptsDirect(Path directory, IoMode mode) throws IOException {
    String refusal = directRefusal(directory);
    if (refusal == null) {
      return true;
    }
    if (mode == IoMode.DIRECT) {
      throw new IOException("direct I/O is refused: " + refusal);
    }
    LOG.warn(
        "WAL directory {} refuses direct I/O ({}): writing through the page cache, which costs more"
            + " CPU",
        directory,
        refusal);
    return false;
  }

  private static @Nullable String directRefusal(Path directory) throws IOException {
    long blockSize = Files.getFileStore(directory).getBlockSize();
    if (blockSize > WalConfig.ALIGNMENT_BYTES) {
      return "its blocks are of " + blockSize + " bytes";
    }
    Path probe = directory.resolve(PROBE_NAME);
    AlignedMemory page = AlignedMemory.allocate(WalConfig.ALIGNMENT_BYTES, true);
    try (FileChannel channel = FileChannel.open(probe, options(true, true))) {
      channel.write(page.buffer().duplicate(), 0);
      return null;
    } catch (IOException | UnsupportedOperationException e) {
      return String.valueOf(e.getMessage());
    } finally {
      page.free();
      Files.deleteIfExists(probe);
    }
  }

  private static Set<OpenOption> options(boolean direct, boolean create) {
    Set<OpenOption> options = new HashSet<>();
    options.add(StandardOpenOption.READ);
    options.add(StandardOpenOption.WRITE);
    if (create) {
      options.add(StandardOpenOption.CREATE);
    }
    if (direct) {
      options.add(StandardOpenOption.DSYNC);
      options.add(ExtendedOpenOption.DIRECT);
    }
    return options;
  }

  @Override
  public String location() {
    return directory.toString();
  }

  /** True when direct I/O was accepted. */
  @Override
  public boolean readsMedium() {
    return direct;
  }

  @Override
  public boolean needsDirectBuffers() {
    return true;
  }

  @Override
  public List<String> list() throws IOException {
    return segmentNames(directory);
  }

  /** Names of the segment files in a directory, sorted; for those who only look. */
  static List<String> segmentNames(Path directory) throws IOException {
    try (Stream<Path> entries = Files.list(directory)) {
      return entries
          .map(path -> String.valueOf(path.getFileName()))
          .filter(name -> name.endsWith(SUFFIX))
          .sorted()
          .toList();
    }
  }

  @Override
  public WalFile create(String name, long sizeBytes) throws IOException {
    Path path = directory.resolve(name);
    if (Files.exists(path)) {
      throw new FileAlreadyExistsException(path.toString());
    }
    try (RandomAccessFile file = new RandomAccessFile(path.toFile(), "rw")) {
      file.setLength(sizeBytes);
    }
    return open(name);
  }

  @Override
  public WalFile open(String name) throws IOException {
    FileChannel channel = FileChannel.open(directory.resolve(name), options(direct, false));
    FileWalFile file = new FileWalFile(name, channel, channel.size(), direct, io);
    synchronized (open) {
      open.add(file);
    }
    return file;
  }

  @Override
  public void rename(WalFile file, String newName) throws IOException {
    Path target = directory.resolve(newName);
    if (Files.exists(target)) {
      throw new FileAlreadyExistsException(target.toString());
    }
    Files.move(directory.resolve(file.name()), target, StandardCopyOption.ATOMIC_MOVE);
    ((FileWalFile) file).renamed(newName);
  }

  @Override
  public void delete(WalFile file) throws IOException {
    synchronized (open) {
      open.remove((FileWalFile) file);
    }
    ((FileWalFile) file).close();
    Files.deleteIfExists(directory.resolve(file.name()));
  }

  @Override
  public void syncDirectory() throws IOException {
    syncDirectory(directory);
  }

  private static void syncDirectory(Path directory) throws IOException {
    try (FileChannel channel = FileChannel.open(directory, StandardOpenOption.READ)) {
      channel.force(true);
    }
  }

  @Override
  public <T> T blocking(IoTask<T> task) throws IOException {
    return await(io, task);
  }

  private static <T> T await(Executor io, IoTask<T> task) throws IOException {
    CompletableFuture<T> done = new CompletableFuture<>();
    io.execute(
        () -> {
          try {
            done.complete(task.run());
          } catch (Throwable t) {
            done.completeExceptionally(t);
          }
        });
    boolean interrupted = false;
    try {
      while (true) {
        try {
          return done.get();
        } catch (InterruptedException e) {
          interrupted = true;
        } catch (ExecutionException e) {
          throw rethrow(e.getCause());
        }
      }
    } finally {
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }

  private static IOException rethrow(@Nullable Throwable cause) {
    if (cause instanceof IOException io) {
      return io;
    }
    if (cause instanceof RuntimeException runtime) {
      throw runtime;
    }
    if (cause instanceof Error error) {
      throw error;
    }
    throw new CompletionException(cause);
  }

  @Override
  public void close() {
    synchronized (open) {
      if (closed) {
        return;
      }
      closed = true;
      try {
        for (FileWalFile file : open) {
          file.close();
        }
        lockChannel.close();
      } catch (IOException e) {
        throw new UncheckedIOException("closing WAL directory " + directory, e);
      }
      open.clear();
    }
  }
}
