package io.spillway.request;

import io.spillway.metadata.ClusterMetadata.TopicInfo;

/** What requests about partitions of topics have in common. */
public final class Partitions {

  private Partitions() {}

  /** Partitions have the indexes from 0 on, without gaps. */
  public static boolean exists(TopicInfo topic, int partition) {
    return partition >= 0 && partition < topic.partitions().size();
  }
}
