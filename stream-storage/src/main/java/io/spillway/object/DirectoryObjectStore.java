package io.spillway.object;

import io.spillway.runtime.Threads;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executor;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A bucket in a directory: the key is the path below the root.
 *
 * <p>An object is written to a temporary file and forced, then gets its name, then the folder is
 * forced. The name is given by a hard link, which the file system makes only if the name is free:
 * several stores, in several processes, may share the root. Where hard links are refused, a rename
 * under a lock file does the same.
 *
 * <p>A folder that cannot be forced leaves the names in it in doubt for ever (the next force may
 * lie), so the store accepts no more writes after that.
 */
public final class DirectoryObjectStore implements ObjectStore {

  private static final Logger LOG = LoggerFactory.getLogger(DirectoryObjectStore.class);
  private static final String RENAME_LOCK = "rename-lock";

  /** Bounds the direct memory that the JDK caches per thread for reads into heap buffers. */
  private static final int CHUNK_BYTES = 128 * 1024;

  private static final int POOL_SIZE = 8;

  /** Of their own, so that no write and no commit waits behind reads of a whole backlog. */
  private static final int READ_POOL_SIZE = 4;

  private final Path root;
  private final TempSpace temp;
  private final boolean hardLinks;
  private final boolean direct;
  private final Executor pool;
  private final Executor readPool;
  private final Set<Path> knownFolders = ConcurrentHashMap.newKeySet();
  private final Map<String, Set<FileMultipart>> multiparts = new ConcurrentHashMap<>();
  private final Object renameLock = new Object();
  private final Object lifeLock = new Object();
  private int underWay;
  private boolean closed;
  private volatile @Nullable IOException broken;

  private DirectoryObjectStore(
      Path root,
      TempSpace temp,
      boolean hardLinks,
      boolean direct,
      Executor pool,
      Executor readPool) {
    this.root = root;
    this.temp = temp;
    this.hardLinks = hardLinks;
    this.direct = direct;
    this.pool = pool;
    this.readPool = readPool;
  }

  /**
   * Opens the root, made if it is missing, and removes temporary files that dead processes left.
   * Blocks.
   *
   * @throws ObjectStoreException.Refused when the directory cannot be used: says why
   */
  public static DirectoryObjectStore open(Path root, Threads threads) {
    return open(root, threads, true, true);
  }

  static DirectoryObjectStore open(
      Path root, Threads threads, boolean tryHardLinks, boolean tryDirect) {
    try {
      Path real = createRoot(root.toAbsolutePath().normalize()).toRealPath();
      TempSpace temp = TempSpace.open(real);
      boolean hardLinks = tryHardLinks && hardLinksWork(temp);
      if (!hardLinks) {
        LOG.info("{} refuses hard links; objects are named under a lock", real);
      }
      boolean direct = tryDirect && BodyFile.isDirectPossible(temp.newFile());
      if (!direct) {
        LOG.info("{} refuses direct I/O; objects are written through the page cache", real);
      }
      return new DirectoryObjectStore(
          real,
          temp,
          hardLinks,
          direct,
          threads.newPool("store", POOL_SIZE),
          threads.newPool("store-read", READ_POOL_SIZE));
    } catch (IOException e) {
      throw new ObjectStoreException.Refused(
          "object store directory " + root + " cannot be used: " + e, e);
    }
  }

  @Override
  public CompletableFuture<Void> put(String key, List<ByteBuffer> body) {
    Path target = path(key);
    return write(
        () -> {
          Path file = writeTemp(body);
          giveName(file, target, true);
          return null;
        });
  }

  @Override
  public CompletableFuture<PutIfAbsent> putIfAbsent(String key, List<ByteBuffer> body) {
    Path target = path(key);
    return write(
        () -> {
          if (Files.exists(target)) {
            // Whoever made it may not have forced its name yet, and the caller will act on it.
            forceFolder(folderOf(target));
            return PutIfAbsent.EXISTS;
          }
          Path file = writeTemp(body);
          return giveName(file, target, false);
        });
  }

  @Override
  public CompletableFuture<ByteBuffer> getRange(String key, long position, int length) {
    Path target = path(key);
    return read(
        key,
        () -> {
          try (FileChannel channel = FileChannel.open(target, StandardOpenOption.READ)) {
            return read(channel, position, length);
          }
        });
  }

  @Override
  public CompletableFuture<Integer> getRange(String key, long position, List<ByteBuffer> into) {
    Path target = path(key);
    return read(key, () -> RangeFile.read(target, position, into, direct));
  }

  private <T> CompletableFuture<T> read(String key, Request<T> request) {
    return run(
        readPool,
        () -> {
          try {
            return request.run();
          } catch (NoSuchFileException | FileNotFoundException e) {
            throw new ObjectStoreException.NotFound("no object " + key + " in " + root);
          }
        });
  }

  @Override
  public CompletableFuture<Optional<ObjectInfo>> head(String key) {
    Path target = path(key);
    return run(
        () -> {
          try {
            BasicFileAttributes file = Files.readAttributes(target, BasicFileAttributes.class);
            return file.isRegularFile()
                ? Optional.of(new ObjectInfo(key, file.size()))
                : Optional.empty();
          } catch (NoSuchFileException e) {
            return Optional.empty();
          }
        });
  }

  @Override
  public CompletableFuture<List<ObjectInfo>> list(String prefix, String startAfter, int limit) {
    return run(() -> DirectoryWalk.list(root, prefix, startAfter, limit));
  }

  /** A deletion is not forced: an object that comes back after a power loss is swept again. */
  @Override
  public CompletableFuture<Void> delete(String key) {
    Path target = path(key);
    return run(
        () -> {
          Files.deleteIfExists(target);
          return null;
        });
  }

  @Override
  public CompletableFuture<Multipart> startMultipart(String key, int partSizeBytes) {
    Path target = path(key);
    return write(
        () -> {
          Path file = temp.newFile();
          BodyFile body = BodyFile.create(file, direct && BodyFile.isAligned(partSizeBytes));
          FileMultipart multipart = new FileMultipart(key, target, file, body, partSizeBytes);
          multiparts.compute(
              key,
              (k, known) -> {
                Set<FileMultipart> all = known == null ? ConcurrentHashMap.newKeySet() : known;
                all.add(multipart);
                return all;
              });
          return multipart;
        });
  }

  /** This instance's own: those of dead processes were removed when it was opened. */
  @Override
  public CompletableFuture<List<String>> listMultiparts(String prefix) {
    return run(
        () ->
            multiparts.entrySet().stream()
                .filter(entry -> !entry.getValue().isEmpty() && entry.getKey().startsWith(prefix))
                .map(Map.Entry::getKey)
                .sorted()
                .toList());
  }

  @Override
  public CompletableFuture<Void> abortMultiparts(String key) {
    return run(
        () -> {
          for (FileMultipart multipart : multiparts.getOrDefault(key, Set.of())) {
            multipart.discard();
          }
          return null;
        });
  }

  @Override
  public void close() {
    synchronized (lifeLock) {
      if (closed) {
        return;
      }
      closed = true;
      boolean interrupted = false;
      while (underWay > 0) {
        try {
          lifeLock.wait();
        } catch (InterruptedException e) {
          interrupted = true;
        }
      }
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
    try {
      for (Set<FileMultipart> unfinished : multiparts.values()) {
        for (FileMultipart multipart : unfinished) {
          multipart.discard();
        }
      }
      temp.close();
    } catch (IOException e) {
      LOG.warn("temporary files of {} were left behind: {}", root, e.toString());
    }
  }

  @Override
  public String toString() {
    return "file:" + root;
  }

  private Path path(String key) {
    return root.resolve(ObjectKeys.requireValid(key));
  }

  private static Path folderOf(Path file) {
    Path folder = file.getParent();
    if (folder == null) {
      throw new IllegalArgumentException(file + " is in no folder");
    }
    return folder;
  }

  private Path writeTemp(List<ByteBuffer> body) throws IOException {
    Path file = temp.newFile();
    long size = Buffers.size(body);
    try (BodyFile written = BodyFile.create(file, direct && size >= BodyFile.DIRECT_FROM_BYTES)) {
      written.write(body, 0);
      written.finish(size);
    } catch (IOException e) {
      Files.deleteIfExists(file);
      throw e;
    }
    return file;
  }

  /** Consumes the temporary file whatever happens. */
  private PutIfAbsent giveName(Path file, Path target, boolean replace) throws IOException {
    try {
      Path folder = folderOf(target);
      ensureFolder(folder);
      PutIfAbsent result;
      try {
        result = link(file, target, replace);
      } catch (NoSuchFileException e) {
        // The folder was removed under us, by an operator say.
        knownFolders.clear();
        ensureFolder(folder);
        result = link(file, target, replace);
      }
      if (result != PutIfAbsent.CONFLICT) {
        forceFolder(folder);
      }
      return result;
    } finally {
      Files.deleteIfExists(file);
    }
  }

  private PutIfAbsent link(Path file, Path target, boolean replace) throws IOException {
    if (replace) {
      Files.move(file, target, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
      return PutIfAbsent.CREATED;
    }
    if (!hardLinks) {
      return renameIfAbsent(file, target);
    }
    try {
      Files.createLink(target, file);
      return PutIfAbsent.CREATED;
    } catch (FileAlreadyExistsException e) {
      return PutIfAbsent.EXISTS;
    }
  }

  private PutIfAbsent renameIfAbsent(Path file, Path target) throws IOException {
    synchronized (renameLock) {
      try (FileChannel channel =
              FileChannel.open(
                  root.resolve(TempSpace.FOLDER).resolve(RENAME_LOCK),
                  StandardOpenOption.CREATE,
                  StandardOpenOption.WRITE);
          FileLock lock = channel.lock()) {
        if (!lock.isValid() || Files.exists(target)) {
          return PutIfAbsent.EXISTS;
        }
        Files.move(file, target, StandardCopyOption.ATOMIC_MOVE);
        return PutIfAbsent.CREATED;
      } catch (OverlappingFileLockException e) {
        // Another store of this JVM is naming an object of the same root.
        return PutIfAbsent.CONFLICT;
      }
    }
  }

  private void forceFolder(Path folder) throws IOException {
    try (FileChannel channel = FileChannel.open(folder, StandardOpenOption.READ)) {
      channel.force(true);
    } catch (IOException e) {
      broken = e;
      throw new ObjectStoreException.Ambiguous(
          "folder " + folder + " could not be forced to disk: " + e, e);
    }
  }

  /**
   * Makes the folder and forces its name once per instance, even if it is there already: whoever
   * made it may be about to force it.
   */
  private void ensureFolder(Path folder) throws IOException {
    if (folder.equals(root) || knownFolders.contains(folder)) {
      return;
    }
    Path parent = folderOf(folder);
    ensureFolder(parent);
    createFolder(folder);
    forceFolder(parent);
    knownFolders.add(folder);
  }

  private static void createFolder(Path folder) throws IOException {
    try {
      Files.createDirectory(folder);
    } catch (FileAlreadyExistsException e) {
      if (!Files.isDirectory(folder)) {
        throw e;
      }
    }
  }

  private static Path createRoot(Path folder) throws IOException {
    Path parent = folder.getParent();
    if (parent != null && !Files.isDirectory(folder)) {
      createRoot(parent);
      createFolder(folder);
      try (FileChannel channel = FileChannel.open(parent, StandardOpenOption.READ)) {
        channel.force(true);
      }
    }
    return folder;
  }

  private static boolean hardLinksWork(TempSpace temp) throws IOException {
    Path file = Files.createFile(temp.newFile());
    Path link = temp.newFile();
    try {
      Files.createLink(link, file);
      return true;
    } catch (UnsupportedOperationException | FileSystemException e) {
      return false;
    } finally {
      Files.deleteIfExists(link);
      Files.deleteIfExists(file);
    }
  }

  private static ByteBuffer read(FileChannel channel, long position, int length)
      throws IOException {
    long available = Math.max(0, channel.size() - position);
    ByteBuffer into = ByteBuffer.allocate((int) Math.min(length, available));
    int end = into.limit();
    while (into.position() < end) {
      into.limit(Math.min(end, into.position() + CHUNK_BYTES));
      if (channel.read(into, position + into.position()) < 0) {
        break;
      }
    }
    return into.limit(into.position()).flip();
  }

  /** A request that changes something. */
  private <T> CompletableFuture<T> write(Request<T> request) {
    return run(
        () -> {
          IOException cause = broken;
          if (cause != null) {
            throw new ObjectStoreException.Unavailable(
                root + " accepts no writes since its disk failed (" + cause + "); restart", cause);
          }
          return request.run();
        });
  }

  private <T> CompletableFuture<T> run(Request<T> request) {
    return run(pool, request);
  }

  private <T> CompletableFuture<T> run(Executor on, Request<T> request) {
    CompletableFuture<T> future = new CompletableFuture<>();
    synchronized (lifeLock) {
      if (closed) {
        future.completeExceptionally(
            new ObjectStoreException.Unavailable("object store " + root + " is closed", null));
        return future;
      }
      underWay++;
    }
    on.execute(
        () -> {
          @Nullable T result = null;
          @Nullable Throwable failure = null;
          try {
            result = request.run();
          } catch (IOException e) {
            failure = failure(e);
          } catch (RuntimeException | Error e) {
            failure = e;
          }
          synchronized (lifeLock) {
            underWay--;
            lifeLock.notifyAll();
          }
          if (failure != null) {
            future.completeExceptionally(failure);
          } else {
            future.complete(result);
          }
        });
    return future;
  }

  private ObjectStoreException failure(IOException e) {
    if (e instanceof AccessDeniedException) {
      return new ObjectStoreException.Refused("access to " + root + " is denied: " + e, e);
    }
    return new ObjectStoreException.Unavailable("object store " + root + ": " + e, e);
  }

  @FunctionalInterface
  private interface Request<T> {
    @Nullable T run() throws IOException;
  }

  /** Parts are written at their place in one temporary file, which is named at the end. */
  private final class FileMultipart implements Multipart {
    private final String key;
    private final Path target;
    private final Path file;
    private final BodyFile body;
    private final int partSizeBytes;
    private final Map<Integer, Integer> partSizes = new ConcurrentHashMap<>();
    private volatile boolean ended;

    FileMultipart(String key, Path target, Path file, BodyFile body, int partSizeBytes) {
      this.key = key;
      this.target = target;
      this.file = file;
      this.body = body;
      this.partSizeBytes = partSizeBytes;
    }

    @Override
    public CompletableFuture<Void> uploadPart(int partNumber, List<ByteBuffer> part) {
      return write(
          () -> {
            requireOpen();
            int size = Math.toIntExact(Buffers.size(part));
            if (size > partSizeBytes) {
              throw wrongPart(partNumber);
            }
            body.write(part, (partNumber - 1L) * partSizeBytes);
            partSizes.put(partNumber, size);
            return null;
          });
    }

    @Override
    public CompletableFuture<Void> complete() {
      return write(
          () -> {
            requireOpen();
            long size = 0;
            for (int number = 1; number <= partSizes.size(); number++) {
              Integer partSize = partSizes.get(number);
              if (partSize == null || (number < partSizes.size() && partSize != partSizeBytes)) {
                throw wrongPart(number);
              }
              size += partSize;
            }
            try {
              body.finish(size);
            } catch (IOException e) {
              // What was not forced once is never trusted: the upload starts anew.
              discard();
              throw e;
            }
            giveName(file, target, true);
            discard();
            return null;
          });
    }

    @Override
    public CompletableFuture<Void> abort() {
      return run(
          () -> {
            discard();
            return null;
          });
    }

    private void discard() throws IOException {
      ended = true;
      body.close();
      Files.deleteIfExists(file);
      multiparts.computeIfPresent(
          key,
          (k, all) -> {
            all.remove(this);
            return all.isEmpty() ? null : all;
          });
    }

    private void requireOpen() {
      if (ended) {
        throw new ObjectStoreException.NotFound("no upload of " + key + " is under way");
      }
    }

    private ObjectStoreException wrongPart(int number) {
      return new ObjectStoreException.Refused(
          "upload of " + key + ": part " + number + " is missing or has another size", null);
    }
  }
}
