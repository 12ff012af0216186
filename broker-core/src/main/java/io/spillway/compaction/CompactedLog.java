package io.spillway.compaction;

import io.spillway.metadata.TopicConfig;
import io.spillway.partition.LastBatch;
import io.spillway.wal.StreamId;
import java.util.List;
import java.util.Map;

/** What compaction has to know of a partition that is led here. Any thread. */
public interface CompactedLog {

  /** For logs. */
  String name();

  StreamId stream();

  TopicConfig config();

  /**
   * The last stable offset: what lies above may still become part of a transaction that commits or
   * aborts.
   */
  long cleanableEndOffset();

  /** Aborted transactions with a record below the offset, by first offset. */
  List<AbortedRange> abortedBelow(long endOffset);

  /**
   * By producer id: every producer whose sequence the partition remembers. Taken after the range to
   * compact is fixed, so that no batch of the range is newer.
   */
  Map<Long, LastBatch> lastBatches();
}
