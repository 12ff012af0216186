package io.spillway.metadata;

import java.util.Set;
import org.apache.kafka.common.Uuid;

/** Told of each new view, in log order, on the metadata thread; must not block. */
@FunctionalInterface
public interface MetadataSubscriber {

  void onMetadata(ClusterMetadata metadata, Changes changes);

  /**
   * What differs from the view before.
   *
   * @param topics names of topics that were created, or whose partitions changed
   * @param deletedTopics ids of topics that are gone
   * @param configuredTopics names of topics whose dynamic settings changed
   * @param brokerConfigs whether dynamic settings of any broker, or of the cluster, changed
   */
  record Changes(
      Set<String> topics,
      Set<Uuid> deletedTopics,
      Set<String> configuredTopics,
      boolean brokerConfigs) {}
}
