package io.spillway.objectwal;

import io.spillway.object.ObjectStore;
import io.spillway.object.ObjectStore.PutIfAbsent;
import io.spillway.object.ObjectStoreException;
import io.spillway.object.Retry;
import io.spillway.runtime.RandomSource;
import io.spillway.runtime.Scheduler;
import io.spillway.wal.WalException;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Occupies one number of a chain (P5): repeats the same bytes at the same number until it is seen
 * who has it. A time-out, a 409, or a 404 after a 412 decides nothing. Whatever the store answers
 * instead (unreachable, throttled, no permission) is waited out with growing, jittered pauses.
 *
 * <p>Decisions and completions are on the scheduler.
 */
final class SlotCreate {

  private static final long FIRST_PAUSE_NANOS = TimeUnit.MILLISECONDS.toNanos(50);
  private static final long MAX_PAUSE_NANOS = TimeUnit.SECONDS.toNanos(5);

  private final ObjectStore store;
  private final Scheduler scheduler;
  private final RandomSource random;
  private final ChainObject mine;
  private final ByteBuffer bytes;
  private final Consumer<ObjectStoreException> onTrouble;
  private final CompletableFuture<Occupant> result = new CompletableFuture<>();
  private int failures;
  private boolean requesting;

  /**
   * @param bytes the object, header included; read until {@link #isRequesting} is over
   * @param onTrouble told of each attempt that failed, on the scheduler
   */
  SlotCreate(
      ObjectStore store,
      Scheduler scheduler,
      RandomSource random,
      ChainObject mine,
      ByteBuffer bytes,
      Consumer<ObjectStoreException> onTrouble) {
    this.store = store;
    this.scheduler = scheduler;
    this.random = random;
    this.mine = mine;
    this.bytes = bytes;
    this.onTrouble = onTrouble;
  }

  /**
   * Who has the number.
   *
   * @param isMine whether it is the object this was to create
   */
  record Occupant(boolean isMine, ChainObject object) {}

  /**
   * Starts; on the scheduler. Fails with {@link WalException.Corrupt} or {@link
   * WalException.NewerFormat} when the number holds what is no object of this chain.
   */
  CompletableFuture<Occupant> start() {
    attempt();
    return result;
  }

  /** Gives up: no further attempt. On the scheduler. */
  void abandon(Throwable reason) {
    result.completeExceptionally(reason);
  }

  /** Whether the store still reads the bytes. On the scheduler. */
  boolean isRequesting() {
    return requesting;
  }

  private void attempt() {
    if (result.isDone()) {
      return;
    }
    requesting = true;
    CompletableFuture<PutIfAbsent> put;
    try {
      put = store.putIfAbsent(mine.key(), List.of(bytes.duplicate()));
    } catch (RuntimeException e) {
      put = CompletableFuture.failedFuture(e);
    }
    put.whenComplete((answer, failure) -> scheduler.execute(() -> onPut(answer, failure)));
  }

  private void onPut(@Nullable PutIfAbsent answer, @Nullable Throwable failure) {
    requesting = false;
    if (failure != null) {
      onFailure(failure);
    } else if (answer == PutIfAbsent.CREATED) {
      result.complete(new Occupant(true, mine));
    } else if (answer == PutIfAbsent.EXISTS) {
      readBack();
    } else {
      again();
    }
  }

  private void readBack() {
    store
        .getRange(mine.key(), 0, ChainObject.HEADER_BYTES)
        .whenComplete((header, failure) -> scheduler.execute(() -> onRead(header, failure)));
  }

  private void onRead(@Nullable ByteBuffer header, @Nullable Throwable failure) {
    if (header == null) {
      onFailure(
          failure == null ? new IllegalStateException("no header of " + mine.key()) : failure);
      return;
    }
    try {
      ChainObject found = ChainObject.read(mine.chainId(), mine.number(), header);
      result.complete(new Occupant(found.objectId().equals(mine.objectId()), found));
    } catch (WalException e) {
      result.completeExceptionally(e);
    }
  }

  private void onFailure(Throwable failure) {
    Throwable cause = Retry.unwrap(failure);
    if (cause instanceof ObjectStoreException trouble) {
      onTrouble.accept(trouble);
      again();
    } else {
      result.completeExceptionally(cause);
    }
  }

  private void again() {
    failures++;
    long pause = Math.min(MAX_PAUSE_NANOS, FIRST_PAUSE_NANOS << Math.min(failures - 1, 20));
    long jittered = pause / 2 + random.nextInt((int) TimeUnit.NANOSECONDS.toMicros(pause)) * 500L;
    scheduler.schedule(jittered, this::attempt);
  }
}
