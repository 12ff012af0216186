package io.spillway.partition;

import io.spillway.metadata.TopicNames;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.protocol.Errors;

/**
 * Writes markers to the partitions this broker leads. One it does not lead, or does not know yet,
 * is answered as unknown, which makes a coordinator come again: never as gone.
 */
public final class LocalMarkers implements MarkerWriter {

  private final LocalPartitions partitions;
  private final MarkerWriter groups;

  /**
   * @param groups writes to the partitions of groups' offsets (P33)
   */
  public LocalMarkers(LocalPartitions partitions, MarkerWriter groups) {
    this.partitions = partitions;
    this.groups = groups;
  }

  @Override
  public CompletionStage<Errors> write(TopicPartition tp, TransactionMarker marker) {
    if (tp.topic().equals(TopicNames.CONSUMER_OFFSETS)) {
      return groups.write(tp, marker);
    }
    Optional<Partition> partition = partitions.partition(tp);
    return partition.isEmpty()
        ? CompletableFuture.completedFuture(Errors.UNKNOWN_TOPIC_OR_PARTITION)
        : partition.get().appendMarker(marker);
  }
}
