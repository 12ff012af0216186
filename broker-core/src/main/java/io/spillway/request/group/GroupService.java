package io.spillway.request.group;

import io.spillway.request.RequestContext;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.apache.kafka.common.message.ConsumerGroupDescribeResponseData;
import org.apache.kafka.common.message.ConsumerGroupHeartbeatRequestData;
import org.apache.kafka.common.message.ConsumerGroupHeartbeatResponseData;
import org.apache.kafka.common.message.DeleteGroupsResponseData.DeletableGroupResultCollection;
import org.apache.kafka.common.message.DescribeGroupsResponseData;
import org.apache.kafka.common.message.HeartbeatRequestData;
import org.apache.kafka.common.message.HeartbeatResponseData;
import org.apache.kafka.common.message.JoinGroupRequestData;
import org.apache.kafka.common.message.JoinGroupResponseData;
import org.apache.kafka.common.message.LeaveGroupRequestData;
import org.apache.kafka.common.message.LeaveGroupResponseData;
import org.apache.kafka.common.message.ListGroupsRequestData;
import org.apache.kafka.common.message.ListGroupsResponseData;
import org.apache.kafka.common.message.OffsetCommitRequestData;
import org.apache.kafka.common.message.OffsetCommitResponseData;
import org.apache.kafka.common.message.OffsetDeleteRequestData;
import org.apache.kafka.common.message.OffsetDeleteResponseData;
import org.apache.kafka.common.message.OffsetFetchRequestData.OffsetFetchRequestGroup;
import org.apache.kafka.common.message.OffsetFetchResponseData.OffsetFetchResponseGroup;
import org.apache.kafka.common.message.SyncGroupRequestData;
import org.apache.kafka.common.message.SyncGroupResponseData;
import org.apache.kafka.common.message.TxnOffsetCommitRequestData;
import org.apache.kafka.common.message.TxnOffsetCommitResponseData;

/**
 * The coordinator of the groups whose offsets partitions this broker leads. Answers complete when
 * what they say is durable, on any thread. Expected errors are error codes in the answer; a future
 * fails only where there is no coordinator to ask. Safe for any thread; nothing blocks.
 */
public interface GroupService {

  CompletableFuture<JoinGroupResponseData> joinGroup(
      RequestContext context, JoinGroupRequestData request);

  CompletableFuture<SyncGroupResponseData> syncGroup(
      RequestContext context, SyncGroupRequestData request);

  CompletableFuture<HeartbeatResponseData> heartbeat(
      RequestContext context, HeartbeatRequestData request);

  /**
   * @param request with its members in the list, whatever the request's version
   */
  CompletableFuture<LeaveGroupResponseData> leaveGroup(
      RequestContext context, LeaveGroupRequestData request);

  CompletableFuture<ConsumerGroupHeartbeatResponseData> consumerGroupHeartbeat(
      RequestContext context, ConsumerGroupHeartbeatRequestData request);

  CompletableFuture<List<ConsumerGroupDescribeResponseData.DescribedGroup>> describeConsumerGroups(
      RequestContext context, List<String> groupIds);

  /** Topics in the request exist, by name. */
  CompletableFuture<OffsetCommitResponseData> commitOffsets(
      RequestContext context, OffsetCommitRequestData request);

  /**
   * Offsets that count when their transaction is committed (KIP-447); they are verified with its
   * coordinator first. Topics in the request exist, by name.
   */
  CompletableFuture<TxnOffsetCommitResponseData> commitTransactionalOffsets(
      RequestContext context, TxnOffsetCommitRequestData request);

  /**
   * @param request all offsets of the group when its topics are null
   * @param requireStable KIP-447: offsets of open transactions answer {@code
   *     UNSTABLE_OFFSET_COMMIT}
   */
  CompletableFuture<OffsetFetchResponseGroup> fetchOffsets(
      RequestContext context, OffsetFetchRequestGroup request, boolean requireStable);

  /** Topics in the request exist. */
  CompletableFuture<OffsetDeleteResponseData> deleteOffsets(
      RequestContext context, OffsetDeleteRequestData request);

  CompletableFuture<ListGroupsResponseData> listGroups(
      RequestContext context, ListGroupsRequestData request);

  CompletableFuture<List<DescribeGroupsResponseData.DescribedGroup>> describeGroups(
      RequestContext context, List<String> groupIds);

  CompletableFuture<DeletableGroupResultCollection> deleteGroups(
      RequestContext context, List<String> groupIds);
}
