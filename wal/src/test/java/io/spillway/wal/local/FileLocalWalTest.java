package io.spillway.wal.local;

import static org.assertj.core.api.Assertions.assertThat;

import io.spillway.runtime.SystemClock;
import io.spillway.runtime.SystemRandom;
import io.spillway.runtime.SystemThreads;
import io.spillway.runtime.Threads;
import io.spillway.wal.PayloadVerifier;
import io.spillway.wal.ReopenedLogContract;
import io.spillway.wal.WalConfig;
import io.spillway.wal.WalConfig.IoMode;
import io.spillway.wal.WriteAheadLog;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.io.TempDir;

/** On the file system, direct where it allows that. */
class FileLocalWalTest extends ReopenedLogContract {

  static final int SEGMENT_BYTES = 256 << 10;

  final List<Throwable> faults = new CopyOnWriteArrayList<>();
  final Threads threads =
      new SystemThreads("test", new SystemClock(), (component, cause) -> faults.add(cause));

  @TempDir Path directory;

  IoMode mode() {
    return IoMode.AUTO;
  }

  WalConfig config() {
    return new WalConfig(
        directory.resolve("wal"),
        8 * SEGMENT_BYTES,
        SEGMENT_BYTES,
        64 << 10,
        SEGMENT_BYTES,
        1 << 20,
        mode());
  }

  @Override
  protected WriteAheadLog open() {
    return LocalWal.open(
        config(),
        1,
        threads,
        new SystemRandom(),
        (component, cause) -> faults.add(cause),
        PayloadVerifier.NONE);
  }

  @Override
  protected <T> T await(CompletableFuture<T> future) {
    return future.orTimeout(1, TimeUnit.MINUTES).join();
  }

  @Override
  protected void close(WriteAheadLog wal) {
    wal.close();
  }

  @Override
  protected int someBytes() {
    return 20_000;
  }

  @AfterEach
  void nothingFailedAndNothingIsLeft() {
    threads.close();
    assertThat(faults).isEmpty();
  }
}
