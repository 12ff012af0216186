package io.spillway.objectwal;

import io.spillway.object.ForwardingObjectStore;
import io.spillway.object.MemoryObjectStore;
import io.spillway.runtime.Scheduler;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.concurrent.CompletableFuture;

/**
 * A bucket that takes a while, and forgets what it was given: for counting requests over gigabytes.
 * Keys outside {@code wal/} and {@code data/} it keeps.
 */
final class SlowStore extends ForwardingObjectStore {

  private final Scheduler scheduler;
  private final long latencyNanos;
  long walPuts;
  long walBytes;
  long otherPuts;

  SlowStore(Scheduler scheduler, long latencyNanos) {
    super(new MemoryObjectStore());
    this.scheduler = scheduler;
    this.latencyNanos = latencyNanos;
  }

  private static long bytes(List<ByteBuffer> body) {
    return body.stream().mapToLong(ByteBuffer::remaining).sum();
  }

  private <T> CompletableFuture<T> later(T value) {
    CompletableFuture<T> answer = new CompletableFuture<>();
    scheduler.schedule(latencyNanos, () -> answer.complete(value));
    return answer;
  }

  private static <T> T now(CompletableFuture<T> done) {
    return done.join();
  }

  @Override
  public CompletableFuture<PutIfAbsent> putIfAbsent(String key, List<ByteBuffer> body) {
    if (key.startsWith(ChainKeys.PREFIX)) {
      walPuts++;
      walBytes += bytes(body);
      return later(PutIfAbsent.CREATED);
    }
    otherPuts++;
    return later(now(super.putIfAbsent(key, body)));
  }

  @Override
  public CompletableFuture<Void> put(String key, List<ByteBuffer> body) {
    otherPuts++;
    CompletableFuture<Void> answer = new CompletableFuture<>();
    scheduler.schedule(latencyNanos, () -> answer.complete(null));
    return answer;
  }

  @Override
  public CompletableFuture<Multipart> startMultipart(String key, int partSizeBytes) {
    otherPuts++;
    return later(
        new Multipart() {
          @Override
          public CompletableFuture<Void> uploadPart(int partNumber, List<ByteBuffer> body) {
            return put(key, body);
          }

          @Override
          public CompletableFuture<Void> complete() {
            return put(key, List.of());
          }

          @Override
          public CompletableFuture<Void> abort() {
            return put(key, List.of());
          }
        });
  }
}
