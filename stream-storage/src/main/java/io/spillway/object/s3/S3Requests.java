package io.spillway.object.s3;

import io.spillway.object.ObjectStoreException;
import io.spillway.object.Retry;
import java.io.IOException;
import java.time.Duration;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Function;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import software.amazon.awssdk.awscore.AwsRequestOverrideConfiguration;
import software.amazon.awssdk.services.s3.S3AsyncClient;

/**
 * Sends requests, one attempt each, and says what came of them in the store's own terms. Knows how
 * many are under way, so that closing can wait for them.
 */
final class S3Requests implements AutoCloseable {

  private static final long CLOSE_TIMEOUT_SECONDS = 5;
  private static final int BYTES_A_SECOND = 1 << 20;

  private final S3Location location;
  private final Duration baseTimeout;
  private final S3Connection connection;
  private final S3Errors errors;
  private final CompletableFuture<Void> idle = new CompletableFuture<>();
  private final Set<Runnable> unanswered = ConcurrentHashMap.newKeySet();
  private int underWay;
  private boolean closed;
  private volatile boolean disconnected;

  /**
   * @param baseTimeout of an attempt that moves nothing; each MiB adds a second
   */
  S3Requests(S3Location location, Duration baseTimeout, S3Connection connection) {
    this.location = location;
    this.baseTimeout = baseTimeout;
    this.connection = connection;
    this.errors = new S3Errors(location);
  }

  S3AsyncClient client() {
    return connection.client();
  }

  S3Location location() {
    return location;
  }

  /** A request that may be carried out twice. */
  <R, T> CompletableFuture<T> send(
      String what, Supplier<CompletableFuture<R>> request, Function<R, T> onAnswer) {
    return send(new Kind(what, true, null), request, onAnswer, failure -> null);
  }

  /**
   * @param onFailure what a failure is the expected answer for; null: it is a failure
   */
  <R, T> CompletableFuture<T> send(
      Kind kind,
      Supplier<CompletableFuture<R>> request,
      Function<R, T> onAnswer,
      Function<Throwable, @Nullable T> onFailure) {
    CompletableFuture<T> result = new CompletableFuture<>();
    synchronized (this) {
      if (closed) {
        return CompletableFuture.failedFuture(
            new ObjectStoreException.Unavailable("object store " + location + " is closed", null));
      }
      underWay++;
    }
    CompletableFuture<R> sent;
    try {
      sent = request.get();
    } catch (RuntimeException | LinkageError e) {
      sent = CompletableFuture.failedFuture(e);
    }
    Runnable giveUp =
        () -> {
          kind.detach();
          fail(kind, new IOException("the client was closed"), onFailure, result);
        };
    unanswered.add(giveUp);
    sent.whenComplete(
        (answer, failure) -> {
          kind.detach();
          unanswered.remove(giveUp);
          ended();
          if (failure == null) {
            result.complete(onAnswer.apply(answer));
          } else {
            fail(kind, failure, onFailure, result);
          }
        });
    if (disconnected) {
      giveUp.run(); // it was on its way here while the others were answered
    }
    return result;
  }

  private <T> void fail(
      Kind kind,
      Throwable failure,
      Function<Throwable, @Nullable T> onFailure,
      CompletableFuture<T> result) {
    if (S3Errors.isExpired(failure)) {
      connection.credentials().expired();
    }
    T expected = onFailure.apply(Retry.unwrap(failure));
    if (expected != null) {
      result.complete(expected);
    } else {
      result.completeExceptionally(errors.explain(kind.what(), failure, kind.repeatable()));
    }
  }

  private synchronized void ended() {
    underWay--;
    if (closed && underWay == 0) {
      idle.complete(null);
    }
  }

  /** For a request that moves so many bytes. */
  AwsRequestOverrideConfiguration timeout(long bytes) {
    return timeout(baseTimeout.plusSeconds(bytes / BYTES_A_SECOND));
  }

  static AwsRequestOverrideConfiguration timeout(Duration timeout) {
    return AwsRequestOverrideConfiguration.builder().apiCallTimeout(timeout).build();
  }

  /**
   * Waits a moment for requests under way; those that take longer fail. What the kernel has of a
   * body, a few MiB of each connection, it may go on sending to a store that reads slowly: the
   * store gets the beginning of a request that never ends, and stores nothing.
   */
  @Override
  public void close() {
    synchronized (this) {
      if (closed) {
        return;
      }
      closed = true;
      if (underWay == 0) {
        idle.complete(null);
      }
    }
    try {
      idle.get(CLOSE_TIMEOUT_SECONDS, TimeUnit.SECONDS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    } catch (ExecutionException | TimeoutException e) {
      // What is still under way does not get better by waiting.
    }
    connection.close();
    // The SDK does not answer for every request whose connection it closes.
    disconnected = true;
    unanswered.forEach(Runnable::run);
    unanswered.clear();
  }

  /**
   * @param what for messages: {@code put data/3f/…}
   * @param repeatable whether carrying it out twice is as good as once
   * @param body let go of when the request has ended
   */
  record Kind(String what, boolean repeatable, @Nullable BufferBody body) {
    void detach() {
      if (body != null) {
        body.detach();
      }
    }
  }
}
