package io.spillway.object;

import io.spillway.runtime.RandomSource;
import io.spillway.runtime.Scheduler;
import io.spillway.runtime.SimulatedThreads;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.Optional;
import java.util.PriorityQueue;
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
 *   <li>unavailable: the request was not carried out, and the caller is told so;
 *   <li>lost request: not carried out, and the caller is told nothing certain (ambiguous);
 *   <li>lost answer: carried out, ambiguous;
 *   <li>late write: ambiguous now, carried out later, even after the broker that sent it crashed;
 *   <li>conflict: a create that is told to try again (409);
 *   <li>outage: every request is unavailable or ambiguous until it ends.
 * </ul>
 *
 * Reads fail only with unavailable. Everything follows from the seed.
 */
public final class SimulatedBucket {

  private final SimulatedThreads threads;
  private final RandomSource random;
  private final MemoryObjectStore objects = new MemoryObjectStore();
  private final PriorityQueue<Arrival> arrivals = new PriorityQueue<>();
  private final Faults faults;
  private long sequence;
  private boolean outage;

  public SimulatedBucket(SimulatedThreads threads, Faults faults) {
    this.threads = threads;
    this.random = threads.randomSource();
    this.faults = faults;
  }

  /** A broker's own client; made anew after a crash. */
  public ObjectStore connect(String broker) {
    return new Connection(threads.newScheduler("bucket-of-" + broker));
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

  /** Probabilities in percent, times in milliseconds. */
  public record Faults(
      int unavailable,
      int lostRequest,
      int lostAnswer,
      int lateWrite,
      int conflict,
      int maxLatencyMs,
      int maxLatenessMs) {

    /** A network that works, in one to ten milliseconds. */
    public static Faults none() {
      return new Faults(0, 0, 0, 0, 0, 10, 0);
    }

    /** About a third of the writes goes wrong one way or another. */
    public static Faults many() {
      return new Faults(10, 8, 8, 6, 5, 50, 2_000);
    }
  }

  private boolean chance(int percent) {
    return random.nextInt(100) < percent;
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
      return write("put " + key, () -> objects.put(key, sent));
    }

    @Override
    public CompletableFuture<PutIfAbsent> putIfAbsent(String key, List<ByteBuffer> body) {
      ObjectKeys.requireValid(key);
      if (!outage && chance(faults.conflict)) {
        return later(millis(faults.maxLatencyMs), PutIfAbsent.CONFLICT, null);
      }
      List<ByteBuffer> sent = onTheWire(body);
      return write("create " + key, () -> objects.putIfAbsent(key, sent));
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
      return read("list " + prefix, () -> objects.list(prefix, startAfter, limit));
    }

    @Override
    public CompletableFuture<Void> delete(String key) {
      return write("delete " + key, () -> objects.delete(key));
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
      boolean fails = outage || chance(faults.unavailable);
      scheduler.schedule(
          millis(faults.maxLatencyMs),
          () -> {
            arrive(threads.clock().nanoTime());
            if (fails) {
              answer.completeExceptionally(unavailable(what));
            } else {
              pass(request.get(), answer);
            }
          });
      return answer;
    }

    private <T> CompletableFuture<T> write(String what, Supplier<CompletableFuture<T>> request) {
      if (chance(faults.unavailable) || (outage && chance(50))) {
        return later(millis(faults.maxLatencyMs), null, unavailable(what));
      }
      if (outage || chance(faults.lostRequest)) {
        return later(millis(faults.maxLatencyMs), null, ambiguous(what));
      }
      boolean late = chance(faults.lateWrite);
      boolean answerLost = late || chance(faults.lostAnswer);
      CompletableFuture<T> outcome = new CompletableFuture<>();
      long now = threads.clock().nanoTime();
      long arrivesAt = now + millis(late ? faults.maxLatenessMs : faults.maxLatencyMs);
      arrivals.add(new Arrival(arrivesAt, sequence++, () -> pass(request.get(), outcome)));
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

    private ObjectStoreException unavailable(String what) {
      return new ObjectStoreException.Unavailable(what + ": simulated 503", null);
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
        return write("complete " + key, upload::complete);
      }

      @Override
      public CompletableFuture<Void> abort() {
        return write("abort " + key, upload::abort);
      }
    }
  }
}
