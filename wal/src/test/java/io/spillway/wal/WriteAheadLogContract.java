package io.spillway.wal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.spillway.wal.WriteAheadLog.Reservation;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;

/** What every {@link WriteAheadLog} does. */
public abstract class WriteAheadLogContract {

  protected static final StreamId STREAM = new StreamId(new UUID(1, 2), 0);

  /** Takes the log that the test before the last {@link #close} left; not yet recovered. */
  protected abstract WriteAheadLog open();

  /** Waits, or runs the simulation, until the future is done. */
  protected abstract <T> T await(CompletableFuture<T> future);

  /** A clean stop. */
  protected abstract void close(WriteAheadLog wal);

  /** Shows what the log before the last {@link #close} left, and opens the log. */
  protected void recover(WriteAheadLog wal, WriteAheadLog.RecoveredFrameVisitor visitor) {
    wal.recover(visitor);
  }

  /** Payload bytes well below what the log can hold. */
  protected abstract int someBytes();

  @Test
  void anAckedBatchIsThereAfterReopening() {
    WriteAheadLog wal = recovered();
    Batch sent =
        new Batch(STREAM, 5, 9, 1234, Batch.FLAG_TRANSACTIONAL, ByteBuffer.wrap(bytes(7, 1000)));
    DurableFrame frame = await(append(wal, sent, 1));
    close(wal);

    List<Recovered> frames = new ArrayList<>();
    WriteAheadLog again = open();
    recover(again, (position, batch) -> frames.add(new Recovered(position, copy(batch))));
    assertThat(frames).hasSize(1);
    assertThat(frames.get(0).position).isEqualTo(frame.position());
    assertThat(frames.get(0).batch).isEqualTo(sent);
    close(again);
  }

  @Test
  void completionsComeInTheOrderOfPositions() {
    WriteAheadLog wal = recovered();
    List<Long> positions = new ArrayList<>();
    List<CompletableFuture<DurableFrame>> acks = new ArrayList<>();
    for (int i = 0; i < 50; i++) {
      CompletableFuture<DurableFrame> ack = append(wal, batch(stream(i % 5), i / 5, 300), i % 3);
      acks.add(ack.thenApply(frame -> remember(positions, frame)));
    }
    acks.forEach(this::await);
    assertThat(positions).hasSize(50).isSorted().doesNotHaveDuplicates();
    close(wal);
  }

  @Test
  void aStreamKeepsItsOrderWhoeverWritesIt() {
    WriteAheadLog wal = recovered();
    Random random = new Random(11);
    List<CompletableFuture<DurableFrame>> acks = new ArrayList<>();
    for (int i = 0; i < 200; i++) {
      acks.add(
          append(wal, batch(stream(i % 2), i / 2, 1 + random.nextInt(900)), random.nextInt(5)));
    }
    acks.forEach(this::await);
    close(wal);
    long[] next = new long[2];
    WriteAheadLog again = open();
    recover(
        again,
        (position, batch) ->
            assertThat(batch.baseOffset()).isEqualTo(next[batch.stream().partition()]++));
    assertThat(next).containsExactly(100, 100);
    close(again);
  }

  @Test
  void aDurablePayloadIsReadBackByPosition() {
    WriteAheadLog wal = recovered();
    byte[] content = bytes(3, someBytes());
    DurableFrame frame =
        await(append(wal, new Batch(STREAM, 0, 1, 0, 0, ByteBuffer.wrap(content)), 1));
    await(append(wal, batch(STREAM, 1, 100), 1));
    assertThat(await(wal.read(frame.position(), content.length)))
        .isEqualTo(ByteBuffer.wrap(content));
    close(wal);
  }

  @Test
  void aWrongPositionOrSizeReadsAsCorruptAndNotAsData() {
    WriteAheadLog wal = recovered();
    DurableFrame frame = await(append(wal, batch(STREAM, 0, 5000), 1));
    await(append(wal, batch(STREAM, 1, 5000), 1));
    for (CompletableFuture<ByteBuffer> read :
        List.of(wal.read(frame.position() + 8, 4000), wal.read(frame.position(), 4999))) {
      assertThatThrownBy(() -> await(read)).hasRootCauseInstanceOf(WalException.Corrupt.class);
    }
    close(wal);
  }

  @Test
  void aRetainedSliceStaysReadableAndItsMemoryComesBack() {
    WriteAheadLog wal = recovered();
    byte[] content = bytes(5, 4000);
    CompletableFuture<WalSlice> kept = new CompletableFuture<>();
    wal.append(
        wal.reserve(content.length, false),
        new Batch(STREAM, 0, 1, 0, 0, ByteBuffer.wrap(content)),
        1,
        new AppendListener() {
          @Override
          public void onDurable(DurableFrame frame) {
            frame.slice().block().retain();
            kept.complete(frame.slice());
          }

          @Override
          public void onFailure(WalException cause) {
            kept.completeExceptionally(cause);
          }
        });
    WalSlice slice = await(kept);
    for (int i = 1; i < 20; i++) {
      await(append(wal, batch(STREAM, i, 4000), 1));
    }
    assertThat(slice.payload()).isEqualTo(ByteBuffer.wrap(content));
    assertThat(slice.payload().isReadOnly()).isTrue();
    close(wal);
    assertThat(slice.payload()).isEqualTo(ByteBuffer.wrap(content));
    assertThat(wal.usage().memoryBytes()).isEqualTo(slice.block().sizeBytes());
    slice.block().release();
    assertThat(slice.block().tryRetain()).isFalse();
    assertThatThrownBy(slice::payload).isInstanceOf(IllegalStateException.class);
    assertThat(wal.usage().memoryBytes()).isZero();
  }

  @Test
  void aFullLogRefusesAndATrimMakesRoom() {
    WriteAheadLog wal = recovered();
    List<DurableFrame> frames = new ArrayList<>();
    fillUp(wal, frames);
    assertThat((long) frames.size() * someBytes())
        .isBetween(wal.usage().capacityBytes() / 3, wal.usage().capacityBytes());
    await(append(wal, batch(stream(8), 0, someBytes()), 0, true));
    for (int round = 0; round < 5; round++) {
      int before = frames.size();
      wal.trim(frames.get(before - 1).position());
      settle(wal);
      fillUp(wal, frames);
      assertThat(frames.size()).isGreaterThan(before + 2);
    }
    long trimmed = frames.get(0).position();
    assertThatThrownBy(() -> await(wal.read(trimmed, 10)))
        .hasRootCauseInstanceOf(WalException.Unavailable.class);
    close(wal);
  }

  /** Appends until the log is full. */
  private void fillUp(WriteAheadLog wal, List<DurableFrame> frames) {
    while (true) {
      try {
        frames.add(await(append(wal, batch(STREAM, frames.size(), someBytes()), 1)));
      } catch (WalException.Full e) {
        assertThat(e).hasMessageContaining("no room");
        return;
      }
    }
  }

  /** Lets what was asked for happen: anything that completes after it. */
  private void settle(WriteAheadLog wal) {
    await(append(wal, batch(stream(9), 0, 1), 0, true));
  }

  @Test
  void aCancelledReservationGivesItsRoomBack() {
    WriteAheadLog wal = recovered();
    long used = wal.usage().usedBytes();
    for (int i = 0; i < 1000; i++) {
      Reservation reservation = wal.reserve(someBytes(), false);
      assertThat(wal.usage().usedBytes()).isGreaterThan(used);
      wal.cancel(reservation);
    }
    assertThat(wal.usage().usedBytes()).isEqualTo(used);
    close(wal);
  }

  @Test
  void aClosedLogIsUnavailable() {
    WriteAheadLog wal = recovered();
    Reservation reservation = wal.reserve(10, false);
    close(wal);
    assertThatThrownBy(() -> wal.reserve(10, false)).isInstanceOf(WalException.Unavailable.class);
    assertThatThrownBy(() -> await(append(wal, reservation, batch(STREAM, 0, 10), 1)))
        .hasRootCauseInstanceOf(WalException.Unavailable.class);
    close(wal);
  }

  protected final WriteAheadLog recovered() {
    WriteAheadLog wal = open();
    wal.recover((position, batch) -> {});
    return wal;
  }

  protected static CompletableFuture<DurableFrame> append(
      WriteAheadLog wal, Batch batch, long weightKey) {
    return append(wal, batch, weightKey, false);
  }

  protected static CompletableFuture<DurableFrame> append(
      WriteAheadLog wal, Batch batch, long weightKey, boolean internal) {
    return append(wal, wal.reserve(batch.sizeBytes(), internal), batch, weightKey);
  }

  protected static CompletableFuture<DurableFrame> append(
      WriteAheadLog wal, Reservation reservation, Batch batch, long weightKey) {
    CompletableFuture<DurableFrame> done = new CompletableFuture<>();
    wal.append(
        reservation,
        batch,
        weightKey,
        new AppendListener() {
          @Override
          public void onDurable(DurableFrame frame) {
            assertThat(frame.slice().payload()).isEqualTo(batch.payload());
            done.complete(frame);
          }

          @Override
          public void onFailure(WalException cause) {
            done.completeExceptionally(cause);
          }
        });
    return done;
  }

  protected static Batch batch(StreamId stream, long offset, int sizeBytes) {
    return new Batch(
        stream, offset, offset + 1, offset, 0, ByteBuffer.wrap(bytes((int) offset, sizeBytes)));
  }

  protected static StreamId stream(int partition) {
    return new StreamId(STREAM.topicId(), partition);
  }

  protected static byte[] bytes(int seed, int count) {
    byte[] bytes = new byte[count];
    new Random(seed).nextBytes(bytes);
    return bytes;
  }

  protected static Batch copy(Batch batch) {
    ByteBuffer payload =
        ByteBuffer.allocate(batch.sizeBytes()).put(batch.payload().duplicate()).flip();
    return new Batch(
        batch.stream(),
        batch.baseOffset(),
        batch.endOffset(),
        batch.maxTimestampMs(),
        batch.flags(),
        payload);
  }

  private static DurableFrame remember(List<Long> positions, DurableFrame frame) {
    positions.add(frame.position());
    return frame;
  }

  private record Recovered(long position, Batch batch) {}
}
