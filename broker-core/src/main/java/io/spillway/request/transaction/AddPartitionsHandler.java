package io.spillway.request.transaction;

import io.spillway.metadata.ClusterMetadata;
import io.spillway.metadata.ClusterMetadata.TopicInfo;
import io.spillway.request.ApiHandler;
import io.spillway.request.Exchange;
import io.spillway.request.Partitions;
import io.spillway.request.Replies;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.function.Function;
import java.util.function.Supplier;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.message.AddPartitionsToTxnRequestData;
import org.apache.kafka.common.message.AddPartitionsToTxnRequestData.AddPartitionsToTxnTopicCollection;
import org.apache.kafka.common.message.AddPartitionsToTxnRequestData.AddPartitionsToTxnTransaction;
import org.apache.kafka.common.message.AddPartitionsToTxnResponseData;
import org.apache.kafka.common.message.AddPartitionsToTxnResponseData.AddPartitionsToTxnPartitionResult;
import org.apache.kafka.common.message.AddPartitionsToTxnResponseData.AddPartitionsToTxnResult;
import org.apache.kafka.common.message.AddPartitionsToTxnResponseData.AddPartitionsToTxnTopicResult;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.protocol.Errors;

/**
 * AddPartitionsToTxn, of clients for one transaction, and from version 4 on of brokers for several,
 * which may also just ask (KIP-890). A partition that does not exist makes its whole transaction
 * fail: nothing is added.
 */
public final class AddPartitionsHandler implements ApiHandler {

  private static final int KNOWS_FENCED = 2;
  private static final int OF_BROKERS = 4;

  private final TransactionService transactions;
  private final Supplier<ClusterMetadata> metadata;

  public AddPartitionsHandler(TransactionService transactions, Supplier<ClusterMetadata> metadata) {
    this.transactions = transactions;
    this.metadata = metadata;
  }

  @Override
  public Set<ApiKeys> apis() {
    return Set.of(ApiKeys.ADD_PARTITIONS_TO_TXN);
  }

  @Override
  public void handle(Exchange exchange) {
    AddPartitionsToTxnRequestData request = exchange.request(AddPartitionsToTxnRequestData.class);
    short version = exchange.context().apiVersion();
    Replies.send(exchange, version >= OF_BROKERS ? ofBrokers(request) : ofClient(request, version));
  }

  private CompletableFuture<AddPartitionsToTxnResponseData> ofClient(
      AddPartitionsToTxnRequestData request, short version) {
    AddPartitionsToTxnTransaction only =
        new AddPartitionsToTxnTransaction()
            .setTransactionalId(request.v3AndBelowTransactionalId())
            .setProducerId(request.v3AndBelowProducerId())
            .setProducerEpoch(request.v3AndBelowProducerEpoch())
            .setTopics(request.v3AndBelowTopics());
    return ask(only, TransactionService.VERSION_WITHOUT_EPOCHS)
        .thenApply(
            errors -> {
              errors.replaceAll((tp, e) -> FencedErrors.forVersion(e, version, KNOWS_FENCED));
              return new AddPartitionsToTxnResponseData()
                  .setResultsByTopicV3AndBelow(result(only, errors).topicResults());
            });
  }

  private CompletableFuture<AddPartitionsToTxnResponseData> ofBrokers(
      AddPartitionsToTxnRequestData request) {
    List<CompletableFuture<AddPartitionsToTxnResult>> results = new ArrayList<>();
    for (AddPartitionsToTxnTransaction each : request.transactions()) {
      results.add(
          ask(each, TransactionService.VERSION_WITH_EPOCHS)
              .thenApply(errors -> result(each, errors)));
    }
    return CompletableFuture.allOf(results.toArray(new CompletableFuture<?>[0]))
        .thenApply(
            done -> {
              AddPartitionsToTxnResponseData response = new AddPartitionsToTxnResponseData();
              results.forEach(result -> response.resultsByTransaction().add(result.join()));
              return response;
            });
  }

  /** An error for each partition of the transaction; the map is the caller's. */
  private CompletableFuture<Map<TopicPartition, Errors>> ask(
      AddPartitionsToTxnTransaction transaction, short transactionVersion) {
    Set<TopicPartition> partitions = partitions(transaction.topics());
    Set<TopicPartition> unknown = new LinkedHashSet<>(partitions);
    unknown.removeIf(this::exists);
    if (!unknown.isEmpty()) {
      return CompletableFuture.completedFuture(
          errors(
              partitions,
              tp ->
                  unknown.contains(tp)
                      ? Errors.UNKNOWN_TOPIC_OR_PARTITION
                      : Errors.OPERATION_NOT_ATTEMPTED));
    }
    if (transaction.verifyOnly()) {
      return transactions
          .verifyPartitions(
              transaction.transactionalId(),
              transaction.producerId(),
              transaction.producerEpoch(),
              partitions)
          .thenApply(HashMap::new);
    }
    return transactions
        .addPartitions(
            transaction.transactionalId(),
            transaction.producerId(),
            transaction.producerEpoch(),
            partitions,
            transactionVersion)
        .thenApply(error -> errors(partitions, tp -> error));
  }

  private boolean exists(TopicPartition tp) {
    return metadata
        .get()
        .topic(tp.topic())
        .filter((TopicInfo topic) -> Partitions.exists(topic, tp.partition()))
        .isPresent();
  }

  private static Set<TopicPartition> partitions(AddPartitionsToTxnTopicCollection topics) {
    Set<TopicPartition> partitions = new LinkedHashSet<>();
    topics.forEach(
        topic ->
            topic.partitions().forEach(p -> partitions.add(new TopicPartition(topic.name(), p))));
    return partitions;
  }

  private static Map<TopicPartition, Errors> errors(
      Set<TopicPartition> partitions, Function<TopicPartition, Errors> errorOf) {
    Map<TopicPartition, Errors> errors = new HashMap<>();
    partitions.forEach(tp -> errors.put(tp, errorOf.apply(tp)));
    return errors;
  }

  private static AddPartitionsToTxnResult result(
      AddPartitionsToTxnTransaction transaction, Map<TopicPartition, Errors> errors) {
    AddPartitionsToTxnResult result =
        new AddPartitionsToTxnResult().setTransactionalId(transaction.transactionalId());
    errors.forEach(
        (tp, error) -> {
          AddPartitionsToTxnTopicResult topic = result.topicResults().find(tp.topic());
          if (topic == null) {
            topic = new AddPartitionsToTxnTopicResult().setName(tp.topic());
            result.topicResults().add(topic);
          }
          topic
              .resultsByPartition()
              .add(
                  new AddPartitionsToTxnPartitionResult()
                      .setPartitionIndex(tp.partition())
                      .setPartitionErrorCode(error.code()));
        });
    return result;
  }
}
