package io.spillway.request.admin;

import io.spillway.metadata.ClusterMetadata;
import io.spillway.metadata.ClusterMetadata.BrokerInfo;
import io.spillway.metadata.ClusterMetadata.Endpoint;
import io.spillway.metadata.ClusterMetadata.PartitionInfo;
import io.spillway.metadata.ClusterMetadata.TopicInfo;
import io.spillway.metadata.TopicCreator;
import io.spillway.metadata.TopicNames;
import io.spillway.request.ApiHandler;
import io.spillway.request.Exchange;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.function.Supplier;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.errors.InvalidRequestException;
import org.apache.kafka.common.message.MetadataRequestData;
import org.apache.kafka.common.message.MetadataRequestData.MetadataRequestTopic;
import org.apache.kafka.common.message.MetadataResponseData;
import org.apache.kafka.common.message.MetadataResponseData.MetadataResponseBroker;
import org.apache.kafka.common.message.MetadataResponseData.MetadataResponsePartition;
import org.apache.kafka.common.message.MetadataResponseData.MetadataResponseTopic;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.protocol.Errors;

/**
 * Metadata: brokers by the listener the client came through, topics by name or id. A missing topic
 * is created where the broker and the client allow it, and the answer waits for it: a creation is
 * over in milliseconds, and the first produce finds its leader (P36).
 */
public final class MetadataHandler implements ApiHandler {

  private static final short IDS_SERVED_FROM = 12;
  private static final int NO_LEADER = -1;

  private final Supplier<ClusterMetadata> metadata;
  private final TopicCreator creator;
  private final AutoCreation autoCreation;

  /** {@code auto.create.topics.enable}, and what topics made that way are like. */
  public record AutoCreation(boolean enabled, int partitions, short replicationFactor) {}

  public MetadataHandler(
      Supplier<ClusterMetadata> metadata, TopicCreator creator, AutoCreation autoCreation) {
    this.metadata = metadata;
    this.creator = creator;
    this.autoCreation = autoCreation;
  }

  @Override
  public Set<ApiKeys> apis() {
    return Set.of(ApiKeys.METADATA);
  }

  @Override
  public void handle(Exchange exchange) {
    MetadataRequestData request = exchange.request(MetadataRequestData.class);
    short version = exchange.context().apiVersion();
    requireAddressable(request, version);
    Map<String, CompletableFuture<Void>> creations = create(request);
    if (creations.isEmpty()) {
      exchange.reply(response(exchange, request, Map.of()));
      return;
    }
    CompletableFuture.allOf(creations.values().toArray(new CompletableFuture<?>[0]))
        .whenComplete(
            (done, failure) -> {
              try {
                exchange.reply(response(exchange, request, errors(creations)));
              } catch (RuntimeException e) {
                exchange.fail(e);
              }
            });
  }

  private static void requireAddressable(MetadataRequestData request, short version) {
    if (request.topics() == null) {
      return;
    }
    for (MetadataRequestTopic topic : request.topics()) {
      boolean byId = !topic.topicId().equals(Uuid.ZERO_UUID);
      if (byId && version < IDS_SERVED_FROM) {
        throw new InvalidRequestException(
            "topic ids are not supported in metadata request version " + version);
      }
      if (!byId && topic.name() == null) {
        throw new InvalidRequestException("a topic needs a name or an id");
      }
    }
  }

  // ---- creation

  private Map<String, CompletableFuture<Void>> create(MetadataRequestData request) {
    if (!autoCreation.enabled()
        || !request.allowAutoTopicCreation()
        || request.topics() == null
        || request.topics().isEmpty()) {
      return Map.of();
    }
    ClusterMetadata view = metadata.get();
    Map<String, CompletableFuture<Void>> creations = new HashMap<>();
    for (MetadataRequestTopic topic : request.topics()) {
      String name = topic.name();
      if (topic.topicId().equals(Uuid.ZERO_UUID)
          && TopicNames.isValid(name)
          && !isReserved(name)
          && view.topic(name).isEmpty()) {
        creations.put(
            name,
            creator.ensureTopic(
                name, autoCreation.partitions(), autoCreation.replicationFactor(), Map.of()));
      }
    }
    return creations;
  }

  /** Internal topics are made by those who need them, with settings of their own. */
  private static boolean isReserved(String name) {
    return TopicNames.isInternal(name) || name.equals(TopicNames.CLUSTER_METADATA);
  }

  private static Map<String, Errors> errors(Map<String, CompletableFuture<Void>> creations) {
    Map<String, Errors> errors = new HashMap<>();
    creations.forEach(
        (name, creation) ->
            creation.whenComplete(
                (done, failure) -> {
                  if (failure != null) {
                    Errors error = Errors.forException(Replies.unwrap(failure));
                    errors.put(
                        name,
                        error == Errors.UNKNOWN_SERVER_ERROR || error == Errors.REQUEST_TIMED_OUT
                            ? Errors.LEADER_NOT_AVAILABLE
                            : error);
                  }
                }));
    return errors;
  }

  // ---- answer

  private MetadataResponseData response(
      Exchange exchange, MetadataRequestData request, Map<String, Errors> creationErrors) {
    ClusterMetadata view = metadata.get();
    Map<Integer, Endpoint> alive = new LinkedHashMap<>();
    MetadataResponseData response =
        new MetadataResponseData()
            .setClusterId(view.clusterId())
            .setClusterAuthorizedOperations(
                request.includeClusterAuthorizedOperations()
                    ? AuthorizedOperations.CLUSTER
                    : AuthorizedOperations.NOT_ASKED);
    String listener = exchange.context().listener();
    for (BrokerInfo broker : view.brokers()) {
      Endpoint endpoint = broker.endpoints().get(listener);
      if (broker.fenced() || endpoint == null) {
        continue;
      }
      alive.put(broker.id(), endpoint);
      response
          .brokers()
          .add(
              new MetadataResponseBroker()
                  .setNodeId(broker.id())
                  .setHost(endpoint.host())
                  .setPort(endpoint.port())
                  .setRack(broker.rack().orElse(null)));
    }
    response.setControllerId(controller(view, alive));
    int operations =
        request.includeTopicAuthorizedOperations()
            ? AuthorizedOperations.TOPIC
            : AuthorizedOperations.NOT_ASKED;
    if (wantsAll(request, exchange.context().apiVersion())) {
      for (TopicInfo topic : view.topics()) {
        response.topics().add(topic(topic, alive).setTopicAuthorizedOperations(operations));
      }
    } else {
      Set<Object> answered = new HashSet<>();
      for (MetadataRequestTopic asked : request.topics()) {
        MetadataResponseTopic topic = topic(view, asked, alive, creationErrors);
        // Once each, however often and by whatever it was asked for.
        if (answered.add(topic.name() == null ? topic.topicId() : topic.name())) {
          response.topics().add(topic.setTopicAuthorizedOperations(operations));
        }
      }
    }
    return response;
  }

  /** Version 0 had no null: an empty list was all topics. */
  private static boolean wantsAll(MetadataRequestData request, short version) {
    return request.topics() == null || (version == 0 && request.topics().isEmpty());
  }

  private static int controller(ClusterMetadata view, Map<Integer, Endpoint> alive) {
    if (alive.containsKey(view.controllerId())) {
      return view.controllerId();
    }
    return alive.isEmpty() ? NO_LEADER : alive.keySet().iterator().next();
  }

  private static MetadataResponseTopic topic(
      ClusterMetadata view,
      MetadataRequestTopic asked,
      Map<Integer, Endpoint> alive,
      Map<String, Errors> creationErrors) {
    if (!asked.topicId().equals(Uuid.ZERO_UUID)) {
      return view.topic(asked.topicId())
          .map(topic -> topic(topic, alive))
          .orElseGet(
              () ->
                  new MetadataResponseTopic()
                      .setName(null)
                      .setTopicId(asked.topicId())
                      .setErrorCode(Errors.UNKNOWN_TOPIC_ID.code()));
    }
    String name = asked.name();
    return view.topic(name)
        .map(topic -> topic(topic, alive))
        .orElseGet(
            () ->
                new MetadataResponseTopic()
                    .setName(name)
                    .setIsInternal(TopicNames.isInternal(name))
                    .setErrorCode(
                        TopicNames.isValid(name)
                            ? creationErrors
                                .getOrDefault(name, Errors.UNKNOWN_TOPIC_OR_PARTITION)
                                .code()
                            : Errors.INVALID_TOPIC_EXCEPTION.code()));
  }

  private static MetadataResponseTopic topic(TopicInfo topic, Map<Integer, Endpoint> alive) {
    List<MetadataResponsePartition> partitions = new ArrayList<>(topic.partitions().size());
    for (PartitionInfo partition : topic.partitions()) {
      partitions.add(
          new MetadataResponsePartition()
              .setPartitionIndex(partition.index())
              .setErrorCode(errorOf(partition, alive).code())
              .setLeaderId(alive.containsKey(partition.leader()) ? partition.leader() : NO_LEADER)
              .setLeaderEpoch(partition.leaderEpoch())
              .setReplicaNodes(partition.replicas())
              .setIsrNodes(partition.inSyncReplicas())
              .setOfflineReplicas(Replicas.offline(partition, alive.keySet())));
    }
    return new MetadataResponseTopic()
        .setName(topic.name())
        .setTopicId(topic.id())
        .setIsInternal(TopicNames.isInternal(topic.name()))
        .setPartitions(partitions);
  }

  private static Errors errorOf(PartitionInfo partition, Map<Integer, Endpoint> alive) {
    return alive.containsKey(partition.leader()) ? Errors.NONE : Errors.LEADER_NOT_AVAILABLE;
  }
}
