package io.spillway.compaction;

import io.spillway.metadata.TopicConfig;
import io.spillway.partition.BrokerPartition;
import io.spillway.partition.LastBatch;
import io.spillway.partition.LocalPartitions;
import io.spillway.partition.Partition;
import io.spillway.wal.StreamId;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.List;
import java.util.Map;

/** A partition as compaction sees it. */
public final class PartitionLog implements CompactedLog {

  private final BrokerPartition partition;

  private PartitionLog(BrokerPartition partition) {
    this.partition = partition;
  }

  /** The compacted partitions that are open here now. */
  public static Collection<CompactedLog> of(LocalPartitions partitions) {
    List<CompactedLog> compacted = new ArrayList<>();
    for (Partition each : partitions.partitions()) {
      if (each instanceof BrokerPartition led && led.isOpen() && led.config().compacts()) {
        compacted.add(new PartitionLog(led));
      }
    }
    return compacted;
  }

  @Override
  public String name() {
    return partition.topicPartition().toString();
  }

  @Override
  public StreamId stream() {
    return partition.streamId();
  }

  @Override
  public TopicConfig config() {
    return partition.config();
  }

  @Override
  public long cleanableEndOffset() {
    return partition.lastStableOffset();
  }

  @Override
  public List<AbortedRange> abortedBelow(long endOffset) {
    return partition.abortedTransactions(partition.logStartOffset(), endOffset).stream()
        .map(each -> new AbortedRange(each.producerId(), each.firstOffset(), each.lastOffset()))
        .sorted(Comparator.comparingLong(AbortedRange::firstOffset))
        .toList();
  }

  @Override
  public Map<Long, LastBatch> lastBatches() {
    return partition.lastBatches();
  }
}
