package io.spillway.kafka.group;

import io.spillway.kafka.coordinator.CoordinatorHost;
import io.spillway.kafka.metadata.KafkaImageSubscriber;
import io.spillway.metadata.TopicConfigs;
import io.spillway.partition.LocalPartitions;
import io.spillway.partition.MarkerWriter;
import io.spillway.partition.TransactionMarker;
import io.spillway.request.RequestContext;
import io.spillway.request.coordinator.CoordinatorTopic;
import io.spillway.request.group.GroupService;
import io.spillway.runtime.Clock;
import io.spillway.runtime.Scheduler;
import io.spillway.runtime.Threads;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.Executor;
import java.util.function.BiFunction;
import org.apache.kafka.common.TopicPartition;
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
import org.apache.kafka.common.protocol.Errors;
import org.apache.kafka.common.requests.TransactionResult;
import org.apache.kafka.common.utils.internals.BufferSupplier;
import org.apache.kafka.coordinator.group.GroupCoordinator;
import org.apache.kafka.server.authorizer.AuthorizableRequestContext;

/**
 * Apache Kafka's group coordinator behind {@link GroupService}.
 *
 * <p>It has two schedulers, because a metadata change that deletes topics waits until their offsets
 * are gone, and an election or a truncation may be what it waits for.
 */
final class GroupCoordinatorAdapter implements GroupService, MarkerWriter, AutoCloseable {

  /** Bounds the chunks of offsets partitions in memory. */
  private static final int LOADER_THREADS = 2;

  private final CoordinatorHost<RunningCoordinator> host;

  GroupCoordinatorAdapter(
      int nodeId,
      CoordinatorSettings settings,
      LocalPartitions partitions,
      TopicConfigs topicConfigs,
      Threads threads) {
    Clock clock = threads.clock();
    Scheduler leadership = threads.newScheduler("groups");
    Scheduler metadata = threads.newScheduler("groups-metadata");
    Executor loadPool = threads.newPool("groups-load", LOADER_THREADS);
    this.host =
        new CoordinatorHost<>(
            "group coordinator",
            CoordinatorTopic.OFFSETS,
            clock,
            leadership,
            metadata,
            (elections, image) ->
                RunningCoordinator.start(
                    nodeId,
                    settings,
                    elections,
                    partitions,
                    topicConfigs,
                    clock,
                    loadPool,
                    leadership,
                    image));
  }

  /** To be told of the partitions this broker leads. */
  LocalPartitions.LeadershipListener elections() {
    return host.elections();
  }

  /** To be told of every image. */
  KafkaImageSubscriber images() {
    return host;
  }

  /** Whether the coordinator has been started and serves. */
  boolean isRunning() {
    return host.isRunning();
  }

  @Override
  public void close() {
    host.close();
  }

  private <T> CompletableFuture<T> ask(
      RequestContext context,
      BiFunction<GroupCoordinator, AuthorizableRequestContext, CompletableFuture<T>> question) {
    CallerContext caller = new CallerContext(context);
    return host.coordinator()
        .thenCompose(coordinator -> question.apply(coordinator.service(), caller));
  }

  // ---- transactions

  /** P33: only the coordinator itself can append the marker that ends its offsets. */
  @Override
  public CompletionStage<Errors> write(TopicPartition tp, TransactionMarker marker) {
    if (host.isUnused()) {
      return CompletableFuture.completedFuture(Errors.UNKNOWN_TOPIC_OR_PARTITION);
    }
    return host.coordinator()
        .thenCompose(
            coordinator ->
                coordinator
                    .service()
                    .completeTransaction(
                        tp,
                        marker.producerId(),
                        marker.producerEpoch(),
                        marker.coordinatorEpoch(),
                        TransactionResult.forId(marker.committed()),
                        marker.transactionVersion()))
        .handle((done, failure) -> failure == null ? Errors.NONE : markerError(failure));
  }

  /** A coordinator of transactions knows partitions that have no leader yet, and comes again. */
  private static Errors markerError(Throwable failure) {
    Errors error = Errors.forException(failure);
    return switch (error) {
      case COORDINATOR_NOT_AVAILABLE, COORDINATOR_LOAD_IN_PROGRESS, NOT_COORDINATOR ->
          Errors.NOT_LEADER_OR_FOLLOWER;
      default -> error;
    };
  }

  @Override
  public CompletableFuture<JoinGroupResponseData> joinGroup(
      RequestContext context, JoinGroupRequestData request) {
    return ask(context, (groups, as) -> groups.joinGroup(as, request, BufferSupplier.NO_CACHING));
  }

  @Override
  public CompletableFuture<SyncGroupResponseData> syncGroup(
      RequestContext context, SyncGroupRequestData request) {
    return ask(context, (groups, as) -> groups.syncGroup(as, request, BufferSupplier.NO_CACHING));
  }

  @Override
  public CompletableFuture<HeartbeatResponseData> heartbeat(
      RequestContext context, HeartbeatRequestData request) {
    return ask(context, (groups, as) -> groups.heartbeat(as, request));
  }

  @Override
  public CompletableFuture<LeaveGroupResponseData> leaveGroup(
      RequestContext context, LeaveGroupRequestData request) {
    return ask(context, (groups, as) -> groups.leaveGroup(as, request));
  }

  @Override
  public CompletableFuture<ConsumerGroupHeartbeatResponseData> consumerGroupHeartbeat(
      RequestContext context, ConsumerGroupHeartbeatRequestData request) {
    return ask(context, (groups, as) -> groups.consumerGroupHeartbeat(as, request));
  }

  @Override
  public CompletableFuture<List<ConsumerGroupDescribeResponseData.DescribedGroup>>
      describeConsumerGroups(RequestContext context, List<String> groupIds) {
    return ask(context, (groups, as) -> groups.consumerGroupDescribe(as, groupIds));
  }

  @Override
  public CompletableFuture<OffsetCommitResponseData> commitOffsets(
      RequestContext context, OffsetCommitRequestData request) {
    return ask(
        context, (groups, as) -> groups.commitOffsets(as, request, BufferSupplier.NO_CACHING));
  }

  @Override
  public CompletableFuture<TxnOffsetCommitResponseData> commitTransactionalOffsets(
      RequestContext context, TxnOffsetCommitRequestData request) {
    return ask(
        context,
        (groups, as) -> groups.commitTransactionalOffsets(as, request, BufferSupplier.NO_CACHING));
  }

  @Override
  public CompletableFuture<OffsetFetchResponseGroup> fetchOffsets(
      RequestContext context, OffsetFetchRequestGroup request, boolean requireStable) {
    return ask(context, (groups, as) -> groups.fetchOffsets(as, request, requireStable));
  }

  @Override
  public CompletableFuture<OffsetDeleteResponseData> deleteOffsets(
      RequestContext context, OffsetDeleteRequestData request) {
    return ask(
        context, (groups, as) -> groups.deleteOffsets(as, request, BufferSupplier.NO_CACHING));
  }

  /** Without an offsets topic there are no groups, which is an answer and no error. */
  @Override
  public CompletableFuture<ListGroupsResponseData> listGroups(
      RequestContext context, ListGroupsRequestData request) {
    if (host.isUnused()) {
      return CompletableFuture.completedFuture(new ListGroupsResponseData());
    }
    return ask(context, (groups, as) -> groups.listGroups(as, request));
  }

  @Override
  public CompletableFuture<List<DescribeGroupsResponseData.DescribedGroup>> describeGroups(
      RequestContext context, List<String> groupIds) {
    return ask(context, (groups, as) -> groups.describeGroups(as, groupIds));
  }

  @Override
  public CompletableFuture<DeletableGroupResultCollection> deleteGroups(
      RequestContext context, List<String> groupIds) {
    return ask(
        context, (groups, as) -> groups.deleteGroups(as, groupIds, BufferSupplier.NO_CACHING));
  }
}
