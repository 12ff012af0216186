package io.spillway.kafka.controller;

import io.spillway.sharedlog.SharedLog;
import io.spillway.sharedlog.SharedLogException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.TreeMap;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;

/**
 * A shared log in memory: what a bucket holds. Any number of brokers may use one at a time; answers
 * come at once, or when {@link #release} lets held creates go.
 */
public final class MemorySharedLog implements SharedLog {

  private final TreeMap<Long, byte[]> records = new TreeMap<>();
  private final TreeMap<Long, byte[]> checkpoints = new TreeMap<>();
  private final List<Runnable> held = new ArrayList<>();
  private boolean holdCreates;
  private int creates;

  @Override
  public synchronized CompletableFuture<Start> open() {
    if (checkpoints.isEmpty()) {
      return CompletableFuture.completedFuture(new Start(Optional.empty(), 0));
    }
    return CompletableFuture.completedFuture(
        new Start(
            Optional.of(ByteBuffer.wrap(checkpoints.lastEntry().getValue())),
            checkpoints.lastKey() + 1));
  }

  @Override
  public synchronized CompletableFuture<Optional<ByteBuffer>> resume(long number) {
    boolean passed = !checkpoints.isEmpty() && checkpoints.lastKey() > number;
    return passed ? CompletableFuture.completedFuture(Optional.empty()) : read(number);
  }

  @Override
  public synchronized CompletableFuture<Created> create(long number, List<ByteBuffer> body) {
    byte[] bytes = join(body);
    CompletableFuture<Created> answer = new CompletableFuture<>();
    if (holdCreates) {
      held.add(() -> decide(number, bytes, answer));
    } else {
      decide(number, bytes, answer);
    }
    return answer;
  }

  private synchronized void decide(long number, byte[] bytes, CompletableFuture<Created> answer) {
    creates++;
    byte @Nullable [] winner = records.get(number);
    if (winner == null) {
      if (number != nextNumber()) {
        answer.completeExceptionally(
            new IllegalStateException("create of " + number + " at " + nextNumber()));
        return;
      }
      records.put(number, bytes);
      answer.complete(new Created(true, ByteBuffer.wrap(bytes)));
    } else {
      answer.complete(new Created(false, ByteBuffer.wrap(winner)));
    }
  }

  private long nextNumber() {
    long next = records.isEmpty() ? 0 : records.lastKey() + 1;
    return checkpoints.isEmpty() ? next : Math.max(next, checkpoints.lastKey() + 1);
  }

  @Override
  public synchronized CompletableFuture<Optional<ByteBuffer>> read(long number) {
    byte[] record = records.get(number);
    return CompletableFuture.completedFuture(
        record == null ? Optional.empty() : Optional.of(ByteBuffer.wrap(record)));
  }

  @Override
  public synchronized CompletableFuture<List<ByteBuffer>> readFrom(long number, int limit) {
    if (!checkpoints.isEmpty() && number <= checkpoints.lastKey() && !records.containsKey(number)) {
      return CompletableFuture.failedFuture(new SharedLogException.Overtaken("at " + number));
    }
    return CompletableFuture.completedFuture(
        records.tailMap(number, true).values().stream()
            .limit(limit)
            .map(ByteBuffer::wrap)
            .toList());
  }

  @Override
  public synchronized CompletableFuture<Void> checkpoint(long number, List<ByteBuffer> state) {
    Optional<Long> previous =
        checkpoints.isEmpty() ? Optional.empty() : Optional.of(checkpoints.lastKey());
    checkpoints.put(number, join(state));
    previous.ifPresent(n -> records.headMap(n, true).clear());
    return CompletableFuture.completedFuture(null);
  }

  /** From now on creates wait for {@link #release}. */
  public synchronized void hold() {
    holdCreates = true;
  }

  /** Decides the held creates, in order, and holds no more. */
  public void release() {
    List<Runnable> ready;
    synchronized (this) {
      holdCreates = false;
      ready = List.copyOf(held);
      held.clear();
    }
    ready.forEach(Runnable::run);
  }

  /** Creates decided so far. */
  public synchronized int creates() {
    return creates;
  }

  public synchronized int checkpoints() {
    return checkpoints.size();
  }

  public synchronized List<byte[]> records() {
    return List.copyOf(records.values());
  }

  /** Another writer's record at the end of the log. */
  public synchronized void append(List<ByteBuffer> body) {
    records.put(nextNumber(), join(body));
  }

  private static byte[] join(List<ByteBuffer> body) {
    int size = body.stream().mapToInt(ByteBuffer::remaining).sum();
    ByteBuffer joined = ByteBuffer.allocate(size);
    body.forEach(part -> joined.put(part.duplicate()));
    return joined.array();
  }

  @Override
  public UUID clusterId() {
    return new UUID(1, 2);
  }

  /** Leaves what it holds: a bucket does. */
  @Override
  public void close() {}
}
