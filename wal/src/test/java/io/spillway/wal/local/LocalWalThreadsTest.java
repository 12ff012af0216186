package io.spillway.wal.local;

import static org.assertj.core.api.Assertions.assertThat;

import io.spillway.runtime.Clock;
import io.spillway.runtime.SystemClock;
import io.spillway.runtime.SystemRandom;
import io.spillway.runtime.SystemThreads;
import io.spillway.wal.AppendListener;
import io.spillway.wal.Batch;
import io.spillway.wal.DurableFrame;
import io.spillway.wal.PayloadVerifier;
import io.spillway.wal.StreamId;
import io.spillway.wal.WalConfig;
import io.spillway.wal.WalConfig.IoMode;
import io.spillway.wal.WalException;
import io.spillway.wal.device.MemoryDisk;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import java.util.Queue;
import java.util.UUID;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executor;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;

/**
 * The WAL between real threads: what a simulation, which runs one event at a time, cannot show.
 * Appenders, the owner and the disk race; writes end on two threads at once.
 */
class LocalWalThreadsTest {

  private static final WalConfig CONFIG =
      new WalConfig(Path.of("memory"), 16 << 20, 1 << 20, 64 << 10, 0, 1 << 20, IoMode.AUTO);
  private static final int APPENDERS = 2;
  private static final int WINDOW = 2;

  @Test
  void everyAppendCompletesHoweverThreadsRace() throws InterruptedException {
    try (SystemThreads threads = threads()) {
      MemoryDisk disk = new MemoryDisk(1);
      LocalWal wal = open(disk, threads);
      wal.recover((position, batch) -> {});
      Run run = new Run(wal, threads, 20_000);
      run.await();
      assertThat(run.failed.get()).isZero();
      assertThat(run.acked).hasSize(APPENDERS * 20_000);
      wal.close();
      assertThat(wal.usage().memoryBytes()).isZero();
    }
  }

  @Test
  void nothingIsAckedThatAFailingDiskDidNotKeep() throws InterruptedException {
    for (int round = 0; round < 40; round++) {
      try (SystemThreads threads = threads()) {
        MemoryDisk disk = new MemoryDisk(round);
        LocalWal wal = open(disk, threads);
        wal.recover((position, batch) -> {});
        disk.failWritesAfter(20 + round);
        Run run = new Run(wal, threads, 100_000);
        run.await();
        assertThat(run.failed.get()).isPositive();
        wal.close();
        disk.crash();

        Map<Long, Long> kept = new HashMap<>();
        LocalWal again = open(disk, threads);
        again.recover((position, batch) -> kept.put(position, batch.baseOffset()));
        for (Ack ack : run.acked) {
          assertThat(kept).as("round %d", round).containsEntry(ack.position, ack.offset);
        }
        again.close();
      }
    }
  }

  private static SystemThreads threads() {
    return new SystemThreads("race", new SystemClock(), (component, cause) -> {});
  }

  /** Writes end on two threads. */
  private static LocalWal open(MemoryDisk disk, SystemThreads threads) {
    Executor two = threads.newPool("disk", 2);
    return LocalWal.open(
        CONFIG,
        disk.mount(new PoolScheduler(two, threads.clock())),
        1,
        threads,
        new SystemRandom(),
        (component, cause) -> {},
        PayloadVerifier.NONE);
  }

  private record PoolScheduler(Executor pool, Clock clock)
      implements io.spillway.runtime.Scheduler {
    @Override
    public void execute(Runnable task) {
      pool.execute(task);
    }

    @Override
    public io.spillway.runtime.Cancellable schedule(long delayNanos, Runnable task) {
      pool.execute(task);
      return () -> {};
    }
  }

  private record Ack(long position, long offset) {}

  private static final class Run {
    private final LocalWal wal;
    private final int perAppender;
    private final Queue<Ack> acked = new ConcurrentLinkedQueue<>();
    private final AtomicLong lastAcked = new AtomicLong();
    private final AtomicInteger failed = new AtomicInteger();
    private final CountDownLatch done = new CountDownLatch(APPENDERS);

    Run(LocalWal wal, SystemThreads threads, int perAppender) {
      this.wal = wal;
      this.perAppender = perAppender;
      Executor appenders = threads.newPool("append", APPENDERS);
      for (int i = 0; i < APPENDERS; i++) {
        int n = i;
        appenders.execute(() -> append(n));
      }
    }

    void await() throws InterruptedException {
      assertThat(done.await(2, TimeUnit.MINUTES)).as("every append is told its fate").isTrue();
    }

    private void append(int appender) {
      StreamId stream = new StreamId(new UUID(1, 1), appender);
      Semaphore window = new Semaphore(WINDOW);
      ByteBuffer payload = ByteBuffer.allocate(700);
      for (long offset = 0; offset < perAppender && failed.get() == 0; offset++) {
        window.acquireUninterruptibly();
        Batch batch = new Batch(stream, offset, offset + 1, 0, 0, payload);
        try {
          wal.append(
              wal.reserve(payload.remaining(), false), batch, appender, listener(batch, window));
        } catch (WalException.Full e) {
          window.release();
          offset--;
          wal.trim(lastAcked.get());
          Thread.onSpinWait();
        } catch (WalException.Unavailable e) {
          window.release();
          break;
        }
      }
      window.acquireUninterruptibly(WINDOW);
      done.countDown();
    }

    private AppendListener listener(Batch batch, Semaphore window) {
      return new AppendListener() {
        @Override
        public void onDurable(DurableFrame frame) {
          acked.add(new Ack(frame.position(), batch.baseOffset()));
          lastAcked.set(frame.position());
          window.release();
        }

        @Override
        public void onFailure(WalException cause) {
          failed.incrementAndGet();
          window.release();
        }
      };
    }
  }
}
