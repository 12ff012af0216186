package io.spillway.kafka.transaction;

import io.spillway.kafka.coordinator.CoordinatorHost;
import io.spillway.request.coordinator.CoordinatorTopic;
import io.spillway.request.transaction.ProducerOutcome;
import io.spillway.request.transaction.TransactionService;
import io.spillway.runtime.Clock;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.function.BiFunction;
import java.util.stream.Collectors;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.InvalidRegularExpression;
import org.apache.kafka.common.errors.NotCoordinatorException;
import org.apache.kafka.common.message.DescribeTransactionsResponseData.TransactionState;
import org.apache.kafka.common.message.InitProducerIdRequestData;
import org.apache.kafka.common.message.ListTransactionsRequestData;
import org.apache.kafka.common.message.ListTransactionsResponseData;
import org.apache.kafka.common.protocol.Errors;
import org.apache.kafka.common.record.internal.RecordBatch;
import org.apache.kafka.server.common.TransactionVersion;
import org.jspecify.annotations.Nullable;

/** Requests to the coordinator of transactions, which the first of them starts. */
final class TransactionCoordinatorAdapter implements TransactionService {

  private final CoordinatorHost<RunningTransactions> host;
  private final TransactionSettings settings;
  private final ClusterFacts facts;
  private final Clock clock;

  TransactionCoordinatorAdapter(
      CoordinatorHost<RunningTransactions> host,
      TransactionSettings settings,
      ClusterFacts facts,
      Clock clock) {
    this.host = host;
    this.settings = settings;
    this.facts = facts;
    this.clock = clock;
  }

  // ---- producers

  @Override
  public CompletableFuture<ProducerOutcome> initProducerId(InitProducerIdRequestData request) {
    boolean forever = request.enable2Pc();
    Errors error = refusal(request, forever);
    if (error != Errors.NONE) {
      return CompletableFuture.completedFuture(ProducerOutcome.refused(error));
    }
    Optional<InitProducerIdRule.Claim> claim =
        request.producerId() == RecordBatch.NO_PRODUCER_ID
            ? Optional.empty()
            : Optional.of(
                new InitProducerIdRule.Claim(request.producerId(), request.producerEpoch()));
    return take(
        "init-producer-id",
        request.transactionalId(),
        new InitProducerIdRule(
            forever ? Integer.MAX_VALUE : request.transactionTimeoutMs(),
            claim,
            facts.transactionVersion(),
            clock.currentTimeMillis()));
  }

  /** Two-phase commit (KIP-939) as far as Kafka has it: without the timeout, where allowed. */
  private Errors refusal(InitProducerIdRequestData request, boolean forever) {
    if (request.transactionalId().isEmpty()) {
      return Errors.INVALID_REQUEST;
    }
    if (forever && !settings.state().transaction2PCEnabled()) {
      return Errors.TRANSACTIONAL_ID_AUTHORIZATION_FAILED;
    }
    if (request.keepPreparedTxn()) {
      return Errors.UNSUPPORTED_VERSION;
    }
    return forever || settings.isValidTimeout(request.transactionTimeoutMs())
        ? Errors.NONE
        : Errors.INVALID_TRANSACTION_TIMEOUT;
  }

  @Override
  public CompletableFuture<Errors> addPartitions(
      String transactionalId,
      long producerId,
      short producerEpoch,
      Set<TopicPartition> partitions,
      short transactionVersion) {
    return take(
            "add-partitions",
            transactionalId,
            new PartitionsRule(
                producerId,
                producerEpoch,
                partitions,
                TransactionVersion.fromFeatureLevel(transactionVersion),
                clock.currentTimeMillis()))
        .thenApply(ProducerOutcome::error);
  }

  @Override
  public CompletableFuture<ProducerOutcome> endTransaction(
      String transactionalId,
      long producerId,
      short producerEpoch,
      boolean committed,
      short transactionVersion) {
    return take(
        "end-transaction",
        transactionalId,
        new EndTransactionRule(
            producerId,
            producerEpoch,
            committed,
            TransactionVersion.fromFeatureLevel(transactionVersion),
            clock.currentTimeMillis()));
  }

  private CompletableFuture<ProducerOutcome> take(String name, String id, Rule rule) {
    if (id.isEmpty()) {
      return CompletableFuture.completedFuture(ProducerOutcome.refused(Errors.INVALID_REQUEST));
    }
    return ask(id, (running, tp) -> running.steps().take(name, tp, id, rule))
        .thenApply(Decision::outcome)
        .exceptionally(failure -> ProducerOutcome.refused(CoordinatorErrors.of(failure)));
  }

  // ---- partitions' leaders

  @Override
  public CompletableFuture<Map<TopicPartition, Errors>> verifyPartitions(
      String transactionalId,
      long producerId,
      short producerEpoch,
      Set<TopicPartition> partitions) {
    if (transactionalId.isEmpty()) {
      return CompletableFuture.completedFuture(all(partitions, Errors.INVALID_REQUEST));
    }
    return ask(
            transactionalId,
            (running, tp) ->
                running
                    .runtime()
                    .verify(tp, transactionalId, producerId, producerEpoch, partitions))
        .exceptionally(failure -> all(partitions, CoordinatorErrors.of(failure)));
  }

  private static Map<TopicPartition, Errors> all(Set<TopicPartition> partitions, Errors error) {
    return partitions.stream().collect(Collectors.toMap(tp -> tp, tp -> error));
  }

  // ---- administrators

  @Override
  public CompletableFuture<TransactionState> describe(String transactionalId) {
    if (transactionalId.isEmpty()) {
      return CompletableFuture.completedFuture(
          TransactionReports.error(transactionalId, Errors.INVALID_REQUEST));
    }
    return ask(
            transactionalId,
            (running, tp) ->
                running
                    .runtime()
                    .read(
                        "describe",
                        tp,
                        (shard, committedOffset) ->
                            Optional.ofNullable(shard.find(transactionalId, committedOffset))))
        .handle(
            (found, failure) ->
                failure == null
                    ? TransactionReports.describe(transactionalId, found)
                    : TransactionReports.error(transactionalId, CoordinatorErrors.of(failure)));
  }

  @Override
  public CompletableFuture<ListTransactionsResponseData> list(ListTransactionsRequestData request) {
    TransactionFilter filter;
    try {
      filter = TransactionFilter.of(request, clock.currentTimeMillis());
    } catch (InvalidRegularExpression e) {
      return CompletableFuture.failedFuture(e);
    }
    if (host.isUnused()) {
      return CompletableFuture.completedFuture(TransactionReports.list(filter, Map.of()));
    }
    return host.coordinator()
        .thenCompose(running -> running.runtime().selectAll("list", filter))
        .handle(
            (found, failure) ->
                failure == null
                    ? TransactionReports.list(filter, found)
                    : new ListTransactionsResponseData()
                        .setErrorCode(CoordinatorErrors.of(failure).code()));
  }

  private <T> CompletableFuture<T> ask(
      String id, BiFunction<RunningTransactions, TopicPartition, CompletableFuture<T>> question) {
    return host.coordinator()
        .thenCompose(
            running -> {
              TopicPartition tp = partitionOf(id);
              return tp == null
                  ? CompletableFuture.failedFuture(
                      new NotCoordinatorException("there is no partition for " + id))
                  : question.apply(running, tp);
            });
  }

  private @Nullable TopicPartition partitionOf(String id) {
    int partitions = host.topicPartitions();
    return partitions == 0
        ? null
        : new TopicPartition(
            CoordinatorTopic.TRANSACTIONS, CoordinatorTopic.partitionOf(id, partitions));
  }
}
