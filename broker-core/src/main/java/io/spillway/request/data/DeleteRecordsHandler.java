package io.spillway.request.data;

import io.spillway.metadata.TopicConfig;
import io.spillway.metadata.TopicNames;
import io.spillway.partition.BrokerPartition;
import io.spillway.request.ApiHandler;
import io.spillway.request.Exchange;
import io.spillway.request.data.PartitionLocator.Located;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.common.message.DeleteRecordsRequestData;
import org.apache.kafka.common.message.DeleteRecordsRequestData.DeleteRecordsPartition;
import org.apache.kafka.common.message.DeleteRecordsRequestData.DeleteRecordsTopic;
import org.apache.kafka.common.message.DeleteRecordsResponseData;
import org.apache.kafka.common.message.DeleteRecordsResponseData.DeleteRecordsPartitionResult;
import org.apache.kafka.common.message.DeleteRecordsResponseData.DeleteRecordsTopicResult;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.protocol.Errors;
import org.jspecify.annotations.Nullable;

/**
 * DeleteRecords: moves the log start, exactly, and answers when that is durable. As with Kafka not
 * for internal topics, nor for topics that are only compacted; and of a partition that is named
 * twice the last word counts.
 */
final class DeleteRecordsHandler implements ApiHandler {

  private static final long NO_LOW_WATERMARK = -1;

  private final PartitionLocator locator;
  private final OpenPartitions open;
  private final TimerWheel timers;
  private final ReadFailures failures;

  DeleteRecordsHandler(
      PartitionLocator locator, OpenPartitions open, TimerWheel timers, ReadFailures failures) {
    this.locator = locator;
    this.open = open;
    this.timers = timers;
    this.failures = failures;
  }

  @Override
  public Set<ApiKeys> apis() {
    return Set.of(ApiKeys.DELETE_RECORDS);
  }

  @Override
  public void handle(Exchange exchange) {
    DeleteRecordsRequestData request = exchange.request(DeleteRecordsRequestData.class);
    Map<Located, Long> offsets = new LinkedHashMap<>();
    for (DeleteRecordsTopic topic : request.topics()) {
      for (DeleteRecordsPartition partition : topic.partitions()) {
        offsets.put(locator.byName(topic.name(), partition.partitionIndex()), partition.offset());
      }
    }
    open.whenOpen(
        exchange,
        List.copyOf(offsets.keySet()),
        () -> delete(exchange, offsets, request.timeoutMs()));
  }

  private void delete(Exchange exchange, Map<Located, Long> offsets, int timeoutMs) {
    Map<Located, CompletableFuture<DeleteRecordsPartitionResult>> pending = new LinkedHashMap<>();
    offsets.forEach((located, offset) -> pending.put(located, delete(located, offset)));
    CompletableFuture<Void> done =
        CompletableFuture.allOf(pending.values().toArray(new CompletableFuture<?>[0]));
    if (!done.isDone()) {
      long timeoutNanos = TimeUnit.MILLISECONDS.toNanos(Math.max(0, timeoutMs));
      TimerWheel.Timeout timeout = timers.schedule(timeoutNanos, () -> done.complete(null));
      done.whenComplete((ok, failure) -> timeout.cancel());
    }
    done.thenRun(() -> exchange.reply(assemble(pending)));
  }

  private static DeleteRecordsResponseData assemble(
      Map<Located, CompletableFuture<DeleteRecordsPartitionResult>> results) {
    DeleteRecordsResponseData response = new DeleteRecordsResponseData();
    results.forEach(
        (located, result) -> {
          DeleteRecordsTopicResult topic = response.topics().find(located.topic());
          if (topic == null) {
            topic = new DeleteRecordsTopicResult().setName(located.topic());
            response.topics().add(topic);
          }
          DeleteRecordsPartitionResult late =
              result(located.index(), NO_LOW_WATERMARK, Errors.REQUEST_TIMED_OUT);
          topic.partitions().add(result.getNow(late));
        });
    return response;
  }

  private CompletableFuture<DeleteRecordsPartitionResult> delete(Located located, long offset) {
    int index = located.index();
    BrokerPartition partition = located.partition();
    Errors error = refusal(located, partition);
    if (error != Errors.NONE || partition == null) {
      return CompletableFuture.completedFuture(result(index, NO_LOW_WATERMARK, error));
    }
    return partition
        .deleteRecords(offset)
        .thenApply(lowWatermark -> result(index, lowWatermark, Errors.NONE))
        .exceptionally(
            failure ->
                result(
                    index, NO_LOW_WATERMARK, failures.errorOf(located.topicPartition(), failure)));
  }

  private static Errors refusal(Located located, @Nullable BrokerPartition partition) {
    if (located.error() == Errors.UNKNOWN_TOPIC_OR_PARTITION) {
      return located.error();
    }
    if (TopicNames.isInternal(located.topic())) {
      return Errors.INVALID_TOPIC_EXCEPTION;
    }
    if (partition == null) {
      return located.error();
    }
    TopicConfig config = partition.config();
    return config.compacts() && !config.deletes() ? Errors.POLICY_VIOLATION : Errors.NONE;
  }

  private static DeleteRecordsPartitionResult result(int index, long lowWatermark, Errors error) {
    return new DeleteRecordsPartitionResult()
        .setPartitionIndex(index)
        .setLowWatermark(lowWatermark)
        .setErrorCode(error.code());
  }
}
