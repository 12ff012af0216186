package io.spillway.request.admin;

import io.spillway.metadata.ClusterMetadata;
import io.spillway.metadata.ClusterMetadata.BrokerInfo;
import io.spillway.metadata.ClusterMetadata.Endpoint;
import io.spillway.metadata.ControlPlane;
import io.spillway.request.ApiHandler;
import io.spillway.request.Exchange;
import java.util.Set;
import org.apache.kafka.common.message.DescribeClusterRequestData;
import org.apache.kafka.common.message.DescribeClusterResponseData;
import org.apache.kafka.common.message.DescribeClusterResponseData.DescribeClusterBroker;
import org.apache.kafka.common.message.UnregisterBrokerRequestData;
import org.apache.kafka.common.message.UnregisterBrokerResponseData;
import org.apache.kafka.common.message.UpdateFeaturesRequestData;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.protocol.Errors;
import org.apache.kafka.common.requests.ApiError;

/** What concerns the cluster as a whole: its brokers and its feature levels. */
public final class ClusterHandler implements ApiHandler {

  private static final byte BROKERS = 1;
  private static final byte CONTROLLERS = 2;

  private final ControlPlane controlPlane;

  public ClusterHandler(ControlPlane controlPlane) {
    this.controlPlane = controlPlane;
  }

  @Override
  public Set<ApiKeys> apis() {
    return Set.of(ApiKeys.DESCRIBE_CLUSTER, ApiKeys.UPDATE_FEATURES, ApiKeys.UNREGISTER_BROKER);
  }

  @Override
  public void handle(Exchange exchange) {
    switch (exchange.context().apiKey()) {
      case DESCRIBE_CLUSTER -> exchange.reply(describe(exchange));
      case UPDATE_FEATURES ->
          Replies.whenDone(
              exchange,
              controlPlane.updateFeatures(
                  exchange.context(), exchange.request(UpdateFeaturesRequestData.class)),
              response -> response);
      default -> unregister(exchange);
    }
  }

  private DescribeClusterResponseData describe(Exchange exchange) {
    DescribeClusterRequestData request = exchange.request(DescribeClusterRequestData.class);
    DescribeClusterResponseData response =
        new DescribeClusterResponseData().setEndpointType(BROKERS);
    if (request.endpointType() == CONTROLLERS) {
      return response
          .setErrorCode(Errors.MISMATCHED_ENDPOINT_TYPE.code())
          .setErrorMessage(
              "The request was sent to an endpoint of type BROKER, but we wanted an endpoint of"
                  + " type CONTROLLER");
    }
    if (request.endpointType() != BROKERS) {
      return response
          .setErrorCode(Errors.UNSUPPORTED_ENDPOINT_TYPE.code())
          .setErrorMessage("Unsupported endpoint type " + request.endpointType());
    }
    ClusterMetadata view = controlPlane.metadata();
    String listener = exchange.context().listener();
    int controllerId = -1;
    for (BrokerInfo broker : view.brokers()) {
      Endpoint endpoint = broker.endpoints().get(listener);
      if (endpoint == null || (broker.fenced() && !request.includeFencedBrokers())) {
        continue;
      }
      if (!broker.fenced() && (controllerId < 0 || broker.id() == view.controllerId())) {
        controllerId = broker.id();
      }
      response
          .brokers()
          .add(
              new DescribeClusterBroker()
                  .setBrokerId(broker.id())
                  .setHost(endpoint.host())
                  .setPort(endpoint.port())
                  .setRack(broker.rack().orElse(null))
                  .setIsFenced(broker.fenced()));
    }
    return response
        .setClusterId(view.clusterId())
        .setControllerId(controllerId)
        .setClusterAuthorizedOperations(
            request.includeClusterAuthorizedOperations()
                ? AuthorizedOperations.CLUSTER
                : AuthorizedOperations.NOT_ASKED);
  }

  private void unregister(Exchange exchange) {
    int brokerId = exchange.request(UnregisterBrokerRequestData.class).brokerId();
    controlPlane
        .unregisterBroker(exchange.context(), brokerId)
        .whenComplete(
            (done, failure) -> {
              ApiError error =
                  failure == null ? ApiError.NONE : ApiError.fromThrowable(Replies.unwrap(failure));
              exchange.reply(
                  new UnregisterBrokerResponseData()
                      .setErrorCode(error.error().code())
                      .setErrorMessage(error.isSuccess() ? null : error.messageWithFallback()));
            });
  }
}
