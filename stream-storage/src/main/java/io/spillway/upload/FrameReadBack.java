package io.spillway.upload;

import io.spillway.cache.WalFrame;
import io.spillway.runtime.Cancellable;
import io.spillway.runtime.Scheduler;
import io.spillway.wal.WalException;
import io.spillway.wal.WriteAheadLog;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * Gets frames that left memory back from the WAL, each on its own: one that cannot be had does not
 * spoil its neighbours. Bytes that are not those that were written are read again a few times, with
 * growing pauses, before they count as damaged: a bad transfer is not a bad medium. Runs on one
 * scheduler; all methods are called there.
 */
final class FrameReadBack {

  /** In all about 1.5 s: an upload may wait as long for each chunk of frames that has damage. */
  static final int ATTEMPTS = 5;

  private static final long FIRST_PAUSE_NANOS = TimeUnit.MILLISECONDS.toNanos(100);

  /** What became of one frame. */
  sealed interface Outcome {

    /**
     * @param payload null when the frame has its payload in memory
     */
    record Intact(@Nullable ByteBuffer payload) implements Outcome {}

    /** The WAL holds other bytes than were written, for good. */
    record Damaged(WalException.Corrupt cause) implements Outcome {}

    /** It cannot be read now: a later try may work. */
    record Unreadable(Throwable cause) implements Outcome {}
  }

  private final WriteAheadLog wal;
  private final Scheduler scheduler;
  private final List<WalFrame> frames;
  private final @Nullable Outcome[] outcomes;
  private final CompletableFuture<List<Outcome>> result = new CompletableFuture<>();
  private int attempts;
  private @Nullable Cancellable pause;

  FrameReadBack(WriteAheadLog wal, Scheduler scheduler, List<WalFrame> frames) {
    this.wal = wal;
    this.scheduler = scheduler;
    this.frames = frames;
    this.outcomes = new Outcome[frames.size()];
  }

  /** One outcome per frame, on the scheduler. Never fails. */
  CompletableFuture<List<Outcome>> run() {
    attempts++;
    List<CompletableFuture<?>> reads = new ArrayList<>();
    for (int i = 0; i < outcomes.length; i++) {
      if (!(outcomes[i] instanceof Outcome.Intact)) {
        WalFrame frame = frames.get(i);
        int at = i;
        if (frame.slice() != null) {
          outcomes[i] = new Outcome.Intact(null);
        } else {
          reads.add(
              wal.read(frame.position(), frame.sizeBytes())
                  .handle((payload, failure) -> outcomes[at] = outcome(payload, failure)));
        }
      }
    }
    CompletableFuture.allOf(reads.toArray(CompletableFuture[]::new))
        .whenComplete((all, failure) -> scheduler.execute(this::onRead));
    return result;
  }

  private static Outcome outcome(ByteBuffer payload, @Nullable Throwable failure) {
    if (failure == null) {
      return new Outcome.Intact(payload);
    }
    Throwable cause = Failures.cause(failure);
    return cause instanceof WalException.Corrupt damage
        ? new Outcome.Damaged(damage)
        : new Outcome.Unreadable(cause);
  }

  private void onRead() {
    boolean damaged = false;
    List<Outcome> all = new ArrayList<>(outcomes.length);
    for (Outcome outcome : outcomes) {
      damaged |= outcome instanceof Outcome.Damaged;
      all.add(Objects.requireNonNull(outcome));
    }
    if (damaged && attempts < ATTEMPTS && !result.isDone()) {
      pause = scheduler.schedule(FIRST_PAUSE_NANOS << (attempts - 1), this::run);
    } else {
      result.complete(all);
    }
  }

  /** Ends a pause: what has not been read stays unreadable. */
  void abandon() {
    attempts = ATTEMPTS;
    Cancellable waiting = pause;
    if (waiting != null) {
      waiting.cancel();
      List<Outcome> all = new ArrayList<>(outcomes.length);
      for (Outcome outcome : outcomes) {
        all.add(Objects.requireNonNull(outcome));
      }
      result.complete(all);
    }
  }
}
