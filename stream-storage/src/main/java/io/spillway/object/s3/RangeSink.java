package io.spillway.object.s3;

import io.spillway.object.ObjectStoreException;
import java.nio.ByteBuffer;
import java.util.concurrent.CompletableFuture;
import org.reactivestreams.Subscriber;
import org.reactivestreams.Subscription;
import software.amazon.awssdk.core.async.AsyncResponseTransformer;
import software.amazon.awssdk.core.async.SdkPublisher;
import software.amazon.awssdk.services.s3.model.GetObjectResponse;

/**
 * Receives a range into one buffer of exactly its size. A body that is shorter or longer than the
 * response promised is a failed read, never data.
 */
final class RangeSink implements AsyncResponseTransformer<GetObjectResponse, ByteBuffer> {

  private final String what;
  private final int limitBytes;
  private final CompletableFuture<ByteBuffer> result = new CompletableFuture<>();
  private ByteBuffer into = ByteBuffer.allocate(0);

  RangeSink(String what, int limitBytes) {
    this.what = what;
    this.limitBytes = limitBytes;
  }

  @Override
  public CompletableFuture<ByteBuffer> prepare() {
    return result;
  }

  @Override
  public void onResponse(GetObjectResponse response) {
    Long length = response.contentLength();
    if (length == null || length > limitBytes) {
      result.completeExceptionally(
          new ObjectStoreException.Refused(
              what
                  + " was answered with "
                  + length
                  + " bytes, expected at most "
                  + limitBytes
                  + ": the store does not support range requests",
              null));
    } else {
      into = ByteBuffer.allocate(length.intValue());
    }
  }

  @Override
  public void onStream(SdkPublisher<ByteBuffer> publisher) {
    publisher.subscribe(new Receiver());
  }

  @Override
  public void exceptionOccurred(Throwable error) {
    result.completeExceptionally(error);
  }

  private final class Receiver implements Subscriber<ByteBuffer> {
    @Override
    public void onSubscribe(Subscription subscription) {
      if (result.isDone()) {
        subscription.cancel();
      } else {
        subscription.request(Long.MAX_VALUE); // no more can come than the response promised
      }
    }

    @Override
    public void onNext(ByteBuffer bytes) {
      if (bytes.remaining() > into.remaining()) {
        result.completeExceptionally(truncated("more"));
      } else {
        into.put(bytes);
      }
    }

    @Override
    public void onError(Throwable failure) {
      result.completeExceptionally(failure);
    }

    @Override
    public void onComplete() {
      if (into.hasRemaining()) {
        result.completeExceptionally(truncated("fewer"));
      } else {
        result.complete(into.flip());
      }
    }

    private ObjectStoreException truncated(String than) {
      return new ObjectStoreException.Unavailable(
          what + " brought " + than + " bytes than the " + into.capacity() + " promised", null);
    }
  }
}
