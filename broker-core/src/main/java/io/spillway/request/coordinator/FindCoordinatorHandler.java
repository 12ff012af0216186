package io.spillway.request.coordinator;

import io.spillway.metadata.ClusterMetadata;
import io.spillway.metadata.ClusterMetadata.BrokerInfo;
import io.spillway.metadata.ClusterMetadata.Endpoint;
import io.spillway.request.ApiHandler;
import io.spillway.request.Exchange;
import io.spillway.request.RequestContext;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Supplier;
import org.apache.kafka.common.message.FindCoordinatorRequestData;
import org.apache.kafka.common.message.FindCoordinatorResponseData;
import org.apache.kafka.common.message.FindCoordinatorResponseData.Coordinator;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.protocol.Errors;
import org.apache.kafka.common.requests.FindCoordinatorRequest;
import org.apache.kafka.common.requests.FindCoordinatorRequest.CoordinatorType;

/**
 * Names the broker that coordinates a group or a transactional id: the leader of its partition of
 * the coordinators' topic. The topic is created by the first question; until it is there the answer
 * is {@code COORDINATOR_NOT_AVAILABLE}, which clients retry.
 */
public final class FindCoordinatorHandler implements ApiHandler {

  private final Supplier<ClusterMetadata> metadata;
  private final CoordinatorTopics topics;
  private final Map<Byte, CoordinatorTopic> topicByKeyType;

  /**
   * @param offsets where groups are coordinated
   * @param transactions where transactional ids are
   */
  public FindCoordinatorHandler(
      Supplier<ClusterMetadata> metadata,
      CoordinatorTopics topics,
      CoordinatorTopic offsets,
      CoordinatorTopic transactions) {
    this.metadata = metadata;
    this.topics = topics;
    this.topicByKeyType =
        Map.of(CoordinatorType.GROUP.id(), offsets, CoordinatorType.TRANSACTION.id(), transactions);
  }

  @Override
  public Set<ApiKeys> apis() {
    return Set.of(ApiKeys.FIND_COORDINATOR);
  }

  @Override
  public void handle(Exchange exchange) {
    RequestContext context = exchange.context();
    FindCoordinatorRequestData request = exchange.request(FindCoordinatorRequestData.class);
    FindCoordinatorResponseData response = new FindCoordinatorResponseData();
    if (context.apiVersion() >= FindCoordinatorRequest.MIN_BATCHED_VERSION) {
      for (String key : request.coordinatorKeys()) {
        response.coordinators().add(coordinator(context, request.keyType(), key));
      }
    } else {
      Coordinator only = coordinator(context, request.keyType(), request.key());
      response
          .setErrorCode(only.errorCode())
          .setErrorMessage(
              only.errorCode() == Errors.NONE.code() ? Errors.NONE.message() : only.errorMessage())
          .setNodeId(only.nodeId())
          .setHost(only.host())
          .setPort(only.port());
    }
    exchange.reply(response);
  }

  private Coordinator coordinator(RequestContext context, byte keyType, String key) {
    CoordinatorTopic topic = topicByKeyType.get(keyType);
    if (topic == null) {
      return refusal(
          key, Errors.INVALID_REQUEST, "no coordinator of key type " + keyType + " is served");
    }
    return topics
        .partitionOf(topic, key)
        .flatMap(partition -> leader(context, partition.leader(), key))
        .orElseGet(() -> unavailable(key));
  }

  private Optional<Coordinator> leader(RequestContext context, int leader, String key) {
    return endpoint(metadata.get(), leader, context.listener())
        .map(
            found ->
                new Coordinator()
                    .setKey(key)
                    .setNodeId(leader)
                    .setHost(found.host())
                    .setPort(found.port()));
  }

  private static Optional<Endpoint> endpoint(ClusterMetadata view, int nodeId, String listener) {
    for (BrokerInfo broker : view.brokers()) {
      if (broker.id() == nodeId && !broker.fenced()) {
        return Optional.ofNullable(broker.endpoints().get(listener));
      }
    }
    return Optional.empty();
  }

  private static Coordinator unavailable(String key) {
    return refusal(
        key, Errors.COORDINATOR_NOT_AVAILABLE, Errors.COORDINATOR_NOT_AVAILABLE.message());
  }

  private static Coordinator refusal(String key, Errors error, String message) {
    return new Coordinator()
        .setKey(key)
        .setErrorCode(error.code())
        .setErrorMessage(message)
        .setNodeId(-1)
        .setHost("")
        .setPort(-1);
  }
}
