package io.spillway.catalog.index;

import io.spillway.catalog.CatalogIndex;
import io.spillway.catalog.IndexBatch;
import io.spillway.catalog.IndexException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashSet;
import java.util.Set;
import java.util.concurrent.locks.ReadWriteLock;
import java.util.concurrent.locks.ReentrantReadWriteLock;
import org.jspecify.annotations.Nullable;
import org.rocksdb.ReadOptions;
import org.rocksdb.RocksDB;
import org.rocksdb.RocksDBException;
import org.rocksdb.RocksIterator;
import org.rocksdb.WriteBatch;
import org.rocksdb.WriteOptions;

/**
 * An index in RocksDB. A batch is one write, in the order of its log: after a crash the index is as
 * it was after one of the last batches.
 *
 * <p>Whoever uses native memory holds the lock for reading, and closing takes it for writing: a
 * read that comes too late gets an exception instead of ending the process.
 */
final class RocksIndex implements CatalogIndex {

  private final Path directory;
  private final RocksSettings settings;
  private final RocksDB db;
  private final ReadOptions reads;
  private final WriteOptions writes;
  private final Set<RocksSnapshot> snapshots = new HashSet<>();
  private final ReadWriteLock use = new ReentrantReadWriteLock();
  private boolean closed;

  private RocksIndex(Path directory, RocksSettings settings, RocksDB db) {
    this.directory = directory;
    this.settings = settings;
    this.db = db;
    this.reads = settings.keep(new ReadOptions());
    this.writes = settings.keep(new WriteOptions());
  }

  /**
   * @param create whether it must not be there yet, or has to be
   * @throws IndexException when that is not so, or what is there is damaged
   */
  static RocksIndex open(Path directory, boolean create) {
    RocksSettings settings = new RocksSettings(create);
    try {
      RocksDB db = settings.keep(RocksDB.open(settings.options(), directory.toString()));
      return new RocksIndex(directory, settings, db);
    } catch (RocksDBException e) {
      settings.close();
      throw new IndexException(directory + " cannot be opened: " + e.getMessage(), e);
    }
  }

  Path directory() {
    return directory;
  }

  @Override
  public byte @Nullable [] get(byte[] key) {
    return get(reads, key);
  }

  @Override
  public void scan(byte[] from, byte[] start, byte[] to, Visitor visitor) {
    scan(reads, from, start, to, visitor);
  }

  @Override
  public void write(IndexBatch batch) {
    using(
        () -> {
          try (WriteBatch all = new WriteBatch()) {
            for (IndexBatch.Change change : batch.changes()) {
              if (change.value() == null) {
                all.delete(change.key());
              } else {
                all.put(change.key(), change.value());
              }
            }
            db.write(writes, all);
            return all;
          }
        });
  }

  @Override
  public Snapshot snapshot() {
    return using(
        () -> {
          RocksSnapshot snapshot = new RocksSnapshot(db.getSnapshot());
          synchronized (snapshots) {
            snapshots.add(snapshot);
          }
          return snapshot;
        });
  }

  @Override
  public void close() {
    use.writeLock().lock();
    try {
      if (!closed) {
        closed = true;
        snapshots.forEach(RocksSnapshot::release);
        settings.close();
      }
    } finally {
      use.writeLock().unlock();
    }
  }

  private byte @Nullable [] get(ReadOptions options, byte[] key) {
    return usingNullable(() -> db.get(options, key));
  }

  private void scan(ReadOptions options, byte[] from, byte[] start, byte[] to, Visitor visitor) {
    using(
        () -> {
          try (RocksIterator at = db.newIterator(options)) {
            at.seekForPrev(start);
            if (!at.isValid() || Arrays.compareUnsigned(at.key(), from) < 0) {
              at.status();
              at.seek(start);
            }
            visit(at, to, visitor);
            at.status(); // an iterator that meets damage is at its end
            return at;
          }
        });
  }

  private static void visit(RocksIterator at, byte[] to, Visitor visitor) {
    boolean goOn = true;
    while (goOn && at.isValid()) {
      byte[] key = at.key();
      goOn = Arrays.compareUnsigned(key, to) < 0 && visitor.visit(key, at.value());
      if (goOn) {
        at.next();
      }
    }
  }

  private <T> T using(NativeCall<T> call) {
    T result = usingNullable(call);
    if (result == null) {
      throw new IllegalStateException("RocksDB answered nothing");
    }
    return result;
  }

  private <T extends @Nullable Object> T usingNullable(NativeCall<T> call) {
    use.readLock().lock();
    try {
      if (closed) {
        throw new IndexException(directory + " is closed", null);
      }
      return call.run();
    } catch (RocksDBException e) {
      throw new IndexException(directory + ": " + e.getMessage(), e);
    } finally {
      use.readLock().unlock();
    }
  }

  /** Something that RocksDB does. */
  @FunctionalInterface
  private interface NativeCall<T extends @Nullable Object> {
    T run() throws RocksDBException;
  }

  private final class RocksSnapshot implements Snapshot {
    private final org.rocksdb.Snapshot snapshot;
    private final ReadOptions options;
    private boolean released;

    /** Blocks that are read once are not kept. */
    RocksSnapshot(org.rocksdb.Snapshot snapshot) {
      this.snapshot = snapshot;
      this.options = new ReadOptions().setSnapshot(snapshot).setFillCache(false);
    }

    @Override
    public byte @Nullable [] get(byte[] key) {
      return RocksIndex.this.get(options, key);
    }

    @Override
    public void scan(byte[] from, byte[] start, byte[] to, Visitor visitor) {
      RocksIndex.this.scan(options, from, start, to, visitor);
    }

    @Override
    public void close() {
      use.readLock().lock();
      try {
        synchronized (snapshots) {
          if (snapshots.remove(this)) {
            release();
          }
        }
      } finally {
        use.readLock().unlock();
      }
    }

    void release() {
      if (!released) {
        released = true;
        options.close();
        db.releaseSnapshot(snapshot);
      }
    }
  }
}
