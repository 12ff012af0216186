package io.spillway.wal.device;

import static org.assertj.core.api.Assertions.assertThat;

import io.spillway.runtime.SimulatedThreads;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.Test;

class MemoryDiskTest extends WalDeviceContract {
  private static final int PAGE = 4096;

  private final MemoryDisk disk = new MemoryDisk(1);
  private final SimulatedThreads threads = new SimulatedThreads(1, 1_000);

  @Override
  WalDevice open() {
    return disk.mount(threads.newScheduler("disk"));
  }

  @Override
  void settle(CountDownLatch latch) {
    threads.runAll(100);
    assertThat(latch.getCount()).isZero();
  }

  @Test
  void aCrashTearsUnfinishedWritesAndKeepsFinishedOnes() throws IOException {
    Set<String> outcomes = new HashSet<>();
    for (long seed = 0; seed < 100; seed++) {
      SimulatedThreads world = new SimulatedThreads(seed, 0);
      MemoryDisk torn = new MemoryDisk(seed);
      WalDevice device = torn.mount(world.newScheduler("disk"));
      WalFile file = device.create("a.wal", 4 * PAGE);
      device.syncDirectory();
      file.write(0, filled(1), failure -> {});
      world.runAll(10);
      file.write(PAGE, filled(2), failure -> {});
      world.crash();
      torn.crash();
      byte[] after = torn.bytes("a.wal");
      assertThat(Arrays.copyOf(after, PAGE)).as("seed %d", seed).containsOnly(1);
      int sectors = 0;
      for (int at = PAGE; at < 2 * PAGE; at += 512) {
        sectors += after[at] == 2 ? 1 : 0;
      }
      outcomes.add(sectors == 0 ? "none" : sectors == PAGE / 512 ? "all" : "some");
    }
    assertThat(outcomes).containsExactlyInAnyOrder("none", "some", "all");
  }

  @Test
  void aCrashMayUndoNameChangesThatWereNotSynced() throws IOException {
    Set<List<String>> outcomes = new HashSet<>();
    for (long seed = 0; seed < 50; seed++) {
      MemoryDisk crashed = new MemoryDisk(seed);
      WalDevice device = crashed.mount(new SimulatedThreads(seed, 0).newScheduler("disk"));
      WalFile file = device.create("a", PAGE);
      device.syncDirectory();
      device.rename(file, "b");
      device.create("c", PAGE);
      crashed.crash();
      outcomes.add(crashed.fileNames());
    }
    assertThat(outcomes).containsExactlyInAnyOrder(List.of("a"), List.of("b"), List.of("b", "c"));
  }

  @Test
  void injectedErrorsLastUntilTheNextMount() throws IOException {
    WalDevice device = open();
    WalFile file = device.create("a", PAGE);
    device.syncDirectory();
    disk.failWritesAfter(1);
    file.writeNow(0, filled(1));
    for (int i = 0; i < 2; i++) {
      IOException failure = null;
      try {
        file.writeNow(0, filled(2));
      } catch (IOException e) {
        failure = e;
      }
      assertThat(failure).hasMessageContaining("injected");
    }
    disk.crash();
    open().open("a").writeNow(0, filled(3));
    assertThat(disk.bytes("a")).containsOnly(3);
  }

  private static ByteBuffer filled(int value) {
    byte[] bytes = new byte[PAGE];
    Arrays.fill(bytes, (byte) value);
    return ByteBuffer.wrap(bytes);
  }
}
