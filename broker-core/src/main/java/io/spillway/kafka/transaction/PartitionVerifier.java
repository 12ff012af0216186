package io.spillway.kafka.transaction;

import io.spillway.partition.TransactionVerifier;
import io.spillway.request.transaction.TransactionService;
import io.spillway.runtime.Clock;
import io.spillway.runtime.Scheduler;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.protocol.Errors;

/**
 * Asks the coordinator of this broker on behalf of a partition, whose producers know fewer errors
 * (KIP-890): a coordinator that cannot say is {@code NOT_ENOUGH_REPLICAS}, which makes them send
 * again and look for nothing.
 *
 * <p>The end of a transaction is answered before its markers are written; so the first batch of the
 * next one may come a moment too early. It is held for a moment then, as in Kafka.
 */
final class PartitionVerifier implements TransactionVerifier {

  private final TransactionService transactions;
  private final Clock clock;
  private final Scheduler scheduler;
  private final long retryNanos;
  private final long patienceNanos;

  /**
   * @param retryMs {@code add.partitions.to.txn.retry.backoff.ms}
   * @param patienceMs {@code add.partitions.to.txn.retry.backoff.max.ms}
   */
  PartitionVerifier(
      TransactionService transactions,
      Clock clock,
      Scheduler scheduler,
      int retryMs,
      int patienceMs) {
    this.transactions = transactions;
    this.clock = clock;
    this.scheduler = scheduler;
    this.retryNanos = TimeUnit.MILLISECONDS.toNanos(retryMs);
    this.patienceNanos = TimeUnit.MILLISECONDS.toNanos(patienceMs);
  }

  @Override
  public CompletionStage<Errors> verify(
      String transactionalId,
      long producerId,
      short producerEpoch,
      TopicPartition partition,
      Question question) {
    Set<TopicPartition> only = Set.of(partition);
    if (question == Question.IS_ADDED) {
      return transactions
          .verifyPartitions(transactionalId, producerId, producerEpoch, only)
          .thenApply(
              errors -> {
                Errors error = errors.getOrDefault(partition, Errors.UNKNOWN_SERVER_ERROR);
                return error == Errors.CONCURRENT_TRANSACTIONS
                    ? Errors.NOT_ENOUGH_REPLICAS
                    : inPartitionsTerms(error);
              });
    }
    CompletableFuture<Errors> added = new CompletableFuture<>();
    long deadlineNanos = clock.nanoTime() + patienceNanos;
    add(new Adding(transactionalId, producerId, producerEpoch, only, deadlineNanos), added);
    return added;
  }

  private record Adding(
      String transactionalId,
      long producerId,
      short producerEpoch,
      Set<TopicPartition> partitions,
      long deadlineNanos) {}

  private void add(Adding adding, CompletableFuture<Errors> added) {
    transactions
        .addPartitions(
            adding.transactionalId,
            adding.producerId,
            adding.producerEpoch,
            adding.partitions,
            TransactionService.VERSION_WITH_EPOCHS)
        .whenComplete(
            (error, failure) -> {
              if (failure != null) {
                added.complete(inPartitionsTerms(CoordinatorErrors.of(failure)));
              } else if (error == Errors.CONCURRENT_TRANSACTIONS
                  && clock.nanoTime() - adding.deadlineNanos < 0) {
                scheduler.schedule(retryNanos, () -> add(adding, added));
              } else {
                added.complete(inPartitionsTerms(error));
              }
            });
  }

  private static Errors inPartitionsTerms(Errors error) {
    return switch (error) {
      case PRODUCER_FENCED -> Errors.INVALID_PRODUCER_EPOCH;
      case COORDINATOR_LOAD_IN_PROGRESS, COORDINATOR_NOT_AVAILABLE, NOT_COORDINATOR ->
          Errors.NOT_ENOUGH_REPLICAS;
      default -> error;
    };
  }
}
