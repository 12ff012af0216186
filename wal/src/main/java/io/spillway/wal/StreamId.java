package io.spillway.wal;

import java.util.UUID;

/** The ordered bytes behind one partition: P1, {@code (topicId, partition)}. */
public record StreamId(UUID topicId, int partition) implements Comparable<StreamId> {

  @Override
  public int compareTo(StreamId other) {
    int byTopic = topicId.compareTo(other.topicId);
    return byTopic != 0 ? byTopic : Integer.compare(partition, other.partition);
  }

  @Override
  public String toString() {
    return topicId + "-" + partition;
  }
}
