package io.spillway.sim;

import static org.assertj.core.api.Assertions.assertThat;

import io.spillway.catalog.StreamCatalog.Phase;
import io.spillway.catalog.StreamCatalog.StreamState;
import io.spillway.catalog.StreamCatalog.WalState;
import io.spillway.wal.AppendListener;
import io.spillway.wal.Batch;
import io.spillway.wal.DurableFrame;
import io.spillway.wal.StreamId;
import io.spillway.wal.WalException;
import io.spillway.wal.WriteAheadLog;
import io.spillway.wal.WriterIncarnation;
import java.nio.ByteBuffer;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.function.Consumer;

/** A WAL that looks at each trim: nothing may go that no object holds (P17, G4). */
final class CheckedWal implements WriteAheadLog {

  private record Held(StreamId stream, long endOffset) {}

  private final WriteAheadLog wal;
  private final Truth truth;
  private final Consumer<Runnable> checks;
  private final Runnable onRead;
  private final TreeMap<Long, Held> held = new TreeMap<>();

  /**
   * @param checks runs a check and remembers its failure
   * @param onRead told of each read
   */
  CheckedWal(WriteAheadLog wal, Truth truth, Consumer<Runnable> checks, Runnable onRead) {
    this.wal = wal;
    this.truth = truth;
    this.checks = checks;
    this.onRead = onRead;
  }

  @Override
  public UUID walId() {
    return wal.walId();
  }

  @Override
  public WriterIncarnation writer() {
    return wal.writer();
  }

  @Override
  public boolean isInObjectStore() {
    return wal.isInObjectStore();
  }

  @Override
  public long recover(RecoveredFrameVisitor visitor) {
    return wal.recover(
        (position, batch) -> {
          held.put(position, new Held(batch.stream(), batch.endOffset()));
          visitor.onFrame(position, batch);
        });
  }

  @Override
  public Reservation reserve(int bytes, boolean internal) {
    return wal.reserve(bytes, internal);
  }

  @Override
  public void cancel(Reservation reservation) {
    wal.cancel(reservation);
  }

  @Override
  public void append(
      Reservation reservation, Batch batch, long weightKey, AppendListener listener) {
    wal.append(
        reservation,
        batch,
        weightKey,
        new AppendListener() {
          @Override
          public void onDurable(DurableFrame frame) {
            held.put(frame.position(), new Held(batch.stream(), batch.endOffset()));
            listener.onDurable(frame);
          }

          @Override
          public void onFailure(WalException cause) {
            listener.onFailure(cause);
          }
        });
  }

  @Override
  public CompletableFuture<ByteBuffer> read(long position, int sizeBytes) {
    onRead.run();
    return wal.read(position, sizeBytes);
  }

  @Override
  public void trim(long position) {
    checks.accept(() -> checkTrim(position));
    held.headMap(position).clear();
    wal.trim(position);
  }

  private void checkTrim(long position) {
    Optional<WalState> known = truth.wal(walId());
    assertThat(position)
        .as("P17: trim of a position in the log")
        .isLessThanOrEqualTo(known.map(WalState::trimPosition).orElse(0L));
    for (Map.Entry<Long, Held> frame : held.headMap(position).entrySet()) {
      Held batch = frame.getValue();
      Optional<StreamState> state = truth.stream(batch.stream);
      boolean free =
          state.isEmpty()
              || state.get().phase() == Phase.DELETED
              || state.get().committedEndOffset() >= batch.endOffset
              || !state.get().writer().walId().equals(walId());
      assertThat(free)
          .as(
              "G4: trim at %d takes %s up to %d at %d, catalog has %s",
              position, batch.stream, batch.endOffset, frame.getKey(), state)
          .isTrue();
    }
  }

  @Override
  public WalUsage usage() {
    return wal.usage();
  }

  @Override
  public void close() {
    wal.close();
  }
}
