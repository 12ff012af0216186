package io.spillway.kafka.group;

import io.spillway.kafka.metadata.KafkaImageSubscriber;
import io.spillway.metadata.TopicConfigs;
import io.spillway.partition.LocalPartitions;
import io.spillway.partition.MarkerWriter;
import io.spillway.partition.TransactionMarker;
import io.spillway.request.RequestContext;
import io.spillway.request.group.GroupService;
import io.spillway.request.group.OffsetsTopic;
import io.spillway.runtime.Clock;
import io.spillway.runtime.Scheduler;
import io.spillway.runtime.Threads;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.Executor;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.BiFunction;
import java.util.function.Consumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.CoordinatorNotAvailableException;
import org.apache.kafka.common.errors.NotCoordinatorException;
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
import org.apache.kafka.image.MetadataDelta;
import org.apache.kafka.image.MetadataImage;
import org.apache.kafka.server.authorizer.AuthorizableRequestContext;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Apache Kafka's group coordinator behind {@link GroupService}.
 *
 * <p>It is started by what first needs it - a request once there is an offsets topic, or the first
 * offsets partition this broker leads - and off the caller's thread: a broker without groups loads
 * nothing of it. Requests wait for the start; then the service itself says which groups are here.
 *
 * <p>Two schedulers, because a metadata change that deletes topics waits until their offsets are
 * gone, and an election or a truncation may be what it waits for. Everything about leadership
 * happens on one, starting and metadata on the other.
 */
final class GroupCoordinatorAdapter
    implements GroupService, MarkerWriter, KafkaImageSubscriber, AutoCloseable {

  private static final Logger log = LoggerFactory.getLogger(GroupCoordinatorAdapter.class);

  /** Bounds the chunks of offsets partitions in memory. */
  private static final int LOADER_THREADS = 2;

  private final int nodeId;
  private final CoordinatorSettings settings;
  private final LocalPartitions partitions;
  private final TopicConfigs topicConfigs;
  private final Clock clock;
  private final Scheduler leadership;
  private final Scheduler metadata;
  private final Executor loadPool;
  private final Elections elections;

  private final AtomicBoolean wanted = new AtomicBoolean();
  private final CompletableFuture<GroupCoordinator> started = new CompletableFuture<>();
  private volatile MetadataImage image = MetadataImage.EMPTY;
  private volatile @Nullable RunningCoordinator running;
  private volatile boolean closed;

  GroupCoordinatorAdapter(
      int nodeId,
      CoordinatorSettings settings,
      LocalPartitions partitions,
      TopicConfigs topicConfigs,
      Threads threads) {
    this.nodeId = nodeId;
    this.settings = settings;
    this.partitions = partitions;
    this.topicConfigs = topicConfigs;
    this.clock = threads.clock();
    this.leadership = threads.newScheduler("groups");
    this.elections = new Elections(leadership, this::want);
    this.metadata = threads.newScheduler("groups-metadata");
    this.loadPool = threads.newPool("groups-load", LOADER_THREADS);
  }

  /** To be told of the partitions this broker leads. */
  LocalPartitions.LeadershipListener elections() {
    return elections;
  }

  /** Whether the coordinator has been started and serves. */
  boolean isRunning() {
    return running != null && !closed;
  }

  // ---- start and end

  private void want() {
    if (!closed && wanted.compareAndSet(false, true)) {
      metadata.execute(this::start);
    }
  }

  private void start() {
    if (closed) {
      return;
    }
    long startNanos = clock.nanoTime();
    RunningCoordinator coordinator;
    try {
      coordinator =
          RunningCoordinator.start(
              nodeId,
              settings,
              elections,
              partitions,
              topicConfigs,
              clock,
              loadPool,
              leadership,
              image);
    } catch (RuntimeException | Error e) {
      started.completeExceptionally(
          new CoordinatorNotAvailableException("the group coordinator did not start", e));
      throw e;
    }
    synchronized (this) {
      if (!closed) {
        running = coordinator;
      }
    }
    if (closed) {
      coordinator.close();
      return;
    }
    log.info("group coordinator started in {} ms", (clock.nanoTime() - startNanos) / 1_000_000);
    elections.start(coordinator, () -> started.complete(coordinator.service()));
  }

  @Override
  public void close() {
    RunningCoordinator coordinator;
    synchronized (this) {
      if (closed) {
        return;
      }
      closed = true;
      coordinator = running;
    }
    elections.close();
    if (coordinator != null) {
      coordinator.close();
    }
    started.completeExceptionally(
        new CoordinatorNotAvailableException("the group coordinator is stopping"));
  }

  /** The service refuses everything once it is shut down; that is no fault. */
  private void whileRunning(Consumer<RunningCoordinator> action) {
    RunningCoordinator coordinator = running;
    if (coordinator == null || closed) {
      return;
    }
    try {
      action.accept(coordinator);
    } catch (RuntimeException e) {
      if (!closed) {
        throw e;
      }
    }
  }

  // ---- metadata

  @Override
  public void onImage(MetadataDelta delta, MetadataImage newImage) {
    image = newImage;
    if (wanted.get() && !closed) {
      metadata.execute(() -> whileRunning(r -> r.onImage(delta, newImage)));
    }
  }

  // ---- requests

  /** Returns whether there is anything to coordinate; then it is started, if it is not. */
  private boolean wantForOffsets() {
    if (!wanted.get()) {
      if (image.topics().getTopic(OffsetsTopic.NAME) == null) {
        return false;
      }
      want();
    }
    return true;
  }

  private <T> CompletableFuture<T> ask(
      RequestContext context,
      BiFunction<GroupCoordinator, AuthorizableRequestContext, CompletableFuture<T>> question) {
    if (!wantForOffsets()) {
      return CompletableFuture.failedFuture(
          new NotCoordinatorException("there is no " + OffsetsTopic.NAME + " topic yet"));
    }
    CallerContext caller = new CallerContext(context);
    return started.thenCompose(coordinator -> question.apply(coordinator, caller));
  }

  // ---- transactions

  /** P33: only the coordinator itself can append the marker that ends its offsets. */
  @Override
  public CompletionStage<Errors> write(TopicPartition tp, TransactionMarker marker) {
    if (!wantForOffsets()) {
      return CompletableFuture.completedFuture(Errors.UNKNOWN_TOPIC_OR_PARTITION);
    }
    return started
        .thenCompose(
            coordinator ->
                coordinator.completeTransaction(
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
    if (!wanted.get() && image.topics().getTopic(OffsetsTopic.NAME) == null) {
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
