package io.spillway.metadata;

import io.spillway.request.RequestContext;
import java.net.InetAddress;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentMap;
import org.apache.kafka.common.message.CreateTopicsRequestData;
import org.apache.kafka.common.message.CreateTopicsRequestData.CreatableTopic;
import org.apache.kafka.common.message.CreateTopicsRequestData.CreatableTopicConfig;
import org.apache.kafka.common.message.CreateTopicsResponseData.CreatableTopicResult;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.protocol.Errors;
import org.apache.kafka.common.requests.ApiError;
import org.apache.kafka.common.security.auth.KafkaPrincipal;

/** Creates topics through the control plane, each once however many ask for it. */
public final class OnDemandTopics implements TopicCreator {

  private static final int TIMEOUT_MS = 10_000;

  private final ControlPlane controlPlane;
  private final ConcurrentMap<String, CompletableFuture<Void>> underWay = new ConcurrentHashMap<>();

  public OnDemandTopics(ControlPlane controlPlane) {
    this.controlPlane = controlPlane;
  }

  @Override
  public CompletableFuture<Void> ensureTopic(
      String name, int partitions, short replicationFactor, Map<String, String> configs) {
    if (controlPlane.metadata().topic(name).isPresent()) {
      return CompletableFuture.completedFuture(null);
    }
    CompletableFuture<Void> mine = new CompletableFuture<>();
    CompletableFuture<Void> theirs = underWay.putIfAbsent(name, mine);
    if (theirs != null) {
      return theirs;
    }
    create(name, partitions, replicationFactor, configs)
        .whenComplete(
            (created, failure) -> {
              underWay.remove(name, mine);
              if (failure == null) {
                mine.complete(null);
              } else {
                mine.completeExceptionally(failure);
              }
            });
    return mine;
  }

  private CompletableFuture<Void> create(
      String name, int partitions, short replicationFactor, Map<String, String> configs) {
    CreatableTopic topic =
        new CreatableTopic()
            .setName(name)
            .setNumPartitions(partitions)
            .setReplicationFactor(replicationFactor);
    configs.forEach(
        (key, value) ->
            topic.configs().add(new CreatableTopicConfig().setName(key).setValue(value)));
    CreateTopicsRequestData request = new CreateTopicsRequestData().setTimeoutMs(TIMEOUT_MS);
    request.topics().add(topic);
    return controlPlane
        .createTopics(self(), request, Set.of())
        .thenApply(
            response -> {
              CreatableTopicResult result = response.topics().find(name);
              Errors error = Errors.forCode(result.errorCode());
              if (error != Errors.NONE && error != Errors.TOPIC_ALREADY_EXISTS) {
                throw new ApiError(error, result.errorMessage()).exception();
              }
              return null;
            });
  }

  private static RequestContext self() {
    return new RequestContext(
        KafkaPrincipal.ANONYMOUS,
        "",
        "broker",
        "",
        InetAddress.getLoopbackAddress(),
        "",
        ApiKeys.CREATE_TOPICS,
        ApiKeys.CREATE_TOPICS.latestVersion(),
        0);
  }
}
