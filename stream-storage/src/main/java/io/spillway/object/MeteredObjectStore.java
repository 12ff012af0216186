package io.spillway.object;

import java.nio.ByteBuffer;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentMap;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.Function;

/**
 * Counts requests by kind and outcome, {@code put/ok}, and knows whether the last one found the
 * store. Kinds: put, create, get, head, list, delete, multipart, part. Outcomes: ok, exists,
 * conflict, missing, unavailable, ambiguous, refused, failed.
 */
public final class MeteredObjectStore implements ObjectStore, RequestMeter {

  private final ObjectStore delegate;
  private final ConcurrentMap<String, LongAdder> requests = new ConcurrentHashMap<>();
  private volatile boolean reachable = true;

  public MeteredObjectStore(ObjectStore delegate) {
    this.delegate = delegate;
  }

  @Override
  public Map<String, Long> requests() {
    Map<String, Long> counts = new TreeMap<>();
    requests.forEach((name, count) -> counts.put(name, count.sum()));
    return counts;
  }

  @Override
  public boolean reachable() {
    return reachable;
  }

  @Override
  public CompletableFuture<Void> put(String key, List<ByteBuffer> body) {
    return counted("put", delegate.put(key, body));
  }

  @Override
  public CompletableFuture<PutIfAbsent> putIfAbsent(String key, List<ByteBuffer> body) {
    return counted(
        "create",
        delegate.putIfAbsent(key, body),
        result ->
            switch (result) {
              case CREATED -> "ok";
              case EXISTS -> "exists";
              case CONFLICT -> "conflict";
            });
  }

  @Override
  public CompletableFuture<ByteBuffer> getRange(String key, long position, int length) {
    return counted("get", delegate.getRange(key, position, length));
  }

  @Override
  public CompletableFuture<Integer> getRange(String key, long position, List<ByteBuffer> into) {
    return counted("get", delegate.getRange(key, position, into));
  }

  @Override
  public CompletableFuture<Optional<ObjectInfo>> head(String key) {
    return counted("head", delegate.head(key), result -> result.isPresent() ? "ok" : "missing");
  }

  @Override
  public CompletableFuture<List<ObjectInfo>> list(String prefix, String startAfter, int limit) {
    return counted("list", delegate.list(prefix, startAfter, limit));
  }

  @Override
  public CompletableFuture<Void> delete(String key) {
    return counted("delete", delegate.delete(key));
  }

  @Override
  public CompletableFuture<Multipart> startMultipart(String key, int partSizeBytes) {
    return counted("multipart", delegate.startMultipart(key, partSizeBytes))
        .thenApply(MeteredMultipart::new);
  }

  @Override
  public CompletableFuture<List<String>> listMultiparts(String prefix) {
    return counted("list", delegate.listMultiparts(prefix));
  }

  @Override
  public CompletableFuture<Void> abortMultiparts(String key) {
    return counted("multipart", delegate.abortMultiparts(key));
  }

  @Override
  public void close() {
    delegate.close();
  }

  @Override
  public String toString() {
    return delegate.toString();
  }

  private <T> CompletableFuture<T> counted(String kind, CompletableFuture<T> request) {
    return counted(kind, request, result -> "ok");
  }

  private <T> CompletableFuture<T> counted(
      String kind, CompletableFuture<T> request, Function<T, String> outcome) {
    return request.whenComplete(
        (result, failure) -> {
          String name = failure == null ? outcome.apply(result) : outcomeOf(failure);
          reachable = failure == null || name.equals("missing");
          requests.computeIfAbsent(kind + "/" + name, k -> new LongAdder()).increment();
        });
  }

  private static String outcomeOf(Throwable failure) {
    Throwable cause = Retry.unwrap(failure);
    if (cause instanceof ObjectStoreException.NotFound) {
      return "missing";
    } else if (cause instanceof ObjectStoreException.Unavailable) {
      return "unavailable";
    } else if (cause instanceof ObjectStoreException.Ambiguous) {
      return "ambiguous";
    } else if (cause instanceof ObjectStoreException.Refused) {
      return "refused";
    }
    return "failed";
  }

  private final class MeteredMultipart implements Multipart {
    private final Multipart upload;

    MeteredMultipart(Multipart upload) {
      this.upload = upload;
    }

    @Override
    public CompletableFuture<Void> uploadPart(int partNumber, List<ByteBuffer> body) {
      return counted("part", upload.uploadPart(partNumber, body));
    }

    @Override
    public CompletableFuture<Void> complete() {
      return counted("multipart", upload.complete());
    }

    @Override
    public CompletableFuture<Void> abort() {
      return counted("multipart", upload.abort());
    }
  }
}
