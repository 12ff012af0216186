package io.spillway.request.admin;

import io.spillway.metadata.ControlPlane;
import io.spillway.request.ApiHandler;
import io.spillway.request.Exchange;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import java.util.function.Supplier;
import org.apache.kafka.clients.admin.AlterConfigOp.OpType;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.errors.InvalidRequestException;
import org.apache.kafka.common.message.AlterConfigsRequestData;
import org.apache.kafka.common.message.AlterConfigsResponseData;
import org.apache.kafka.common.message.IncrementalAlterConfigsRequestData;
import org.apache.kafka.common.message.IncrementalAlterConfigsRequestData.AlterableConfig;
import org.apache.kafka.common.message.IncrementalAlterConfigsResponseData;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.protocol.Errors;
import org.apache.kafka.common.requests.ApiError;
import org.jspecify.annotations.Nullable;

/** IncrementalAlterConfigs, and AlterConfigs, which replaces whatever was set before. */
public final class AlterConfigsHandler implements ApiHandler {

  private final ControlPlane controlPlane;

  public AlterConfigsHandler(ControlPlane controlPlane) {
    this.controlPlane = controlPlane;
  }

  @Override
  public Set<ApiKeys> apis() {
    return Set.of(ApiKeys.INCREMENTAL_ALTER_CONFIGS, ApiKeys.ALTER_CONFIGS);
  }

  @Override
  public void handle(Exchange exchange) {
    if (exchange.context().apiKey() == ApiKeys.INCREMENTAL_ALTER_CONFIGS) {
      incremental(exchange, exchange.request(IncrementalAlterConfigsRequestData.class));
    } else {
      replacing(exchange, exchange.request(AlterConfigsRequestData.class));
    }
  }

  // ---- incremental

  private void incremental(Exchange exchange, IncrementalAlterConfigsRequestData request) {
    Asked<Map<String, Map.Entry<OpType, String>>> asked = new Asked<>();
    for (IncrementalAlterConfigsRequestData.AlterConfigsResource one : request.resources()) {
      asked.add(new Named(one.resourceType(), one.resourceName()), () -> changes(one));
    }
    Replies.whenDone(
        exchange,
        controlPlane.incrementalAlterConfigs(
            exchange.context(), asked.changes, request.validateOnly()),
        answered -> {
          IncrementalAlterConfigsResponseData response = new IncrementalAlterConfigsResponseData();
          asked
              .verdictsWith(answered)
              .forEach(
                  (resource, error) ->
                      response
                          .responses()
                          .add(
                              new IncrementalAlterConfigsResponseData.AlterConfigsResourceResponse()
                                  .setErrorCode(error.error().code())
                                  .setErrorMessage(error.message())
                                  .setResourceType(resource.type())
                                  .setResourceName(resource.name())));
          return response;
        });
  }

  private static Map<String, Map.Entry<OpType, String>> changes(
      IncrementalAlterConfigsRequestData.AlterConfigsResource asked) {
    Map<String, Map.Entry<OpType, String>> operations = new HashMap<>();
    for (AlterableConfig config : asked.configs()) {
      OpType operation = OpType.forId(config.configOperation());
      if (operation == null) {
        throw new InvalidRequestException("Unknown operation type " + config.configOperation());
      }
      // Only DELETE comes without a value, and it needs none.
      String value =
          operation == OpType.DELETE && config.value() == null
              ? ""
              : requireValue(config.name(), config.value());
      putOnce(operations, config.name(), Map.entry(operation, value));
    }
    return operations;
  }

  // ---- replacing

  private void replacing(Exchange exchange, AlterConfigsRequestData request) {
    Asked<Map<String, String>> asked = new Asked<>();
    for (AlterConfigsRequestData.AlterConfigsResource one : request.resources()) {
      asked.add(new Named(one.resourceType(), one.resourceName()), () -> values(one));
    }
    Replies.whenDone(
        exchange,
        controlPlane.alterConfigs(exchange.context(), asked.changes, request.validateOnly()),
        answered -> {
          AlterConfigsResponseData response = new AlterConfigsResponseData();
          asked
              .verdictsWith(answered)
              .forEach(
                  (resource, error) ->
                      response
                          .responses()
                          .add(
                              new AlterConfigsResponseData.AlterConfigsResourceResponse()
                                  .setErrorCode(error.error().code())
                                  .setErrorMessage(error.message())
                                  .setResourceType(resource.type())
                                  .setResourceName(resource.name())));
          return response;
        });
  }

  private static Map<String, String> values(AlterConfigsRequestData.AlterConfigsResource asked) {
    Map<String, String> values = new HashMap<>();
    for (AlterConfigsRequestData.AlterableConfig config : asked.configs()) {
      putOnce(values, config.name(), requireValue(config.name(), config.value()));
    }
    return values;
  }

  // ---- both

  private static String requireValue(String name, @Nullable String value) {
    if (value == null) {
      throw new InvalidRequestException("Null value not supported for : " + name);
    }
    return value;
  }

  private static <V> void putOnce(Map<String, V> configs, String name, V value) {
    if (configs.put(name, value) != null) {
      throw new InvalidRequestException("Error due to duplicate config keys");
    }
  }

  /** What is asked of each resource, and of which it cannot be asked. */
  private static final class Asked<C> {
    private final Map<Named, ApiError> refused = new LinkedHashMap<>();
    private final Map<ConfigResource, C> changes = new HashMap<>();

    void add(Named named, Supplier<C> change) {
      ConfigResource resource = named.resource();
      if (refused.containsKey(named) || changes.containsKey(resource)) {
        changes.remove(resource);
        refused.put(
            named, new ApiError(Errors.INVALID_REQUEST, "Each resource must appear at most once."));
        return;
      }
      try {
        requireSupported(named);
        changes.put(resource, change.get());
      } catch (InvalidRequestException e) {
        refused.put(named, ApiError.fromThrowable(e));
      }
    }

    Map<Named, ApiError> verdictsWith(Map<ConfigResource, ApiError> answered) {
      answered.forEach(
          (resource, error) ->
              refused.put(new Named(resource.type().id(), resource.name()), error));
      return refused;
    }
  }

  /** A resource as the request names it: the type may be one that nobody knows. */
  private record Named(byte type, String name) {
    ConfigResource resource() {
      return new ConfigResource(ConfigResource.Type.forId(type), name);
    }
  }

  private static void requireSupported(Named named) {
    switch (named.resource().type()) {
      case TOPIC, BROKER, GROUP, CLIENT_METRICS -> {}
      case BROKER_LOGGER ->
          throw new InvalidRequestException("Log levels of this broker are set at its start.");
      case UNKNOWN -> throw new InvalidRequestException("Unknown resource type " + named.type());
    }
  }
}
