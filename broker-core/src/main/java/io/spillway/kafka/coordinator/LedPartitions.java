package io.spillway.kafka.coordinator;

import java.util.Collection;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentMap;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.NotLeaderOrFollowerException;
import org.jspecify.annotations.Nullable;

/** The partitions of a coordinator that this broker leads. Safe for any thread. */
public final class LedPartitions {

  private final ConcurrentMap<TopicPartition, LedPartition> led = new ConcurrentHashMap<>();

  /** Returns the leadership that the new one replaces. */
  @Nullable LedPartition put(LedPartition partition) {
    return led.put(partition.topicPartition(), partition);
  }

  @Nullable LedPartition remove(TopicPartition tp) {
    return led.remove(tp);
  }

  Optional<LedPartition> find(TopicPartition tp) {
    return Optional.ofNullable(led.get(tp));
  }

  LedPartition require(TopicPartition tp) {
    LedPartition partition = led.get(tp);
    if (partition == null) {
      throw new NotLeaderOrFollowerException("this broker does not lead " + tp);
    }
    return partition;
  }

  Collection<LedPartition> all() {
    return led.values();
  }
}
