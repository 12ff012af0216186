package io.spillway.engine;

import io.spillway.catalog.LogStreamCatalog;
import io.spillway.object.MeteredObjectStore;
import io.spillway.object.ObjectStore;
import io.spillway.object.ObjectStores;
import io.spillway.object.RequestBudget;
import io.spillway.object.Retry;
import io.spillway.object.RetryingObjectStore;
import io.spillway.object.s3.S3Server;
import io.spillway.objectwal.ObjectWal;
import io.spillway.objectwal.ObjectWalConfig;
import io.spillway.runtime.FaultHandler;
import io.spillway.runtime.Scheduler;
import io.spillway.runtime.SystemClock;
import io.spillway.runtime.SystemRandom;
import io.spillway.runtime.SystemThreads;
import io.spillway.sharedlog.ObjectSharedLog;
import io.spillway.stream.FetchedData;
import io.spillway.stream.StreamHandle;
import io.spillway.wal.Batch;
import io.spillway.wal.PayloadVerifier;
import io.spillway.wal.WalConfig;
import io.spillway.wal.WalException;
import io.spillway.wal.WriteAheadLog;
import io.spillway.wal.local.LocalWal;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;

/**
 * One broker's storage in a JVM of its own, over a bucket: what tests stop, kill and wake up.
 *
 * <p>Arguments: node id, {@code object:} or {@code file:DIR} for the WAL, the bucket's URL. It says
 * {@code ready WAL} when it is open, or {@code refused REASON} and ends with 1. From then on it
 * reads commands, a line each, and answers each with one line, {@code #NUMBER ANSWER} or {@code
 * #NUMBER failed REASON}, when it is done and not before; commands do not wait for one another.
 *
 * <table>
 *   <caption>Commands; each is preceded by its number.</caption>
 *   <tr><td>{@code claim STREAM EPOCH}</td><td>{@code claimed HW}</td></tr>
 *   <tr><td>{@code append STREAM COUNT EVERY_MS}</td><td>{@code appended ACKED REFUSED REASON}; and
 *       {@code acked STREAM OFFSET} for each batch, the moment it is durable</td></tr>
 *   <tr><td>{@code read STREAM}</td><td>{@code holds} and {@code NODE*BATCHES} by who wrote them, in
 *       offset order</td></tr>
 *   <tr><td>{@code close STREAM}</td><td>{@code closed}</td></tr>
 *   <tr><td>{@code flush}</td><td>{@code flushed}</td></tr>
 *   <tr><td>{@code fence NODE}</td><td>{@code fenced}: what the controller would say</td></tr>
 *   <tr><td>{@code abandon WAL}</td><td>{@code abandoned}: what an operator would do</td></tr>
 *   <tr><td>{@code stats}</td><td>{@code recovered FRAMES}</td></tr>
 *   <tr><td>{@code stop}</td><td>{@code stopped BYTES_LEFT_IN_THE_WAL}, and the process ends</td></tr>
 * </table>
 *
 * <p>A batch is one offset; its payload says who wrote it and where it belongs. When the WAL or the
 * catalog ends under the engine it says {@code fault REASON}.
 */
public final class EngineProcess {

  private static final int BATCH_BYTES = 1000;
  private static final int MIB = 1 << 20;

  private final int nodeId;
  private final SystemThreads threads;
  private final SystemRandom random = new SystemRandom();
  private final ObjectStore store;
  private final LogStreamCatalog catalog;
  private final WriteAheadLog wal;
  private final Scheduler clients;
  private final Map<Integer, StreamHandle> handles = new ConcurrentHashMap<>();
  private final Map<Integer, Long> nextOffsets = new ConcurrentHashMap<>();
  private final Set<Integer> fencedNodes = ConcurrentHashMap.newKeySet();
  private final StorageEngine engine;

  private EngineProcess(int nodeId, String walUrl, String storeUrl) {
    this.nodeId = nodeId;
    FaultHandler faults = (part, cause) -> say("fault " + cause.getMessage());
    threads = new SystemThreads("engine", new SystemClock(), faults);
    Scheduler retries = threads.newScheduler("retries");
    store =
        new RetryingObjectStore(
            new MeteredObjectStore(ObjectStores.open(storeUrl, S3Server.credentials(), threads)),
            retries,
            threads.clock(),
            random,
            Retry.Policy.forever(),
            new RequestBudget(64, 1e9));
    catalog =
        new LogStreamCatalog(
            new ObjectSharedLog(store, "catalog", Optional.empty(), retries, random),
            threads.newScheduler("catalog"),
            random,
            LogStreamCatalog.Config.standard(true));
    wal = openWal(walUrl, faults);
    clients = threads.newScheduler("clients");
    engine =
        StorageEngine.open(
                EngineConfig.defaults(nodeId), wal, catalog, store, threads, random, faults)
            .join();
    engine.onNodesFenced(fencedNodes::contains);
  }

  private WriteAheadLog openWal(String url, FaultHandler faults) {
    if (url.equals("object:")) {
      return new ObjectWal(
          ObjectWalConfig.of(64L * MIB, 16L * MIB),
          nodeId,
          () -> StorageEngine.nextIncarnation(catalog, nodeId),
          store,
          threads,
          random,
          faults,
          PayloadVerifier.NONE);
    }
    Path directory = Path.of(url.substring("file:".length()));
    return LocalWal.open(
        WalConfig.of(directory, 16L * MIB), nodeId, threads, random, faults, PayloadVerifier.NONE);
  }

  public static void main(String[] arguments) throws IOException {
    EngineProcess process;
    try {
      process = new EngineProcess(Integer.parseInt(arguments[0]), arguments[1], arguments[2]);
    } catch (RuntimeException e) {
      say("refused " + reason(e));
      System.exit(1);
      return;
    }
    say("ready " + process.wal.walId());
    process.obey(new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8)));
    System.exit(0);
  }

  /** Whole lines only, also from several threads. */
  private static void say(String line) {
    synchronized (System.out) {
      System.out.println(line);
      System.out.flush();
    }
  }

  private static String reason(Throwable failure) {
    Throwable cause = Retry.unwrap(failure);
    return cause.getClass().getSimpleName() + ": " + cause.getMessage();
  }

  private void obey(BufferedReader commands) throws IOException {
    for (String line = commands.readLine(); line != null; line = commands.readLine()) {
      String[] words = line.split(" ");
      CompletableFuture<String> answer;
      try {
        answer = carryOut(Arrays.asList(words).subList(1, words.length));
      } catch (RuntimeException e) {
        answer = CompletableFuture.failedFuture(e);
      }
      CompletableFuture<Void> said =
          answer
              .exceptionally(failure -> "failed " + reason(failure))
              .thenAccept(text -> say("#" + words[0] + " " + text));
      if (words[1].equals("stop")) {
        said.join();
        return;
      }
    }
  }

  private CompletableFuture<String> carryOut(List<String> command) {
    return switch (command.get(0)) {
      case "claim" -> claim(number(command, 1), number(command, 2));
      case "append" -> append(number(command, 1), number(command, 2), number(command, 3));
      case "read" -> read(number(command, 1));
      case "close" -> handle(number(command, 1)).close().thenApply(closed -> "closed");
      case "flush" -> engine.flush().thenApply(flushed -> "flushed");
      case "fence" -> {
        fencedNodes.add(number(command, 1));
        yield CompletableFuture.completedFuture("fenced");
      }
      case "abandon" ->
          WalAbandonment.abandon(catalog, UUID.fromString(command.get(1)), random)
              .thenApply(abandoned -> "abandoned");
      case "stats" ->
          CompletableFuture.completedFuture("recovered " + engine.stats().recoveredFrames());
      case "stop" -> CompletableFuture.completedFuture("stopped " + stop());
      default -> throw new IllegalArgumentException("no command: " + command);
    };
  }

  private static int number(List<String> command, int index) {
    return Integer.parseInt(command.get(index));
  }

  private StreamHandle handle(int stream) {
    return Optional.ofNullable(handles.get(stream))
        .orElseThrow(() -> new IllegalStateException("stream " + stream + " is not claimed"));
  }

  private CompletableFuture<String> claim(int stream, int epoch) {
    return engine
        .claim(EngineWorld.stream(stream), epoch, 1, Optional::empty)
        .thenApply(
            handle -> {
              nextOffsets.put(stream, handle.highWatermark());
              handles.put(stream, handle);
              return "claimed " + handle.highWatermark();
            });
  }

  private CompletableFuture<String> append(int stream, int count, int everyMs) {
    Appends appends = new Appends(stream, handle(stream), count, everyMs);
    clients.execute(appends::next);
    return appends.all;
  }

  /** A client that sends one batch after the other and does not wait for answers. */
  private final class Appends {
    private final int stream;
    private final StreamHandle handle;
    private final int everyMs;
    private final AtomicInteger left;
    private final AtomicInteger undecided;
    private final AtomicInteger acked = new AtomicInteger();
    private final AtomicReference<String> refusal = new AtomicReference<>("");
    private final CompletableFuture<String> all = new CompletableFuture<>();
    private final int count;

    Appends(int stream, StreamHandle handle, int count, int everyMs) {
      this.stream = stream;
      this.handle = handle;
      this.count = count;
      this.everyMs = everyMs;
      left = new AtomicInteger(count);
      undecided = new AtomicInteger(count);
    }

    void next() {
      try {
        do {
          send();
        } while (left.decrementAndGet() > 0 && everyMs == 0);
      } catch (RuntimeException e) {
        for (int unsent = left.getAndSet(0); unsent > 0; unsent--) {
          refused(e);
        }
      }
      if (left.get() > 0) {
        clients.schedule(TimeUnit.MILLISECONDS.toNanos(everyMs), this::next);
      }
    }

    private void send() {
      long offset = nextOffsets.getOrDefault(stream, 0L);
      handle.append(
          engine.reserve(BATCH_BYTES, false),
          new Batch(handle.id(), offset, offset + 1, offset, 0, payload(nodeId, stream, offset)),
          1,
          new StreamHandle.Listener() {
            @Override
            public void onDurable(Batch batch) {
              say("acked " + stream + " " + offset);
              acked.incrementAndGet();
              decided();
            }

            @Override
            public void onFailure(Batch batch, WalException cause) {
              refused(cause);
            }
          });
      nextOffsets.put(stream, offset + 1);
    }

    private void refused(RuntimeException cause) {
      refusal.compareAndSet("", reason(cause));
      decided();
    }

    private void decided() {
      if (undecided.decrementAndGet() == 0) {
        all.complete(
            "appended %d %d %s".formatted(acked.get(), count - acked.get(), refusal.get()));
      }
    }
  }

  private static ByteBuffer payload(int nodeId, int stream, long offset) {
    ByteBuffer payload = ByteBuffer.allocate(BATCH_BYTES);
    while (payload.remaining() >= 16) {
      payload.putInt(nodeId).putInt(stream).putLong(offset);
    }
    return payload.rewind();
  }

  private CompletableFuture<String> read(int stream) {
    StreamHandle handle = handle(stream);
    return read(handle, stream, handle.logStartOffset(), new StringBuilder("holds"), 0, 0);
  }

  private CompletableFuture<String> read(
      StreamHandle handle, int stream, long from, StringBuilder said, int writer, int batches) {
    if (from >= handle.highWatermark()) {
      return CompletableFuture.completedFuture(said.append(run(writer, batches)).toString());
    }
    return handle
        .fetch(from, Long.MAX_VALUE, MIB)
        .thenCompose(
            data -> {
              int last = writer;
              int length = batches;
              ByteBuffer all = bytes(data);
              for (long offset = from; offset < data.nextOffset(); offset++) {
                ByteBuffer batch = all.slice(all.position(), BATCH_BYTES);
                int by = batch.getInt(0);
                if (!batch.equals(payload(by, stream, offset))) {
                  throw new IllegalStateException(
                      "stream %d holds another batch at offset %d".formatted(stream, offset));
                }
                all.position(all.position() + BATCH_BYTES);
                if (by != last) {
                  said.append(run(last, length));
                  last = by;
                  length = 0;
                }
                length++;
              }
              return read(handle, stream, data.nextOffset(), said, last, length);
            });
  }

  private static String run(int writer, int batches) {
    return batches == 0 ? "" : " " + writer + "*" + batches;
  }

  private static ByteBuffer bytes(FetchedData data) {
    try (data) {
      ByteBuffer all = ByteBuffer.allocate(data.sizeBytes());
      data.buffers().forEach(buffer -> all.put(buffer.duplicate()));
      return all.flip();
    }
  }

  private long stop() {
    long left = engine.shutdown(TimeUnit.SECONDS.toNanos(30));
    wal.close();
    catalog.close();
    store.close();
    return left;
  }
}
