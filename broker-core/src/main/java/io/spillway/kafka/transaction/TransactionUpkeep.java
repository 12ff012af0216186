package io.spillway.kafka.transaction;

import io.spillway.kafka.transaction.Decision.Keep;
import io.spillway.request.transaction.ProducerOutcome;
import io.spillway.runtime.Clock;
import io.spillway.runtime.Scheduler;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.coordinator.transaction.TransactionStateManagerConfig;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What happens to transactions without anybody asking, now and then: those that are open for too
 * long are aborted, endings that nobody sees to go on, and ids that nobody uses are forgotten.
 */
final class TransactionUpkeep implements AutoCloseable {

  private static final Logger log = LoggerFactory.getLogger(TransactionUpkeep.class);

  /** Of one partition at once: what is left is found the next time. */
  private static final int MAX_ABORTS = 1_000;

  private final TransactionRuntime runtime;
  private final TransactionSteps steps;
  private final ClusterFacts facts;
  private final TransactionStateManagerConfig settings;
  private final Clock clock;
  private final Scheduler scheduler;
  private volatile boolean closed;

  private record TimedOut(TopicPartition partition, Map<String, Transaction> transactions) {}

  TransactionUpkeep(
      TransactionRuntime runtime,
      TransactionSteps steps,
      ClusterFacts facts,
      TransactionStateManagerConfig settings,
      Clock clock,
      Scheduler scheduler) {
    this.runtime = runtime;
    this.steps = steps;
    this.facts = facts;
    this.settings = settings;
    this.clock = clock;
    this.scheduler = scheduler;
  }

  void start() {
    every(
        settings.transactionAbortTimedOutTransactionCleanupIntervalMs(),
        () -> {
          resumeEndings();
          abortTimedOut();
        });
    every(settings.transactionRemoveExpiredTransactionalIdCleanupIntervalMs(), this::expire);
  }

  @Override
  public void close() {
    closed = true;
  }

  private void every(int intervalMs, Runnable task) {
    scheduler.schedule(
        TimeUnit.MILLISECONDS.toNanos(intervalMs),
        () -> {
          if (!closed) {
            runUnlessClosed(task);
            every(intervalMs, task);
          }
        });
  }

  /** The runtime refuses everything once it is shut down; that is no fault. */
  private void runUnlessClosed(Runnable task) {
    try {
      task.run();
    } catch (RuntimeException e) {
      if (!closed) {
        throw e;
      }
    }
  }

  private void resumeEndings() {
    runtime.readAll(
        "resume-endings",
        (shard, committedOffset) -> {
          shard.resumeAll(committedOffset);
          return true;
        });
  }

  private void abortTimedOut() {
    long nowMs = clock.currentTimeMillis();
    List<CompletableFuture<TimedOut>> found =
        runtime.readAll(
            "find-timed-out",
            (shard, committedOffset) ->
                new TimedOut(
                    shard.partition(),
                    shard.select(
                        (id, transaction) -> transaction.isTimedOut(nowMs),
                        MAX_ABORTS,
                        committedOffset)));
    found.forEach(
        future ->
            future.thenAccept(
                timedOut ->
                    timedOut.transactions.forEach(
                        (id, transaction) -> abort(timedOut.partition, id))));
  }

  /** Looks at the state again: it may have ended meanwhile. */
  private void abort(TopicPartition tp, String id) {
    long nowMs = clock.currentTimeMillis();
    Rule ifTimedOut =
        (current, freshId) ->
            current != null && current.isTimedOut(nowMs)
                ? new AbortRule(facts.transactionVersion(), nowMs).decide(current, freshId)
                : new Keep(ProducerOutcome.UNCHANGED);
    steps
        .take("abort-timed-out", tp, id, ifTimedOut)
        .whenComplete(
            (decision, failure) -> {
              if (failure != null) {
                log.debug("{}: the transaction of {} is not aborted yet", tp, id, failure);
              } else if (decision instanceof Decision.Change) {
                log.info("{}: the transaction of {} has timed out: it is aborted", tp, id);
              }
            });
  }

  private void expire() {
    runtime.expire(clock.currentTimeMillis() - settings.transactionalIdExpirationMs());
  }
}
