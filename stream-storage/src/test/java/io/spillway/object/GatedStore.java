package io.spillway.object;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.function.Supplier;

/**
 * One broker's way to the bucket, with a gate in it: while it is shut, requests wait and none gets
 * through, as if the broker were asleep or cut off; opened, all of them go out at once. So a broker
 * that was thought dead comes back with everything that it was about to write.
 */
public final class GatedStore extends ForwardingObjectStore {

  private final List<Runnable> held = new ArrayList<>();
  private boolean isShut;

  public GatedStore(ObjectStore delegate) {
    super(delegate);
  }

  public void shut() {
    isShut = true;
  }

  /** Sends what waited. */
  public void open() {
    isShut = false;
    List<Runnable> waited = List.copyOf(held);
    held.clear();
    waited.forEach(Runnable::run);
  }

  /** Requests that wait. */
  public int held() {
    return held.size();
  }

  private <T> CompletableFuture<T> pass(Supplier<CompletableFuture<T>> request) {
    if (!isShut) {
      return request.get();
    }
    CompletableFuture<T> answer = new CompletableFuture<>();
    held.add(
        () ->
            request
                .get()
                .whenComplete(
                    (value, failure) -> {
                      if (failure == null) {
                        answer.complete(value);
                      } else {
                        answer.completeExceptionally(Retry.unwrap(failure));
                      }
                    }));
    return answer;
  }

  @Override
  public CompletableFuture<Void> put(String key, List<ByteBuffer> body) {
    return pass(() -> super.put(key, body));
  }

  @Override
  public CompletableFuture<PutIfAbsent> putIfAbsent(String key, List<ByteBuffer> body) {
    return pass(() -> super.putIfAbsent(key, body));
  }

  @Override
  public CompletableFuture<ByteBuffer> getRange(String key, long position, int length) {
    return pass(() -> super.getRange(key, position, length));
  }

  @Override
  public CompletableFuture<Optional<ObjectInfo>> head(String key) {
    return pass(() -> super.head(key));
  }

  @Override
  public CompletableFuture<List<ObjectInfo>> list(String prefix, String startAfter, int limit) {
    return pass(() -> super.list(prefix, startAfter, limit));
  }

  @Override
  public CompletableFuture<Void> delete(String key) {
    return pass(() -> super.delete(key));
  }

  @Override
  public CompletableFuture<Multipart> startMultipart(String key, int partSizeBytes) {
    return pass(() -> super.startMultipart(key, partSizeBytes));
  }

  @Override
  public CompletableFuture<List<String>> listMultiparts(String prefix) {
    return pass(() -> super.listMultiparts(prefix));
  }

  @Override
  public CompletableFuture<Void> abortMultiparts(String key) {
    return pass(() -> super.abortMultiparts(key));
  }
}
