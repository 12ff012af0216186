package io.spillway.sharedlog;

import io.spillway.object.ObjectStore;
import io.spillway.object.ObjectStore.ObjectInfo;
import io.spillway.object.ObjectStore.PutIfAbsent;
import io.spillway.object.ObjectStoreException;
import io.spillway.object.Retry;
import io.spillway.runtime.RandomSource;
import io.spillway.runtime.Scheduler;
import io.spillway.sharedlog.LogObject.Kind;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Supplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The log as numbered objects, each created if absent.
 *
 * <p>A create is repeated with the same bytes until its slot is seen occupied; the id in the object
 * then says by whom (P5). Whatever a slot told, created, found or missing, counts only if a listing
 * begun afterwards shows no checkpoint at or above its number (P6): else the number may have been
 * deleted, and a stalled writer could win a number that was decided long ago. The listing asks for
 * just those checkpoints, so that it is one small request whatever the size of the log.
 *
 * <p>Nothing is asked of the store unless a method is called: an idle log costs nothing.
 *
 * <p>Safe for any thread. Futures complete on the store's threads or the scheduler's.
 */
public final class ObjectSharedLog implements SharedLog {

  private static final Logger LOG = LoggerFactory.getLogger(ObjectSharedLog.class);
  private static final int PAGE = 1_000;
  private static final int FIRST_READ_BYTES = 64 * 1024;
  private static final int NEXT_READ_BYTES = 4 * 1024 * 1024;
  private static final int MAX_READ_AHEAD = 32;
  private static final int DELETES_AT_ONCE = 100;

  private final ObjectStore store;
  private final LogKeys keys;
  private final Scheduler scheduler;
  private final RandomSource random;
  private final Retry retry;
  private final Map<Long, CompletableFuture<?>> underWay = new ConcurrentHashMap<>();
  private final AtomicLong nextOperation = new AtomicLong();
  private final AtomicBoolean creating = new AtomicBoolean();
  private final Object identityLock = new Object();
  private UUID clusterId;
  private boolean clusterSettled;
  private volatile boolean opened;
  private volatile boolean closed;

  /**
   * @param name folder of the log in the bucket, without a slash at its end
   * @param expectedCluster the cluster that the log must belong to, or will when it is new; empty:
   *     whichever it belongs to, or a new one
   * @param scheduler where repeats and long loops run; may be shared
   */
  public ObjectSharedLog(
      ObjectStore store,
      String name,
      Optional<UUID> expectedCluster,
      Scheduler scheduler,
      RandomSource random) {
    this.store = store;
    this.keys = new LogKeys(name);
    this.scheduler = scheduler;
    this.random = random;
    this.retry = new Retry(scheduler, random, Retry.Policy.forever(), () -> closed);
    this.clusterId = expectedCluster.orElseGet(this::newId);
    this.clusterSettled = expectedCluster.isPresent();
  }

  @Override
  public CompletableFuture<Start> open() {
    return tracked(
        () ->
            newestCheckpoint()
                .thenApply(
                    start -> {
                      opened = true;
                      return start;
                    }));
  }

  @Override
  public CompletableFuture<Optional<ByteBuffer>> resume(long number) {
    return tracked(
        () ->
            readRecord(number)
                .thenCompose(found -> notOvertaken(number + 1, found))
                .handle(
                    (found, failure) -> {
                      Throwable cause = failure == null ? null : Retry.unwrap(failure);
                      if (cause == null
                          || cause instanceof SharedLogException.Overtaken
                          || cause instanceof SharedLogException.Corrupt) {
                        return cause == null ? found : Optional.<LogObject>empty();
                      }
                      throw new CompletionException(cause);
                    })
                .thenApply(
                    found -> {
                      found.ifPresent(this::requireThisCluster);
                      opened = true;
                      return found.map(LogObject::body);
                    }));
  }

  @Override
  public CompletableFuture<Created> create(long number, List<ByteBuffer> body) {
    if (!creating.compareAndSet(false, true)) {
      throw new IllegalStateException(keys.name() + ": another create is under way (P4)");
    }
    UUID id = newId();
    List<ByteBuffer> object = LogObject.encode(Kind.RECORD, number, clusterId(), id, body);
    CompletableFuture<Created> created =
        tracked(
            () ->
                occupy(number, id, object)
                    .thenCompose(occupied -> notOvertaken(number, occupied))
                    .thenApply(
                        occupied -> {
                          requireThisCluster(keys.record(number), occupied.clusterId());
                          return occupied.created();
                        }));
    // Whoever sees the result may begin the next create.
    return created.whenComplete((c, failure) -> creating.set(false));
  }

  @Override
  public CompletableFuture<Optional<ByteBuffer>> read(long number) {
    return tracked(
        () ->
            readRecord(number)
                .thenCompose(found -> notOvertaken(number, found))
                .thenApply(
                    found -> {
                      found.ifPresent(this::requireThisCluster);
                      return found.map(LogObject::body);
                    }));
  }

  @Override
  public CompletableFuture<List<ByteBuffer>> readFrom(long number, int limit) {
    return tracked(
        () -> {
          List<LogObject> records = new ArrayList<>();
          return readAhead(number, limit, 1, records)
              .thenCompose(done -> notOvertaken(number, records))
              .thenApply(
                  found -> {
                    found.forEach(this::requireThisCluster);
                    return found.stream().map(LogObject::body).toList();
                  });
        });
  }

  @Override
  public CompletableFuture<Void> checkpoint(long number, List<ByteBuffer> state) {
    String key = keys.checkpoint(number);
    List<ByteBuffer> object =
        LogObject.encode(Kind.CHECKPOINT, number, clusterId(), newId(), state);
    // Whoever made checkpoint n, it is the state after record n: a lost race is as good.
    return tracked(
        () ->
            request("create " + key, () -> createOnce(key, object))
                .thenCompose(created -> listCheckpoints("", new ArrayList<>()))
                .thenCompose(this::deleteSuperfluous));
  }

  @Override
  public UUID clusterId() {
    synchronized (identityLock) {
      return clusterId;
    }
  }

  @Override
  public void close() {
    closed = true;
    for (CompletableFuture<?> future : underWay.values()) {
      future.completeExceptionally(closedException());
    }
  }

  // Opening.

  private CompletableFuture<Start> newestCheckpoint() {
    return listCheckpoints("", new ArrayList<>())
        .thenCompose(
            numbers -> {
              if (numbers.isEmpty()) {
                return firstRecord();
              }
              long newest = numbers.get(numbers.size() - 1);
              return readObject(keys.checkpoint(newest), Kind.CHECKPOINT, newest)
                  .thenCompose(
                      found ->
                          found.isPresent()
                              ? completed(new Start(Optional.of(found.get().body()), newest + 1))
                              // Deleted since it was listed: there is a newer one.
                              : hop(this::newestCheckpoint));
            });
  }

  /** Reading it tells whose log this is, if it is anybody's and has not gone on meanwhile. */
  private CompletableFuture<Start> firstRecord() {
    return readRecord(0)
        .thenCompose(first -> notOvertaken(0, first))
        .thenApply(
            first -> {
              first.ifPresent(this::requireThisCluster);
              return new Start(Optional.empty(), 0);
            })
        .handle(
            (start, failure) -> {
              if (failure == null) {
                return completed(start);
              }
              return Retry.unwrap(failure) instanceof SharedLogException.Overtaken
                  ? hop(this::newestCheckpoint)
                  : CompletableFuture.<Start>failedFuture(Retry.unwrap(failure));
            })
        .thenCompose(each -> each);
  }

  /** All of them, ascending: there are two or three. */
  private CompletableFuture<List<Long>> listCheckpoints(String after, List<Long> numbers) {
    return request("list " + keys.checkpoints(), () -> store.list(keys.checkpoints(), after, PAGE))
        .thenCompose(
            page -> {
              page.forEach(object -> numbers.add(LogKeys.number(object.key())));
              return page.size() < PAGE
                  ? completed(numbers)
                  : hop(() -> listCheckpoints(page.get(page.size() - 1).key(), numbers));
            });
  }

  // Creating.

  /** What a slot holds now; whose log it is counts only once nothing has overtaken it (P6). */
  private record Occupied(Created created, UUID clusterId) {}

  private CompletableFuture<Occupied> occupy(long number, UUID id, List<ByteBuffer> object) {
    String key = keys.record(number);
    return request("create " + key, () -> createOnce(key, object))
        .thenCompose(
            answer -> {
              if (answer == PutIfAbsent.CREATED) {
                return completed(new Occupied(new Created(true, bodyOf(object)), clusterId()));
              }
              return readRecord(number)
                  .thenCompose(
                      found ->
                          found.isPresent()
                              ? completed(created(id, found.get()))
                              // A 404 decides nothing (P5).
                              : hop(() -> occupy(number, id, object)));
            });
  }

  private static Occupied created(UUID id, LogObject found) {
    boolean won = found.objectId().equals(id);
    return new Occupied(new Created(won, found.body()), found.clusterId());
  }

  /** A conflict (409) means try again, as if the store had been unavailable. */
  private CompletableFuture<PutIfAbsent> createOnce(String key, List<ByteBuffer> object) {
    return store
        .putIfAbsent(key, object)
        .thenApply(
            answer -> {
              if (answer == PutIfAbsent.CONFLICT) {
                throw new ObjectStoreException.Unavailable(
                    "another create of " + key + " is under way", null);
              }
              return answer;
            });
  }

  private static ByteBuffer bodyOf(List<ByteBuffer> object) {
    if (object.size() == 2) {
      return object.get(1).asReadOnlyBuffer();
    }
    int length = 0;
    for (ByteBuffer buffer : object.subList(1, object.size())) {
      length += buffer.remaining();
    }
    ByteBuffer body = ByteBuffer.allocate(length);
    for (ByteBuffer buffer : object.subList(1, object.size())) {
      body.put(buffer.duplicate());
    }
    return body.flip().asReadOnlyBuffer();
  }

  // Reading.

  private <T> CompletableFuture<T> notOvertaken(long number, T answer) {
    return request(
            "list " + keys.checkpoints(),
            () -> store.list(keys.checkpoints(), keys.beforeCheckpoint(number), 1))
        .thenApply(
            passed -> {
              if (!passed.isEmpty()) {
                throw new SharedLogException.Overtaken(
                    keys.record(number) + " has been passed by " + passed.get(0).key());
              }
              return answer;
            });
  }

  /** Adds consecutive records until one is missing; widens its window as long as none is. */
  private CompletableFuture<Void> readAhead(
      long number, int limit, int window, List<LogObject> records) {
    int count = Math.min(window, limit - records.size());
    List<CompletableFuture<Optional<LogObject>>> reads = new ArrayList<>(count);
    for (int i = 0; i < count; i++) {
      reads.add(readRecord(number + i));
    }
    return CompletableFuture.allOf(reads.toArray(CompletableFuture<?>[]::new))
        .thenCompose(
            done -> {
              for (CompletableFuture<Optional<LogObject>> read : reads) {
                Optional<LogObject> found = read.join();
                if (found.isEmpty()) {
                  return CompletableFuture.<Void>completedFuture(null);
                }
                records.add(found.get());
              }
              return records.size() >= limit
                  ? CompletableFuture.<Void>completedFuture(null)
                  : hop(
                      () ->
                          readAhead(
                              number + count,
                              limit,
                              Math.min(MAX_READ_AHEAD, window * 4),
                              records));
            });
  }

  /** Not yet held against the cluster: a number below a checkpoint may be taken by anybody. */
  private CompletableFuture<Optional<LogObject>> readRecord(long number) {
    return readObject(keys.record(number), Kind.RECORD, number);
  }

  private CompletableFuture<Optional<LogObject>> readObject(String key, Kind kind, long number) {
    return ifFound(request("read " + key, () -> store.getRange(key, 0, FIRST_READ_BYTES)))
        .thenCompose(start -> start.isEmpty() ? completed(start) : readRest(key, start.get()))
        .thenApply(
            whole -> {
              if (whole.isEmpty()) {
                return Optional.empty();
              }
              LogObject object = LogObject.decode(key, kind, number, whole.get());
              if (kind == Kind.CHECKPOINT) {
                requireThisCluster(key, object.clusterId());
              }
              return Optional.of(object);
            });
  }

  private CompletableFuture<Optional<ByteBuffer>> readRest(String key, ByteBuffer start) {
    long total = LogObject.totalBytes(key, start);
    if (start.remaining() < FIRST_READ_BYTES || total <= FIRST_READ_BYTES) {
      return completed(Optional.of(start));
    }
    return readUntil(key, ByteBuffer.allocate((int) total).put(start));
  }

  private CompletableFuture<Optional<ByteBuffer>> readUntil(String key, ByteBuffer into) {
    if (!into.hasRemaining()) {
      return completed(Optional.of(into.flip()));
    }
    int length = Math.min(NEXT_READ_BYTES, into.remaining());
    return ifFound(request("read " + key, () -> store.getRange(key, into.position(), length)))
        .thenCompose(
            part -> {
              if (part.isEmpty()) {
                return completed(part);
              }
              boolean atEnd = part.get().remaining() < length;
              into.put(part.get());
              return atEnd ? completed(Optional.of(into.flip())) : hop(() -> readUntil(key, into));
            });
  }

  private static CompletableFuture<Optional<ByteBuffer>> ifFound(
      CompletableFuture<ByteBuffer> read) {
    return read.handle(
        (bytes, failure) -> {
          if (failure == null) {
            return Optional.of(bytes);
          }
          if (Retry.unwrap(failure) instanceof ObjectStoreException.NotFound) {
            return Optional.empty();
          }
          throw new CompletionException(Retry.unwrap(failure));
        });
  }

  // Deleting (P7).

  private CompletableFuture<Void> deleteSuperfluous(List<Long> checkpoints) {
    if (checkpoints.size() < 2) {
      return CompletableFuture.completedFuture(null);
    }
    long secondNewest = checkpoints.get(checkpoints.size() - 2);
    String key = keys.checkpoint(secondNewest);
    return readObject(key, Kind.CHECKPOINT, secondNewest)
        .handle(
            (found, failure) -> {
              if (failure != null
                  && Retry.unwrap(failure) instanceof SharedLogException.Corrupt e) {
                LOG.warn("Nothing of {} is deleted: {}", keys.name(), e.getMessage());
                return false;
              } else if (failure != null) {
                throw new CompletionException(Retry.unwrap(failure));
              }
              return found.isPresent();
            })
        .thenCompose(
            verified -> {
              if (!verified) {
                return CompletableFuture.<Void>completedFuture(null);
              }
              List<String> old = new ArrayList<>();
              for (long number : checkpoints.subList(0, checkpoints.size() - 2)) {
                old.add(keys.checkpoint(number));
              }
              return delete(old).thenCompose(done -> deleteRecordsUpTo(secondNewest));
            });
  }

  private CompletableFuture<Void> deleteRecordsUpTo(long last) {
    return request("list " + keys.records(), () -> store.list(keys.records(), "", DELETES_AT_ONCE))
        .thenCompose(
            page -> {
              List<String> old =
                  page.stream()
                      .map(ObjectInfo::key)
                      .filter(key -> LogKeys.number(key) <= last)
                      .toList();
              CompletableFuture<Void> deleted = delete(old);
              return old.size() < DELETES_AT_ONCE
                  ? deleted
                  : deleted.thenCompose(done -> hop(() -> deleteRecordsUpTo(last)));
            });
  }

  private CompletableFuture<Void> delete(List<String> superfluous) {
    return CompletableFuture.allOf(
        superfluous.stream()
            .map(key -> request("delete " + key, () -> store.delete(key)))
            .toArray(CompletableFuture<?>[]::new));
  }

  // Plumbing.

  private void requireThisCluster(LogObject record) {
    requireThisCluster(keys.record(record.number()), record.clusterId());
  }

  /** Once it is known whose log this is, every object must be of the same cluster. */
  private void requireThisCluster(String key, UUID found) {
    synchronized (identityLock) {
      if (!clusterSettled) {
        clusterId = found;
        clusterSettled = true;
      } else if (!clusterId.equals(found)) {
        throw new SharedLogException.Foreign(
            key
                + " belongs to cluster "
                + ClusterIds.text(found)
                + ", expected cluster "
                + ClusterIds.text(clusterId));
      }
    }
  }

  /** While opening, a refusal is an answer; later, an operator may take it back. */
  private <T> CompletableFuture<T> request(String what, Supplier<CompletableFuture<T>> attempt) {
    return retry.run(
        what,
        attempt,
        e -> Retry.isTransient(e) || (opened && e instanceof ObjectStoreException.Refused));
  }

  /** Goes on from the scheduler, so that a long loop over a fast store does not nest. */
  private <T> CompletableFuture<T> hop(Supplier<CompletableFuture<T>> next) {
    CompletableFuture<T> result = new CompletableFuture<>();
    scheduler.execute(
        () -> {
          CompletableFuture<T> started;
          try {
            started = next.get();
          } catch (RuntimeException e) {
            started = CompletableFuture.failedFuture(e);
          }
          pass(started, result);
        });
    return result;
  }

  /** What a caller gets: it is completed by the operation, or by {@link #close}. */
  private <T> CompletableFuture<T> tracked(Supplier<CompletableFuture<T>> operation) {
    CompletableFuture<T> result = new CompletableFuture<>();
    long operationId = nextOperation.getAndIncrement();
    underWay.put(operationId, result);
    if (closed) {
      underWay.remove(operationId);
      result.completeExceptionally(closedException());
      return result;
    }
    CompletableFuture<T> started = operation.get();
    started.whenComplete((value, failure) -> underWay.remove(operationId));
    pass(started, result);
    return result;
  }

  private static <T> void pass(CompletableFuture<T> from, CompletableFuture<T> to) {
    from.whenComplete(
        (value, failure) -> {
          if (failure == null) {
            to.complete(value);
          } else {
            to.completeExceptionally(Retry.unwrap(failure));
          }
        });
  }

  private static <T> CompletableFuture<T> completed(T value) {
    return CompletableFuture.completedFuture(value);
  }

  private SharedLogException closedException() {
    return new SharedLogException.Closed(keys.name() + " is closed");
  }

  private UUID newId() {
    return new UUID(random.nextLong(), random.nextLong());
  }
}
