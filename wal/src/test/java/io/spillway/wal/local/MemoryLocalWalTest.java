package io.spillway.wal.local;

import static org.assertj.core.api.Assertions.assertThat;

import io.spillway.runtime.SimulatedThreads;
import io.spillway.wal.PayloadVerifier;
import io.spillway.wal.ReopenedLogContract;
import io.spillway.wal.WalConfig;
import io.spillway.wal.WalConfig.IoMode;
import io.spillway.wal.WriteAheadLog;
import io.spillway.wal.device.MemoryDisk;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.AfterEach;

/** Under simulated threads, on a disk in memory. */
class MemoryLocalWalTest extends ReopenedLogContract {

  private final SimulatedThreads threads = new SimulatedThreads(3, 50_000);
  private final MemoryDisk disk = new MemoryDisk(3);
  private final List<Throwable> faults = new ArrayList<>();

  @Override
  protected WriteAheadLog open() {
    WalConfig config =
        new WalConfig(Path.of("memory"), 2 << 20, 64 << 10, 16 << 10, 128 << 10, 0, IoMode.AUTO);
    return LocalWal.open(
        config,
        disk.mount(threads.newScheduler("disk")),
        1,
        threads,
        threads.randomSource(),
        (component, cause) -> faults.add(cause),
        PayloadVerifier.NONE);
  }

  @Override
  protected <T> T await(CompletableFuture<T> future) {
    while (!future.isDone()) {
      assertThat(threads.step()).as("something is left to do").isTrue();
    }
    return future.join();
  }

  @Override
  protected void close(WriteAheadLog wal) {
    await(((LocalWal) wal).shutdown());
  }

  @Override
  protected int someBytes() {
    return 6_000;
  }

  @AfterEach
  void nothingFailed() {
    assertThat(faults).isEmpty();
    assertThat(threads.faults()).isEmpty();
  }
}
