package io.spillway.object;

import io.spillway.object.ObjectStore.ObjectInfo;
import io.spillway.runtime.RandomSource;
import io.spillway.runtime.Scheduler;
import io.spillway.runtime.SimulatedThreads;
import io.spillway.runtime.Threads;
import java.nio.ByteBuffer;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.PriorityQueue;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * A bucket at the far end of a bad network, on simulated time. The bucket itself is strongly
 * consistent; each {@link #connect} is one broker's way to it, on which requests and answers are
 * slow, lost or refused as {@link Faults} says:
 *
 * <ul>
 *   <li>unavailable (503), throttled (429, often several in a row): the request was not carried
 *       out, and the caller is told so;
 *   <li>lost request: not carried out, and the caller is told nothing certain (ambiguous);
 *   <li>lost answer: carried out, ambiguous;
 *   <li>late write: ambiguous now, carried out later, even after the broker that sent it crashed;
 *   <li>conflict: a create that is told to try again (409);
 *   <li>outage: every request is unavailable or ambiguous until it ends.
 *   <li>slow read: the answer takes up to a hundred times as long;
 *   <li>cut read: the body breaks off; the client notices, and tells as unavailable.
 * </ul>
 *
 * Reads fail with nothing worse. Everything follows from the seed.
 *
 * <p>Listings may be stale in two ways. {@link #listDeletedFor}: one shows for a while what has
 * been deleted, which a store may do. {@link #listCreatedAfter}: one does not show for a while what
 * has been created, which no store may do that is to be used.
 */
public final class SimulatedBucket {

  private final SimulatedThreads threads;
  private final RandomSource random;
  private final MemoryObjectStore objects = new MemoryObjectStore();
  private final PriorityQueue<Arrival> arrivals = new PriorityQueue<>();
  private Faults faults;
  private long sequence;
  private final Map<Fault, Long> met = new EnumMap<>(Fault.class);
  private Watcher watcher = new Watcher() {};
  private boolean outage;
  private int throttledRequests;
  private final TreeMap<String, Gone> gone = new TreeMap<>();
  private final Map<String, Long> visibleAtNanos = new HashMap<>();
  private int maxGhostMs;
  private long listedAfterNanos;

  /** An object that listings may still show. */
  private record Gone(ObjectInfo object, long untilNanos) {}

  public SimulatedBucket(SimulatedThreads threads, Faults faults) {
    this.threads = threads;
    this.random = threads.randomSource();
    this.faults = faults;
  }

  /** A broker's own client; made anew after a crash. */
  public ObjectStore connect(String broker) {
    return connect(threads, broker);
  }

  /** The client of a process: answers come on its threads, and only while it lives. */
  public ObjectStore connect(Threads process, String broker) {
    return new Connection(process.newScheduler("bucket-of-" + broker));
  }

  /** Told of what the bucket does, at the time it does it. */
  public void watch(Watcher by) {
    watcher = by;
  }

  /** Listings show what was deleted for up to so long. */
  public void listDeletedFor(int maxMs) {
    maxGhostMs = maxMs;
  }

  /** Listings show what was created only so long afterwards; 0: at once, what is there included. */
  public void listCreatedAfter(long nanos) {
    listedAfterNanos = nanos;
    if (nanos == 0) {
      visibleAtNanos.clear();
    }
  }

  /** The network is good from now on; what is on its way arrives as it would have. */
  public void heal() {
    outage = false;
    listCreatedAfter(0);
    faults = new Faults(0, 0, 0, 0, 0, faults.maxLatencyMs, faults.maxLatenessMs);
  }

  /** How often each fault was met. */
  public Map<Fault, Long> met() {
    return met;
  }

  /** The objects themselves, without a network: for looking, while the world stands still. */
  public ObjectStore objects() {
    return objects;
  }

  /** From now on no request gets through, or every one does again. */
  public void setOutage(boolean outage) {
    this.outage = outage;
  }

  /** Carries out every write that is still on its way, and shows what the bucket then holds. */
  public ObjectStore contents() {
    arrive(Long.MAX_VALUE);
    return objects;
  }

  /** What can go wrong, for counting. */
  public enum Fault {
    UNAVAILABLE,
    THROTTLED,
    CONFLICT,
    /** 412 for a create that had worked: its first answer was lost. */
    OWN_EXISTS,
    TIMEOUT_NOT_APPLIED,
    TIMEOUT_APPLIED,
    LATE_WRITE,
    SLOW_READ,
    CUT_READ,
    OUTAGE,
    /** A listing showed what had been deleted. */
    DELETED_LISTED,
    /** A listing did not show what had been created. */
    CREATED_NOT_LISTED
  }

  /** Sees each change of the bucket. */
  public interface Watcher {
    /** There is a new object, or other bytes under the key. */
    default void created(String key) {}

    /** An object that exists is about to go. */
    default void deleting(String key) {}
  }

  /** Probabilities in percent, times in milliseconds. */
  public record Faults(
      int unavailable,
      int lostRequest,
      int lostAnswer,
      int lateWrite,
      int conflict,
      int maxLatencyMs,
      int maxLatenessMs,
      int throttled,
      int slowRead,
      int cutRead) {

    public Faults(
        int unavailable,
        int lostRequest,
        int lostAnswer,
        int lateWrite,
        int conflict,
        int maxLatencyMs,
        int maxLatenessMs) {
      this(
          unavailable,
          lostRequest,
          lostAnswer,
          lateWrite,
          conflict,
          maxLatencyMs,
          maxLatenessMs,
          0,
          0,
          0);
    }

    /** A network that works, in one to ten milliseconds. */
    public static Faults none() {
      return new Faults(0, 0, 0, 0, 0, 10, 0);
    }

    /** About a third of the writes goes wrong one way or another. */
    public static Faults many() {
      return new Faults(7, 8, 8, 6, 5, 50, 2_000, 1, 3, 3);
    }
  }

  private void onCreated(String key) {
    gone.remove(key);
    if (listedAfterNanos > 0) {
      visibleAtNanos.put(key, threads.clock().nanoTime() + listedAfterNanos);
    }
    watcher.created(key);
  }

  private void onDeleting(ObjectInfo object) {
    watcher.deleting(object.key());
    if (maxGhostMs > 0) {
      gone.put(object.key(), new Gone(object, threads.clock().nanoTime() + millis(maxGhostMs)));
    }
  }

  /** As the store lists: what is there, as far as it knows by now. */
  private CompletableFuture<List<ObjectInfo>> list(String prefix, String startAfter, int limit) {
    if (gone.isEmpty() && visibleAtNanos.isEmpty()) {
      return objects.list(prefix, startAfter, limit);
    }
    long now = threads.clock().nanoTime();
    TreeMap<String, ObjectInfo> listed = new TreeMap<>();
    for (ObjectInfo object : objects.list(prefix, startAfter, Integer.MAX_VALUE).join()) {
      if (visibleAtNanos.getOrDefault(object.key(), 0L) <= now) {
        listed.put(object.key(), object);
      } else {
        met(Fault.CREATED_NOT_LISTED);
      }
    }
    gone.values().removeIf(ghost -> ghost.untilNanos <= now);
    for (Gone ghost : gone.tailMap(startAfter, false).values()) {
      String key = ghost.object.key();
      if (key.startsWith(prefix) && listed.putIfAbsent(key, ghost.object) == null) {
        met(Fault.DELETED_LISTED);
      }
    }
    return CompletableFuture.completedFuture(listed.values().stream().limit(limit).toList());
  }

  private boolean chance(int percent) {
    return random.nextInt(100) < percent;
  }

  private boolean chance(int percent, Fault fault) {
    boolean happens = percent > 0 && chance(percent);
    if (happens) {
      met(fault);
    }
    return happens;
  }

  private void met(Fault fault) {
    met.merge(fault, 1L, Long::sum);
  }

  /** A store that throttles says so to the requests that follow as well. */
  private boolean isThrottled() {
    if (throttledRequests == 0 && faults.throttled > 0 && chance(faults.throttled)) {
      throttledRequests = 1 + random.nextInt(8);
    }
    if (throttledRequests > 0) {
      throttledRequests--;
      met(Fault.THROTTLED);
      return true;
    }
    return false;
  }

  private long millis(int bound) {
    return TimeUnit.MICROSECONDS.toNanos(1 + random.nextInt(Math.max(1, bound * 1_000)));
  }

  private void arrive(long untilNanos) {
    while (!arrivals.isEmpty() && arrivals.peek().atNanos <= untilNanos) {
      arrivals.poll().write.run();
    }
  }

  /** A write that reaches the bucket at its time, whatever has become of its sender. */
  private record Arrival(long atNanos, long sequence, Runnable write)
      implements Comparable<Arrival> {
    @Override
    public int compareTo(Arrival other) {
      int byTime = Long.compare(atNanos, other.atNanos);
      return byTime != 0 ? byTime : Long.compare(sequence, other.sequence);
    }
  }

  private final class Connection implements ObjectStore {
    private final Scheduler scheduler;

    Connection(Scheduler scheduler) {
      this.scheduler = scheduler;
    }

    @Override
    public CompletableFuture<Void> put(String key, List<ByteBuffer> body) {
      ObjectKeys.requireValid(key);
      List<ByteBuffer> sent = onTheWire(body);
      return write("put " + key, () -> seen(key, objects.put(key, sent)));
    }

    @Override
    public CompletableFuture<PutIfAbsent> putIfAbsent(String key, List<ByteBuffer> body) {
      ObjectKeys.requireValid(key);
      if (!outage && chance(faults.conflict, Fault.CONFLICT)) {
        return later(millis(faults.maxLatencyMs), PutIfAbsent.CONFLICT, null);
      }
      List<ByteBuffer> sent = onTheWire(body);
      return write("create " + key, () -> create(key, sent));
    }

    private CompletableFuture<PutIfAbsent> create(String key, List<ByteBuffer> sent) {
      CompletableFuture<PutIfAbsent> created = objects.putIfAbsent(key, sent);
      if (created.join() == PutIfAbsent.CREATED) {
        onCreated(key);
      } else if (holds(key, sent)) {
        met(Fault.OWN_EXISTS);
      }
      return created;
    }

    private boolean holds(String key, List<ByteBuffer> sent) {
      ByteBuffer mine = sent.get(0).duplicate();
      return objects.getRange(key, 0, mine.remaining() + 1).join().equals(mine);
    }

    private <T> CompletableFuture<T> seen(String key, CompletableFuture<T> done) {
      onCreated(key);
      return done;
    }

    private CompletableFuture<Void> remove(String key) {
      objects.head(key).join().ifPresent(SimulatedBucket.this::onDeleting);
      return objects.delete(key);
    }

    @Override
    public CompletableFuture<ByteBuffer> getRange(String key, long position, int length) {
      return read("get " + key, () -> objects.getRange(key, position, length));
    }

    @Override
    public CompletableFuture<Optional<ObjectInfo>> head(String key) {
      return read("head " + key, () -> objects.head(key));
    }

    @Override
    public CompletableFuture<List<ObjectInfo>> list(String prefix, String startAfter, int limit) {
      return read("list " + prefix, () -> SimulatedBucket.this.list(prefix, startAfter, limit));
    }

    @Override
    public CompletableFuture<Void> delete(String key) {
      return write("delete " + key, () -> remove(key));
    }

    @Override
    public CompletableFuture<Multipart> startMultipart(String key, int partSizeBytes) {
      return write("start " + key, () -> objects.startMultipart(key, partSizeBytes))
          .thenApply(upload -> new SlowMultipart(key, upload));
    }

    @Override
    public CompletableFuture<List<String>> listMultiparts(String prefix) {
      return read("list uploads " + prefix, () -> objects.listMultiparts(prefix));
    }

    @Override
    public CompletableFuture<Void> abortMultiparts(String key) {
      return write("abort " + key, () -> objects.abortMultiparts(key));
    }

    @Override
    public void close() {}

    @Override
    public String toString() {
      return "simulated bucket";
    }

    /** A late write is carried out when the sender's buffers are long in use for something else. */
    private static List<ByteBuffer> onTheWire(List<ByteBuffer> body) {
      return List.of(ByteBuffer.wrap(Buffers.copy(body)));
    }

    private <T> CompletableFuture<T> read(String what, Supplier<CompletableFuture<T>> request) {
      CompletableFuture<T> answer = new CompletableFuture<>();
      if (outage) {
        met(Fault.OUTAGE);
      }
      boolean throttled = !outage && isThrottled();
      boolean fails = outage || throttled || chance(faults.unavailable, Fault.UNAVAILABLE);
      boolean slow = !fails && chance(faults.slowRead, Fault.SLOW_READ);
      boolean cut = !fails && chance(faults.cutRead, Fault.CUT_READ);
      long nanos = millis(faults.maxLatencyMs) * (slow ? 1 + random.nextInt(100) : 1);
      scheduler.schedule(
          nanos,
          () -> {
            arrive(threads.clock().nanoTime());
            if (fails) {
              answer.completeExceptionally(unavailable(what, throttled));
            } else if (cut) {
              answer.completeExceptionally(
                  new ObjectStoreException.Unavailable(what + ": simulated end of body", null));
            } else {
              pass(request.get(), answer);
            }
          });
      return answer;
    }

    private <T> CompletableFuture<T> write(String what, Supplier<CompletableFuture<T>> request) {
      if (outage) {
        met(Fault.OUTAGE);
        return later(
            millis(faults.maxLatencyMs),
            null,
            chance(50) ? unavailable(what, false) : ambiguous(what));
      }
      boolean throttled = isThrottled();
      if (throttled || chance(faults.unavailable, Fault.UNAVAILABLE)) {
        return later(millis(faults.maxLatencyMs), null, unavailable(what, throttled));
      }
      if (chance(faults.lostRequest, Fault.TIMEOUT_NOT_APPLIED)) {
        return later(millis(faults.maxLatencyMs), null, ambiguous(what));
      }
      boolean late = chance(faults.lateWrite, Fault.LATE_WRITE);
      boolean answerLost = late || chance(faults.lostAnswer, Fault.TIMEOUT_APPLIED);
      CompletableFuture<T> outcome = new CompletableFuture<>();
      long now = threads.clock().nanoTime();
      long arrivesAt = now + millis(late ? faults.maxLatenessMs : faults.maxLatencyMs);
      arrivals.add(new Arrival(arrivesAt, sequence++, () -> pass(request.get(), outcome)));
      threads.at(arrivesAt, () -> arrive(threads.clock().nanoTime()));
      long answersAt = (late ? now : arrivesAt) + millis(faults.maxLatencyMs);
      CompletableFuture<T> answer = new CompletableFuture<>();
      scheduler.schedule(
          answersAt - now,
          () -> {
            arrive(threads.clock().nanoTime());
            if (answerLost) {
              answer.completeExceptionally(ambiguous(what));
            } else {
              pass(outcome, answer);
            }
          });
      return answer;
    }

    private <T> CompletableFuture<T> later(
        long delayNanos, @Nullable T value, @Nullable Throwable failure) {
      CompletableFuture<T> answer = new CompletableFuture<>();
      scheduler.schedule(
          delayNanos,
          () -> {
            if (failure == null) {
              answer.complete(value);
            } else {
              answer.completeExceptionally(failure);
            }
          });
      return answer;
    }

    private <T> void pass(CompletableFuture<T> from, CompletableFuture<T> to) {
      from.whenComplete(
          (value, failure) -> {
            if (failure == null) {
              to.complete(value);
            } else {
              to.completeExceptionally(Retry.unwrap(failure));
            }
          });
    }

    private ObjectStoreException unavailable(String what, boolean throttled) {
      return new ObjectStoreException.Unavailable(
          what + ": simulated " + (throttled ? 429 : 503), null);
    }

    private ObjectStoreException ambiguous(String what) {
      return new ObjectStoreException.Ambiguous(what + ": simulated time-out", null);
    }

    private final class SlowMultipart implements Multipart {
      private final String key;
      private final Multipart upload;

      SlowMultipart(String key, Multipart upload) {
        this.key = key;
        this.upload = upload;
      }

      @Override
      public CompletableFuture<Void> uploadPart(int partNumber, List<ByteBuffer> body) {
        List<ByteBuffer> sent = onTheWire(body);
        return write("part of " + key, () -> upload.uploadPart(partNumber, sent));
      }

      @Override
      public CompletableFuture<Void> complete() {
        return write("complete " + key, () -> seen(key, upload.complete()));
      }

      @Override
      public CompletableFuture<Void> abort() {
        return write("abort " + key, upload::abort);
      }
    }
  }
}
