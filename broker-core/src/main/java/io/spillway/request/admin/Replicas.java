package io.spillway.request.admin;

import io.spillway.metadata.ClusterMetadata.PartitionInfo;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;

/** Replicas as clients see them. */
final class Replicas {

  private Replicas() {}

  /** Entitled to lead, but not there. */
  static List<Integer> offline(PartitionInfo partition, Set<Integer> alive) {
    if (alive.containsAll(partition.replicas())) {
      return List.of();
    }
    List<Integer> offline = new ArrayList<>();
    for (Integer replica : partition.replicas()) {
      if (!alive.contains(replica)) {
        offline.add(replica);
      }
    }
    return offline;
  }
}
