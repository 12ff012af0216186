package io.spillway.request.admin;

import io.spillway.metadata.ClusterMetadata;
import io.spillway.metadata.ClusterMetadata.BrokerInfo;
import io.spillway.metadata.ClusterMetadata.TopicInfo;
import io.spillway.metadata.ConfigDescriptions;
import io.spillway.metadata.ConfigDescriptions.Description;
import io.spillway.metadata.ConfigDescriptions.Synonym;
import io.spillway.request.ApiHandler;
import io.spillway.request.Exchange;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.EnumMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Supplier;
import org.apache.kafka.clients.admin.ConfigEntry.ConfigType;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.errors.UnsupportedVersionException;
import org.apache.kafka.common.message.DescribeConfigsRequestData;
import org.apache.kafka.common.message.DescribeConfigsRequestData.DescribeConfigsResource;
import org.apache.kafka.common.message.DescribeConfigsResponseData;
import org.apache.kafka.common.message.DescribeConfigsResponseData.DescribeConfigsResourceResult;
import org.apache.kafka.common.message.DescribeConfigsResponseData.DescribeConfigsResult;
import org.apache.kafka.common.message.DescribeConfigsResponseData.DescribeConfigsSynonym;
import org.apache.kafka.common.message.ListConfigResourcesRequestData;
import org.apache.kafka.common.message.ListConfigResourcesResponseData;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.requests.ApiError;
import org.apache.kafka.common.requests.DescribeConfigsResponse;

/** DescribeConfigs and ListConfigResources. */
public final class DescribeConfigsHandler implements ApiHandler {

  private static final List<ConfigResource.Type> LISTED =
      List.of(
          ConfigResource.Type.TOPIC,
          ConfigResource.Type.BROKER,
          ConfigResource.Type.BROKER_LOGGER,
          ConfigResource.Type.CLIENT_METRICS,
          ConfigResource.Type.GROUP);

  private static final Map<ConfigType, Byte> TYPE_IDS = new EnumMap<>(ConfigType.class);

  static {
    Arrays.stream(DescribeConfigsResponse.ConfigType.values())
        .forEach(type -> TYPE_IDS.put(type.type(), type.id()));
  }

  private final Supplier<ClusterMetadata> metadata;
  private final ConfigDescriptions descriptions;

  public DescribeConfigsHandler(
      Supplier<ClusterMetadata> metadata, ConfigDescriptions descriptions) {
    this.metadata = metadata;
    this.descriptions = descriptions;
  }

  @Override
  public Set<ApiKeys> apis() {
    return Set.of(ApiKeys.DESCRIBE_CONFIGS, ApiKeys.LIST_CONFIG_RESOURCES);
  }

  @Override
  public void handle(Exchange exchange) {
    if (exchange.context().apiKey() == ApiKeys.DESCRIBE_CONFIGS) {
      exchange.reply(describe(exchange.request(DescribeConfigsRequestData.class)));
    } else {
      exchange.reply(
          list(
              exchange.request(ListConfigResourcesRequestData.class),
              exchange.context().apiVersion()));
    }
  }

  // ---- describe

  private DescribeConfigsResponseData describe(DescribeConfigsRequestData request) {
    DescribeConfigsResponseData response = new DescribeConfigsResponseData();
    for (DescribeConfigsResource resource : request.resources()) {
      DescribeConfigsResult result =
          new DescribeConfigsResult()
              .setResourceType(resource.resourceType())
              .setResourceName(resource.resourceName());
      try {
        result.setConfigs(configs(resource, request));
      } catch (RuntimeException e) {
        ApiError error = ApiError.fromThrowable(e);
        result.setErrorCode(error.error().code()).setErrorMessage(error.messageWithFallback());
      }
      response.results().add(result);
    }
    return response;
  }

  private List<DescribeConfigsResourceResult> configs(
      DescribeConfigsResource resource, DescribeConfigsRequestData request) {
    List<String> keys = resource.configurationKeys();
    boolean all = keys == null || keys.isEmpty();
    Set<String> wanted = all ? Set.of() : new HashSet<>(keys);
    List<DescribeConfigsResourceResult> configs = new ArrayList<>();
    ConfigResource.Type type = ConfigResource.Type.forId(resource.resourceType());
    for (Description description :
        descriptions.describe(new ConfigResource(type, resource.resourceName()))) {
      if (all || wanted.contains(description.name())) {
        configs.add(config(description, request));
      }
    }
    return configs;
  }

  private static DescribeConfigsResourceResult config(
      Description from, DescribeConfigsRequestData request) {
    DescribeConfigsResourceResult config =
        new DescribeConfigsResourceResult()
            .setName(from.name())
            .setValue(from.value())
            .setConfigSource(sourceId(from.source()))
            .setIsSensitive(from.sensitive())
            .setReadOnly(from.readOnly())
            .setConfigType(
                TYPE_IDS.getOrDefault(
                    from.type(), DescribeConfigsResponse.ConfigType.UNKNOWN.id()));
    if (request.includeSynonyms()) {
      for (Synonym synonym : from.synonyms()) {
        config
            .synonyms()
            .add(
                new DescribeConfigsSynonym()
                    .setName(synonym.name())
                    .setValue(synonym.value())
                    .setSource(sourceId(synonym.source())));
      }
    }
    config.setDocumentation(request.includeDocumentation() ? from.documentation() : null);
    return config;
  }

  private static byte sourceId(org.apache.kafka.clients.admin.ConfigEntry.ConfigSource source) {
    for (DescribeConfigsResponse.ConfigSource candidate :
        DescribeConfigsResponse.ConfigSource.values()) {
      if (candidate.source() == source) {
        return candidate.id();
      }
    }
    return DescribeConfigsResponse.ConfigSource.UNKNOWN.id();
  }

  // ---- list

  private ListConfigResourcesResponseData list(
      ListConfigResourcesRequestData request, short version) {
    ClusterMetadata view = metadata.get();
    ListConfigResourcesResponseData response = new ListConfigResourcesResponseData();
    for (ConfigResource.Type type : listedTypes(request, version)) {
      for (String name : names(view, type)) {
        response
            .configResources()
            .add(
                new ListConfigResourcesResponseData.ConfigResource()
                    .setResourceName(name)
                    .setResourceType(type.id()));
      }
    }
    return response;
  }

  /** Version 0 knew client metrics only; from version 1 on, no type means every type. */
  private static List<ConfigResource.Type> listedTypes(
      ListConfigResourcesRequestData request, short version) {
    if (version == 0) {
      return List.of(ConfigResource.Type.CLIENT_METRICS);
    }
    if (request.resourceTypes().isEmpty()) {
      return LISTED;
    }
    List<ConfigResource.Type> types = new ArrayList<>();
    for (Byte id : request.resourceTypes()) {
      ConfigResource.Type type = ConfigResource.Type.forId(id);
      if (!LISTED.contains(type)) {
        throw new UnsupportedVersionException("Unsupported resource type: " + id);
      }
      types.add(type);
    }
    return types;
  }

  private static Collection<String> names(ClusterMetadata view, ConfigResource.Type type) {
    return switch (type) {
      case TOPIC -> view.topics().stream().map(TopicInfo::name).sorted().toList();
      case BROKER, BROKER_LOGGER ->
          view.brokers().stream().map(BrokerInfo::id).map(String::valueOf).toList();
      case CLIENT_METRICS, GROUP -> view.configured(type);
      case UNKNOWN -> List.of();
    };
  }
}
