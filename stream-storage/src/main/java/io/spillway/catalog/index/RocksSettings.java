package io.spillway.catalog.index;

import java.util.ArrayList;
import java.util.List;
import org.rocksdb.BlockBasedTableConfig;
import org.rocksdb.BloomFilter;
import org.rocksdb.Cache;
import org.rocksdb.CompressionType;
import org.rocksdb.InfoLogLevel;
import org.rocksdb.LRUCache;
import org.rocksdb.Options;

/**
 * What one index may use: {@value #BLOCK_CACHE_BYTES} bytes of block cache; RocksDB's own index and
 * filter blocks, some 3 bytes an entry, which stay in memory so that a look-up reads one block; and
 * {@value #WRITE_BUFFERS} write buffers of {@value #WRITE_BUFFER_BYTES} bytes. One thread for
 * writing buffers out and one for compaction, RocksDB's own, which the indexes of a process share.
 *
 * <p>A write is not forced to the disk: what a power loss takes is replayed from the log. Checksums
 * are verified on every read from the disk.
 */
final class RocksSettings implements AutoCloseable {

  static final long BLOCK_CACHE_BYTES = 16 << 20;
  static final long WRITE_BUFFER_BYTES = 8 << 20;
  static final int WRITE_BUFFERS = 2;
  private static final long WAL_BYTES = 32 << 20;
  private static final int BACKGROUND_JOBS = 2;
  private static final int OPEN_FILES = 256;
  private static final int FILTER_BITS = 10;

  private final List<AutoCloseable> parts = new ArrayList<>();
  private final Options options;

  RocksSettings(boolean create) {
    Cache cache = keep(new LRUCache(BLOCK_CACHE_BYTES));
    BlockBasedTableConfig table =
        new BlockBasedTableConfig()
            .setBlockCache(cache)
            .setFilterPolicy(keep(new BloomFilter(FILTER_BITS)));
    options =
        keep(new Options())
            .setCreateIfMissing(create)
            .setErrorIfExists(create)
            .setTableFormatConfig(table)
            .setCompressionType(CompressionType.LZ4_COMPRESSION)
            .setWriteBufferSize(WRITE_BUFFER_BYTES)
            .setMaxWriteBufferNumber(WRITE_BUFFERS)
            .setMaxTotalWalSize(WAL_BYTES)
            .setMaxBackgroundJobs(BACKGROUND_JOBS)
            .setMaxOpenFiles(OPEN_FILES)
            .setMaxFileOpeningThreads(1)
            .setStatsDumpPeriodSec(0)
            .setStatsPersistPeriodSec(0)
            .setInfoLogLevel(InfoLogLevel.ERROR_LEVEL)
            .setKeepLogFileNum(1);
  }

  Options options() {
    return options;
  }

  /** Closes it with the settings, after what was made later. */
  <T extends AutoCloseable> T keep(T part) {
    parts.add(part);
    return part;
  }

  @Override
  public void close() {
    for (int i = parts.size() - 1; i >= 0; i--) {
      try {
        parts.get(i).close();
      } catch (Exception e) {
        throw new IllegalStateException("RocksDB's objects do not fail to close", e);
      }
    }
    parts.clear();
  }
}
