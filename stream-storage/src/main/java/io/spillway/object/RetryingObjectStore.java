package io.spillway.object;

import io.spillway.runtime.Clock;
import io.spillway.runtime.RandomSource;
import io.spillway.runtime.Scheduler;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.function.Supplier;

/**
 * Repeats what failed transiently, and keeps to a budget of requests ({@link RequestLane}); more
 * wait in order of arrival (the caller bounds how many). A request that waits for its repeat holds
 * no place. Reads, writes and conditional creates do not wait for each other: a store that
 * throttles uploads, or a consumer that reads everything again, holds up no commit.
 *
 * <p>{@link #putIfAbsent} and {@link Multipart#complete} are repeated only when nothing was done:
 * an ambiguous answer goes to the caller (P5).
 */
public final class RetryingObjectStore implements ObjectStore, RequestMeter {

  private final MeteredObjectStore delegate;
  private final Retry retry;
  private final RequestLane reads;
  private final RequestLane writes;
  private final RequestLane creates;
  private volatile boolean closed;

  /**
   * @param delegate counts every attempt
   * @param scheduler where requests that waited are started
   * @param budget of reads, of writes, and of creates
   */
  public RetryingObjectStore(
      MeteredObjectStore delegate,
      Scheduler scheduler,
      Clock clock,
      RandomSource random,
      Retry.Policy policy,
      RequestBudget budget) {
    this.delegate = delegate;
    this.retry = new Retry(scheduler, random, policy, () -> closed);
    this.reads = new RequestLane(budget, scheduler, clock);
    this.writes = new RequestLane(budget, scheduler, clock);
    this.creates = new RequestLane(budget, scheduler, clock);
  }

  @Override
  public Map<String, Long> requests() {
    return delegate.requests();
  }

  @Override
  public boolean reachable() {
    return delegate.reachable();
  }

  @Override
  public CompletableFuture<Void> put(String key, List<ByteBuffer> body) {
    ObjectKeys.requireValid(key);
    return repeated(writes, "put " + key, () -> delegate.put(key, body));
  }

  @Override
  public CompletableFuture<PutIfAbsent> putIfAbsent(String key, List<ByteBuffer> body) {
    ObjectKeys.requireValid(key);
    return retry.run(
        "create " + key,
        () -> creates.run(() -> delegate.putIfAbsent(key, body)),
        RetryingObjectStore::nothingWasDone);
  }

  @Override
  public CompletableFuture<ByteBuffer> getRange(String key, long position, int length) {
    ObjectKeys.requireValid(key);
    return repeated(reads, "get " + key, () -> delegate.getRange(key, position, length));
  }

  @Override
  public CompletableFuture<Optional<ObjectInfo>> head(String key) {
    ObjectKeys.requireValid(key);
    return repeated(reads, "head " + key, () -> delegate.head(key));
  }

  @Override
  public CompletableFuture<List<ObjectInfo>> list(String prefix, String startAfter, int limit) {
    return repeated(reads, "list " + prefix, () -> delegate.list(prefix, startAfter, limit));
  }

  @Override
  public CompletableFuture<Void> delete(String key) {
    ObjectKeys.requireValid(key);
    return repeated(writes, "delete " + key, () -> delegate.delete(key));
  }

  @Override
  public CompletableFuture<Multipart> startMultipart(String key, int partSizeBytes) {
    ObjectKeys.requireValid(key);
    return repeated(
            writes, "start upload " + key, () -> delegate.startMultipart(key, partSizeBytes))
        .thenApply(upload -> new RetryingMultipart(key, upload));
  }

  @Override
  public CompletableFuture<List<String>> listMultiparts(String prefix) {
    return repeated(reads, "list uploads " + prefix, () -> delegate.listMultiparts(prefix));
  }

  @Override
  public CompletableFuture<Void> abortMultiparts(String key) {
    return repeated(writes, "abort uploads " + key, () -> delegate.abortMultiparts(key));
  }

  @Override
  public void close() {
    closed = true;
    reads.close();
    writes.close();
    creates.close();
    delegate.close();
  }

  @Override
  public String toString() {
    return delegate.toString();
  }

  private <T> CompletableFuture<T> repeated(
      RequestLane lane, String what, Supplier<CompletableFuture<T>> attempt) {
    return retry.run(what, () -> lane.run(attempt), Retry::isTransient);
  }

  private static boolean nothingWasDone(ObjectStoreException e) {
    return e instanceof ObjectStoreException.Unavailable;
  }

  private final class RetryingMultipart implements Multipart {
    private final String key;
    private final Multipart upload;

    RetryingMultipart(String key, Multipart upload) {
      this.key = key;
      this.upload = upload;
    }

    @Override
    public CompletableFuture<Void> uploadPart(int partNumber, List<ByteBuffer> body) {
      return repeated(
          writes, "part " + partNumber + " of " + key, () -> upload.uploadPart(partNumber, body));
    }

    @Override
    public CompletableFuture<Void> complete() {
      return retry.run(
          "complete " + key,
          () -> writes.run(upload::complete),
          RetryingObjectStore::nothingWasDone);
    }

    @Override
    public CompletableFuture<Void> abort() {
      return repeated(writes, "abort " + key, upload::abort);
    }
  }
}
