package io.spillway.partition;

import java.util.Collection;
import java.util.Optional;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.Uuid;

/** The partitions this broker leads, as its metadata view says. Safe for any thread. */
public interface LocalPartitions {

  /** The partition if this broker leads it, opening or open (P15). */
  Optional<Partition> partition(TopicPartition tp);

  Optional<Partition> partition(Uuid topicId, int partition);

  Collection<Partition> partitions();

  /** Subscribes; first told of the partitions that are open already. */
  void subscribe(LeadershipListener listener);

  /** Told of leadership in order per partition; must not block. */
  interface LeadershipListener {
    /** The partition is open: appends and reads work. */
    void onLeader(Partition partition);

    /** This broker does not lead the partition any more, or it is deleted. */
    void onResigned(TopicPartition tp, boolean deleted);
  }
}
