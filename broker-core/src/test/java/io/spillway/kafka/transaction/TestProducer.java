package io.spillway.kafka.transaction;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.message.AddOffsetsToTxnRequestData;
import org.apache.kafka.common.message.AddOffsetsToTxnResponseData;
import org.apache.kafka.common.message.AddPartitionsToTxnRequestData;
import org.apache.kafka.common.message.AddPartitionsToTxnRequestData.AddPartitionsToTxnTopic;
import org.apache.kafka.common.message.AddPartitionsToTxnRequestData.AddPartitionsToTxnTransaction;
import org.apache.kafka.common.message.AddPartitionsToTxnResponseData;
import org.apache.kafka.common.message.AddPartitionsToTxnResponseData.AddPartitionsToTxnResult;
import org.apache.kafka.common.message.AddPartitionsToTxnResponseData.AddPartitionsToTxnTopicResult;
import org.apache.kafka.common.message.DescribeTransactionsRequestData;
import org.apache.kafka.common.message.DescribeTransactionsResponseData;
import org.apache.kafka.common.message.DescribeTransactionsResponseData.TransactionState;
import org.apache.kafka.common.message.EndTxnRequestData;
import org.apache.kafka.common.message.EndTxnResponseData;
import org.apache.kafka.common.message.InitProducerIdRequestData;
import org.apache.kafka.common.message.InitProducerIdResponseData;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.protocol.ApiMessage;
import org.apache.kafka.common.protocol.Errors;

/**
 * A transactional producer on the wire, one request at a time; it takes on who it is told to be.
 */
final class TestProducer {

  final String transactionalId;
  long id = -1;
  short epoch = -1;
  int timeoutMs = 60_000;
  private final TransactionWorld world;

  TestProducer(TransactionWorld world, String transactionalId) {
    this.world = world;
    this.transactionalId = transactionalId;
  }

  /** Another session of the same application. */
  TestProducer sibling() {
    return new TestProducer(world, transactionalId);
  }

  /** With the same identity, to go on from here in two ways. */
  TestProducer copy() {
    TestProducer copy = sibling();
    copy.id = id;
    copy.epoch = epoch;
    return copy;
  }

  // ---- InitProducerId

  Errors init() {
    return init(5, -1, -1);
  }

  /** KIP-360. */
  Errors reinit() {
    return init(5, id, epoch);
  }

  Errors init(int version, long claimedId, int claimedEpoch) {
    return init(
        version, initRequest().setProducerId(claimedId).setProducerEpoch((short) claimedEpoch));
  }

  InitProducerIdRequestData initRequest() {
    return new InitProducerIdRequestData()
        .setTransactionalId(transactionalId)
        .setTransactionTimeoutMs(timeoutMs);
  }

  Errors init(int version, InitProducerIdRequestData request) {
    InitProducerIdResponseData answer =
        world.call(ApiKeys.INIT_PRODUCER_ID, version, request, InitProducerIdResponseData.class);
    Errors error = Errors.forCode(answer.errorCode());
    if (error == Errors.NONE) {
      id = answer.producerId();
      epoch = answer.producerEpoch();
    }
    return error;
  }

  /** As clients do: while the coordinator is not ready, or ends a transaction, asks again. */
  TestProducer begun() {
    Errors error = init();
    for (int i = 0; i < 1_000 && isRetriable(error); i++) {
      world.advance(20);
      error = init();
    }
    if (error != Errors.NONE) {
      throw new AssertionError(transactionalId + " does not begin: " + error);
    }
    return this;
  }

  static boolean isRetriable(Errors error) {
    return error == Errors.CONCURRENT_TRANSACTIONS
        || error == Errors.COORDINATOR_LOAD_IN_PROGRESS
        || error == Errors.COORDINATOR_NOT_AVAILABLE
        || error == Errors.NOT_COORDINATOR;
  }

  // ---- partitions

  Errors add(TopicPartition... partitions) {
    return add(3, partitions);
  }

  /** As a client, versions 0 to 3: one error for all. */
  Errors add(int version, TopicPartition... partitions) {
    List<Errors> errors = addEach(version, partitions);
    return errors.stream().distinct().count() == 1 ? errors.get(0) : Errors.UNKNOWN_SERVER_ERROR;
  }

  List<Errors> addEach(int version, TopicPartition... partitions) {
    AddPartitionsToTxnResponseData answer =
        (AddPartitionsToTxnResponseData) world.await(addLater(version, partitions));
    List<Errors> errors = new ArrayList<>();
    for (TopicPartition tp : partitions) {
      errors.add(error(answer.resultsByTopicV3AndBelow().find(tp.topic()), tp));
    }
    return errors;
  }

  CompletableFuture<ApiMessage> addLater(int version, TopicPartition... partitions) {
    AddPartitionsToTxnRequestData request =
        new AddPartitionsToTxnRequestData()
            .setV3AndBelowTransactionalId(transactionalId)
            .setV3AndBelowProducerId(id)
            .setV3AndBelowProducerEpoch(epoch);
    for (TopicPartition tp : partitions) {
      request
          .v3AndBelowTopics()
          .mustAdd(
              new AddPartitionsToTxnTopic()
                  .setName(tp.topic())
                  .setPartitions(List.of(tp.partition())));
    }
    return world.send(ApiKeys.ADD_PARTITIONS_TO_TXN, version, request);
  }

  /** As a partition's leader does for the client, version 4 and above. */
  Errors addByLeader(boolean verifyOnly, TopicPartition tp) {
    AddPartitionsToTxnRequestData request = new AddPartitionsToTxnRequestData();
    request.transactions().add(transaction(verifyOnly, tp));
    AddPartitionsToTxnResult result =
        world
            .call(ApiKeys.ADD_PARTITIONS_TO_TXN, 5, request, AddPartitionsToTxnResponseData.class)
            .resultsByTransaction()
            .find(transactionalId);
    return error(result.topicResults().find(tp.topic()), tp);
  }

  AddPartitionsToTxnTransaction transaction(boolean verifyOnly, TopicPartition tp) {
    AddPartitionsToTxnTransaction transaction =
        new AddPartitionsToTxnTransaction()
            .setTransactionalId(transactionalId)
            .setProducerId(id)
            .setProducerEpoch(epoch)
            .setVerifyOnly(verifyOnly);
    transaction
        .topics()
        .add(
            new AddPartitionsToTxnTopic()
                .setName(tp.topic())
                .setPartitions(List.of(tp.partition())));
    return transaction;
  }

  private static Errors error(AddPartitionsToTxnTopicResult topic, TopicPartition tp) {
    return Errors.forCode(topic.resultsByPartition().find(tp.partition()).partitionErrorCode());
  }

  Errors addOffsets(int version, String groupId) {
    AddOffsetsToTxnRequestData request =
        new AddOffsetsToTxnRequestData()
            .setTransactionalId(transactionalId)
            .setProducerId(id)
            .setProducerEpoch(epoch)
            .setGroupId(groupId);
    return Errors.forCode(
        world
            .call(ApiKeys.ADD_OFFSETS_TO_TXN, version, request, AddOffsetsToTxnResponseData.class)
            .errorCode());
  }

  // ---- EndTxn

  /** Version 5: each transaction has an epoch of its own. */
  Errors end(boolean commit) {
    return end(5, commit);
  }

  Errors end(int version, boolean commit) {
    return took(world.await(endLater(version, commit)));
  }

  CompletableFuture<EndTxnResponseData> endLater(int version, boolean commit) {
    EndTxnRequestData request =
        new EndTxnRequestData()
            .setTransactionalId(transactionalId)
            .setProducerId(id)
            .setProducerEpoch(epoch)
            .setCommitted(commit);
    return world.send(ApiKeys.END_TXN, version, request).thenApply(EndTxnResponseData.class::cast);
  }

  /** Takes on who the answer says it is. */
  Errors took(EndTxnResponseData answer) {
    Errors error = Errors.forCode(answer.errorCode());
    if (error == Errors.NONE && answer.producerId() != -1) {
      id = answer.producerId();
      epoch = answer.producerEpoch();
    }
    return error;
  }

  // ---- what an administrator sees

  TransactionState describe() {
    return world
        .call(
            ApiKeys.DESCRIBE_TRANSACTIONS,
            0,
            new DescribeTransactionsRequestData().setTransactionalIds(List.of(transactionalId)),
            DescribeTransactionsResponseData.class)
        .transactionStates()
        .get(0);
  }

  String state() {
    TransactionState state = describe();
    Errors error = Errors.forCode(state.errorCode());
    return error == Errors.NONE ? state.transactionState() : error.name();
  }

  /** Who the coordinator says it is. */
  String known() {
    TransactionState state = describe();
    return state.producerId() + "/" + state.producerEpoch();
  }

  String identity() {
    return id + "/" + epoch;
  }
}
