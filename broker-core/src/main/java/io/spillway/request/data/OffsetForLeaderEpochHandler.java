package io.spillway.request.data;

import io.spillway.partition.BrokerPartition;
import io.spillway.partition.EpochEnd;
import io.spillway.request.ApiHandler;
import io.spillway.request.Exchange;
import io.spillway.request.data.PartitionLocator.Located;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import org.apache.kafka.common.message.OffsetForLeaderEpochRequestData;
import org.apache.kafka.common.message.OffsetForLeaderEpochRequestData.OffsetForLeaderPartition;
import org.apache.kafka.common.message.OffsetForLeaderEpochRequestData.OffsetForLeaderTopic;
import org.apache.kafka.common.message.OffsetForLeaderEpochResponseData;
import org.apache.kafka.common.message.OffsetForLeaderEpochResponseData.EpochEndOffset;
import org.apache.kafka.common.message.OffsetForLeaderEpochResponseData.OffsetForLeaderTopicResult;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.protocol.Errors;

/**
 * OffsetForLeaderEpoch (KIP-320): where an epoch ends. The newest epoch ends at the high watermark:
 * what is above it was never visible to anybody (P30).
 */
final class OffsetForLeaderEpochHandler implements ApiHandler {

  private final PartitionLocator locator;
  private final OpenPartitions open;

  OffsetForLeaderEpochHandler(PartitionLocator locator, OpenPartitions open) {
    this.locator = locator;
    this.open = open;
  }

  @Override
  public Set<ApiKeys> apis() {
    return Set.of(ApiKeys.OFFSET_FOR_LEADER_EPOCH);
  }

  @Override
  public void handle(Exchange exchange) {
    OffsetForLeaderEpochRequestData request =
        exchange.request(OffsetForLeaderEpochRequestData.class);
    List<Located> all = new ArrayList<>();
    for (OffsetForLeaderTopic topic : request.topics()) {
      for (OffsetForLeaderPartition asked : topic.partitions()) {
        all.add(locator.byName(topic.topic(), asked.partition()));
      }
    }
    open.whenOpen(exchange, all, () -> exchange.reply(answer(request, all)));
  }

  private static OffsetForLeaderEpochResponseData answer(
      OffsetForLeaderEpochRequestData request, List<Located> all) {
    OffsetForLeaderEpochResponseData response = new OffsetForLeaderEpochResponseData();
    int next = 0;
    for (OffsetForLeaderTopic topic : request.topics()) {
      OffsetForLeaderTopicResult out = new OffsetForLeaderTopicResult().setTopic(topic.topic());
      for (OffsetForLeaderPartition asked : topic.partitions()) {
        out.partitions().add(answer(asked, all.get(next++)));
      }
      response.topics().add(out);
    }
    return response;
  }

  private static EpochEndOffset answer(OffsetForLeaderPartition asked, Located located) {
    EpochEndOffset answer = new EpochEndOffset().setPartition(asked.partition());
    BrokerPartition partition = located.partition();
    if (partition == null) {
      return answer.setErrorCode(located.error().code());
    }
    Errors error = partition.unavailability();
    if (error == Errors.NONE) {
      error =
          partition.isOpen()
              ? PartitionLocator.checkLeaderEpoch(partition, asked.currentLeaderEpoch())
              : Errors.NOT_LEADER_OR_FOLLOWER;
    }
    if (error != Errors.NONE) {
      return answer.setErrorCode(error.code());
    }
    EpochEnd end = partition.endOfEpoch(asked.leaderEpoch());
    return answer.setLeaderEpoch(end.leaderEpoch()).setEndOffset(end.endOffset());
  }
}
