package io.spillway.request.admin;

import io.spillway.metadata.ClusterMetadata;
import io.spillway.metadata.ClusterMetadata.TopicInfo;
import io.spillway.metadata.ControlPlane;
import io.spillway.request.ApiHandler;
import io.spillway.request.Exchange;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.errors.InvalidRequestException;
import org.apache.kafka.common.errors.TopicDeletionDisabledException;
import org.apache.kafka.common.message.DeleteTopicsRequestData;
import org.apache.kafka.common.message.DeleteTopicsRequestData.DeleteTopicState;
import org.apache.kafka.common.message.DeleteTopicsResponseData;
import org.apache.kafka.common.message.DeleteTopicsResponseData.DeletableTopicResult;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.protocol.Errors;
import org.apache.kafka.common.requests.ApiError;

/** DeleteTopics, by name or by id; each topic gets its own answer. */
public final class DeleteTopicsHandler implements ApiHandler {

  private static final short NAMED_ERROR_SINCE = 3;
  private static final short STATES_SINCE = 6;

  private final ControlPlane controlPlane;
  private final boolean enabled;

  /**
   * @param enabled {@code delete.topic.enable}
   */
  public DeleteTopicsHandler(ControlPlane controlPlane, boolean enabled) {
    this.controlPlane = controlPlane;
    this.enabled = enabled;
  }

  @Override
  public Set<ApiKeys> apis() {
    return Set.of(ApiKeys.DELETE_TOPICS);
  }

  @Override
  public void handle(Exchange exchange) {
    short version = exchange.context().apiVersion();
    if (!enabled) {
      exchange.fail(
          version < NAMED_ERROR_SINCE
              ? new InvalidRequestException("Topic deletion is disabled.")
              : new TopicDeletionDisabledException("Topic deletion is disabled."));
      return;
    }
    DeleteTopicsRequestData request = exchange.request(DeleteTopicsRequestData.class);
    ClusterMetadata view = controlPlane.metadata();
    Map<Uuid, TopicInfo> toDelete = new HashMap<>();
    List<DeletableTopicResult> results = new ArrayList<>();
    Set<Object> seen = new HashSet<>();
    for (DeleteTopicState state : states(request, version)) {
      boolean byName = state.name() != null;
      boolean byId = !state.topicId().equals(Uuid.ZERO_UUID);
      if (byName == byId) {
        results.add(
            failure(
                state,
                Errors.INVALID_REQUEST,
                byName
                    ? "You may not specify both topic name and topic id."
                    : "Neither topic name nor id were specified."));
        continue;
      }
      if (!seen.add(byName ? state.name() : state.topicId())) {
        results.removeIf(result -> sameTopic(result, state));
        toDelete.values().removeIf(topic -> sameTopic(topic, state));
        results.add(
            failure(
                state,
                Errors.INVALID_REQUEST,
                byName ? "Duplicate topic name." : "Duplicate topic id."));
        continue;
      }
      Optional<TopicInfo> topic = byName ? view.topic(state.name()) : view.topic(state.topicId());
      if (topic.isEmpty()) {
        Errors error = byName ? Errors.UNKNOWN_TOPIC_OR_PARTITION : Errors.UNKNOWN_TOPIC_ID;
        results.add(failure(state, error, error.message()));
      } else if (toDelete.putIfAbsent(topic.get().id(), topic.get()) != null) {
        // Asked for by name and by id: it is not clear what is meant, and nothing is deleted.
        toDelete.remove(topic.get().id());
        results.add(
            failure(
                new DeleteTopicState().setName(topic.get().name()).setTopicId(topic.get().id()),
                Errors.INVALID_REQUEST,
                "The provided topic name maps to an ID that was already supplied."));
      }
    }
    Replies.whenDone(
        exchange,
        controlPlane.deleteTopics(exchange.context(), toDelete.keySet()),
        deleted -> response(results, toDelete, deleted));
  }

  private static List<DeleteTopicState> states(DeleteTopicsRequestData request, short version) {
    if (version >= STATES_SINCE) {
      return request.topics();
    }
    List<DeleteTopicState> states = new ArrayList<>();
    for (String name : request.topicNames()) {
      states.add(new DeleteTopicState().setName(name));
    }
    return states;
  }

  private static boolean sameTopic(DeletableTopicResult result, DeleteTopicState state) {
    return state.name() == null
        ? state.topicId().equals(result.topicId())
        : state.name().equals(result.name());
  }

  private static boolean sameTopic(TopicInfo topic, DeleteTopicState state) {
    return state.name() == null
        ? state.topicId().equals(topic.id())
        : state.name().equals(topic.name());
  }

  private static DeletableTopicResult failure(
      DeleteTopicState state, Errors error, String message) {
    return new DeletableTopicResult()
        .setName(state.name())
        .setTopicId(state.topicId())
        .setErrorCode(error.code())
        .setErrorMessage(message);
  }

  private static DeleteTopicsResponseData response(
      List<DeletableTopicResult> results,
      Map<Uuid, TopicInfo> toDelete,
      Map<Uuid, ApiError> deleted) {
    DeleteTopicsResponseData response = new DeleteTopicsResponseData();
    results.forEach(response.responses()::add);
    toDelete.forEach(
        (id, topic) -> {
          ApiError error =
              deleted.getOrDefault(id, new ApiError(Errors.UNKNOWN_SERVER_ERROR, null));
          response
              .responses()
              .add(
                  new DeletableTopicResult()
                      .setName(topic.name())
                      .setTopicId(id)
                      .setErrorCode(error.error().code())
                      .setErrorMessage(error.message()));
        });
    return response;
  }
}
