package io.spillway.wal.device;

import static org.assertj.core.api.Assertions.assertThat;

import io.spillway.runtime.SystemClock;
import io.spillway.runtime.SystemThreads;
import io.spillway.runtime.Threads;
import io.spillway.wal.WalConfig.IoMode;
import java.nio.file.Path;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.io.TempDir;

/** On the file system, direct where it allows that. */
class FileWalDeviceTest extends WalDeviceContract {
  private final Threads threads =
      new SystemThreads("test", new SystemClock(), (component, cause) -> {});

  @TempDir Path directory;

  IoMode mode() {
    return IoMode.AUTO;
  }

  @Override
  WalDevice open() {
    return FileWalDevice.open(directory.resolve("wal"), mode(), threads);
  }

  @Override
  void settle(CountDownLatch latch) throws InterruptedException {
    assertThat(latch.await(1, TimeUnit.MINUTES)).isTrue();
  }

  @AfterEach
  void closeThreads() {
    threads.close();
  }
}
