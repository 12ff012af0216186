package io.spillway.metadata;

import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.config.ConfigResource;

/** An immutable view of the cluster at one offset of the metadata log. Cheap to hold. */
public interface ClusterMetadata {

  /** Offset of the last metadata record in this view; -1 when there is none. */
  long offset();

  String clusterId();

  /** The node that runs the active controller; -1 when none does. */
  int controllerId();

  Optional<TopicInfo> topic(String name);

  Optional<TopicInfo> topic(Uuid id);

  Collection<TopicInfo> topics();

  /** Registered brokers, fenced ones included, by id. */
  List<BrokerInfo> brokers();

  /** Dynamic settings of a topic: what was set, defaults left out. */
  Map<String, String> topicOverrides(String name);

  /** Dynamic settings of a broker; the empty name is the cluster default. */
  Map<String, String> brokerOverrides(String brokerId);

  Map<String, String> groupOverrides(String groupId);

  Map<String, String> clientMetricsOverrides(String name);

  /** Names of the resources of a kind that have dynamic settings, sorted. */
  Collection<String> configured(ConfigResource.Type type);

  /** Finalized feature levels by name, {@code metadata.version} included. */
  Map<String, Short> finalizedFeatures();

  /** A topic; partitions by index, from 0, without gaps. */
  interface TopicInfo {
    String name();

    Uuid id();

    List<PartitionInfo> partitions();
  }

  /**
   * @param leader broker id, or -1
   * @param replicas brokers entitled to lead, preferred first
   */
  record PartitionInfo(
      int index,
      int leader,
      int leaderEpoch,
      int partitionEpoch,
      List<Integer> replicas,
      List<Integer> inSyncReplicas,
      List<Integer> addingReplicas,
      List<Integer> removingReplicas) {}

  record BrokerInfo(
      int id, long epoch, boolean fenced, Optional<String> rack, Map<String, Endpoint> endpoints) {}

  /** An advertised address of a listener. */
  record Endpoint(String listener, String host, int port) {}
}
