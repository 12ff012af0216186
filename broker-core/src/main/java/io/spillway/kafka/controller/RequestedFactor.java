package io.spillway.kafka.controller;

import java.util.HashMap;
import java.util.Map;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.message.CreateTopicsRequestData;
import org.apache.kafka.common.message.CreateTopicsRequestData.CreatableTopic;
import org.apache.kafka.common.message.CreateTopicsRequestData.CreatableTopicConfig;
import org.apache.kafka.common.protocol.Errors;
import org.apache.kafka.common.requests.ApiError;

/**
 * The replication factor a topic was created with where there were too few brokers for it. It is
 * kept beside the topic's settings, under a name no client sees or sets, so that candidates can be
 * added when brokers join.
 */
public final class RequestedFactor {

  static final String NAME = "spillway.internal.requested.replication.factor";

  private RequestedFactor() {}

  /**
   * The request with the factor kept where it exceeds the number of brokers; the request itself
   * stays as it is. A topic with an assignment of its own has no factor.
   */
  public static CreateTopicsRequestData remember(
      CreateTopicsRequestData request, short defaultFactor, int brokers) {
    CreateTopicsRequestData remembered = request.duplicate();
    for (CreatableTopic topic : remembered.topics()) {
      short factor = topic.replicationFactor() == -1 ? defaultFactor : topic.replicationFactor();
      if (topic.assignments().isEmpty() && factor > brokers) {
        topic
            .configs()
            .add(new CreatableTopicConfig().setName(NAME).setValue(Short.toString(factor)));
      }
    }
    return remembered;
  }

  /** Changes by clients that name the hidden setting: to them there is no such setting. */
  public static Map<ConfigResource, ApiError> refused(
      Map<ConfigResource, ? extends Map<String, ?>> changes) {
    Map<ConfigResource, ApiError> refused = new HashMap<>();
    changes.forEach(
        (resource, configs) -> {
          if (resource.type() == ConfigResource.Type.TOPIC && configs.containsKey(NAME)) {
            refused.put(
                resource,
                new ApiError(Errors.INVALID_CONFIG, "Unknown topic config name: " + NAME));
          }
        });
    return refused;
  }

  /** New settings that replace the stored ones, without losing the factor. */
  public static Map<String, String> keep(
      Map<String, String> newConfigs, Map<String, String> stored) {
    String factor = stored.get(NAME);
    if (factor == null) {
      return newConfigs;
    }
    Map<String, String> kept = new HashMap<>(newConfigs);
    kept.put(NAME, factor);
    return kept;
  }

  /** The settings as clients know them. */
  public static Map<String, String> withoutIt(Map<String, String> settings) {
    if (!settings.containsKey(NAME)) {
      return settings;
    }
    Map<String, String> visible = new HashMap<>(settings);
    visible.remove(NAME);
    return visible;
  }
}
