package io.spillway.metadata;

import io.spillway.request.RequestContext;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.message.AlterPartitionReassignmentsRequestData;
import org.apache.kafka.common.message.AlterPartitionReassignmentsResponseData;
import org.apache.kafka.common.message.CreatePartitionsRequestData.CreatePartitionsTopic;
import org.apache.kafka.common.message.CreatePartitionsResponseData.CreatePartitionsTopicResult;
import org.apache.kafka.common.message.CreateTopicsRequestData;
import org.apache.kafka.common.message.CreateTopicsResponseData;
import org.apache.kafka.common.message.ElectLeadersRequestData;
import org.apache.kafka.common.message.ElectLeadersResponseData;
import org.apache.kafka.common.message.ListPartitionReassignmentsRequestData;
import org.apache.kafka.common.message.ListPartitionReassignmentsResponseData;
import org.apache.kafka.common.message.UpdateFeaturesRequestData;
import org.apache.kafka.common.message.UpdateFeaturesResponseData;
import org.apache.kafka.common.requests.ApiError;

/**
 * The controller and its log. Writes complete when the change is in this broker's own view, so that
 * a client that was answered sees what it did. Safe for any thread; nothing blocks but {@link
 * #close}.
 */
public interface ControlPlane extends AutoCloseable {

  /** The newest view. */
  ClusterMetadata metadata();

  /** Subscribes; the subscriber first gets the present view as a change of everything. */
  void subscribe(MetadataSubscriber subscriber);

  CompletableFuture<CreateTopicsResponseData> createTopics(
      RequestContext context, CreateTopicsRequestData request, Set<String> describable);

  /** Deletes topics by id; the answer has each topic's own error. */
  CompletableFuture<Map<org.apache.kafka.common.Uuid, ApiError>> deleteTopics(
      RequestContext context, Set<org.apache.kafka.common.Uuid> ids);

  CompletableFuture<java.util.List<CreatePartitionsTopicResult>> createPartitions(
      RequestContext context, java.util.List<CreatePartitionsTopic> topics, boolean validateOnly);

  CompletableFuture<Map<ConfigResource, ApiError>> incrementalAlterConfigs(
      RequestContext context,
      Map<ConfigResource, Map<String, Map.Entry<AlterConfigOp.OpType, String>>> changes,
      boolean validateOnly);

  CompletableFuture<Map<ConfigResource, ApiError>> alterConfigs(
      RequestContext context,
      Map<ConfigResource, Map<String, String>> newConfigs,
      boolean validateOnly);

  CompletableFuture<ElectLeadersResponseData> electLeaders(
      RequestContext context, ElectLeadersRequestData request);

  CompletableFuture<AlterPartitionReassignmentsResponseData> alterPartitionReassignments(
      RequestContext context, AlterPartitionReassignmentsRequestData request);

  CompletableFuture<ListPartitionReassignmentsResponseData> listPartitionReassignments(
      RequestContext context, ListPartitionReassignmentsRequestData request);

  CompletableFuture<UpdateFeaturesResponseData> updateFeatures(
      RequestContext context, UpdateFeaturesRequestData request);

  /** Takes a broker that is gone for good out of the cluster. */
  CompletableFuture<Void> unregisterBroker(RequestContext context, int brokerId);

  /** A block of producer ids that nobody else has: first id and length. */
  CompletableFuture<ProducerIdBlock> allocateProducerIds();

  /** Tells the controller that this broker stops: leadership moves where there is somewhere. */
  CompletableFuture<Void> controlledShutdown();

  @Override
  void close();

  record ProducerIdBlock(long firstProducerId, int size) {}
}
