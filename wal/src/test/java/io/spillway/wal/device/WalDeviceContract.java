package io.spillway.wal.device;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.spillway.wal.WalException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.FileAlreadyExistsException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** What every {@link WalDevice} does. */
abstract class WalDeviceContract {

  private static final int PAGE = 4096;

  private final List<AlignedMemory> memory = new ArrayList<>();

  abstract WalDevice open();

  /** Lets asynchronous work end. */
  abstract void settle(CountDownLatch latch) throws InterruptedException;

  @AfterEach
  void freeMemory() {
    memory.forEach(AlignedMemory::free);
  }

  @Test
  void aNewFileReadsAsZeros() throws IOException {
    try (WalDevice device = open()) {
      WalFile file = device.create("a.wal", 16 * PAGE);
      assertThat(file.sizeBytes()).isEqualTo(16 * PAGE);
      assertThat(read(device, file, 15 * PAGE, PAGE)).containsOnly(0);
      assertThat(device.list()).containsExactly("a.wal");
    }
  }

  @Test
  void whatWasWrittenIsThereAfterReopening() throws Exception {
    try (WalDevice device = open()) {
      WalFile file = device.create("a.wal", 16 * PAGE);
      device.syncDirectory();
      write(device, file, 2 * PAGE, page(device, 2 * PAGE, 7));
      ByteBuffer now = page(device, PAGE, 9);
      device.blocking(
          () -> {
            file.writeNow(0, now);
            return true;
          });
      assertThat(now.remaining()).isEqualTo(PAGE);
    }
    try (WalDevice device = open()) {
      WalFile file = device.open("a.wal");
      assertThat(read(device, file, 0, PAGE)).containsOnly(9);
      assertThat(read(device, file, PAGE, PAGE)).containsOnly(0);
      assertThat(read(device, file, 2 * PAGE, 2 * PAGE)).containsOnly(7);
    }
  }

  @Test
  void zeroingClearsARange() throws Exception {
    try (WalDevice device = open()) {
      WalFile file = device.create("a.wal", 16 * PAGE);
      write(device, file, 0, page(device, 16 * PAGE, 7));
      CountDownLatch latch = new CountDownLatch(1);
      file.zero(PAGE, 14 * PAGE, failure -> latch.countDown());
      settle(latch);
      assertThat(read(device, file, 0, PAGE)).containsOnly(7);
      assertThat(read(device, file, PAGE, 14 * PAGE)).containsOnly(0);
      assertThat(read(device, file, 15 * PAGE, PAGE)).containsOnly(7);
    }
  }

  @Test
  void aRenamedFileStaysOpenAndADeletedOneIsGone() throws Exception {
    try (WalDevice device = open()) {
      WalFile file = device.create("a.wal", 4 * PAGE);
      device.rename(file, "b.wal");
      device.syncDirectory();
      write(device, file, 0, page(device, PAGE, 3));
      assertThat(file.name()).isEqualTo("b.wal");
      assertThat(device.list()).containsExactly("b.wal");
      assertThat(read(device, file, 0, PAGE)).containsOnly(3);
      assertThatThrownBy(() -> device.create("b.wal", PAGE))
          .isInstanceOf(FileAlreadyExistsException.class);
      device.delete(file);
      assertThat(device.list()).isEmpty();
    }
  }

  @Test
  void aDirectoryIsTakenByOneOnly() {
    WalDevice first = open();
    assertThatThrownBy(this::open)
        .isInstanceOf(WalException.InUse.class)
        .hasMessageContaining("in use");
    first.close();
    open().close();
  }

  private void write(WalDevice device, WalFile file, long offset, ByteBuffer block)
      throws InterruptedException {
    CountDownLatch latch = new CountDownLatch(1);
    AtomicReference<IOException> outcome = new AtomicReference<>();
    file.write(
        offset,
        block,
        failure -> {
          outcome.set(failure);
          latch.countDown();
        });
    settle(latch);
    assertThat(outcome.get()).isNull();
    assertThat(device.location()).isNotEmpty();
  }

  private ByteBuffer page(WalDevice device, int bytes, int value) {
    ByteBuffer buffer = buffer(device, bytes);
    byte[] content = new byte[bytes];
    Arrays.fill(content, (byte) value);
    buffer.put(0, content);
    return buffer;
  }

  private ByteBuffer buffer(WalDevice device, int bytes) {
    AlignedMemory allocated = AlignedMemory.allocate(bytes, device.needsDirectBuffers());
    memory.add(allocated);
    return allocated.buffer().duplicate();
  }

  private byte[] read(WalDevice device, WalFile file, long offset, int bytes) throws IOException {
    ByteBuffer buffer = buffer(device, bytes);
    device.blocking(
        () -> {
          file.read(offset, buffer.duplicate());
          return true;
        });
    byte[] content = new byte[bytes];
    buffer.get(0, content);
    return content;
  }
}
