package io.spillway.engine;

import static org.assertj.core.api.Assertions.assertThat;

import io.spillway.catalog.LogStreamCatalog;
import io.spillway.object.DirectoryObjectStore;
import io.spillway.object.ObjectStore;
import io.spillway.runtime.Scheduler;
import io.spillway.runtime.SystemClock;
import io.spillway.runtime.SystemRandom;
import io.spillway.runtime.SystemThreads;
import io.spillway.sharedlog.ObjectSharedLog;
import io.spillway.stream.FetchedData;
import io.spillway.stream.StreamHandle;
import io.spillway.wal.Batch;
import io.spillway.wal.PayloadVerifier;
import io.spillway.wal.WalConfig;
import io.spillway.wal.WalException;
import io.spillway.wal.local.LocalWal;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The engine on real threads, files and a directory: producers, readers and uploads at once. */
class RealThreadsTest {

  private static final int MIB = 1 << 20;
  private static final int STREAMS = 6;
  private static final int BATCHES = 1_500;
  private static final int BATCH_BYTES = 2_000;

  @TempDir Path directory;

  private final ConcurrentLinkedQueue<Throwable> problems = new ConcurrentLinkedQueue<>();

  /** Everything of one broker, closed in the order the engine asks for. */
  private final class Broker {
    final SystemThreads threads =
        new SystemThreads("test", new SystemClock(), (what, cause) -> problems.add(cause));
    final SystemRandom random = new SystemRandom();
    final ObjectStore store = DirectoryObjectStore.open(directory.resolve("store"), threads);
    final LogStreamCatalog catalog;
    final LocalWal wal;
    final StorageEngine engine;

    Broker() {
      Scheduler scheduler = threads.newScheduler("catalog");
      catalog =
          new LogStreamCatalog(
              new ObjectSharedLog(store, "catalog", Optional.empty(), scheduler, random),
              scheduler,
              random,
              LogStreamCatalog.Config.standard(true));
      wal =
          LocalWal.open(
              WalConfig.of(directory.resolve("wal"), 16L * MIB),
              1,
              threads,
              random,
              (what, cause) -> problems.add(cause),
              PayloadVerifier.NONE);
      EngineConfig config =
          EngineConfig.defaults(1).withUploads(MIB, 50).withCaches(MIB / 2, MIB, MIB);
      engine =
          StorageEngine.open(
                  config,
                  wal,
                  catalog,
                  store,
                  threads,
                  random,
                  (what, cause) -> problems.add(cause))
              .join();
    }

    void stop() {
      assertThat(engine.shutdown(TimeUnit.MINUTES.toNanos(1))).isZero();
      assertThat(engine.isSealed()).isTrue();
      wal.close();
      assertThat(wal.usage().memoryBytes()).as("WAL memory").isZero();
      catalog.close();
      store.close();
      threads.close();
    }
  }

  @Test
  void producersReadersAndUploadsDoNotGetInEachOthersWay() throws Exception {
    Broker broker = new Broker();
    List<Thread> workers = new ArrayList<>();
    for (int i = 0; i < STREAMS; i++) {
      StreamHandle handle = claim(broker, i, 1);
      workers.add(new Thread(guarded(() -> produce(broker, handle)), "producer-" + i));
      workers.add(new Thread(guarded(() -> consume(handle)), "consumer-" + i));
    }
    workers.forEach(Thread::start);
    for (Thread worker : workers) {
      worker.join();
    }
    assertThat(problems).isEmpty();
    assertThat(broker.engine.stats().uploadedObjects()).isPositive();
    broker.stop();
    deleteWal(); // G8

    Broker again = new Broker();
    for (int i = 0; i < STREAMS; i++) {
      StreamHandle handle = claim(again, i, 2);
      assertThat(handle.highWatermark()).isEqualTo(10L * BATCHES);
      consume(handle);
    }
    again.stop();
    assertThat(problems).isEmpty();
  }

  private static StreamHandle claim(Broker broker, int i, int epoch) {
    return broker.engine.claim(EngineWorld.stream(i), epoch, 1, EngineWorld.NO_CHECKPOINTS).join();
  }

  private void produce(Broker broker, StreamHandle handle) throws InterruptedException {
    Semaphore window = new Semaphore(50);
    for (int i = 0; i < BATCHES; i++) {
      window.acquire();
      long base = 10L * i;
      ByteBuffer payload = ByteBuffer.wrap(EngineWorld.payload(base, BATCH_BYTES));
      handle.append(
          reserve(broker),
          new Batch(handle.id(), base, base + 10, base, 0, payload),
          1,
          new StreamHandle.Listener() {
            @Override
            public void onDurable(Batch batch) {
              window.release();
            }

            @Override
            public void onFailure(Batch batch, WalException cause) {
              problems.add(cause);
              window.release();
            }
          });
    }
    window.acquire(50);
  }

  private static io.spillway.wal.WriteAheadLog.Reservation reserve(Broker broker) {
    while (true) {
      try {
        return broker.engine.reserve(BATCH_BYTES, false);
      } catch (WalException.Full e) {
        broker.engine.flush().join(); // as a throttled client would wait
      }
    }
  }

  private static void consume(StreamHandle handle) {
    long offset = 0;
    while (offset < 10L * BATCHES) {
      CompletableFuture<FetchedData> fetch = handle.fetch(offset, Long.MAX_VALUE, 50_000);
      try (FetchedData data = fetch.join()) {
        ByteBuffer all = ByteBuffer.allocate(data.sizeBytes());
        data.buffers().forEach(buffer -> all.put(buffer.duplicate()));
        all.flip();
        for (long base = offset; base < data.nextOffset(); base += 10) {
          byte[] batch = new byte[BATCH_BYTES];
          all.get(batch);
          assertThat(batch).isEqualTo(EngineWorld.payload(base, BATCH_BYTES));
        }
        offset = data.nextOffset();
      }
      Thread.onSpinWait();
    }
  }

  private interface Work {
    void run() throws Exception;
  }

  private Runnable guarded(Work work) {
    return () -> {
      try {
        work.run();
      } catch (Throwable t) {
        problems.add(t);
      }
    };
  }

  private void deleteWal() throws IOException {
    try (Stream<Path> files = Files.walk(directory.resolve("wal"))) {
      for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
        Files.delete(file);
      }
    }
  }
}
