package io.spillway.request.group;

import io.spillway.metadata.ClusterMetadata;
import io.spillway.request.ApiHandler;
import io.spillway.request.Exchange;
import io.spillway.request.Replies;
import io.spillway.request.RequestContext;
import java.util.Set;
import java.util.function.Supplier;
import org.apache.kafka.common.errors.UnsupportedVersionException;
import org.apache.kafka.common.message.ConsumerGroupDescribeRequestData;
import org.apache.kafka.common.message.ConsumerGroupDescribeResponseData;
import org.apache.kafka.common.message.ConsumerGroupHeartbeatRequestData;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.protocol.Errors;

/** The consumer group protocol of KIP-848. */
public final class ConsumerGroupHandler implements ApiHandler {

  private static final String GROUP_VERSION = "group.version";

  private final GroupService groups;
  private final Supplier<ClusterMetadata> metadata;

  public ConsumerGroupHandler(GroupService groups, Supplier<ClusterMetadata> metadata) {
    this.groups = groups;
    this.metadata = metadata;
  }

  @Override
  public Set<ApiKeys> apis() {
    return Set.of(ApiKeys.CONSUMER_GROUP_HEARTBEAT, ApiKeys.CONSUMER_GROUP_DESCRIBE);
  }

  @Override
  public void handle(Exchange exchange) {
    if (metadata.get().finalizedFeatures().getOrDefault(GROUP_VERSION, (short) 0) < 1) {
      exchange.fail(
          new UnsupportedVersionException(
              "the consumer group protocol needs the feature " + GROUP_VERSION + " at 1"));
    } else if (exchange.context().apiKey() == ApiKeys.CONSUMER_GROUP_HEARTBEAT) {
      Replies.send(
          exchange,
          groups.consumerGroupHeartbeat(
              exchange.context(), exchange.request(ConsumerGroupHeartbeatRequestData.class)));
    } else {
      describe(exchange);
    }
  }

  private void describe(Exchange exchange) {
    RequestContext context = exchange.context();
    ConsumerGroupDescribeRequestData request =
        exchange.request(ConsumerGroupDescribeRequestData.class);
    Replies.send(
        exchange,
        groups
            .describeConsumerGroups(context, request.groupIds())
            .thenApply(
                described -> {
                  if (request.includeAuthorizedOperations()) {
                    described.stream()
                        .filter(group -> group.errorCode() == Errors.NONE.code())
                        .forEach(group -> group.setAuthorizedOperations(GroupOperations.ALL));
                  }
                  return new ConsumerGroupDescribeResponseData().setGroups(described);
                }));
  }
}
