package io.spillway.request.group;

import io.spillway.request.ApiHandler;
import io.spillway.request.Exchange;
import io.spillway.request.Replies;
import io.spillway.request.RequestContext;
import java.util.List;
import java.util.Set;
import org.apache.kafka.common.message.DeleteGroupsRequestData;
import org.apache.kafka.common.message.DeleteGroupsResponseData;
import org.apache.kafka.common.message.DescribeGroupsRequestData;
import org.apache.kafka.common.message.DescribeGroupsResponseData;
import org.apache.kafka.common.message.ListGroupsRequestData;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.protocol.Errors;

/** What administrators ask about groups of any protocol: list, describe, delete. */
public final class GroupAdminHandler implements ApiHandler {

  private final GroupService groups;

  public GroupAdminHandler(GroupService groups) {
    this.groups = groups;
  }

  @Override
  public Set<ApiKeys> apis() {
    return Set.of(ApiKeys.LIST_GROUPS, ApiKeys.DESCRIBE_GROUPS, ApiKeys.DELETE_GROUPS);
  }

  @Override
  public void handle(Exchange exchange) {
    switch (exchange.context().apiKey()) {
      case LIST_GROUPS ->
          Replies.send(
              exchange,
              groups.listGroups(exchange.context(), exchange.request(ListGroupsRequestData.class)));
      case DESCRIBE_GROUPS -> describe(exchange);
      case DELETE_GROUPS -> delete(exchange);
      default -> throw new IllegalArgumentException("not served: " + exchange.context().apiKey());
    }
  }

  private void describe(Exchange exchange) {
    RequestContext context = exchange.context();
    DescribeGroupsRequestData request = exchange.request(DescribeGroupsRequestData.class);
    Replies.send(
        exchange,
        groups
            .describeGroups(context, request.groups())
            .thenApply(
                described -> {
                  if (request.includeAuthorizedOperations()) {
                    described.stream()
                        .filter(group -> group.errorCode() == Errors.NONE.code())
                        .forEach(group -> group.setAuthorizedOperations(GroupOperations.ALL));
                  }
                  return new DescribeGroupsResponseData().setGroups(described);
                }));
  }

  private void delete(Exchange exchange) {
    DeleteGroupsRequestData request = exchange.request(DeleteGroupsRequestData.class);
    List<String> distinct = request.groupsNames().stream().distinct().toList();
    Replies.send(
        exchange,
        groups
            .deleteGroups(exchange.context(), distinct)
            .thenApply(results -> new DeleteGroupsResponseData().setResults(results)));
  }
}
