package io.spillway.engine;

import static org.assertj.core.api.Assertions.assertThat;

import io.spillway.catalog.LogStreamCatalog;
import io.spillway.object.GatedStore;
import io.spillway.object.MeteredObjectStore;
import io.spillway.object.ObjectStore;
import io.spillway.object.RequestBudget;
import io.spillway.object.Retry;
import io.spillway.object.RetryingObjectStore;
import io.spillway.object.SimulatedBucket;
import io.spillway.objectwal.ObjectWal;
import io.spillway.objectwal.ObjectWalConfig;
import io.spillway.runtime.Scheduler;
import io.spillway.runtime.SimulatedThreads;
import io.spillway.sharedlog.ObjectSharedLog;
import io.spillway.stream.FetchedData;
import io.spillway.stream.StreamHandle;
import io.spillway.wal.Batch;
import io.spillway.wal.PayloadVerifier;
import io.spillway.wal.StreamId;
import io.spillway.wal.WalConfig;
import io.spillway.wal.WalConfig.IoMode;
import io.spillway.wal.WalException;
import io.spillway.wal.WriteAheadLog;
import io.spillway.wal.device.MemoryDisk;
import io.spillway.wal.local.LocalWal;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/** Brokers' storage without disks, on simulated threads and one bucket; a gate before each. */
final class ObjectModeWorld {

  static final int BATCH_BYTES = 1000;

  private static final int MIB = 1 << 20;
  private static final int MAX_EVENTS = 2_000_000;

  final SimulatedThreads threads;
  final SimulatedBucket bucket;
  final Set<Integer> fencedNodes = new HashSet<>();

  ObjectModeWorld(long seed, SimulatedBucket.Faults faults) {
    threads = new SimulatedThreads(seed, 10_000);
    bucket = new SimulatedBucket(threads, faults);
  }

  static StreamId stream(int i) {
    return new StreamId(new UUID(7, i), i);
  }

  static byte[] payload(int stream, long baseOffset) {
    byte[] bytes = new byte[BATCH_BYTES];
    new Random(stream * 1_000_003L + baseOffset).nextBytes(bytes);
    return bytes;
  }

  Node start(int nodeId) {
    Node node = starting(nodeId);
    await(node.opening);
    return node;
  }

  Node starting(int nodeId) {
    return new Node(nodeId, null);
  }

  Node startingOnDisk(int nodeId, MemoryDisk disk) {
    return new Node(nodeId, disk);
  }

  LogStreamCatalog catalog(ObjectStore store) {
    Scheduler scheduler = threads.newScheduler("catalog");
    return new LogStreamCatalog(
        new ObjectSharedLog(store, "catalog", Optional.empty(), scheduler, threads.randomSource()),
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

  /** Keys of the bucket under a prefix. */
  List<String> keys(String prefix) {
    return bucket.contents().list(prefix, "", 100_000).join().stream()
        .map(object -> object.key())
        .toList();
  }

  /** Flips a bit of an object. */
  void flip(String key, int at) {
    ByteBuffer found = bucket.contents().getRange(key, 0, MIB).join();
    ByteBuffer changed = ByteBuffer.allocate(found.remaining()).put(found).flip();
    changed.put(at, (byte) (changed.get(at) ^ 0x40));
    bucket.contents().put(key, List.of(changed)).join();
  }

  /** One broker. */
  final class Node {
    final int nodeId;
    final List<Throwable> faults = new ArrayList<>();
    final GatedStore store;
    final LogStreamCatalog catalog;
    final WriteAheadLog wal;
    final CompletableFuture<StorageEngine> opening;

    private Node(int nodeId, @Nullable MemoryDisk disk) {
      this.nodeId = nodeId;
      store =
          new GatedStore(
              new RetryingObjectStore(
                  new MeteredObjectStore(bucket.connect("broker-" + nodeId)),
                  threads.newScheduler("retries"),
                  threads.clock(),
                  threads.randomSource(),
                  Retry.Policy.forever(),
                  new RequestBudget(64, 1e9)));
      catalog = catalog(store);
      wal =
          disk == null
              ? new ObjectWal(
                  ObjectWalConfig.of(64 * MIB, 8 * MIB).onHeap(),
                  nodeId,
                  () -> StorageEngine.nextIncarnation(catalog, nodeId),
                  store,
                  threads,
                  threads.randomSource(),
                  (component, cause) -> faults.add(cause),
                  PayloadVerifier.NONE)
              : LocalWal.open(
                  new WalConfig(Path.of("memory"), 8 * MIB, MIB, 256 << 10, 0, 0, IoMode.AUTO),
                  disk.mount(threads.newScheduler("disk")),
                  nodeId,
                  threads,
                  threads.randomSource(),
                  (component, cause) -> faults.add(cause),
                  PayloadVerifier.NONE);
      opening =
          StorageEngine.open(
              EngineConfig.defaults(nodeId),
              wal,
              catalog,
              store,
              threads,
              threads.randomSource(),
              (component, cause) -> faults.add(cause));
      opening.thenAccept(engine -> engine.onNodesFenced(fencedNodes::contains));
    }

    StorageEngine engine() {
      return opening.join();
    }

    CompletableFuture<StreamHandle> claiming(int stream, int epoch) {
      return engine().claim(stream(stream), epoch, 1, Optional::empty);
    }

    StreamHandle claim(int stream, int epoch) {
      return await(claiming(stream, epoch));
    }

    /** Appends batches of ten offsets and waits until they are durable. */
    void append(StreamHandle to, int batches) {
      long base = to.highWatermark();
      List<CompletableFuture<Void>> all = new ArrayList<>();
      for (int i = 0; i < batches; i++) {
        all.add(appendAt(to, base + 10L * i));
      }
      all.forEach(ObjectModeWorld.this::await);
    }

    CompletableFuture<Void> appendAt(StreamHandle to, long base) {
      CompletableFuture<Void> durable = new CompletableFuture<>();
      to.append(
          engine().reserve(BATCH_BYTES, false),
          new Batch(
              to.id(),
              base,
              base + 10,
              base,
              0,
              ByteBuffer.wrap(payload(to.id().partition(), base))),
          to.id().partition(),
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

    /** Reads the whole stream and checks that it is what {@link #append} wrote. */
    void requireReadable(StreamHandle handle) {
      long offset = handle.logStartOffset();
      while (offset < handle.highWatermark()) {
        try (FetchedData data = await(handle.fetch(offset, Long.MAX_VALUE, MIB))) {
          assertThat(data.sizeBytes()).as("at %d", offset).isPositive();
          ByteBuffer all = ByteBuffer.allocate(data.sizeBytes());
          data.buffers().forEach(buffer -> all.put(buffer.duplicate()));
          all.flip();
          for (long base = offset; base < data.nextOffset(); base += 10) {
            byte[] batch = new byte[BATCH_BYTES];
            all.get(batch);
            assertThat(batch)
                .as("batch at %d of %s", base, handle.id())
                .isEqualTo(payload(handle.id().partition(), base));
          }
          offset = data.nextOffset();
        }
      }
    }

    /** Stops within a minute of simulated time; the bytes left in the WAL. */
    long stop() {
      long left = await(engine().drain(TimeUnit.MINUTES.toNanos(1)));
      await(wal instanceof ObjectWal chain ? chain.shutdown() : ((LocalWal) wal).shutdown());
      catalog.close();
      assertThat(wal.usage().memoryBytes()).as("WAL memory").isZero();
      return left;
    }
  }
}
