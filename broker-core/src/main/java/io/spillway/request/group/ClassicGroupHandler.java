package io.spillway.request.group;

import io.spillway.request.ApiHandler;
import io.spillway.request.Exchange;
import io.spillway.request.Replies;
import io.spillway.request.RequestContext;
import java.util.List;
import java.util.Set;
import org.apache.kafka.common.errors.InconsistentGroupProtocolException;
import org.apache.kafka.common.message.HeartbeatRequestData;
import org.apache.kafka.common.message.JoinGroupRequestData;
import org.apache.kafka.common.message.LeaveGroupRequestData;
import org.apache.kafka.common.message.LeaveGroupRequestData.MemberIdentity;
import org.apache.kafka.common.message.SyncGroupRequestData;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.requests.JoinGroupRequest;
import org.apache.kafka.common.requests.JoinGroupResponse;
import org.apache.kafka.common.requests.LeaveGroupResponse;
import org.apache.kafka.common.requests.SyncGroupRequest;

/** The classic group protocol: of consumers, of Connect's workers, of whatever else joins. */
public final class ClassicGroupHandler implements ApiHandler {

  /** LeaveGroup names a list of members from here on (KIP-345). */
  private static final short MEMBER_LIST_VERSION = 3;

  private final GroupService groups;

  public ClassicGroupHandler(GroupService groups) {
    this.groups = groups;
  }

  @Override
  public Set<ApiKeys> apis() {
    return Set.of(ApiKeys.JOIN_GROUP, ApiKeys.SYNC_GROUP, ApiKeys.HEARTBEAT, ApiKeys.LEAVE_GROUP);
  }

  @Override
  public void handle(Exchange exchange) {
    switch (exchange.context().apiKey()) {
      case JOIN_GROUP -> join(exchange);
      case SYNC_GROUP -> sync(exchange);
      case HEARTBEAT -> heartbeat(exchange);
      case LEAVE_GROUP -> leave(exchange);
      default -> throw new IllegalArgumentException("not served: " + exchange.context().apiKey());
    }
  }

  private void join(Exchange exchange) {
    RequestContext context = exchange.context();
    short version = context.apiVersion();
    // The request class fills in what older versions leave out, the response class what they want.
    JoinGroupRequestData request =
        new JoinGroupRequest(exchange.request(JoinGroupRequestData.class), version).data();
    Replies.send(
        exchange,
        groups
            .joinGroup(context, request)
            .thenApply(response -> new JoinGroupResponse(response, version).data()));
  }

  private void sync(Exchange exchange) {
    RequestContext context = exchange.context();
    SyncGroupRequestData request = exchange.request(SyncGroupRequestData.class);
    if (!new SyncGroupRequest(request, context.apiVersion())
        .areMandatoryProtocolTypeAndNamePresent()) {
      exchange.fail(
          new InconsistentGroupProtocolException(
              "protocol type and name are mandatory from version 5 on"));
      return;
    }
    Replies.send(exchange, groups.syncGroup(context, request));
  }

  private void heartbeat(Exchange exchange) {
    Replies.send(
        exchange,
        groups.heartbeat(exchange.context(), exchange.request(HeartbeatRequestData.class)));
  }

  private void leave(Exchange exchange) {
    RequestContext context = exchange.context();
    short version = context.apiVersion();
    LeaveGroupRequestData request = exchange.request(LeaveGroupRequestData.class);
    LeaveGroupRequestData listed =
        version >= MEMBER_LIST_VERSION
            ? request
            : new LeaveGroupRequestData()
                .setGroupId(request.groupId())
                .setMembers(List.of(new MemberIdentity().setMemberId(request.memberId())));
    Replies.send(
        exchange,
        groups
            .leaveGroup(context, listed)
            .thenApply(response -> new LeaveGroupResponse(response, version).data()));
  }
}
