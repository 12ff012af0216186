package io.spillway.kafka.group;

import io.spillway.partition.LocalPartitions;
import io.spillway.partition.Partition;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.protocol.Errors;
import org.apache.kafka.server.util.PartitionMetadataClient;

/** Where partitions end: those this broker leads. Asked about share and streams groups only. */
record LocalWatermarks(LocalPartitions partitions) implements PartitionMetadataClient {

  @Override
  public Map<TopicPartition, CompletableFuture<OffsetResponse>> listLatestOffsets(
      Set<TopicPartition> asked) {
    Map<TopicPartition, CompletableFuture<OffsetResponse>> answers = new HashMap<>();
    for (TopicPartition tp : asked) {
      OffsetResponse answer =
          partitions
              .partition(tp)
              .map(Partition::highWatermark)
              .map(offset -> new OffsetResponse(offset, Errors.NONE))
              .orElseGet(() -> new OffsetResponse(-1, Errors.NOT_LEADER_OR_FOLLOWER));
      answers.put(tp, CompletableFuture.completedFuture(answer));
    }
    return answers;
  }

  @Override
  public void close() {}
}
