package io.spillway.request.data;

import io.spillway.partition.MarkerWriter;
import io.spillway.partition.TransactionMarker;
import io.spillway.request.ApiHandler;
import io.spillway.request.Exchange;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.message.WriteTxnMarkersRequestData;
import org.apache.kafka.common.message.WriteTxnMarkersRequestData.WritableTxnMarker;
import org.apache.kafka.common.message.WriteTxnMarkersRequestData.WritableTxnMarkerTopic;
import org.apache.kafka.common.message.WriteTxnMarkersResponseData;
import org.apache.kafka.common.message.WriteTxnMarkersResponseData.WritableTxnMarkerPartitionResult;
import org.apache.kafka.common.message.WriteTxnMarkersResponseData.WritableTxnMarkerResult;
import org.apache.kafka.common.message.WriteTxnMarkersResponseData.WritableTxnMarkerTopicResult;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.protocol.Errors;

/**
 * WriteTxnMarkers: from a coordinator on another broker, and from an administrator who ends a
 * hanging transaction (KIP-664). Each partition has its own error; the answer comes when every
 * marker is durable or refused.
 */
public final class WriteTxnMarkersHandler implements ApiHandler {

  private final MarkerWriter markers;

  public WriteTxnMarkersHandler(MarkerWriter markers) {
    this.markers = markers;
  }

  @Override
  public Set<ApiKeys> apis() {
    return Set.of(ApiKeys.WRITE_TXN_MARKERS);
  }

  @Override
  public void handle(Exchange exchange) {
    WriteTxnMarkersRequestData request = exchange.request(WriteTxnMarkersRequestData.class);
    WriteTxnMarkersResponseData response = new WriteTxnMarkersResponseData();
    List<CompletableFuture<Void>> pending = new ArrayList<>();
    for (WritableTxnMarker marker : request.markers()) {
      response.markers().add(write(marker, pending));
    }
    CompletableFuture.allOf(pending.toArray(new CompletableFuture<?>[0]))
        .thenRun(() -> exchange.reply(response));
  }

  private WritableTxnMarkerResult write(
      WritableTxnMarker asked, List<CompletableFuture<Void>> pending) {
    TransactionMarker marker =
        new TransactionMarker(
            asked.producerId(),
            asked.producerEpoch(),
            asked.transactionResult(),
            asked.coordinatorEpoch(),
            asked.transactionVersion());
    WritableTxnMarkerResult result =
        new WritableTxnMarkerResult().setProducerId(asked.producerId());
    for (WritableTxnMarkerTopic topic : asked.topics()) {
      WritableTxnMarkerTopicResult answers =
          new WritableTxnMarkerTopicResult().setName(topic.name());
      for (int index : topic.partitionIndexes()) {
        WritableTxnMarkerPartitionResult answer =
            new WritableTxnMarkerPartitionResult().setPartitionIndex(index);
        answers.partitions().add(answer);
        pending.add(
            markers
                .write(new TopicPartition(topic.name(), index), marker)
                .thenAccept((Errors error) -> answer.setErrorCode(error.code()))
                .toCompletableFuture());
      }
      result.topics().add(answers);
    }
    return result;
  }
}
