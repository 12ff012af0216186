package io.spillway.request.data;

import io.spillway.metadata.TopicNames;
import io.spillway.partition.ActiveProducer;
import io.spillway.partition.BrokerPartition;
import io.spillway.request.ApiHandler;
import io.spillway.request.Exchange;
import io.spillway.request.data.PartitionLocator.Located;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import org.apache.kafka.common.message.DescribeProducersRequestData;
import org.apache.kafka.common.message.DescribeProducersRequestData.TopicRequest;
import org.apache.kafka.common.message.DescribeProducersResponseData;
import org.apache.kafka.common.message.DescribeProducersResponseData.PartitionResponse;
import org.apache.kafka.common.message.DescribeProducersResponseData.ProducerState;
import org.apache.kafka.common.message.DescribeProducersResponseData.TopicResponse;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.protocol.Errors;

/** DescribeProducers (KIP-664): the producers a partition remembers, with open transactions. */
final class DescribeProducersHandler implements ApiHandler {

  private final PartitionLocator locator;
  private final OpenPartitions open;

  DescribeProducersHandler(PartitionLocator locator, OpenPartitions open) {
    this.locator = locator;
    this.open = open;
  }

  @Override
  public Set<ApiKeys> apis() {
    return Set.of(ApiKeys.DESCRIBE_PRODUCERS);
  }

  @Override
  public void handle(Exchange exchange) {
    DescribeProducersRequestData request = exchange.request(DescribeProducersRequestData.class);
    List<Located> all = new ArrayList<>();
    for (TopicRequest topic : request.topics()) {
      for (int index : topic.partitionIndexes()) {
        all.add(locator.byName(topic.name(), index));
      }
    }
    open.whenOpen(exchange, all, () -> exchange.reply(answer(request, all)));
  }

  private static DescribeProducersResponseData answer(
      DescribeProducersRequestData request, List<Located> all) {
    DescribeProducersResponseData response = new DescribeProducersResponseData();
    int next = 0;
    for (TopicRequest topic : request.topics()) {
      TopicResponse out = new TopicResponse().setName(topic.name());
      for (int ignored : topic.partitionIndexes()) {
        out.partitions().add(answer(all.get(next++)));
      }
      response.topics().add(out);
    }
    return response;
  }

  private static PartitionResponse answer(Located located) {
    PartitionResponse answer = new PartitionResponse().setPartitionIndex(located.index());
    BrokerPartition partition = located.partition();
    if (!TopicNames.isValid(located.topic())) {
      return refusal(answer, Errors.INVALID_TOPIC_EXCEPTION);
    }
    Errors error = partition == null ? located.error() : partition.unavailability();
    if (error == Errors.NONE && partition != null && !partition.isOpen()) {
      error = Errors.NOT_LEADER_OR_FOLLOWER;
    }
    if (error != Errors.NONE || partition == null) {
      return refusal(answer, error);
    }
    for (ActiveProducer producer : partition.activeProducers()) {
      answer
          .activeProducers()
          .add(
              new ProducerState()
                  .setProducerId(producer.producerId())
                  .setProducerEpoch(producer.epoch())
                  .setLastSequence(producer.lastSequence())
                  .setLastTimestamp(producer.lastTimestampMs())
                  .setCoordinatorEpoch(producer.coordinatorEpoch())
                  .setCurrentTxnStartOffset(producer.txnFirstOffset()));
    }
    return answer;
  }

  private static PartitionResponse refusal(PartitionResponse answer, Errors error) {
    return answer.setErrorCode(error.code()).setErrorMessage(error.message());
  }
}
