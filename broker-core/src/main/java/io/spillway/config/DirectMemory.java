package io.spillway.config;

import io.spillway.objectwal.ObjectWalConfig;
import io.spillway.wal.WalConfig;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.stream.Collectors;

/**
 * What a broker takes of the JVM's direct memory at most, by what takes it; G7. Each is a bound of
 * its own, and they are rarely all met at once: blocks of the write-ahead log that an upload or a
 * response holds are most of the time those of the tail cache.
 *
 * <p>Not in here, because it is on the heap: {@code index.cache.bytes}, {@code merge.buffer.bytes},
 * what is read back from the write-ahead log, and the catalog.
 */
public record DirectMemory(List<Part> parts) {

  private static final long MIB = 1 << 20;

  /** One chunk of the allocator, and a thread has at least one that is not full. */
  private static final long CHUNK_BYTES = 4 * MIB;

  /** Of the store's client: two threads' chunks, and what its connections send and receive. */
  private static final long S3_CLIENT_BYTES = 16 * MIB;

  /** Blocks that the log on disk has under way. */
  private static final int LOCAL_WAL_WRITES = 2;

  /**
   * @param what the setting that bounds it, or a name where there is none
   */
  public record Part(String what, long bytes) {}

  public DirectMemory {
    parts = List.copyOf(parts);
  }

  /** What these settings allow. */
  public static DirectMemory of(BrokerConfig config) {
    BudgetConfig budgets = config.budgets();
    List<Part> parts = new ArrayList<>();
    parts.add(new Part("queued.max.request.bytes", budgets.inFlightBytes()));
    parts.add(new Part("tail.cache.bytes", budgets.tailCacheBytes()));
    parts.add(new Part("block.cache.bytes", budgets.blockCacheBytes()));
    parts.add(new Part("read.ahead.bytes", budgets.readAheadBytes()));
    parts.add(new Part("fetch.response.bytes", budgets.fetchResponseBytes()));
    parts.add(new Part("upload.buffer.bytes", budgets.uploadBufferBytes()));
    addWal(config.storage(), parts);
    parts.add(new Part("network", config.network().networkThreads() * CHUNK_BYTES));
    if (config.storage().objects().directory().isEmpty()) {
      parts.add(new Part("S3 client", S3_CLIENT_BYTES));
    }
    return new DirectMemory(parts);
  }

  /** Blocks come in size classes, of which a quarter may be waste ({@code BlockPool}). */
  private static void addWal(StorageConfig storage, List<Part> parts) {
    if (storage.walInBucket()) {
      long waiting = storage.walBufferBytes();
      parts.add(new Part("wal.buffer.bytes", waiting + waiting / 4));
      ObjectWalConfig wal = ObjectWalConfig.of(storage.walCapacityBytes(), waiting);
      parts.add(new Part("blocks of the write-ahead log for reuse", wal.idleMemoryBytes()));
    } else {
      WalConfig wal = WalConfig.of(storage.walDir(), storage.walCapacityBytes());
      parts.add(
          new Part(
              "blocks of the write-ahead log for writes and reuse",
              wal.idleMemoryBytes() + (long) LOCAL_WAL_WRITES * wal.maxBlockBytes()));
    }
  }

  /** All together. */
  public long bytes() {
    return parts.stream().mapToLong(Part::bytes).sum();
  }

  /** What to tell an operator, in one line, if it is more than the JVM gives. */
  public Optional<String> excessOver(long limitBytes) {
    if (bytes() <= limitBytes) {
      return Optional.empty();
    }
    String each =
        parts.stream()
            .map(part -> part.what + " " + mebibytes(part.bytes))
            .collect(Collectors.joining(", "));
    return Optional.of(
        String.format(
            Locale.ROOT,
            "the budgets allow %s MiB of direct memory, and this JVM gives %s: under load it may run"
                + " out, and the broker end. Set -XX:MaxDirectMemorySize=%sm (with bin/spillway in"
                + " SPILLWAY_JAVA_OPTS), or lower what is largest of, in MiB: %s",
            mebibytes(bytes()),
            limitBytes / MIB,
            mebibytes(bytes()),
            each));
  }

  private static long mebibytes(long bytes) {
    return (bytes + MIB - 1) / MIB;
  }
}
