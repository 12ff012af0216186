package io.spillway.engine;

import static org.assertj.core.api.Assertions.assertThat;

import io.spillway.catalog.LogStreamCatalog;
import io.spillway.object.MeteredObjectStore;
import io.spillway.object.ObjectStore;
import io.spillway.object.SimulatedBucket;
import io.spillway.runtime.Scheduler;
import io.spillway.runtime.SimulatedThreads;
import io.spillway.sharedlog.ObjectSharedLog;
import io.spillway.stream.FetchedData;
import io.spillway.stream.StreamHandle;
import io.spillway.stream.StreamStore.CheckpointSource;
import io.spillway.wal.Batch;
import io.spillway.wal.PayloadVerifier;
import io.spillway.wal.StreamId;
import io.spillway.wal.WalConfig;
import io.spillway.wal.WalConfig.IoMode;
import io.spillway.wal.WalException;
import io.spillway.wal.device.MemoryDisk;
import io.spillway.wal.local.LocalWal;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.UnaryOperator;

/** Brokers' storage on simulated threads: a disk for each, one bucket for all. */
final class EngineWorld {

  static final CheckpointSource NO_CHECKPOINTS = Optional::empty;

  private static final int MAX_EVENTS = 2_000_000;

  final SimulatedThreads threads = new SimulatedThreads(5, 10_000);
  final SimulatedBucket bucket = new SimulatedBucket(threads, SimulatedBucket.Faults.none());

  /** What stands before each broker's way to the bucket. */
  UnaryOperator<ObjectStore> storeWrapper = UnaryOperator.identity();

  private final Map<Integer, MemoryDisk> disks = new HashMap<>();
  private final WalConfig walConfig;

  EngineWorld(long walBytes) {
    int segmentBytes = (int) Math.min(4 << 20, walBytes / 8);
    walConfig =
        new WalConfig(
            Path.of("memory"), walBytes, segmentBytes, segmentBytes / 4, 0, 0, IoMode.AUTO);
  }

  static EngineConfig config(int nodeId) {
    return EngineConfig.defaults(nodeId);
  }

  MemoryDisk disk(int nodeId) {
    return disks.computeIfAbsent(nodeId, MemoryDisk::new);
  }

  /** The machine loses power and is put up again; its disk stays what it was. */
  void crash() {
    threads.crash();
    disks.values().forEach(MemoryDisk::crash);
  }

  /** A broker's disk is gone. */
  void loseDisk(int nodeId) {
    disks.remove(nodeId);
  }

  Node start(EngineConfig config) {
    Node node = new Node(config);
    await(node.opening);
    return node;
  }

  /** A broker that may fail to start. */
  Node starting(EngineConfig config) {
    return new Node(config);
  }

  LogStreamCatalog catalog(String client) {
    Scheduler scheduler = threads.newScheduler("catalog");
    return new LogStreamCatalog(
        new ObjectSharedLog(
            bucket.connect(client), "catalog", Optional.empty(), scheduler, threads.randomSource()),
        scheduler,
        threads.randomSource(),
        LogStreamCatalog.Config.standard(true));
  }

  <T> T await(CompletableFuture<T> future) {
    for (int i = 0; i < MAX_EVENTS && !future.isDone(); i++) {
      assertThat(threads.step()).as("something is left to do").isTrue();
    }
    assertThat(future).as("ends").isDone();
    return future.join();
  }

  void runFor(long amount, TimeUnit unit) {
    threads.runFor(unit.toNanos(amount));
  }

  static StreamId stream(int i) {
    return new StreamId(new UUID(7, i), i);
  }

  static byte[] payload(long baseOffset, int size) {
    byte[] bytes = new byte[size];
    Arrays.fill(bytes, (byte) (baseOffset * 31 + 7));
    return bytes;
  }

  /** One broker. */
  final class Node {
    final List<Throwable> faults = new ArrayList<>();
    final LocalWal wal;
    final LogStreamCatalog catalog;
    final MeteredObjectStore store;
    final CompletableFuture<StorageEngine> opening;

    private Node(EngineConfig config) {
      wal =
          LocalWal.open(
              walConfig,
              disk(config.nodeId()).mount(threads.newScheduler("disk")),
              config.nodeId(),
              threads,
              threads.randomSource(),
              (component, cause) -> faults.add(cause),
              PayloadVerifier.NONE);
      catalog = catalog("catalog-of-" + config.nodeId());
      store =
          new MeteredObjectStore(
              storeWrapper.apply(bucket.connect("engine-of-" + config.nodeId())));
      opening =
          StorageEngine.open(
              config,
              wal,
              catalog,
              store,
              threads,
              threads.randomSource(),
              (component, cause) -> faults.add(cause));
    }

    StorageEngine engine() {
      return opening.join();
    }

    StreamHandle claim(int stream, int epoch) {
      return await(engine().claim(stream(stream), epoch, 1, NO_CHECKPOINTS));
    }

    /** Appends and waits until it is durable. */
    void append(StreamHandle to, int batches, int size) {
      CompletableFuture<Void> last = CompletableFuture.completedFuture(null);
      long base = to.highWatermark();
      for (int i = 0; i < batches; i++) {
        last = appendAt(to, base + 10L * i, size);
        if (i % 20 == 19) {
          await(last); // a reservation takes more room than the batch
        }
      }
      await(last);
    }

    CompletableFuture<Void> appendAt(StreamHandle to, long base, int size) {
      CompletableFuture<Void> durable = new CompletableFuture<>();
      to.append(
          engine().reserve(size, false),
          new Batch(to.id(), base, base + 10, base, 0, ByteBuffer.wrap(payload(base, size))),
          1,
          new StreamHandle.Listener() {
            @Override
            public void onDurable(Batch batch) {
              durable.complete(null);
            }

            @Override
            public void onFailure(Batch batch, WalException cause) {
              durable.completeExceptionally(cause);
            }
          });
      return durable;
    }

    /** Reads everything from the offset on and checks that it is what {@link #append} wrote. */
    void requireReadable(StreamHandle handle, long fromOffset, int size) {
      long offset = fromOffset;
      while (offset < handle.highWatermark()) {
        try (FetchedData data = await(handle.fetch(offset, Long.MAX_VALUE, 1 << 20))) {
          assertThat(data.sizeBytes()).as("at %d", offset).isPositive();
          ByteBuffer all = ByteBuffer.allocate(data.sizeBytes());
          data.buffers().forEach(buffer -> all.put(buffer.duplicate()));
          all.flip();
          for (long base = offset - offset % 10; base < data.nextOffset(); base += 10) {
            byte[] batch = new byte[size];
            all.get(batch);
            assertThat(batch).as("batch at %d", base).isEqualTo(payload(base, size));
          }
          assertThat(all.hasRemaining()).isFalse();
          offset = data.nextOffset();
        }
      }
    }

    /** Stops within a minute of simulated time; the bytes left in the WAL. */
    long stop() {
      long left = await(engine().drain(TimeUnit.MINUTES.toNanos(1)));
      await(wal.shutdown());
      catalog.close();
      assertThat(wal.usage().memoryBytes()).as("WAL memory").isZero();
      return left;
    }

    long reads(String source) {
      return engine().stats().reads().getOrDefault(source, 0L);
    }
  }
}
