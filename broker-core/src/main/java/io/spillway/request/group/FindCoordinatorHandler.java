package io.spillway.request.group;

import io.spillway.metadata.ClusterMetadata;
import io.spillway.metadata.ClusterMetadata.BrokerInfo;
import io.spillway.metadata.ClusterMetadata.Endpoint;
import io.spillway.metadata.ClusterMetadata.TopicInfo;
import io.spillway.metadata.TopicCreator;
import io.spillway.request.ApiHandler;
import io.spillway.request.Exchange;
import io.spillway.request.RequestContext;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Supplier;
import org.apache.kafka.common.message.FindCoordinatorRequestData;
import org.apache.kafka.common.message.FindCoordinatorResponseData;
import org.apache.kafka.common.message.FindCoordinatorResponseData.Coordinator;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.protocol.Errors;
import org.apache.kafka.common.requests.FindCoordinatorRequest;
import org.apache.kafka.common.requests.FindCoordinatorRequest.CoordinatorType;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Names the broker that coordinates a group: the leader of the group's offsets partition. Needs the
 * cluster's metadata alone, so that asking loads no coordinator. The offsets topic is created by
 * the first question; until it is there the answer is {@code COORDINATOR_NOT_AVAILABLE}, which
 * clients retry.
 */
public final class FindCoordinatorHandler implements ApiHandler {

  private static final Logger log = LoggerFactory.getLogger(FindCoordinatorHandler.class);
  private static final String NO_TRANSACTIONS =
      "this broker serves no transactions yet: remove transactional.id from the producer";

  private final Supplier<ClusterMetadata> metadata;
  private final OffsetsTopic offsetsTopic;
  private final TopicCreator topicCreator;

  /** Clients ask many times a second: a failure is worth a line only when it is a new one. */
  private final AtomicReference<String> lastCreationFailure = new AtomicReference<>("");

  public FindCoordinatorHandler(
      Supplier<ClusterMetadata> metadata, OffsetsTopic offsetsTopic, TopicCreator topicCreator) {
    this.metadata = metadata;
    this.offsetsTopic = offsetsTopic;
    this.topicCreator = topicCreator;
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
    if (keyType == CoordinatorType.GROUP.id()) {
      return groupCoordinator(context, key);
    }
    if (keyType == CoordinatorType.TRANSACTION.id()) {
      // Of the errors that fit, the one that every client takes for final at once: librdkafka
      // retries any other until its own timeout.
      return refusal(key, Errors.TRANSACTIONAL_ID_AUTHORIZATION_FAILED, NO_TRANSACTIONS);
    }
    return refusal(
        key, Errors.INVALID_REQUEST, "no coordinator of key type " + keyType + " is served");
  }

  private Coordinator groupCoordinator(RequestContext context, String groupId) {
    ClusterMetadata view = metadata.get();
    Optional<TopicInfo> topic = view.topic(OffsetsTopic.NAME);
    if (topic.isEmpty()) {
      createOffsetsTopic();
      return unavailable(groupId);
    }
    List<ClusterMetadata.PartitionInfo> partitions = topic.get().partitions();
    int partition = OffsetsTopic.partitionOf(groupId, partitions.size());
    return endpoint(view, partitions.get(partition).leader(), context.listener())
        .map(
            found ->
                new Coordinator()
                    .setKey(groupId)
                    .setNodeId(partitions.get(partition).leader())
                    .setHost(found.host())
                    .setPort(found.port()))
        .orElseGet(() -> unavailable(groupId));
  }

  private static Optional<Endpoint> endpoint(ClusterMetadata view, int nodeId, String listener) {
    for (BrokerInfo broker : view.brokers()) {
      if (broker.id() == nodeId && !broker.fenced()) {
        return Optional.ofNullable(broker.endpoints().get(listener));
      }
    }
    return Optional.empty();
  }

  private void createOffsetsTopic() {
    topicCreator
        .ensureTopic(
            OffsetsTopic.NAME,
            offsetsTopic.partitions(),
            offsetsTopic.replicationFactor(),
            offsetsTopic.configs())
        .whenComplete(
            (done, error) -> {
              String failure = error == null ? "" : String.valueOf(error.getMessage());
              if (!failure.equals(lastCreationFailure.getAndSet(failure)) && error != null) {
                log.warn("cannot create {}: groups have no coordinator", OffsetsTopic.NAME, error);
              }
            });
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
