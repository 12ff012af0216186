package io.spillway.object;

import io.spillway.runtime.RandomSource;
import io.spillway.runtime.Scheduler;
import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import java.util.List;
import java.util.Optional;
import java.util.Queue;
import java.util.concurrent.CompletableFuture;
import java.util.function.Predicate;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * Repeats what failed transiently, and bounds how many requests are under way; more wait in order
 * of arrival (the caller bounds how many). A request that waits for its repeat holds no place.
 *
 * <p>{@link #putIfAbsent} and {@link Multipart#complete} are repeated only when nothing was done:
 * an ambiguous answer goes to the caller (P5).
 */
public final class RetryingObjectStore implements ObjectStore {

  private final ObjectStore delegate;
  private final Retry retry;
  private final Limiter limiter;
  private volatile boolean closed;

  /**
   * @param maxRequests under way at once
   */
  public RetryingObjectStore(
      ObjectStore delegate,
      Scheduler scheduler,
      RandomSource random,
      Retry.Policy policy,
      int maxRequests) {
    this.delegate = delegate;
    this.retry = new Retry(scheduler, random, policy, () -> closed);
    this.limiter = new Limiter(maxRequests);
  }

  @Override
  public CompletableFuture<Void> put(String key, List<ByteBuffer> body) {
    ObjectKeys.requireValid(key);
    return repeated("put " + key, () -> delegate.put(key, body));
  }

  @Override
  public CompletableFuture<PutIfAbsent> putIfAbsent(String key, List<ByteBuffer> body) {
    ObjectKeys.requireValid(key);
    return run("create " + key, () -> delegate.putIfAbsent(key, body), this::nothingWasDone);
  }

  @Override
  public CompletableFuture<ByteBuffer> getRange(String key, long position, int length) {
    ObjectKeys.requireValid(key);
    return repeated("get " + key, () -> delegate.getRange(key, position, length));
  }

  @Override
  public CompletableFuture<Optional<ObjectInfo>> head(String key) {
    ObjectKeys.requireValid(key);
    return repeated("head " + key, () -> delegate.head(key));
  }

  @Override
  public CompletableFuture<List<ObjectInfo>> list(String prefix, String startAfter, int limit) {
    return repeated("list " + prefix, () -> delegate.list(prefix, startAfter, limit));
  }

  @Override
  public CompletableFuture<Void> delete(String key) {
    ObjectKeys.requireValid(key);
    return repeated("delete " + key, () -> delegate.delete(key));
  }

  @Override
  public CompletableFuture<Multipart> startMultipart(String key, int partSizeBytes) {
    ObjectKeys.requireValid(key);
    return repeated("start upload " + key, () -> delegate.startMultipart(key, partSizeBytes))
        .thenApply(upload -> new RetryingMultipart(key, upload));
  }

  @Override
  public CompletableFuture<List<String>> listMultiparts(String prefix) {
    return repeated("list uploads " + prefix, () -> delegate.listMultiparts(prefix));
  }

  @Override
  public CompletableFuture<Void> abortMultiparts(String key) {
    return repeated("abort uploads " + key, () -> delegate.abortMultiparts(key));
  }

  @Override
  public void close() {
    closed = true;
    delegate.close();
  }

  @Override
  public String toString() {
    return delegate.toString();
  }

  private <T> CompletableFuture<T> repeated(String what, Supplier<CompletableFuture<T>> attempt) {
    return run(what, attempt, Retry::isTransient);
  }

  private <T> CompletableFuture<T> run(
      String what, Supplier<CompletableFuture<T>> attempt, Predicate<ObjectStoreException> again) {
    return retry.run(what, () -> limiter.run(attempt), again);
  }

  private boolean nothingWasDone(ObjectStoreException e) {
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
          "part " + partNumber + " of " + key, () -> upload.uploadPart(partNumber, body));
    }

    @Override
    public CompletableFuture<Void> complete() {
      return run("complete " + key, upload::complete, RetryingObjectStore.this::nothingWasDone);
    }

    @Override
    public CompletableFuture<Void> abort() {
      return repeated("abort " + key, upload::abort);
    }
  }

  /** So many at once; the rest in order of arrival. */
  private static final class Limiter {
    private final Queue<Runnable> waiting = new ArrayDeque<>();
    private int free;

    Limiter(int maxRequests) {
      this.free = maxRequests;
    }

    <T> CompletableFuture<T> run(Supplier<CompletableFuture<T>> request) {
      CompletableFuture<T> result = new CompletableFuture<>();
      Runnable start = () -> start(request, result);
      synchronized (this) {
        if (free == 0) {
          waiting.add(start);
          return result;
        }
        free--;
      }
      start.run();
      return result;
    }

    private <T> void start(Supplier<CompletableFuture<T>> request, CompletableFuture<T> result) {
      CompletableFuture<T> started;
      try {
        started = request.get();
      } catch (RuntimeException e) {
        started = CompletableFuture.failedFuture(e);
      }
      started.whenComplete(
          (value, failure) -> {
            release();
            if (failure == null) {
              result.complete(value);
            } else {
              result.completeExceptionally(Retry.unwrap(failure));
            }
          });
    }

    private void release() {
      @Nullable Runnable next;
      synchronized (this) {
        next = waiting.poll();
        if (next == null) {
          free++;
        }
      }
      if (next != null) {
        next.run();
      }
    }
  }
}
