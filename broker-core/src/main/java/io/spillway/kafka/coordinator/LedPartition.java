package io.spillway.kafka.coordinator;

import io.spillway.partition.Partition;
import io.spillway.partition.Partition.HighWatermarkListener;
import java.util.function.Consumer;
import org.apache.kafka.common.TopicPartition;

/**
 * A partition of a coordinator during one leadership of this broker.
 *
 * <p>After a truncation (P30) the coordinator's state holds records that are void. Until it is
 * loaded again nothing that it makes of such state may be appended.
 */
public final class LedPartition implements HighWatermarkListener {

  private final Partition partition;
  private final Consumer<LedPartition> truncated;
  private volatile boolean voided;
  private volatile boolean released;

  /**
   * @param truncated told of truncations, on the partition's thread; must not block
   */
  LedPartition(Partition partition, Consumer<LedPartition> truncated) {
    this.partition = partition;
    this.truncated = truncated;
    partition.addHighWatermarkListener(this);
  }

  public Partition partition() {
    return partition;
  }

  public TopicPartition topicPartition() {
    return partition.topicPartition();
  }

  /** Whether what the coordinator holds in memory may contain void records. */
  boolean voided() {
    return voided;
  }

  /** A load begins: it sees the partition as it is after any truncation so far. */
  void onLoadStart() {
    voided = false;
  }

  /** Whether this leadership is over. */
  boolean released() {
    return released;
  }

  void release() {
    released = true;
    partition.removeHighWatermarkListener(this);
  }

  @Override
  public void onHighWatermark(TopicPartition tp, long highWatermark) {}

  @Override
  public void onTruncated(TopicPartition tp, long endOffset) {
    voided = true;
    truncated.accept(this);
  }
}
