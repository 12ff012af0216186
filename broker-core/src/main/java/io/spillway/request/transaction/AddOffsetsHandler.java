package io.spillway.request.transaction;

import io.spillway.metadata.ClusterMetadata.PartitionInfo;
import io.spillway.request.ApiHandler;
import io.spillway.request.Exchange;
import io.spillway.request.Replies;
import io.spillway.request.coordinator.CoordinatorTopic;
import io.spillway.request.coordinator.CoordinatorTopics;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.message.AddOffsetsToTxnRequestData;
import org.apache.kafka.common.message.AddOffsetsToTxnResponseData;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.protocol.Errors;

/**
 * AddOffsetsToTxn: adds the partition of a group's offsets. A producer may ask before anybody has
 * used a group; the offsets topic is created then, and the producer asks again.
 */
public final class AddOffsetsHandler implements ApiHandler {

  private static final int KNOWS_FENCED = 2;

  private final TransactionService transactions;
  private final CoordinatorTopics topics;
  private final CoordinatorTopic offsets;

  public AddOffsetsHandler(
      TransactionService transactions, CoordinatorTopics topics, CoordinatorTopic offsets) {
    this.transactions = transactions;
    this.topics = topics;
    this.offsets = offsets;
  }

  @Override
  public Set<ApiKeys> apis() {
    return Set.of(ApiKeys.ADD_OFFSETS_TO_TXN);
  }

  @Override
  public void handle(Exchange exchange) {
    AddOffsetsToTxnRequestData request = exchange.request(AddOffsetsToTxnRequestData.class);
    short version = exchange.context().apiVersion();
    Replies.send(
        exchange,
        add(request)
            .thenApply(
                error ->
                    new AddOffsetsToTxnResponseData()
                        .setErrorCode(
                            FencedErrors.forVersion(error, version, KNOWS_FENCED).code())));
  }

  private CompletableFuture<Errors> add(AddOffsetsToTxnRequestData request) {
    Optional<PartitionInfo> partition = topics.partitionOf(offsets, request.groupId());
    if (partition.isEmpty()) {
      return CompletableFuture.completedFuture(Errors.COORDINATOR_LOAD_IN_PROGRESS);
    }
    return transactions.addPartitions(
        request.transactionalId(),
        request.producerId(),
        request.producerEpoch(),
        Set.of(new TopicPartition(offsets.name(), partition.get().index())),
        TransactionService.VERSION_WITHOUT_EPOCHS);
  }
}
