package io.spillway.wal.local;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.spillway.runtime.SystemClock;
import io.spillway.runtime.SystemRandom;
import io.spillway.runtime.SystemThreads;
import io.spillway.wal.AppendListener;
import io.spillway.wal.Batch;
import io.spillway.wal.DurableFrame;
import io.spillway.wal.PayloadVerifier;
import io.spillway.wal.StreamId;
import io.spillway.wal.WalConfig;
import io.spillway.wal.WalException;
import io.spillway.wal.WriterIncarnation;
import io.spillway.wal.local.WalInspector.BlockInfo;
import io.spillway.wal.local.WalInspector.FrameInfo;
import io.spillway.wal.local.WalInspector.SegmentInfo;
import io.spillway.wal.local.WalInspector.Summary;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.lang.management.BufferPoolMXBean;
import java.lang.management.ManagementFactory;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A WAL and its directory: who may open it, what stays behind, what others can see. */
class LocalWalDirectoryTest {

  private final SystemThreads threads =
      new SystemThreads("test", new SystemClock(), (component, cause) -> {});

  @TempDir Path temporary;

  @AfterEach
  void closeThreads() {
    threads.close();
  }

  @Test
  void aDirectoryInUseIsRefusedByName() {
    try (LocalWal wal = open(threads)) {
      assertThatThrownBy(() -> open(threads))
          .isInstanceOf(WalException.InUse.class)
          .hasMessageContaining(directory().toString())
          .hasMessageContaining("in use");
      assertThat(wal.recover((position, batch) -> {})).isPositive();
    }
    open(threads).close();
  }

  @Test
  void peekTellsAbsentAndEmptyFromPresent() throws IOException {
    assertThat(LocalWal.peek(directory())).isEmpty();
    assertThat(directory()).doesNotExist();
    Files.createDirectories(directory());
    assertThat(LocalWal.peek(directory())).isEmpty();
    WriterIncarnation writer;
    try (LocalWal wal = open(threads)) {
      wal.recover((position, batch) -> {});
      writer = wal.writer();
      assertThat(LocalWal.peek(directory())).contains(writer);
    }
    assertThat(LocalWal.peek(directory())).contains(writer);
  }

  @Test
  void fiftyLivesLeaveNoMemoryFilesOrThreads() throws Exception {
    life(1);
    long memory = directMemory();
    long descriptors = openFiles();
    for (int i = 0; i < 50; i++) {
      life(i);
    }
    // The JDK keeps a buffer of a few bytes per thread for writes from the heap; a block is 64 KiB.
    assertThat(directMemory()).isLessThan(memory + (32 << 10));
    assertThat(openFiles()).isLessThanOrEqualTo(descriptors + 2);
    // An executor that has terminated may still have a thread on its very last steps.
    for (Thread thread : Thread.getAllStackTraces().keySet()) {
      if (thread.getName().startsWith("life")) {
        thread.join(TimeUnit.MINUTES.toMillis(1));
        assertThat(thread.isAlive()).as(thread.getName()).isFalse();
      }
    }
  }

  private void life(int n) {
    try (SystemThreads own = new SystemThreads("life", new SystemClock(), (c, t) -> {});
        LocalWal wal = open(own)) {
      wal.recover((position, batch) -> {});
      DurableFrame frame = append(wal, n);
      assertThat(wal.read(frame.position(), frame.sizeBytes()).join().remaining())
          .isEqualTo(frame.sizeBytes());
    }
  }

  @Test
  void anInterruptedCallerNeitherBreaksTheWalNorLosesItsInterrupt() {
    try (LocalWal wal = open(threads)) {
      Thread.currentThread().interrupt();
      wal.recover((position, batch) -> {});
      assertThat(Thread.interrupted()).isTrue();
      append(wal, 1);
      Thread.currentThread().interrupt();
      wal.close();
      assertThat(Thread.interrupted()).isTrue();
    }
  }

  @Test
  void aFirstStartWritesLittle() throws IOException {
    try (LocalWal wal = open(threads)) {
      wal.recover((position, batch) -> {});
      append(wal, 1);
    }
    try (var files = Files.list(directory())) {
      assertThat(files.filter(file -> file.toString().endsWith(".wal"))).hasSize(1);
    }
  }

  @Test
  void anotherSegmentSizeKeepsOldSegmentsReadable() {
    List<DurableFrame> frames = new ArrayList<>();
    for (int segmentBytes : new int[] {64 << 10, 256 << 10, 128 << 10}) {
      try (LocalWal wal = open(threads, segmentBytes)) {
        List<Long> seen = new ArrayList<>();
        wal.recover((position, batch) -> seen.add(position));
        assertThat(seen).isEqualTo(frames.stream().map(DurableFrame::position).toList());
        for (int i = 0; i < 100; i++) {
          frames.add(append(wal, frames.size()));
        }
        for (DurableFrame frame : frames) {
          assertThat(wal.read(frame.position(), frame.sizeBytes()).join().remaining())
              .isEqualTo(frame.sizeBytes());
        }
      }
    }
  }

  @Test
  void theInspectorShowsWhatIsThere() {
    WriterIncarnation writer;
    DurableFrame frame;
    try (LocalWal wal = open(threads)) {
      wal.recover((position, batch) -> {});
      writer = wal.writer();
      frame = append(wal, 0);
      append(wal, 1);
    }
    Seen seen = new Seen();
    Summary summary = WalInspector.inspect(directory(), PayloadVerifier.NONE, seen);
    assertThat(summary.writer()).contains(writer);
    assertThat(summary.damage()).isEmpty();
    assertThat(summary.frames()).isEqualTo(2);
    assertThat(summary.blocks()).isEqualTo(4);
    assertThat(summary.payloadBytes()).isEqualTo(2L * frame.sizeBytes());
    assertThat(seen.segments).extracting(SegmentInfo::position).containsExactly(0L);
    assertThat(seen.blocks.get(0).header().isFirstOfIncarnation()).isTrue();
    assertThat(seen.blocks.get(3).header().isCleanStop()).isTrue();
    assertThat(seen.frames.get(0).position()).isEqualTo(frame.position());
    assertThat(seen.frames).extracting(FrameInfo::baseOffset).containsExactly(0L, 1L);
  }

  @Test
  void theInspectorNamesTheFileAndByteOfDamage() throws IOException {
    DurableFrame frame;
    try (LocalWal wal = open(threads)) {
      wal.recover((position, batch) -> {});
      frame = append(wal, 0);
      append(wal, 1);
    }
    String name = "00000000000000000000.wal";
    try (RandomAccessFile file = new RandomAccessFile(directory().resolve(name).toFile(), "rw")) {
      file.seek(frame.position() + 5);
      int value = file.read();
      file.seek(frame.position() + 5);
      file.write(value ^ 1);
    }
    Summary summary = WalInspector.inspect(directory(), PayloadVerifier.NONE, new Seen());
    assertThat(summary.frames()).isZero();
    assertThat(summary.damage()).isPresent();
    assertThat(summary.damage().orElseThrow().file()).isEqualTo(name);
    assertThat(summary.damage().orElseThrow().byteOffset()).isEqualTo(4096);
    try (LocalWal wal = open(threads)) {
      assertThatThrownBy(() -> wal.recover((position, batch) -> {}))
          .isInstanceOf(WalException.Corrupt.class)
          .hasMessageContaining(name)
          .hasMessageContaining("byte 4096");
    }
  }

  @Test
  void theInspectorOfNothingSaysSo() {
    Summary summary = WalInspector.inspect(directory(), PayloadVerifier.NONE, new Seen());
    assertThat(summary.writer()).isEmpty();
    assertThat(summary.endReason()).isEqualTo("no WAL");
  }

  private static final class Seen implements WalInspector.Visitor {
    private final List<SegmentInfo> segments = new ArrayList<>();
    private final List<BlockInfo> blocks = new ArrayList<>();
    private final List<FrameInfo> frames = new ArrayList<>();

    @Override
    public void onSegment(SegmentInfo segment) {
      segments.add(segment);
    }

    @Override
    public void onBlock(BlockInfo block) {
      blocks.add(block);
    }

    @Override
    public void onFrame(FrameInfo frame) {
      frames.add(frame);
    }
  }

  private Path directory() {
    return temporary.resolve("wal");
  }

  private LocalWal open(SystemThreads with) {
    return open(with, 1 << 20);
  }

  private LocalWal open(SystemThreads with, int segmentBytes) {
    WalConfig defaults = WalConfig.of(directory(), 8 << 20);
    WalConfig config =
        new WalConfig(directory(), 8 << 20, segmentBytes, 32 << 10, 0, 1 << 20, defaults.ioMode());
    return LocalWal.open(
        config, 1, with, new SystemRandom(), (component, cause) -> {}, PayloadVerifier.NONE);
  }

  private static DurableFrame append(LocalWal wal, long offset) {
    CompletableFuture<DurableFrame> done = new CompletableFuture<>();
    StreamId stream = new StreamId(new UUID(1, 1), 1);
    Batch batch = new Batch(stream, offset, offset + 1, 0, 0, ByteBuffer.allocate(1500));
    wal.append(
        wal.reserve(batch.sizeBytes(), false),
        batch,
        1,
        new AppendListener() {
          @Override
          public void onDurable(DurableFrame frame) {
            done.complete(frame);
          }

          @Override
          public void onFailure(WalException cause) {
            done.completeExceptionally(cause);
          }
        });
    return done.orTimeout(1, TimeUnit.MINUTES).join();
  }

  private static long directMemory() {
    return ManagementFactory.getPlatformMXBeans(BufferPoolMXBean.class).stream()
        .filter(pool -> pool.getName().equals("direct"))
        .mapToLong(BufferPoolMXBean::getMemoryUsed)
        .sum();
  }

  private static long openFiles() throws IOException {
    try (var open = Files.list(Path.of("/proc/self/fd"))) {
      return open.count();
    }
  }
}
