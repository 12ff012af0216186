package io.spillway.object;

import java.nio.ByteBuffer;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;

/** Hands every request on; tests override what they want to be different. */
public class ForwardingObjectStore implements ObjectStore {

  private final ObjectStore delegate;

  public ForwardingObjectStore(ObjectStore delegate) {
    this.delegate = delegate;
  }

  @Override
  public CompletableFuture<Void> put(String key, List<ByteBuffer> body) {
    return delegate.put(key, body);
  }

  @Override
  public CompletableFuture<PutIfAbsent> putIfAbsent(String key, List<ByteBuffer> body) {
    return delegate.putIfAbsent(key, body);
  }

  @Override
  public CompletableFuture<ByteBuffer> getRange(String key, long position, int length) {
    return delegate.getRange(key, position, length);
  }

  @Override
  public CompletableFuture<Optional<ObjectInfo>> head(String key) {
    return delegate.head(key);
  }

  @Override
  public CompletableFuture<List<ObjectInfo>> list(String prefix, String startAfter, int limit) {
    return delegate.list(prefix, startAfter, limit);
  }

  @Override
  public CompletableFuture<Void> delete(String key) {
    return delegate.delete(key);
  }

  @Override
  public CompletableFuture<Multipart> startMultipart(String key, int partSizeBytes) {
    return delegate.startMultipart(key, partSizeBytes);
  }

  @Override
  public CompletableFuture<List<String>> listMultiparts(String prefix) {
    return delegate.listMultiparts(prefix);
  }

  @Override
  public CompletableFuture<Void> abortMultiparts(String key) {
    return delegate.abortMultiparts(key);
  }

  @Override
  public void close() {
    delegate.close();
  }

  @Override
  public String toString() {
    return delegate.toString();
  }
}
