package io.spillway.request.admin;

import io.spillway.metadata.ControlPlane;
import io.spillway.request.ApiHandler;
import io.spillway.request.Exchange;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import org.apache.kafka.clients.admin.AlterConfigOp.OpType;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.message.AlterConfigsRequestData;
import org.apache.kafka.common.message.AlterConfigsResponseData;
import org.apache.kafka.common.message.IncrementalAlterConfigsRequestData;
import org.apache.kafka.common.message.IncrementalAlterConfigsRequestData.AlterableConfig;
import org.apache.kafka.common.message.IncrementalAlterConfigsResponseData;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.protocol.Errors;
import org.apache.kafka.common.requests.ApiError;

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
    Map<ConfigResource, ApiError> verdicts = new LinkedHashMap<>();
    Map<ConfigResource, Map<String, Map.Entry<OpType, String>>> changes = new HashMap<>();
    for (IncrementalAlterConfigsRequestData.AlterConfigsResource asked : request.resources()) {
      ConfigResource resource = resource(asked.resourceType(), asked.resourceName());
      if (verdicts.containsKey(resource) || changes.containsKey(resource)) {
        changes.remove(resource);
        verdicts.put(resource, notOnce());
        continue;
      }
      ApiError problem = problemOf(resource, asked);
      if (problem.isFailure()) {
        verdicts.put(resource, problem);
        continue;
      }
      Map<String, Map.Entry<OpType, String>> ops = new HashMap<>();
      for (AlterableConfig config : asked.configs()) {
        // Only DELETE comes without a value, and it needs none.
        String value = config.value() == null ? "" : config.value();
        ops.put(config.name(), Map.entry(OpType.forId(config.configOperation()), value));
      }
      changes.put(resource, ops);
    }
    Replies.whenDone(
        exchange,
        controlPlane.incrementalAlterConfigs(exchange.context(), changes, request.validateOnly()),
        answered -> {
          verdicts.putAll(answered);
          IncrementalAlterConfigsResponseData response = new IncrementalAlterConfigsResponseData();
          verdicts.forEach(
              (resource, error) ->
                  response
                      .responses()
                      .add(
                          new IncrementalAlterConfigsResponseData.AlterConfigsResourceResponse()
                              .setErrorCode(error.error().code())
                              .setErrorMessage(error.message())
                              .setResourceType(resource.type().id())
                              .setResourceName(resource.name())));
          return response;
        });
  }

  private static ApiError problemOf(
      ConfigResource resource, IncrementalAlterConfigsRequestData.AlterConfigsResource asked) {
    ApiError unsupported = unsupported(resource);
    if (unsupported.isFailure()) {
      return unsupported;
    }
    Set<String> names = new HashSet<>();
    for (AlterableConfig config : asked.configs()) {
      if (!names.add(config.name())) {
        return new ApiError(Errors.INVALID_REQUEST, "Error due to duplicate config keys");
      }
      OpType op = OpType.forId(config.configOperation());
      if (op == null) {
        return new ApiError(
            Errors.INVALID_REQUEST, "Unknown operation type " + config.configOperation());
      }
      if (op != OpType.DELETE && config.value() == null) {
        return new ApiError(
            Errors.INVALID_REQUEST, "Null value not supported for : " + config.name());
      }
    }
    return ApiError.NONE;
  }

  // ---- replacing

  private void replacing(Exchange exchange, AlterConfigsRequestData request) {
    Map<ConfigResource, ApiError> verdicts = new LinkedHashMap<>();
    Map<ConfigResource, Map<String, String>> changes = new HashMap<>();
    for (AlterConfigsRequestData.AlterConfigsResource asked : request.resources()) {
      ConfigResource resource = resource(asked.resourceType(), asked.resourceName());
      if (verdicts.containsKey(resource) || changes.containsKey(resource)) {
        changes.remove(resource);
        verdicts.put(resource, notOnce());
        continue;
      }
      ApiError problem = problemOf(resource, asked);
      if (problem.isFailure()) {
        verdicts.put(resource, problem);
        continue;
      }
      Map<String, String> configs = new HashMap<>();
      asked.configs().forEach(config -> configs.put(config.name(), config.value()));
      changes.put(resource, configs);
    }
    Replies.whenDone(
        exchange,
        controlPlane.alterConfigs(exchange.context(), changes, request.validateOnly()),
        answered -> {
          verdicts.putAll(answered);
          AlterConfigsResponseData response = new AlterConfigsResponseData();
          verdicts.forEach(
              (resource, error) ->
                  response
                      .responses()
                      .add(
                          new AlterConfigsResponseData.AlterConfigsResourceResponse()
                              .setErrorCode(error.error().code())
                              .setErrorMessage(error.message())
                              .setResourceType(resource.type().id())
                              .setResourceName(resource.name())));
          return response;
        });
  }

  private static ApiError problemOf(
      ConfigResource resource, AlterConfigsRequestData.AlterConfigsResource asked) {
    ApiError unsupported = unsupported(resource);
    if (unsupported.isFailure()) {
      return unsupported;
    }
    Set<String> names = new HashSet<>();
    for (AlterConfigsRequestData.AlterableConfig config : asked.configs()) {
      if (!names.add(config.name())) {
        return new ApiError(Errors.INVALID_REQUEST, "Error due to duplicate config keys");
      }
      if (config.value() == null) {
        return new ApiError(
            Errors.INVALID_REQUEST, "Null value not supported for : " + config.name());
      }
    }
    return ApiError.NONE;
  }

  // ---- both

  private static ConfigResource resource(byte type, String name) {
    return new ConfigResource(ConfigResource.Type.forId(type), name);
  }

  private static ApiError notOnce() {
    return new ApiError(Errors.INVALID_REQUEST, "Each resource must appear at most once.");
  }

  private static ApiError unsupported(ConfigResource resource) {
    return switch (resource.type()) {
      case TOPIC, BROKER, GROUP, CLIENT_METRICS -> ApiError.NONE;
      case BROKER_LOGGER ->
          new ApiError(Errors.INVALID_REQUEST, "Log levels of this broker are set at its start.");
      case UNKNOWN -> new ApiError(Errors.INVALID_REQUEST, "Unknown resource type.");
    };
  }
}
