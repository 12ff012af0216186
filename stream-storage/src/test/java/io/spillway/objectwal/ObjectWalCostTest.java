package io.spillway.objectwal;

import static org.assertj.core.api.Assertions.assertThat;

import io.spillway.cache.LruCache;
import io.spillway.catalog.LogStreamCatalog;
import io.spillway.engine.EngineConfig;
import io.spillway.engine.StorageEngine;
import io.spillway.runtime.Scheduler;
import io.spillway.runtime.SimulatedThreads;
import io.spillway.sharedlog.ObjectSharedLog;
import io.spillway.stream.StreamHandle;
import io.spillway.wal.AppendListener;
import io.spillway.wal.Batch;
import io.spillway.wal.DurableFrame;
import io.spillway.wal.PayloadVerifier;
import io.spillway.wal.StreamId;
import io.spillway.wal.WalException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What an object WAL costs in requests, in simulated time: counted, not timed. */
class ObjectWalCostTest {

  private static final int MIB = 1 << 20;
  private static final int BATCH_BYTES = 256 << 10;

  /** Payloads are covered by their own checksum, as Kafka's are: less work for gigabytes. */
  private static final PayloadVerifier COVERED =
      new PayloadVerifier() {
        @Override
        public int openBytes(ByteBuffer payload) {
          return 0;
        }

        @Override
        public boolean intact(ByteBuffer payload, int openBytes) {
          return true;
        }
      };

  private final SimulatedThreads threads = new SimulatedThreads(1, 1_000);
  private final SlowStore store =
      new SlowStore(threads.newScheduler("bucket"), TimeUnit.MILLISECONDS.toNanos(120));
  private long slowestNanos;

  private ObjectWal wal() {
    ObjectWal wal =
        new ObjectWal(
            ObjectWalConfig.of(4L << 30, 256L * MIB).onHeap(),
            1,
            () -> 1,
            store,
            threads,
            threads.randomSource(),
            (component, cause) -> {
              throw new AssertionError(component, cause);
            },
            COVERED);
    wal.recover((position, batch) -> {});
    return wal;
  }

  @ParameterizedTest
  @CsvSource({
    // batches a second, bytes each, most requests a second, slowest acknowledgement in ms
    "0.01, 1000, 0.011, 150",
    "0.5, 1000, 0.51, 150",
    "1, 1000, 1.01, 400",
    "10, 1000, 5, 400",
    "200, 1000, 5, 400",
    "40, 262144, 5, 400",
    "200, 262144, 5, 400",
    "800, 262144, 5, 400",
  })
  void neverMoreThanFiveRequestsASecondWhateverIsOffered(
      double perSecond, int bytes, double mostPerSecond, long slowestMs) {
    ObjectWal wal = wal();
    Producer producer = new Producer(wal, bytes, (long) (1e9 / perSecond));
    // The tokens that an idle line has saved are spent first.
    producer.start();
    threads.runFor(TimeUnit.SECONDS.toNanos(30));
    long before = store.walPuts;
    slowestNanos = 0;
    long seconds = perSecond < 1 ? 1_000 : 20;
    threads.runFor(TimeUnit.SECONDS.toNanos(seconds));
    producer.stopped = true;
    double rate = (store.walPuts - before) / (double) seconds;
    System.out.printf(
        "object WAL at %.3f MB/s: %.2f PUT/s, slowest acknowledgement %d ms%n",
        perSecond * bytes / 1e6, rate, TimeUnit.NANOSECONDS.toMillis(slowestNanos));
    assertThat(rate).isLessThanOrEqualTo(mostPerSecond);
    assertThat(TimeUnit.NANOSECONDS.toMillis(slowestNanos)).isLessThanOrEqualTo(slowestMs);
    assertThat(producer.refused).isZero();
    assertThat(threads.faults()).isEmpty();
  }

  @Test
  void anIdleLineAnswersAtOnceAndCostsNothing() {
    ObjectWal wal = wal();
    threads.runFor(TimeUnit.HOURS.toNanos(10));
    assertThat(store.walPuts).isZero();
    Producer producer = new Producer(wal, 1000, TimeUnit.HOURS.toNanos(1));
    producer.start();
    threads.runFor(TimeUnit.MINUTES.toNanos(1));
    assertThat(store.walPuts).isEqualTo(1);
    assertThat(slowestNanos).isLessThan(TimeUnit.MILLISECONDS.toNanos(125));
    producer.stopped = true;
  }

  @Test
  void requestsPerGibAtFiftyMegabytesASecondOverTwoHundredPartitions() {
    Scheduler scheduler = threads.newScheduler("catalog");
    LogStreamCatalog catalog =
        new LogStreamCatalog(
            new ObjectSharedLog(
                store, "catalog", Optional.empty(), scheduler, threads.randomSource()),
            scheduler,
            threads.randomSource(),
            LogStreamCatalog.Config.standard(true));
    ObjectWal wal =
        new ObjectWal(
            ObjectWalConfig.of(2L << 30, 128L * MIB).onHeap(),
            1,
            () -> 1,
            store,
            threads,
            threads.randomSource(),
            (component, cause) -> {
              throw new AssertionError(component, cause);
            },
            COVERED);
    EngineConfig config =
        EngineConfig.defaults(1).withUploads(96L * MIB, 60_000).withCaches(160L * MIB, MIB, MIB);
    StorageEngine engine =
        await(
            StorageEngine.open(
                config,
                wal,
                catalog,
                store,
                threads,
                threads.randomSource(),
                (component, cause) -> {
                  throw new AssertionError(component, cause);
                },
                COVERED,
                LruCache::new));
    List<StreamHandle> handles = new ArrayList<>();
    for (int i = 0; i < 200; i++) {
      handles.add(await(engine.claim(new StreamId(new UUID(1, i), i), 1, 1, Optional::empty)));
    }
    Load load = new Load(engine, handles);
    load.run(300, 1000, TimeUnit.MILLISECONDS.toNanos(100)); // spends the tokens saved up
    load.run(1500, 64 << 10, (long) ((64 << 10) / 50e6 * 1e9));
    long walBefore = store.walPuts;
    long otherBefore = store.otherPuts;
    long bytes = 640L * MIB;
    load.run(bytes / (64 << 10), 64 << 10, (long) ((64 << 10) / 50e6 * 1e9));
    double gib = bytes / (double) (1L << 30);
    double walPerGib = (store.walPuts - walBefore) / gib;
    double allPerGib = walPerGib + (store.otherPuts - otherBefore) / gib;
    System.out.printf(
        "object WAL at 50 MB/s over 200 partitions: %.0f PUT per GiB into the chain, %.0f with uploads and catalog%n",
        walPerGib, allPerGib);
    assertThat(allPerGib).isLessThanOrEqualTo(200);
    assertThat(walPerGib).isLessThanOrEqualTo(100);
    assertThat(threads.faults()).isEmpty();
  }

  private <T> T await(CompletableFuture<T> future) {
    while (!future.isDone()) {
      assertThat(threads.step()).isTrue();
    }
    return future.join();
  }

  /** One batch after the other, one partition after the other. */
  private final class Load {
    private final StorageEngine engine;
    private final List<StreamHandle> handles;
    private final byte[] payload = new byte[64 << 10];
    private final long[] next;
    private int turn;

    Load(StorageEngine engine, List<StreamHandle> handles) {
      this.engine = engine;
      this.handles = handles;
      this.next = new long[handles.size()];
    }

    void run(long batches, int batchBytes, long intervalNanos) {
      for (long i = 0; i < batches; i++) {
        StreamHandle handle = handles.get(turn);
        handle.append(
            engine.reserve(batchBytes, false),
            new Batch(
                handle.id(),
                next[turn],
                next[turn] + 64,
                1,
                0,
                ByteBuffer.wrap(payload, 0, batchBytes)),
            turn % 50,
            new StreamHandle.Listener() {
              @Override
              public void onDurable(Batch batch) {}

              @Override
              public void onFailure(Batch batch, WalException cause) {
                throw new AssertionError(cause);
              }
            });
        next[turn] += 64;
        turn = (turn + 1) % handles.size();
        threads.runFor(intervalNanos);
      }
    }
  }

  /** Offers batches at a steady rate. */
  private final class Producer {
    private final ObjectWal wal;
    private final ByteBuffer payload;
    private final long intervalNanos;
    private final Scheduler scheduler = threads.newScheduler("producer");
    private final long startNanos = threads.clock().nanoTime();
    private long sent;
    private long refused;
    private long trimmedNumber;
    private boolean stopped;

    Producer(ObjectWal wal, int bytes, long intervalNanos) {
      this.wal = wal;
      this.payload = ByteBuffer.allocate(Math.min(bytes, BATCH_BYTES));
      this.intervalNanos = intervalNanos;
    }

    void start() {
      scheduler.execute(this::send);
    }

    private void send() {
      if (stopped) {
        return;
      }
      long at = threads.clock().nanoTime();
      try {
        wal.append(
            wal.reserve(payload.remaining(), false),
            new Batch(new StreamId(new UUID(1, 1), 0), sent, sent + 1, 0, 0, payload),
            1,
            new AppendListener() {
              @Override
              public void onDurable(DurableFrame frame) {
                slowestNanos = Math.max(slowestNanos, threads.clock().nanoTime() - at);
                long number = ChainPosition.number(frame.position());
                if (number > trimmedNumber) {
                  trimmedNumber = number;
                  wal.trim(frame.position());
                }
              }

              @Override
              public void onFailure(WalException cause) {
                throw new AssertionError(cause);
              }
            });
      } catch (WalException.Full e) {
        refused++;
      }
      sent++;
      scheduler.schedule(
          startNanos + sent * intervalNanos - threads.clock().nanoTime(), this::send);
    }
  }
}
