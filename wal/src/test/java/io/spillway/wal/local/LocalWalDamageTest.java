package io.spillway.wal.local;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.spillway.runtime.Cancellable;
import io.spillway.runtime.Clock;
import io.spillway.runtime.Scheduler;
import io.spillway.runtime.SimulatedThreads;
import io.spillway.wal.AppendListener;
import io.spillway.wal.Batch;
import io.spillway.wal.DurableFrame;
import io.spillway.wal.PayloadVerifier;
import io.spillway.wal.StreamId;
import io.spillway.wal.WalConfig;
import io.spillway.wal.WalConfig.IoMode;
import io.spillway.wal.WalException;
import io.spillway.wal.WalSlice;
import io.spillway.wal.device.MemoryDisk;
import io.spillway.wal.format.ScannedSegment;
import io.spillway.wal.local.LocalWalCrashTest.Checksummed;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;

/** What a WAL says to damage, to leftovers, and to a disk that fails. */
class LocalWalDamageTest {

  private static final int SEGMENT_BYTES = 32 << 10;
  private static final WalConfig CONFIG =
      new WalConfig(
          Path.of("memory"), 16 * SEGMENT_BYTES, SEGMENT_BYTES, 8 << 10, 0, 0, IoMode.AUTO);

  private final SimulatedThreads threads = new SimulatedThreads(9, 0);
  private final List<Throwable> faults = new ArrayList<>();
  private final Random random = new Random(17);
  private MemoryDisk disk = new MemoryDisk(9);
  private PayloadVerifier verifier = new Checksummed();
  private int nodeId = 1;
  private long nextOffset;

  @Test
  void aFlippedBitAnywhereIsRefusedOrHarmless() {
    List<DurableFrame> frames = appendAll(recovered(), 30);
    crashAfterCleanStop();
    long end = frames.get(29).position() + frames.get(29).sizeBytes();
    int refused = 0;
    for (int i = 0; i < 200; i++) {
      long position = (long) (random.nextDouble() * end);
      int bit = random.nextInt(8);
      MemoryDisk original = disk;
      disk = copyOf(original);
      flip(position, bit);
      try {
        assertThat(recover()).as("flipped bit %d at %d", bit, position).isEqualTo(offsets(0, 30));
      } catch (WalException.Corrupt e) {
        refused++;
        assertThat(e).hasMessageContaining(".wal").hasMessageContaining("at byte");
      }
      disk = original;
    }
    assertThat(refused).isGreaterThan(70);
  }

  @Test
  void damageBelowDurableDataIsRefusedWithFileAndPosition_P27_G9() {
    List<DurableFrame> frames = appendAll(recovered(), 20);
    crash();
    long position = frames.get(9).position();
    flip(position + 100, 0);
    String file = ScannedSegment.nameOf(position / SEGMENT_BYTES * SEGMENT_BYTES);
    assertThatThrownBy(this::recover)
        .isInstanceOf(WalException.Corrupt.class)
        .hasMessageContaining(file)
        .hasMessageContaining("damaged at byte")
        .hasMessageContaining("the payload's own checksum does not match");
  }

  @Test
  void whatNoLaterBlockProvesDurableIsATornTail() {
    List<DurableFrame> frames = appendAll(recovered(), 20);
    crash();
    flip(frames.get(19).position(), 0);
    assertThat(recover()).isEqualTo(offsets(0, 19));
  }

  @Test
  void aBlockThatAnOlderIncarnationLeftBehindTheEndStaysVoid() {
    LocalWal wal = recovered();
    appendAll(wal, 1);
    CompletableFuture<DurableFrame> first = append(wal, 100);
    threads.runFor(0);
    CompletableFuture<DurableFrame> second = append(wal, 100);
    await(second);
    long lost = await(first).position();
    assertThat(await(second).position()).isEqualTo(lost + 4096);
    crash();
    flip(lost, 3);
    assertThat(recover()).isEqualTo(offsets(0, 1));
    crash();
    assertThat(recover())
        .as("its block is whole, and right behind the new start")
        .isEqualTo(offsets(0, 1));
  }

  /** The first incarnation leaves a whole block in the next segment, behind a torn one here. */
  @Test
  void aTrimAtTheVeryEndOfASegmentDoesNotBeginAtALeftoverInTheNext() {
    LocalWal wal = recovered();
    appendAll(wal, 3);
    threads.runAll(1000);
    CompletableFuture<DurableFrame> here = append(wal, 100);
    threads.runFor(0);
    CompletableFuture<DurableFrame> inTheNext = append(wal, 100);
    threads.runFor(0);
    long torn = await(here).position();
    assertThat(torn).isLessThan(SEGMENT_BYTES);
    assertThat(await(inTheNext).position()).isGreaterThan(SEGMENT_BYTES);
    crash();
    flip(torn, 0);
    assertThat(recover()).isEqualTo(offsets(0, 3));

    LocalWal trimmed = wal();
    trimmed.trim(SEGMENT_BYTES);
    List<Long> seen = new ArrayList<>();
    trimmed.recover((at, batch) -> seen.add(batch.baseOffset()));
    assertThat(seen).isEmpty();
    assertThat(trimmed.writer().incarnation()).isEqualTo(3);
  }

  @Test
  void leftoversOfARecycledFileAreNotTaken() {
    List<DurableFrame> frames = appendAll(recovered(), 20);
    crash();
    long base = frames.get(19).position() / SEGMENT_BYTES * SEGMENT_BYTES;
    byte[] old = disk.bytes(ScannedSegment.nameOf(base - SEGMENT_BYTES)).clone();
    disk.lose(ScannedSegment.nameOf(base + SEGMENT_BYTES));
    disk.put(ScannedSegment.nameOf(base + SEGMENT_BYTES), old);
    assertThat(recover()).isEqualTo(offsets(0, 20));
    LocalWal wal = wal();
    wal.recover((position, batch) -> {});
    nextOffset = 20;
    appendAll(wal, 20);
    crash();
    assertThat(recover()).isEqualTo(offsets(0, 40));
  }

  @Test
  void aMissingFileIsRefusedByName() {
    List<DurableFrame> frames = appendAll(recovered(), 40);
    crash();
    for (long base : new long[] {0, 2 * SEGMENT_BYTES}) {
      MemoryDisk original = disk;
      disk = copyOf(original);
      disk.lose(ScannedSegment.nameOf(base));
      assertThatThrownBy(this::recover)
          .isInstanceOf(WalException.Corrupt.class)
          .hasMessageContaining(".wal");
      disk = original;
    }
    assertThat(frames.get(39).position()).isGreaterThan(3 * SEGMENT_BYTES);
    assertThat(recover()).isEqualTo(offsets(0, 40));
  }

  @Test
  void aWalThatEndsBelowItsTrimWasSetBack() {
    appendAll(recovered(), 3);
    crash();
    LocalWal wal = wal();
    wal.trim(1_000_000);
    assertThatThrownBy(() -> wal.recover((position, batch) -> {}))
        .isInstanceOf(WalException.Corrupt.class)
        .hasMessageContaining("trimmed at 1000000");
  }

  @Test
  void readingBackADamagedFrameNamesTheFileAndPosition() {
    LocalWal wal = recovered();
    List<DurableFrame> frames = appendAll(wal, 5);
    DurableFrame damaged = frames.get(2);
    flip(damaged.position() + 40, 1);
    assertThatThrownBy(() -> await(wal.read(damaged.position(), damaged.sizeBytes())))
        .hasRootCauseInstanceOf(WalException.Corrupt.class)
        .hasMessageContaining("00000000000000000000.wal")
        .hasMessageContaining("position " + damaged.position());
    assertThat(await(wal.read(frames.get(3).position(), frames.get(3).sizeBytes())).remaining())
        .isEqualTo(frames.get(3).sizeBytes());
  }

  @Test
  void aWriteFailureEndsTheIncarnation_P28() {
    LocalWal wal = recovered();
    appendAll(wal, 5);
    disk.failWritesAfter(0);
    List<CompletableFuture<DurableFrame>> appends = new ArrayList<>();
    List<Integer> failures = new ArrayList<>();
    for (int i = 0; i < 10; i++) {
      int n = i;
      CompletableFuture<DurableFrame> done = append(wal, 5000);
      done.whenComplete((frame, failure) -> failures.add(n));
      appends.add(done);
    }
    threads.runAll(10_000);
    assertThat(appends).allMatch(CompletableFuture::isCompletedExceptionally);
    assertThat(failures).isEqualTo(List.of(0, 1, 2, 3, 4, 5, 6, 7, 8, 9));
    assertThat(faults).hasSize(1);
    assertThatThrownBy(() -> wal.reserve(1, true))
        .isInstanceOf(WalException.Unavailable.class)
        .hasMessageContaining("incarnation 1")
        .hasMessageContaining("injected");
    await(wal.shutdown());
    assertThat(wal.usage().memoryBytes()).isZero();
    disk.crash();
    assertThat(recover()).startsWith(0L, 1L, 2L, 3L, 4L);
  }

  /** A failure once went unseen, and was acked, when it came during the listeners of a success. */
  @Test
  void aWriteThatFailsWhileAnotherIsBeingCompletedIsNotAcked() {
    List<Runnable> ends = new ArrayList<>();
    LocalWal wal = onDiskThatEndsWrites(ends);
    disk.failWritesAfter(1);
    CompletableFuture<DurableFrame> first = append(wal, 100, frame -> ends.remove(0).run());
    threads.runFor(0);
    CompletableFuture<DurableFrame> second = append(wal, 100);
    threads.runFor(0);
    assertThat(ends).as("two writes are under way").hasSize(2);
    ends.remove(0).run();
    threads.runAll(100);
    assertThat(first).isCompleted();
    assertThat(second).isCompletedExceptionally();
    assertThat(faults).hasSize(1);
  }

  @Test
  void aWriteThatEndsWhileAnotherIsBeingCompletedIsCounted() {
    List<Runnable> ends = new ArrayList<>();
    LocalWal wal = onDiskThatEndsWrites(ends);
    for (int i = 0; i < 2; i++) {
      CompletableFuture<DurableFrame> first = append(wal, 100, frame -> ends.remove(0).run());
      threads.runFor(0);
      CompletableFuture<DurableFrame> second = append(wal, 100);
      threads.runFor(0);
      assertThat(ends).as("two writes are under way").hasSize(2);
      ends.remove(0).run();
      threads.runAll(100);
      assertThat(first).isCompleted();
      assertThat(second).isCompleted();
    }
  }

  /** A recovered WAL whose writes end when the test says so. */
  private LocalWal onDiskThatEndsWrites(List<Runnable> ends) {
    LocalWal starting = recovered();
    appendAll(starting, 1);
    await(starting.shutdown());
    Scheduler manual =
        new Scheduler() {
          @Override
          public void execute(Runnable task) {
            ends.add(task);
          }

          @Override
          public Cancellable schedule(long delayNanos, Runnable task) {
            ends.add(task);
            return () -> ends.remove(task);
          }

          @Override
          public Clock clock() {
            return threads.clock();
          }
        };
    LocalWal wal =
        LocalWal.open(
            CONFIG,
            disk.mount(manual),
            nodeId,
            threads,
            threads.randomSource(),
            (component, cause) -> faults.add(cause),
            verifier);
    wal.recover((position, batch) -> {});
    append(wal, 100);
    threads.runFor(0);
    while (!ends.isEmpty()) {
      ends.remove(0).run();
      threads.runFor(0);
    }
    return wal;
  }

  @Test
  void aFullDiskRefusesReservationsUntilItHasSpaceAgain() {
    LocalWal wal = recovered();
    disk.setFull(true);
    List<CompletableFuture<DurableFrame>> appends = new ArrayList<>();
    try {
      while (appends.size() < 40) {
        appends.add(append(wal, 4000));
        threads.runFor(1_000_000);
      }
    } catch (WalException.Full e) {
      assertThat(e).hasMessageContaining("No space left");
    }
    assertThat(appends).hasSizeBetween(2, 39);
    assertThat(faults).isEmpty();
    disk.setFull(false);
    appends.forEach(this::await);
    appendAll(wal, 10);
  }

  @Test
  void closingWithAFullDiskDoesNotHang() {
    LocalWal wal = recovered();
    disk.setFull(true);
    List<CompletableFuture<DurableFrame>> appends = new ArrayList<>();
    for (int i = 0; i < 12; i++) {
      appends.add(append(wal, 4000));
    }
    await(wal.shutdown());
    assertThat(appends).allMatch(CompletableFuture::isDone);
    assertThat(appends.get(11)).isCompletedExceptionally();
    assertThat(appends.get(0)).isCompletedWithValueMatching(frame -> frame.sizeBytes() == 4000);
  }

  @Test
  void anotherNodesWalIsRefused() {
    appendAll(recovered(), 1);
    crash();
    nodeId = 2;
    assertThatThrownBy(this::wal)
        .isInstanceOf(WalException.Foreign.class)
        .hasMessageContaining("node 1")
        .hasMessageContaining("node 2");
    nodeId = 1;
    assertThat(recover()).isEqualTo(offsets(0, 1));
  }

  @Test
  void aRetainedBlockOutlivesAFailure() {
    LocalWal wal = recovered();
    CompletableFuture<WalSlice> kept = new CompletableFuture<>();
    append(
        wal,
        500,
        frame -> {
          frame.slice().block().retain();
          kept.complete(frame.slice());
        });
    WalSlice slice = await(kept);
    disk.failWritesAfter(0);
    append(wal, 500);
    threads.runAll(1000);
    await(wal.shutdown());
    assertThat(slice.payload().remaining()).isEqualTo(500);
    slice.block().release();
    assertThat(wal.usage().memoryBytes()).isZero();
  }

  private LocalWal wal() {
    return LocalWal.open(
        CONFIG,
        disk.mount(threads.newScheduler("disk")),
        nodeId,
        threads,
        threads.randomSource(),
        (component, cause) -> faults.add(cause),
        verifier);
  }

  private LocalWal recovered() {
    LocalWal wal = wal();
    wal.recover((position, batch) -> {});
    return wal;
  }

  /** The base offsets that a recovery shows; the disk is free again afterwards. */
  private List<Long> recover() {
    List<Long> offsets = new ArrayList<>();
    LocalWal wal = wal();
    try {
      wal.recover((position, batch) -> offsets.add(batch.baseOffset()));
      return offsets;
    } finally {
      crash();
    }
  }

  private void crash() {
    threads.crash();
    disk.crash();
  }

  private void crashAfterCleanStop() {
    crash();
    await(recovered().shutdown());
  }

  private List<DurableFrame> appendAll(LocalWal wal, int count) {
    List<DurableFrame> frames = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      frames.add(await(append(wal, 4000)));
    }
    return frames;
  }

  private CompletableFuture<DurableFrame> append(LocalWal wal, int sizeBytes) {
    return append(wal, sizeBytes, frame -> {});
  }

  private CompletableFuture<DurableFrame> append(
      LocalWal wal, int sizeBytes, java.util.function.Consumer<DurableFrame> onDurable) {
    CompletableFuture<DurableFrame> done = new CompletableFuture<>();
    ByteBuffer payload = Checksummed.payload(random, sizeBytes);
    var reservation = wal.reserve(sizeBytes, false);
    long offset = nextOffset++;
    StreamId stream = new StreamId(new UUID(1, 1), 1);
    wal.append(
        reservation,
        new Batch(stream, offset, offset + 1, 0, 0, payload),
        1,
        new AppendListener() {
          @Override
          public void onDurable(DurableFrame frame) {
            onDurable.accept(frame);
            done.complete(frame);
          }

          @Override
          public void onFailure(WalException cause) {
            done.completeExceptionally(cause);
          }
        });
    return done;
  }

  private <T> T await(CompletableFuture<T> future) {
    while (!future.isDone()) {
      assertThat(threads.step()).isTrue();
    }
    return future.join();
  }

  private void flip(long position, int bit) {
    long base = position / SEGMENT_BYTES * SEGMENT_BYTES;
    disk.flipBit(ScannedSegment.nameOf(base), position - base, bit);
  }

  private static MemoryDisk copyOf(MemoryDisk original) {
    MemoryDisk copy = new MemoryDisk(1);
    for (String name : original.fileNames()) {
      copy.put(name, original.bytes(name));
    }
    return copy;
  }

  private static List<Long> offsets(long from, long endOffset) {
    List<Long> offsets = new ArrayList<>();
    for (long offset = from; offset < endOffset; offset++) {
      offsets.add(offset);
    }
    return offsets;
  }
}
