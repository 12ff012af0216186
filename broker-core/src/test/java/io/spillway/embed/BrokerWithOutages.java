package io.spillway.embed;

import io.spillway.object.ForwardingObjectStore;
import io.spillway.object.ObjectStore;
import io.spillway.object.ObjectStoreException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;

/**
 * A broker as a process whose bucket does not answer while a file exists. Arguments: that file,
 * then settings as {@code name=value}.
 */
public final class BrokerWithOutages {

  private BrokerWithOutages() {}

  public static void main(String[] arguments) throws Exception {
    Path down = Path.of(arguments[0]);
    Broker.Builder builder = Broker.builder();
    for (String setting : List.of(arguments).subList(1, arguments.length)) {
      int equals = setting.indexOf('=');
      builder.set(setting.substring(0, equals), setting.substring(equals + 1));
    }
    Broker broker = builder.objectStore(store -> new Outages(store, down)).start();
    System.out.println(
        "spillway ready bootstrap="
            + broker.bootstrapServers()
            + " metrics="
            + broker.metricsPort().orElse(0));
    new CountDownLatch(1).await();
  }

  private static final class Outages extends ForwardingObjectStore {
    private final Path down;

    Outages(ObjectStore store, Path down) {
      super(store);
      this.down = down;
    }

    private boolean isDown() {
      return Files.exists(down);
    }

    private static <T> CompletableFuture<T> unavailable() {
      return CompletableFuture.failedFuture(
          new ObjectStoreException.Unavailable("the bucket is down", null));
    }

    @Override
    public CompletableFuture<Void> put(String key, List<ByteBuffer> body) {
      return isDown() ? unavailable() : super.put(key, body);
    }

    @Override
    public CompletableFuture<PutIfAbsent> putIfAbsent(String key, List<ByteBuffer> body) {
      return isDown() ? unavailable() : super.putIfAbsent(key, body);
    }

    @Override
    public CompletableFuture<ByteBuffer> getRange(String key, long position, int length) {
      return isDown() ? unavailable() : super.getRange(key, position, length);
    }

    @Override
    public CompletableFuture<Optional<ObjectInfo>> head(String key) {
      return isDown() ? unavailable() : super.head(key);
    }

    @Override
    public CompletableFuture<List<ObjectInfo>> list(String prefix, String startAfter, int limit) {
      return isDown() ? unavailable() : super.list(prefix, startAfter, limit);
    }

    @Override
    public CompletableFuture<Void> delete(String key) {
      return isDown() ? unavailable() : super.delete(key);
    }

    @Override
    public CompletableFuture<Multipart> startMultipart(String key, int partSizeBytes) {
      return isDown() ? unavailable() : super.startMultipart(key, partSizeBytes);
    }
  }
}
