package io.spillway.objectwal;

import io.spillway.object.ObjectStore;
import io.spillway.object.ObjectStoreException;
import io.spillway.object.Retry;
import io.spillway.objectwal.ChainFence.Fenced;
import io.spillway.runtime.RandomSource;
import io.spillway.runtime.Scheduler;
import io.spillway.wal.AppendListener;
import io.spillway.wal.Batch;
import io.spillway.wal.PayloadVerifier;
import io.spillway.wal.WalException;
import io.spillway.wal.WriteAheadLog;
import io.spillway.wal.WriterIncarnation;
import java.nio.ByteBuffer;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;

/**
 * A fenced chain, to be read: shows its frames and gives payloads back, to as many readers as want
 * it (P13). Stands where uploads expect a WAL: it speaks for the chain's writer, takes no append,
 * and a trim of it does nothing, because what one reader has no use for another may still want.
 */
public final class SealedChain implements WriteAheadLog {

  private static final int FIRST_READ_BYTES = 12 << 20;

  private final Fenced chain;
  private final ObjectStore store;
  private final Scheduler scheduler;
  private final PayloadVerifier verifier;
  private final Retry retry;
  private final ChainReads reads;

  /**
   * @param chain which, and where it ends
   * @param scheduler where frames are shown
   * @param cacheBytes memory for what is read back
   * @param stopped once true, what fails is not tried again
   */
  public SealedChain(
      Fenced chain,
      ObjectStore store,
      Scheduler scheduler,
      RandomSource random,
      PayloadVerifier verifier,
      long cacheBytes,
      BooleanSupplier stopped) {
    this.chain = chain;
    this.store = store;
    this.scheduler = scheduler;
    this.verifier = verifier;
    this.retry = new Retry(scheduler, random, Retry.Policy.forever(), stopped);
    this.reads = new ChainReads(store, chain.writer().walId(), verifier, cacheBytes);
  }

  /** A block is gone: it was trimmed meanwhile, or lost; the catalog knows. */
  public static final class Gone extends RuntimeException {
    private static final long serialVersionUID = 1L;

    Gone(UUID walId, long number) {
      super(ChainKeys.key(walId, number) + " is gone");
    }
  }

  /**
   * Shows every frame from the first block to the fence, in append order, on the scheduler. Holds
   * two blocks at most.
   *
   * @return fails with {@link Gone}, {@link WalException.Corrupt}, {@link
   *     WalException.NewerFormat}, or with what the visitor threw
   */
  public CompletableFuture<Void> replay(RecoveredFrameVisitor visitor) {
    CompletableFuture<Void> done = new CompletableFuture<>();
    scheduler.execute(() -> replayFrom(chain.firstNumber(), null, visitor, done));
    return done;
  }

  private void replayFrom(
      long number,
      @Nullable CompletableFuture<ByteBuffer> ahead,
      RecoveredFrameVisitor visitor,
      CompletableFuture<Void> done) {
    if (number >= chain.endNumber()) {
      done.complete(null);
      return;
    }
    CompletableFuture<ByteBuffer> block = ahead == null ? get(number) : ahead;
    block.whenComplete(
        (bytes, failure) ->
            scheduler.execute(
                () -> {
                  if (failure != null) {
                    done.completeExceptionally(readFailure(number, failure));
                    return;
                  }
                  CompletableFuture<ByteBuffer> next =
                      number + 1 < chain.endNumber() ? get(number + 1) : null;
                  try {
                    show(number, bytes, visitor);
                  } catch (RuntimeException e) {
                    done.completeExceptionally(e);
                    return;
                  }
                  replayFrom(number + 1, next, visitor, done);
                }));
  }

  private void show(long number, ByteBuffer bytes, RecoveredFrameVisitor visitor) {
    ChainObject header = ChainObject.read(walId(), number, bytes);
    if (header.isFence() || !header.maker().equals(chain.writer())) {
      throw new WalException.Corrupt(
          "%s is a %s of %s, expected a block of %s"
              .formatted(header.key(), header.kind(), header.maker(), chain.writer()));
    }
    header.forEachFrame(bytes, verifier, visitor);
  }

  /** All bytes of a block. */
  private CompletableFuture<ByteBuffer> get(long number) {
    return range(number, 0, FIRST_READ_BYTES)
        .thenCompose(
            start -> {
              if (start.remaining() < FIRST_READ_BYTES) {
                return CompletableFuture.completedFuture(start);
              }
              int whole = ChainObject.read(walId(), number, start).lengthBytes();
              int got = start.remaining();
              return range(number, got, Math.max(1, whole - got))
                  .thenApply(
                      rest ->
                          ByteBuffer.allocate(got + rest.remaining())
                              .put(start.duplicate())
                              .put(rest.duplicate())
                              .flip());
            });
  }

  private CompletableFuture<ByteBuffer> range(long number, long from, int bytes) {
    String key = ChainKeys.key(walId(), number);
    return retry.run("get " + key, () -> store.getRange(key, from, bytes), Retry::isTransient);
  }

  private Throwable readFailure(long number, Throwable failure) {
    Throwable cause = Retry.unwrap(failure);
    return cause instanceof ObjectStoreException.NotFound ? new Gone(walId(), number) : cause;
  }

  @Override
  public UUID walId() {
    return chain.writer().walId();
  }

  @Override
  public boolean isInObjectStore() {
    return true;
  }

  /** The chain's writer: uploads are on its behalf (P10). */
  @Override
  public WriterIncarnation writer() {
    return chain.writer();
  }

  @Override
  public long recover(RecoveredFrameVisitor visitor) {
    throw new UnsupportedOperationException("a sealed chain is replayed");
  }

  @Override
  public Reservation reserve(int bytes, boolean internal) {
    throw sealed();
  }

  @Override
  public void cancel(Reservation reservation) {}

  @Override
  public void append(
      Reservation reservation, Batch batch, long weightKey, AppendListener listener) {
    throw sealed();
  }

  private WalException.Unavailable sealed() {
    return new WalException.Unavailable("WAL " + walId() + " is fenced");
  }

  @Override
  public CompletableFuture<ByteBuffer> read(long position, int sizeBytes) {
    return retry
        .run(
            "read back from " + ChainKeys.prefix(walId()),
            () -> reads.read(position, sizeBytes),
            Retry::isTransient)
        .exceptionallyCompose(
            failure ->
                CompletableFuture.failedFuture(
                    readFailure(ChainPosition.number(position), failure)));
  }

  @Override
  public void trim(long position) {}

  @Override
  public WalUsage usage() {
    return new WalUsage(0, 0, 0, 0, 0);
  }

  @Override
  public void close() {
    reads.clear();
  }
}
