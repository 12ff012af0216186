package io.spillway.request.data;

import io.spillway.metadata.TopicConfig;
import io.spillway.partition.BrokerPartition;
import io.spillway.request.ApiHandler;
import io.spillway.request.Exchange;
import io.spillway.request.data.PartitionLocator.Located;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.common.internals.Topic;
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
 * for internal topics, nor for topics that are only compacted.
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
    List<Located> all = new ArrayList<>();
    for (DeleteRecordsTopic topic : request.topics()) {
      for (DeleteRecordsPartition partition : topic.partitions()) {
        all.add(locator.byName(topic.name(), partition.partitionIndex()));
      }
    }
    open.whenOpen(exchange, all, () -> delete(exchange, request, all));
  }

  private void delete(Exchange exchange, DeleteRecordsRequestData request, List<Located> all) {
    List<CompletableFuture<DeleteRecordsPartitionResult>> pending = new ArrayList<>(all.size());
    int next = 0;
    for (DeleteRecordsTopic topic : request.topics()) {
      for (DeleteRecordsPartition partition : topic.partitions()) {
        pending.add(delete(all.get(next++), partition));
      }
    }
    CompletableFuture<Void> done =
        CompletableFuture.allOf(pending.toArray(new CompletableFuture<?>[0]));
    if (!done.isDone()) {
      long timeoutNanos = TimeUnit.MILLISECONDS.toNanos(Math.max(0, request.timeoutMs()));
      TimerWheel.Timeout timeout = timers.schedule(timeoutNanos, () -> done.complete(null));
      done.whenComplete((ok, failure) -> timeout.cancel());
    }
    done.thenRun(() -> exchange.reply(assemble(request, pending)));
  }

  private static DeleteRecordsResponseData assemble(
      DeleteRecordsRequestData request,
      List<CompletableFuture<DeleteRecordsPartitionResult>> results) {
    DeleteRecordsResponseData response = new DeleteRecordsResponseData();
    int next = 0;
    for (DeleteRecordsTopic topic : request.topics()) {
      DeleteRecordsTopicResult out = new DeleteRecordsTopicResult().setName(topic.name());
      for (DeleteRecordsPartition partition : topic.partitions()) {
        DeleteRecordsPartitionResult late =
            result(partition.partitionIndex(), NO_LOW_WATERMARK, Errors.REQUEST_TIMED_OUT);
        out.partitions().add(results.get(next++).getNow(late));
      }
      response.topics().add(out);
    }
    return response;
  }

  private CompletableFuture<DeleteRecordsPartitionResult> delete(
      Located located, DeleteRecordsPartition asked) {
    int index = asked.partitionIndex();
    BrokerPartition partition = located.partition();
    Errors error = refusal(located, partition);
    if (error != Errors.NONE || partition == null) {
      return CompletableFuture.completedFuture(result(index, NO_LOW_WATERMARK, error));
    }
    return partition
        .deleteRecords(asked.offset())
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
    if (Topic.isInternal(located.topic())) {
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
