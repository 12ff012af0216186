package io.spillway.request.admin;

import io.spillway.metadata.ControlPlane;
import io.spillway.request.ApiHandler;
import io.spillway.request.Exchange;
import java.util.Set;
import org.apache.kafka.common.message.AlterPartitionReassignmentsRequestData;
import org.apache.kafka.common.message.ElectLeadersRequestData;
import org.apache.kafka.common.message.ListPartitionReassignmentsRequestData;
import org.apache.kafka.common.protocol.ApiKeys;

/** Who leads, and who is entitled to: the controller's business, passed on to it. */
public final class ReassignmentsHandler implements ApiHandler {

  private final ControlPlane controlPlane;

  public ReassignmentsHandler(ControlPlane controlPlane) {
    this.controlPlane = controlPlane;
  }

  @Override
  public Set<ApiKeys> apis() {
    return Set.of(
        ApiKeys.ELECT_LEADERS,
        ApiKeys.ALTER_PARTITION_REASSIGNMENTS,
        ApiKeys.LIST_PARTITION_REASSIGNMENTS);
  }

  @Override
  public void handle(Exchange exchange) {
    switch (exchange.context().apiKey()) {
      case ELECT_LEADERS ->
          Replies.whenDone(
              exchange,
              controlPlane.electLeaders(
                  exchange.context(), exchange.request(ElectLeadersRequestData.class)),
              response -> response);
      case ALTER_PARTITION_REASSIGNMENTS ->
          Replies.whenDone(
              exchange,
              controlPlane.alterPartitionReassignments(
                  exchange.context(),
                  exchange.request(AlterPartitionReassignmentsRequestData.class)),
              response -> response);
      default ->
          Replies.whenDone(
              exchange,
              controlPlane.listPartitionReassignments(
                  exchange.context(),
                  exchange.request(ListPartitionReassignmentsRequestData.class)),
              response -> response);
    }
  }
}
