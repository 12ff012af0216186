package io.spillway.request.admin;

import io.spillway.metadata.ControlPlane;
import io.spillway.metadata.TopicNames;
import io.spillway.request.ApiHandler;
import io.spillway.request.Exchange;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.apache.kafka.common.message.CreatePartitionsRequestData;
import org.apache.kafka.common.message.CreatePartitionsRequestData.CreatePartitionsTopic;
import org.apache.kafka.common.message.CreatePartitionsResponseData;
import org.apache.kafka.common.message.CreatePartitionsResponseData.CreatePartitionsTopicResult;
import org.apache.kafka.common.message.CreateTopicsRequestData;
import org.apache.kafka.common.message.CreateTopicsRequestData.CreatableTopic;
import org.apache.kafka.common.message.CreateTopicsResponseData.CreatableTopicResult;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.protocol.Errors;

/** CreateTopics and CreatePartitions: the controller decides, topic by topic. */
public final class CreateTopicsHandler implements ApiHandler {

  private final ControlPlane controlPlane;

  public CreateTopicsHandler(ControlPlane controlPlane) {
    this.controlPlane = controlPlane;
  }

  @Override
  public Set<ApiKeys> apis() {
    return Set.of(ApiKeys.CREATE_TOPICS, ApiKeys.CREATE_PARTITIONS);
  }

  @Override
  public void handle(Exchange exchange) {
    if (exchange.context().apiKey() == ApiKeys.CREATE_TOPICS) {
      createTopics(exchange);
    } else {
      createPartitions(exchange);
    }
  }

  private void createTopics(Exchange exchange) {
    CreateTopicsRequestData request = exchange.request(CreateTopicsRequestData.class);
    Map<String, String> refused = new HashMap<>();
    Set<String> names = new HashSet<>();
    for (CreatableTopic topic : request.topics()) {
      if (!names.add(topic.name())) {
        refused.put(topic.name(), "Duplicate topic name.");
      } else if (topic.name().equals(TopicNames.CLUSTER_METADATA)) {
        refused.put(topic.name(), "Creation of internal topic " + topic.name() + " is prohibited.");
      }
    }
    CreateTopicsRequestData allowed = request.duplicate();
    allowed.topics().removeIf(topic -> refused.containsKey(topic.name()));
    names.removeAll(refused.keySet());
    Replies.whenDone(
        exchange,
        controlPlane.createTopics(exchange.context(), allowed, names),
        response -> {
          refused.forEach(
              (name, message) ->
                  response
                      .topics()
                      .add(
                          new CreatableTopicResult()
                              .setName(name)
                              .setErrorCode(Errors.INVALID_REQUEST.code())
                              .setErrorMessage(message)));
          return response;
        });
  }

  private void createPartitions(Exchange exchange) {
    CreatePartitionsRequestData request = exchange.request(CreatePartitionsRequestData.class);
    Set<String> names = new HashSet<>();
    Set<String> duplicates = new HashSet<>();
    for (CreatePartitionsTopic topic : request.topics()) {
      if (!names.add(topic.name())) {
        duplicates.add(topic.name());
      }
    }
    List<CreatePartitionsTopic> allowed = new ArrayList<>();
    for (CreatePartitionsTopic topic : request.topics()) {
      if (!duplicates.contains(topic.name())) {
        allowed.add(topic);
      }
    }
    Replies.whenDone(
        exchange,
        controlPlane.createPartitions(exchange.context(), allowed, request.validateOnly()),
        results -> {
          List<CreatePartitionsTopicResult> all = new ArrayList<>(results);
          for (String name : duplicates) {
            all.add(
                new CreatePartitionsTopicResult()
                    .setName(name)
                    .setErrorCode(Errors.INVALID_REQUEST.code())
                    .setErrorMessage("Duplicate topic name."));
          }
          return new CreatePartitionsResponseData().setResults(all);
        });
  }
}
