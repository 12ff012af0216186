package io.spillway.embed;

import io.spillway.object.ForwardingObjectStore;
import io.spillway.object.ObjectStore;
import io.spillway.object.ObjectStoreException;
import io.spillway.peers.BrokerProcess;
import io.spillway.peers.ChildProcess;
import io.spillway.peers.Peers;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A broker as a process whose bucket does not answer while a file exists, and takes no more than so
 * many bytes a second. Arguments: that file, that rate (0: any), then settings as {@code
 * name=value}.
 */
public final class BrokerWithOutages {

  private BrokerWithOutages() {}

  /** The process, with its address and metrics. */
  static final class Running implements AutoCloseable {
    final ChildProcess process;
    final String bootstrap;
    private final int metricsPort;

    private Running(ChildProcess process) {
      this.process = process;
      String ready = process.awaitLine(line -> line.startsWith("spillway ready "), Peers.PATIENCE);
      this.bootstrap = ready.replaceAll(".*bootstrap=([^ ]*).*", "$1");
      this.metricsPort = Integer.parseInt(ready.replaceAll(".*metrics=([0-9]*).*", "$1"));
    }

    String page(String path) {
      return BrokerProcess.http(metricsPort, path);
    }

    /** The sum of the metric's series. */
    double metric(String name) {
      return metric(name, ".*");
    }

    /** The sum of the metric's series whose labels match. */
    double metric(String name, String labels) {
      Pattern series = Pattern.compile(name + "(\\{" + labels + "})? (\\S+)");
      return page("/metrics")
          .lines()
          .map(series::matcher)
          .filter(Matcher::matches)
          .mapToDouble(line -> Double.parseDouble(line.group(line.groupCount())))
          .reduce(Double::sum)
          .orElseThrow(() -> new AssertionError("no metric " + name));
    }

    @Override
    public void close() {
      process.close();
    }
  }

  /** Starts the process and waits until it serves. */
  static Running start(
      Path work, List<String> jvm, Path down, long bytesPerSecond, List<String> settings) {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(jvm);
    command.addAll(List.of("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"));
    command.addAll(ChildProcess.LEAK_DETECTION);
    command.addAll(List.of("-cp", System.getProperty("java.class.path")));
    command.add(BrokerWithOutages.class.getName());
    command.addAll(List.of(down.toString(), Long.toString(bytesPerSecond)));
    command.addAll(List.of("listeners=PLAINTEXT://127.0.0.1:0", "metrics.listener=127.0.0.1:0"));
    command.addAll(settings);
    return new Running(ChildProcess.start("spillway", work, Map.of(), command));
  }

  public static void main(String[] arguments) throws Exception {
    Path down = Path.of(arguments[0]);
    long bytesPerSecond = Long.parseLong(arguments[1]);
    Broker.Builder builder = Broker.builder();
    for (String setting : List.of(arguments).subList(2, arguments.length)) {
      int equals = setting.indexOf('=');
      builder.set(setting.substring(0, equals), setting.substring(equals + 1));
    }
    Broker broker = builder.objectStore(store -> new Outages(store, down, bytesPerSecond)).start();
    System.out.println(
        "spillway ready bootstrap="
            + broker.bootstrapServers()
            + " metrics="
            + broker.metricsPort().orElse(0));
    new CountDownLatch(1).await();
  }

  private static final class Outages extends ForwardingObjectStore {
    private final Path down;
    private final long bytesPerSecond;
    private long freeNanos = System.nanoTime();

    Outages(ObjectStore store, Path down, long bytesPerSecond) {
      super(store);
      this.down = down;
      this.bytesPerSecond = bytesPerSecond;
    }

    /** The request, when the line to the bucket has had time for its bytes. */
    private <T> CompletableFuture<T> afterSending(
        List<ByteBuffer> body, Supplier<CompletableFuture<T>> request) {
      if (bytesPerSecond == 0) {
        return request.get();
      }
      long bytes = body.stream().mapToLong(ByteBuffer::remaining).sum();
      long waitNanos;
      synchronized (this) {
        long now = System.nanoTime();
        freeNanos = Math.max(freeNanos, now) + bytes * 1_000_000_000L / bytesPerSecond;
        waitNanos = freeNanos - now;
      }
      return CompletableFuture.supplyAsync(
              request, CompletableFuture.delayedExecutor(waitNanos, TimeUnit.NANOSECONDS))
          .thenCompose(sent -> sent);
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
      return isDown() ? unavailable() : afterSending(body, () -> super.put(key, body));
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
      if (isDown()) {
        return unavailable();
      }
      return super.startMultipart(key, partSizeBytes).thenApply(SlowMultipart::new);
    }

    private final class SlowMultipart implements Multipart {
      private final Multipart delegate;

      SlowMultipart(Multipart delegate) {
        this.delegate = delegate;
      }

      @Override
      public CompletableFuture<Void> uploadPart(int partNumber, List<ByteBuffer> body) {
        return isDown()
            ? unavailable()
            : afterSending(body, () -> delegate.uploadPart(partNumber, body));
      }

      @Override
      public CompletableFuture<Void> complete() {
        return isDown() ? unavailable() : delegate.complete();
      }

      @Override
      public CompletableFuture<Void> abort() {
        return delegate.abort();
      }
    }
  }
}
