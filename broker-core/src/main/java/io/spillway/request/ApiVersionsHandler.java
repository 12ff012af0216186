package io.spillway.request;

import io.spillway.metadata.ClusterMetadata;
import io.spillway.protocol.codec.ServedApis;
import java.util.Map;
import java.util.Set;
import java.util.function.Supplier;
import org.apache.kafka.common.errors.InvalidRequestException;
import org.apache.kafka.common.errors.RebootstrapRequiredException;
import org.apache.kafka.common.message.ApiVersionsRequestData;
import org.apache.kafka.common.message.ApiVersionsResponseData;
import org.apache.kafka.common.message.ApiVersionsResponseData.ApiVersion;
import org.apache.kafka.common.message.ApiVersionsResponseData.ApiVersionCollection;
import org.apache.kafka.common.message.ApiVersionsResponseData.FinalizedFeatureKey;
import org.apache.kafka.common.message.ApiVersionsResponseData.FinalizedFeatureKeyCollection;
import org.apache.kafka.common.message.ApiVersionsResponseData.SupportedFeatureKey;
import org.apache.kafka.common.message.ApiVersionsResponseData.SupportedFeatureKeyCollection;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.requests.ApiVersionsRequest;

/** ApiVersions: what is served, and the feature levels of the cluster (KIP-35, KIP-584). */
public final class ApiVersionsHandler implements ApiHandler {

  private static final int ANY_NODE = -1;

  private final ServedApis served;
  private final Map<String, FeatureRange> supportedFeatures;
  private final int nodeId;
  private final Supplier<ClusterMetadata> metadata;

  /**
   * @param served the ranges to tell clients, this API's own included
   * @param supportedFeatures levels this broker could run at, by feature name
   * @param nodeId who this broker is
   */
  public ApiVersionsHandler(
      ServedApis served,
      Map<String, FeatureRange> supportedFeatures,
      int nodeId,
      Supplier<ClusterMetadata> metadata) {
    this.served = served;
    this.supportedFeatures = Map.copyOf(supportedFeatures);
    this.nodeId = nodeId;
    this.metadata = metadata;
  }

  @Override
  public Set<ApiKeys> apis() {
    return Set.of(ApiKeys.API_VERSIONS);
  }

  @Override
  public void handle(Exchange exchange) {
    ApiVersionsRequestData request = exchange.request(ApiVersionsRequestData.class);
    short version = exchange.context().apiVersion();
    if (!new ApiVersionsRequest(request, version).isValid()) {
      throw new InvalidRequestException(
          "client software name or version has characters that are not allowed");
    }
    requireMeant(request);
    exchange.reply(response(version));
  }

  /**
   * A client that knows whom it means says so (KIP-1242), and looks for its cluster anew when an
   * address has passed to somebody else.
   */
  private void requireMeant(ApiVersionsRequestData request) {
    String cluster = request.clusterId();
    boolean namesNode = request.nodeId() != ANY_NODE;
    if ((cluster != null) != namesNode) {
      throw new InvalidRequestException("a cluster id and a node id come together or not at all");
    }
    String own = metadata.get().clusterId();
    if (cluster != null && !(cluster.equals(own) && request.nodeId() == nodeId)) {
      throw new RebootstrapRequiredException(
          "this is node "
              + nodeId
              + " of cluster "
              + own
              + ", not node "
              + request.nodeId()
              + " of cluster "
              + cluster);
    }
  }

  /** Feature ranges that start at 0 are left out below version 4, which cannot express them. */
  private ApiVersionsResponseData response(short version) {
    ApiVersionsResponseData response = new ApiVersionsResponseData();
    response.setApiKeys(ranges());
    SupportedFeatureKeyCollection supported = new SupportedFeatureKeyCollection();
    supportedFeatures.forEach(
        (name, range) -> {
          if (version >= 4 || range.min() > 0) {
            supported.add(
                new SupportedFeatureKey()
                    .setName(name)
                    .setMinVersion(range.min())
                    .setMaxVersion(range.max()));
          }
        });
    response.setSupportedFeatures(supported);
    ClusterMetadata view = metadata.get();
    response.setFinalizedFeatures(finalizedFeatures(view));
    response.setFinalizedFeaturesEpoch(view.offset());
    return response;
  }

  /**
   * Produce is said to begin at version 0, as Apache Kafka says it (KAFKA-18659): older librdkafka
   * takes a higher one for a broker that knows no compression, and then sends nothing else.
   */
  private ApiVersionCollection ranges() {
    ApiVersionCollection ranges = served.toApiVersions();
    ApiVersion produce = ranges.find(ApiKeys.PRODUCE.id);
    if (produce != null) {
      produce.setMinVersion((short) 0);
    }
    return ranges;
  }

  private static FinalizedFeatureKeyCollection finalizedFeatures(ClusterMetadata view) {
    FinalizedFeatureKeyCollection features = new FinalizedFeatureKeyCollection();
    view.finalizedFeatures()
        .forEach(
            (name, level) ->
                features.add(
                    new FinalizedFeatureKey()
                        .setName(name)
                        .setMinVersionLevel(level)
                        .setMaxVersionLevel(level)));
    return features;
  }

  /** Levels of a feature, both included. */
  public record FeatureRange(short min, short max) {}
}
