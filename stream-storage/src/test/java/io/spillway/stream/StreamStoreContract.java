package io.spillway.stream;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.spillway.catalog.StreamCatalog.EpochStart;
import io.spillway.stream.StreamStore.StateAt;
import io.spillway.wal.Batch;
import io.spillway.wal.StreamId;
import io.spillway.wal.WalException;
import io.spillway.wal.WriteAheadLog.Reservation;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** What every stream store does for the layer above, whatever it stands on. */
public abstract class StreamStoreContract {

  private static final int BATCH_BYTES = 100;
  private static final int OFFSETS_PER_BATCH = 10;
  private static final StreamId ONE = new StreamId(new UUID(1, 1), 0);
  private static final StreamId TWO = new StreamId(new UUID(1, 1), 1);

  /** An empty store, open. */
  protected abstract StreamStore open();

  /** Waits for it, and makes durable what was appended. */
  protected abstract <T> T await(CompletableFuture<T> future);

  /** Stops the store without blocking the thread that runs it; the bytes left in the WAL. */
  protected abstract long stop();

  /** Room in the WAL that is taken now, reservations included. */
  protected abstract long takenBytes();

  private StreamStore store;

  @BeforeEach
  void openStore() {
    store = open();
  }

  @AfterEach
  void stopStore() {
    assertThat(stop()).as("left in the WAL").isZero();
  }

  @Test
  void aNewStreamIsEmptyAndBelongsToItsClaimant() {
    StreamHandle handle = claim(ONE, 3);
    assertThat(handle.id()).isEqualTo(ONE);
    assertThat(handle.leaderEpoch()).isEqualTo(3);
    assertThat(handle.logStartOffset()).isZero();
    assertThat(handle.highWatermark()).isZero();
    assertThat(handle.committedEndOffset()).isZero();
    assertThat(handle.epochs()).containsExactly(new EpochStart(3, 0));
    assertThat(handle.checkpoint()).isEmpty();
    assertThat(handle.sizeBytes()).isZero();
    assertThat(handle.parts()).isEmpty();
    assertThat(read(handle, 0, 0)).isEmpty();
    assertThat(await(handle.findBatchByTimestamp(0))).isEmpty();
    assertThat(await(handle.findBatchOfMaxTimestamp())).isEmpty();
    assertThat(store.streams()).containsExactly(ONE);
  }

  @Test
  void listenersAreToldInOrderWhenTheHighWatermarkIsAtTheBatchsEnd() {
    StreamHandle handle = claim(ONE, 1);
    List<Long> told = new ArrayList<>();
    CompletableFuture<Void> last = new CompletableFuture<>();
    for (int i = 0; i < 20; i++) {
      long base = 10L * i;
      append(
          handle,
          batch(base, base),
          new Listening() {
            @Override
            public void onDurable(Batch batch) {
              assertThat(handle.highWatermark()).isGreaterThanOrEqualTo(batch.endOffset());
              told.add(batch.baseOffset());
              if (batch.baseOffset() == 190) {
                last.complete(null);
              }
            }
          });
    }
    await(last);
    assertThat(told).isSorted().hasSize(20).doesNotHaveDuplicates();
    assertThat(handle.highWatermark()).isEqualTo(200);
    assertThat(handle.sizeBytes()).isEqualTo(20 * BATCH_BYTES);
  }

  @Test
  void aBatchInTheWrongPlaceTakesItsReservationAndChangesNothingElse() {
    StreamHandle handle = claim(ONE, 1);
    appendAll(handle, 2);
    long taken = takenBytes();
    for (Batch wrong : List.of(batch(30, 0), batch(10, 0), batchOf(TWO, 20, 0))) {
      assertThatThrownBy(() -> append(handle, wrong, new Listening()))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("expected offset 20")
          .hasMessageContaining("[" + wrong.baseOffset() + ", " + wrong.endOffset() + ")");
    }
    assertThat(takenBytes()).isEqualTo(taken);
    assertThat(handle.highWatermark()).isEqualTo(20);
    appendAll(handle, 1);
    requireBatches(handle, 0, 30);
  }

  @Test
  void aReservationCanBeGivenBack() {
    claim(ONE, 1);
    long taken = takenBytes();
    for (boolean internal : List.of(true, false)) {
      Reservation reservation = store.reserve(BATCH_BYTES, internal);
      assertThat(takenBytes()).isGreaterThan(taken);
      store.cancel(reservation);
      assertThat(takenBytes()).isEqualTo(taken);
    }
  }

  @Test
  void readsAreWholeBatchesWithinTheirBounds() {
    StreamHandle handle = claim(ONE, 1);
    appendAll(handle, 5);
    for (String where : List.of("in the WAL", "in objects")) {
      requireBatches(handle, 0, 50);
      assertThat(read(handle, 15, 50, 1)).as("one at least, %s", where).containsExactly(10L);
      assertThat(read(handle, 15, 50, 3 * BATCH_BYTES)).containsExactly(10L, 20L, 30L);
      assertThat(read(handle, 0, 25, 1000)).as("up to the bound").containsExactly(0L, 10L);
      assertThat(read(handle, 20, 20, 1000)).isEmpty();
      assertThat(read(handle, 50, 60, 1000)).as("at the end").isEmpty();
      assertThatThrownBy(() -> await(handle.fetch(51, 60, 1000)))
          .hasCauseInstanceOf(StreamException.OutOfRange.class)
          .hasMessageContaining("51")
          .hasMessageContaining("50");
      await(store.flush());
      assertThat(handle.committedEndOffset()).isEqualTo(50);
    }
  }

  @Test
  void whatWasFetchedStaysValidUntilItIsClosed() {
    StreamHandle handle = claim(ONE, 1);
    appendAll(handle, 3);
    FetchedData held = await(handle.fetch(0, 30, 1000));
    await(store.flush());
    await(handle.trim(30));
    appendAll(handle, 30);
    await(store.flush());
    assertThat(bytes(held)).isEqualTo(bytes(batch(0, 0), batch(10, 0), batch(20, 0)));
    assertThat(held.nextOffset()).isEqualTo(30);
    held.close();
  }

  @Test
  void aNewerEpochShutsTheOldHandleOutAndStartsWhereItEnded() {
    StreamHandle old = claim(ONE, 1);
    appendAll(old, 3);
    StreamHandle handle = claim(ONE, 4);
    long taken = takenBytes();
    assertThatThrownBy(() -> append(old, batch(30, 0), new Listening()))
        .isInstanceOf(StreamException.Fenced.class)
        .hasMessageContaining(ONE.toString());
    assertThat(takenBytes()).as("its reservation is taken").isEqualTo(taken);
    assertThat(handle.highWatermark()).isEqualTo(30);
    assertThat(handle.epochs()).containsExactly(new EpochStart(1, 0), new EpochStart(4, 30));
    appendAll(handle, 1);
    requireBatches(handle, 0, 40);
  }

  @Test
  void aClaimInAnOldEpochIsVoidAndNamesBoth() {
    StreamHandle handle = claim(ONE, 5);
    for (int epoch : List.of(4, 5)) {
      assertThatThrownBy(() -> claim(ONE, epoch))
          .hasCauseInstanceOf(StreamException.Fenced.class)
          .hasMessageContaining("epoch " + epoch)
          .hasMessageContaining("epoch 5");
    }
    appendAll(handle, 1);
  }

  @Test
  void aStreamThatWasClosedGoesOnInALaterEpoch() {
    StreamHandle handle = claim(ONE, 1);
    appendAll(handle, 4);
    await(handle.close());
    assertThatThrownBy(() -> append(handle, batch(40, 0), new Listening()))
        .isInstanceOf(StreamException.Fenced.class);
    assertThat(store.streams()).containsExactly(ONE);

    StreamHandle again = claim(ONE, 2);
    assertThat(again.highWatermark()).isEqualTo(40);
    assertThat(again.committedEndOffset()).as("closing uploads").isEqualTo(40);
    await(handle.close());
    appendAll(again, 1);
    requireBatches(again, 0, 50);
  }

  @Test
  void theLogStartMovesForwardOnlyAndNeverBeyondTheHighWatermark() {
    StreamHandle handle = claim(ONE, 1);
    appendAll(handle, 4);
    await(handle.trim(15));
    assertThat(handle.logStartOffset()).isEqualTo(15);
    await(handle.trim(5));
    assertThat(handle.logStartOffset()).isEqualTo(15);
    assertThatThrownBy(() -> await(handle.trim(41)))
        .hasCauseInstanceOf(StreamException.OutOfRange.class)
        .hasMessageContaining("41")
        .hasMessageContaining("40");
    assertThatThrownBy(() -> await(handle.fetch(14, 40, 1000)))
        .hasCauseInstanceOf(StreamException.OutOfRange.class)
        .hasMessageContaining("14");
    assertThat(read(handle, 15, 40)).containsExactly(10L, 20L, 30L);
    await(handle.trim(40));
    assertThat(read(handle, 40, 40)).isEmpty();
    appendAll(handle, 1);
    assertThat(read(handle, 40, 50)).containsExactly(40L);
  }

  @Test
  void batchesAreFoundByTheirLargestTimestamp() {
    StreamHandle handle = claim(ONE, 1);
    long[] timestamps = {100, 300, 200, 300, 400};
    for (long timestamp : timestamps) {
      await(appended(handle, batch(handle.highWatermark(), timestamp)));
    }
    for (String where : List.of("in the WAL", "in objects")) {
      assertThat(await(handle.findBatchByTimestamp(0))).as(where).contains(0L);
      assertThat(await(handle.findBatchByTimestamp(101))).contains(10L);
      assertThat(await(handle.findBatchByTimestamp(301))).contains(40L);
      assertThat(await(handle.findBatchByTimestamp(401))).isEmpty();
      assertThat(await(handle.findBatchOfMaxTimestamp())).contains(40L);
      await(store.flush());
    }
    await(handle.trim(23));
    assertThat(await(handle.findBatchByTimestamp(0))).as("the log start").contains(23L);
    assertThat(await(handle.findBatchByTimestamp(250))).contains(30L);
  }

  @Test
  void partsCoverWhatIsThereInOrder() {
    StreamHandle handle = claim(ONE, 1);
    appendAll(handle, 3);
    await(store.flush());
    appendAll(handle, 2);
    List<StreamHandle.Part> parts = handle.parts();
    long next = 0;
    for (StreamHandle.Part part : parts) {
      assertThat(part.baseOffset()).isEqualTo(next);
      assertThat(part.sizeBytes()).isEqualTo((part.endOffset() - next) * BATCH_BYTES / 10);
      assertThat(part.maxTimestampMs()).isEqualTo(part.endOffset() - OFFSETS_PER_BATCH);
      next = part.endOffset();
    }
    assertThat(next).isEqualTo(50);
    assertThat(parts.get(parts.size() - 1).baseOffset()).as("what only the WAL has").isEqualTo(30);
    assertThat(handle.sizeBytes()).isEqualTo(5 * BATCH_BYTES);
  }

  @Test
  void theCheckpointIsTheStateAtTheOffsetItNames_P22() {
    StreamHandle[] handle = new StreamHandle[1];
    handle[0] =
        await(
            store.claim(
                ONE,
                1,
                1,
                () ->
                    Optional.of(
                        new StateAt(handle[0].highWatermark(), state(handle[0].highWatermark())))));
    appendAll(handle[0], 2);
    await(store.flush());
    requireCheckpointAt(handle[0], 20);
    appendAll(handle[0], 1);
    await(handle[0].close());
    StreamHandle again = claim(ONE, 2);
    requireCheckpointAt(again, 30);
    await(again.trim(30));
    requireCheckpointAt(again, 30);
  }

  @Test
  void aDeletedStreamIsGoneUnlessTheMetadataIsOlderThanItsClaim_P20() {
    StreamHandle handle = await(store.claim(ONE, 1, 7, Optional::empty));
    claim(TWO, 1);
    appendAll(handle, 2);
    assertThatThrownBy(() -> await(store.delete(ONE, 6)))
        .hasCauseInstanceOf(StreamException.Fenced.class);
    assertThat(store.streams()).containsExactlyInAnyOrder(ONE, TWO);
    requireBatches(handle, 0, 20);

    await(store.delete(ONE, 7));
    assertThat(store.streams()).containsExactly(TWO);
    assertThatThrownBy(() -> append(handle, batch(20, 0), new Listening()))
        .isInstanceOf(StreamException.Fenced.class);
  }

  @Test
  void oneStreamKnowsNothingOfAnother() {
    StreamHandle one = claim(ONE, 1);
    StreamHandle two = claim(TWO, 9);
    for (int i = 0; i < 3; i++) {
      appendAll(one, 1);
      await(appended(two, batchOf(TWO, 10L * i, 0)));
    }
    await(one.trim(20));
    await(one.close());
    requireBatches(two, 0, 30);
    assertThat(two.epochs()).containsExactly(new EpochStart(9, 0));
  }

  @Test
  void aStoppedStoreAcceptsNothing() {
    StreamHandle handle = claim(ONE, 1);
    appendAll(handle, 2);
    assertThat(stop()).isZero();
    assertThatThrownBy(() -> store.reserve(BATCH_BYTES, false))
        .isInstanceOf(WalException.Unavailable.class);
    assertThatThrownBy(() -> claim(TWO, 1)).hasCauseInstanceOf(StreamException.Closed.class);
  }

  private StreamHandle claim(StreamId id, int epoch) {
    return await(store.claim(id, epoch, 1, Optional::empty));
  }

  private static class Listening implements StreamHandle.Listener {
    @Override
    public void onDurable(Batch batch) {}

    @Override
    public void onFailure(Batch batch, WalException cause) {
      throw new AssertionError(cause);
    }
  }

  private void append(StreamHandle handle, Batch batch, StreamHandle.Listener listener) {
    handle.append(store.reserve(batch.sizeBytes(), false), batch, 1, listener);
  }

  private CompletableFuture<Void> appended(StreamHandle handle, Batch batch) {
    CompletableFuture<Void> durable = new CompletableFuture<>();
    append(
        handle,
        batch,
        new Listening() {
          @Override
          public void onDurable(Batch stored) {
            durable.complete(null);
          }
        });
    return durable;
  }

  /** Batches at the end, whose timestamps are their base offsets; waits until they are durable. */
  private void appendAll(StreamHandle handle, int batches) {
    for (int i = 0; i < batches; i++) {
      long base = handle.highWatermark();
      await(appended(handle, batch(base, base)));
    }
  }

  private static Batch batch(long baseOffset, long timestampMs) {
    return batchOf(ONE, baseOffset, timestampMs);
  }

  private static Batch batchOf(StreamId stream, long baseOffset, long timestampMs) {
    byte[] payload = new byte[BATCH_BYTES];
    new Random(baseOffset * 31 + stream.partition()).nextBytes(payload);
    ByteBuffer bytes = ByteBuffer.wrap(payload).putLong(0, baseOffset);
    return new Batch(stream, baseOffset, baseOffset + OFFSETS_PER_BATCH, timestampMs, 0, bytes);
  }

  private List<Long> read(StreamHandle handle, long offset, long endOffset) {
    return read(handle, offset, endOffset, 1 << 20);
  }

  /** Base offsets of the batches that one fetch, or several in memory alike, returned. */
  private List<Long> read(StreamHandle handle, long offset, long endOffset, int maxBytes) {
    try (FetchedData data = await(handle.fetch(offset, endOffset, maxBytes))) {
      ByteBuffer all = bytes(data);
      assertThat(all.remaining()).isEqualTo(data.sizeBytes());
      List<Long> found = new ArrayList<>();
      for (; all.hasRemaining(); all.position(all.position() + BATCH_BYTES)) {
        long base = all.getLong(all.position());
        assertThat(all.slice(all.position(), BATCH_BYTES))
            .as("batch at %d", base)
            .isEqualTo(batchOf(handle.id(), base, 0).payload());
        found.add(base);
      }
      assertThat(data.nextOffset())
          .isEqualTo(found.isEmpty() ? offset : found.get(found.size() - 1) + OFFSETS_PER_BATCH);
      return found;
    }
  }

  private void requireBatches(StreamHandle handle, long from, long endOffset) {
    List<Long> found = new ArrayList<>();
    while (from < endOffset) {
      List<Long> next = read(handle, from, endOffset);
      assertThat(next).as("at %d", from).isNotEmpty();
      found.addAll(next);
      from = next.get(next.size() - 1) + OFFSETS_PER_BATCH;
    }
    assertThat(found).isSorted().hasSize((int) (endOffset / OFFSETS_PER_BATCH));
  }

  private static ByteBuffer bytes(FetchedData data) {
    ByteBuffer all = ByteBuffer.allocate(data.sizeBytes());
    data.buffers().forEach(buffer -> all.put(buffer.duplicate()));
    return all.flip();
  }

  private static ByteBuffer bytes(Batch... batches) {
    ByteBuffer all = ByteBuffer.allocate(batches.length * BATCH_BYTES);
    for (Batch batch : batches) {
      all.put(batch.payload().duplicate());
    }
    return all.flip();
  }

  private static ByteBuffer state(long offset) {
    return ByteBuffer.allocate(Long.BYTES).putLong(offset).flip();
  }

  private static void requireCheckpointAt(StreamHandle handle, long offset) {
    assertThat(handle.checkpoint())
        .hasValueSatisfying(
            checkpoint -> {
              assertThat(checkpoint.offset()).isEqualTo(offset);
              assertThat(checkpoint.state().duplicate()).isEqualTo(state(offset));
            });
  }
}
