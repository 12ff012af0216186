package io.spillway.object;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.Optional;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentNavigableMap;
import java.util.concurrent.ConcurrentSkipListMap;
import java.util.concurrent.Executor;
import java.util.function.Supplier;

/**
 * A bucket in memory, for tests and throw-away brokers. {@link #close} keeps the objects, so that
 * one instance can stand for the bucket while brokers come and go.
 */
public final class MemoryObjectStore implements ObjectStore {

  private final ConcurrentNavigableMap<String, byte[]> objects = new ConcurrentSkipListMap<>();
  private final Map<String, List<MemoryMultipart>> multiparts = new ConcurrentHashMap<>();
  private final Executor executor;

  /** A store whose requests complete within the call. */
  public MemoryObjectStore() {
    this(Runnable::run);
  }

  /**
   * @param executor runs the requests and the completions
   */
  public MemoryObjectStore(Executor executor) {
    this.executor = executor;
  }

  @Override
  public CompletableFuture<Void> put(String key, List<ByteBuffer> body) {
    ObjectKeys.requireValid(key);
    return run(
        () -> {
          objects.put(key, Buffers.copy(body));
          return null;
        });
  }

  @Override
  public CompletableFuture<PutIfAbsent> putIfAbsent(String key, List<ByteBuffer> body) {
    ObjectKeys.requireValid(key);
    return run(
        () ->
            objects.putIfAbsent(key, Buffers.copy(body)) == null
                ? PutIfAbsent.CREATED
                : PutIfAbsent.EXISTS);
  }

  @Override
  public CompletableFuture<ByteBuffer> getRange(String key, long position, int length) {
    ObjectKeys.requireValid(key);
    return run(
        () -> {
          byte[] bytes = objects.get(key);
          if (bytes == null) {
            throw new ObjectStoreException.NotFound("no object " + key);
          }
          int from = (int) Math.min(position, bytes.length);
          int size = Math.min(length, bytes.length - from);
          byte[] range = new byte[size];
          System.arraycopy(bytes, from, range, 0, size);
          return ByteBuffer.wrap(range);
        });
  }

  @Override
  public CompletableFuture<Optional<ObjectInfo>> head(String key) {
    ObjectKeys.requireValid(key);
    return run(
        () ->
            Optional.ofNullable(objects.get(key)).map(bytes -> new ObjectInfo(key, bytes.length)));
  }

  @Override
  public CompletableFuture<List<ObjectInfo>> list(String prefix, String startAfter, int limit) {
    return run(
        () -> {
          List<ObjectInfo> found = new ArrayList<>();
          boolean afterPrefix = startAfter.compareTo(prefix) >= 0;
          NavigableMap<String, byte[]> tail =
              objects.tailMap(afterPrefix ? startAfter : prefix, !afterPrefix);
          for (Map.Entry<String, byte[]> entry : tail.entrySet()) {
            if (found.size() >= limit || !entry.getKey().startsWith(prefix)) {
              break;
            }
            found.add(new ObjectInfo(entry.getKey(), entry.getValue().length));
          }
          return found;
        });
  }

  @Override
  public CompletableFuture<Void> delete(String key) {
    ObjectKeys.requireValid(key);
    return run(
        () -> {
          objects.remove(key);
          return null;
        });
  }

  @Override
  public CompletableFuture<Multipart> startMultipart(String key, int partSizeBytes) {
    ObjectKeys.requireValid(key);
    return run(
        () -> {
          MemoryMultipart multipart = new MemoryMultipart(key, partSizeBytes);
          multiparts.merge(
              key,
              List.of(multipart),
              (old, added) -> {
                List<MemoryMultipart> all = new ArrayList<>(old);
                all.addAll(added);
                return all;
              });
          return multipart;
        });
  }

  @Override
  public CompletableFuture<List<String>> listMultiparts(String prefix) {
    return run(
        () -> multiparts.keySet().stream().filter(key -> key.startsWith(prefix)).sorted().toList());
  }

  @Override
  public CompletableFuture<Void> abortMultiparts(String key) {
    return run(
        () -> {
          List<MemoryMultipart> aborted = multiparts.remove(key);
          if (aborted != null) {
            aborted.forEach(MemoryMultipart::end);
          }
          return null;
        });
  }

  @Override
  public void close() {}

  private <T> CompletableFuture<T> run(Supplier<T> request) {
    CompletableFuture<T> future = new CompletableFuture<>();
    executor.execute(
        () -> {
          T result;
          try {
            result = request.get();
          } catch (RuntimeException e) {
            future.completeExceptionally(e);
            return;
          }
          future.complete(result);
        });
    return future;
  }

  private final class MemoryMultipart implements Multipart {
    private final String key;
    private final int partSizeBytes;
    private final TreeMap<Integer, byte[]> parts = new TreeMap<>();
    private boolean ended;

    MemoryMultipart(String key, int partSizeBytes) {
      this.key = key;
      this.partSizeBytes = partSizeBytes;
    }

    @Override
    public CompletableFuture<Void> uploadPart(int partNumber, List<ByteBuffer> body) {
      return run(
          () -> {
            synchronized (this) {
              requireOpen();
              parts.put(partNumber, Buffers.copy(body));
            }
            return null;
          });
    }

    @Override
    public CompletableFuture<Void> complete() {
      return run(
          () -> {
            byte[] whole;
            synchronized (this) {
              requireOpen();
              whole = join();
              ended = true;
            }
            objects.put(key, whole);
            forget();
            return null;
          });
    }

    @Override
    public CompletableFuture<Void> abort() {
      return run(
          () -> {
            end();
            forget();
            return null;
          });
    }

    private byte[] join() {
      List<ByteBuffer> inOrder = new ArrayList<>();
      for (int number = 1; number <= parts.size(); number++) {
        byte[] part = parts.get(number);
        boolean last = number == parts.size();
        if (part == null || (last ? part.length > partSizeBytes : part.length != partSizeBytes)) {
          throw new ObjectStoreException.Refused(
              "upload of " + key + ": part " + number + " is missing or has another size", null);
        }
        inOrder.add(ByteBuffer.wrap(part));
      }
      return Buffers.copy(inOrder);
    }

    private synchronized void end() {
      ended = true;
    }

    private synchronized void requireOpen() {
      if (ended) {
        throw new ObjectStoreException.NotFound("no upload of " + key + " is under way");
      }
    }

    private void forget() {
      multiparts.computeIfPresent(
          key,
          (k, all) -> {
            List<MemoryMultipart> rest = all.stream().filter(m -> m != this).toList();
            return rest.isEmpty() ? null : rest;
          });
    }
  }
}
