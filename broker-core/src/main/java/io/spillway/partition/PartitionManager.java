package io.spillway.partition;

import io.spillway.metadata.ClusterMetadata;
import io.spillway.metadata.ClusterMetadata.PartitionInfo;
import io.spillway.metadata.ClusterMetadata.TopicInfo;
import io.spillway.metadata.MetadataSubscriber;
import io.spillway.metadata.TopicConfigs;
import io.spillway.runtime.Clock;
import io.spillway.runtime.Scheduler;
import io.spillway.stream.StreamHandle;
import io.spillway.stream.StreamStore;
import io.spillway.wal.StreamId;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executor;
import java.util.function.Supplier;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.Uuid;
import org.jspecify.annotations.Nullable;

/**
 * The partitions this broker leads, following the metadata: opens what the view says it leads (P9),
 * gives up what it says another one leads (P12), deletes the streams of topics that are gone (P20).
 *
 * <p>A partition is here from the moment the view names this broker its leader, and parks requests
 * until it is open (P15, P36); a look-up that comes before the view was announced asks the view
 * itself.
 */
public final class PartitionManager implements LocalPartitions, MetadataSubscriber {

  private static final int REFUSED_SEQUENCES = 10_000;

  private static final CompletableFuture<Void> DONE = CompletableFuture.completedFuture(null);

  private final int nodeId;
  private final Supplier<ClusterMetadata> newestMetadata;
  private final PartitionRuntime runtime;
  private final PartitionOpener opener;
  private final DepartingStreams departing;
  private final Map<TopicPartition, BrokerPartition> byName = new ConcurrentHashMap<>();
  private final Map<Uuid, Map<Integer, BrokerPartition>> byId = new ConcurrentHashMap<>();

  /** Guards changes of leadership. */
  private final Object lock = new Object();

  private final List<LeadershipListener> listeners = new ArrayList<>();
  private final Set<TopicPartition> announced = new HashSet<>();

  private long metadataOffset = -1;
  private boolean reconciled;
  private volatile boolean closed;

  /**
   * @param newestMetadata the newest view, asked when a partition is not known yet
   * @param scheduler runs retries and, in order, leadership events
   * @param workers for decompression and recompression
   */
  public PartitionManager(
      int nodeId,
      Supplier<ClusterMetadata> newestMetadata,
      StreamStore store,
      TopicConfigs configs,
      Clock clock,
      Scheduler scheduler,
      Executor workers,
      PartitionSettings settings,
      TrafficListener traffic,
      TransactionVerifier verifier) {
    this.nodeId = nodeId;
    this.newestMetadata = newestMetadata;
    this.runtime =
        new PartitionRuntime(
            store,
            configs,
            clock,
            scheduler,
            workers,
            settings,
            new BatchPreparer(settings.validateRecords()),
            new RefusedSequences(REFUSED_SEQUENCES),
            new RoomQueue(scheduler),
            traffic,
            verifier);
    this.opener = new PartitionOpener(runtime, new Opening());
    this.departing = new DepartingStreams(store, () -> closed);
  }

  // ---- look-ups ----

  @Override
  public Optional<Partition> partition(TopicPartition tp) {
    return Optional.ofNullable(find(tp));
  }

  @Override
  public Optional<Partition> partition(Uuid topicId, int partition) {
    return Optional.ofNullable(find(topicId, partition));
  }

  @Override
  public Collection<Partition> partitions() {
    return new ArrayList<>(byName.values());
  }

  /** As {@link #partition(TopicPartition)}, for produce and fetch. */
  public @Nullable BrokerPartition find(TopicPartition tp) {
    BrokerPartition found = byName.get(tp);
    return found != null
        ? found
        : findInNewestView(newestMetadata.get().topic(tp.topic()), tp.partition());
  }

  /** As {@link #partition(Uuid, int)}, for produce and fetch. */
  public @Nullable BrokerPartition find(Uuid topicId, int partition) {
    Map<Integer, BrokerPartition> ofTopic = byId.get(topicId);
    BrokerPartition found = ofTopic == null ? null : ofTopic.get(partition);
    return found != null ? found : findInNewestView(newestMetadata.get().topic(topicId), partition);
  }

  /** P36: a client may have read the view before we were told of it. */
  private @Nullable BrokerPartition findInNewestView(Optional<TopicInfo> topic, int partition) {
    if (topic.isEmpty() || partition < 0 || partition >= topic.get().partitions().size()) {
      return null;
    }
    PartitionInfo info = topic.get().partitions().get(partition);
    if (info.leader() != nodeId) {
      return null;
    }
    ClusterMetadata newest = newestMetadata.get();
    synchronized (lock) {
      if (closed || newest.offset() < metadataOffset) {
        return byName.get(new TopicPartition(topic.get().name(), partition));
      }
      follow(topic.get(), info, newest.offset());
    }
    return byName.get(new TopicPartition(topic.get().name(), partition));
  }

  /**
   * A batch was refused retriably before it reached a partition (P15).
   *
   * @param batch what the request holds for the partition
   */
  public void onRefused(TopicPartition tp, @Nullable ByteBuffer batch) {
    if (batch != null
        && batch.remaining() >= BatchHeader.SIZE_BYTES
        && BatchHeader.producerId(batch) >= 0) {
      runtime
          .refused()
          .onRefused(
              tp,
              BatchHeader.producerId(batch),
              BatchHeader.producerEpoch(batch),
              BatchHeader.baseSequence(batch));
    }
  }

  @Override
  public void subscribe(LeadershipListener listener) {
    synchronized (lock) {
      listeners.add(listener);
      for (TopicPartition tp : announced) {
        BrokerPartition partition = byName.get(tp);
        if (partition != null) {
          runtime.scheduler().execute(() -> listener.onLeader(partition));
        }
      }
    }
  }

  // ---- following the metadata ----

  @Override
  public void onMetadata(ClusterMetadata metadata, Changes changes) {
    synchronized (lock) {
      if (closed) {
        return;
      }
      metadataOffset = Math.max(metadataOffset, metadata.offset());
      for (Uuid deleted : changes.deletedTopics()) {
        deleteTopic(deleted, metadata.offset());
      }
      for (String name : changes.topics()) {
        metadata.topic(name).ifPresent(topic -> follow(topic, metadata.offset()));
      }
      if (!reconciled && metadata.offset() >= 0) {
        reconciled = true;
        departing.deleteThoseWithoutTopic(metadata);
      }
    }
  }

  /** Compares the streams with the newest view again: a deletion may have failed. */
  public void reconcile() {
    synchronized (lock) {
      ClusterMetadata newest = newestMetadata.get();
      if (!closed && newest.offset() >= metadataOffset && newest.offset() >= 0) {
        departing.deleteThoseWithoutTopic(newest);
      }
    }
  }

  private void follow(TopicInfo topic, long imageOffset) {
    for (PartitionInfo info : topic.partitions()) {
      follow(topic, info, imageOffset);
    }
  }

  private void follow(TopicInfo topic, PartitionInfo info, long imageOffset) {
    TopicPartition tp = new TopicPartition(topic.name(), info.index());
    BrokerPartition present = byName.get(tp);
    if (present != null && !present.topicId().equals(topic.id())) {
      deleteTopic(present.topicId(), imageOffset);
      present = null;
    }
    if (info.leader() != nodeId) {
      if (present != null && info.leaderEpoch() >= present.leaderEpoch()) {
        resign(present, false);
      }
    } else if (present == null) {
      begin(tp, topic.id(), info.leaderEpoch(), imageOffset);
    } else if (info.leaderEpoch() > present.leaderEpoch()) {
      BrokerPartition again = present;
      again
          .beginEpoch(info.leaderEpoch())
          .thenCompose(quiet -> again.claimSettled())
          .thenRun(() -> opener.openSoon(again, info.leaderEpoch(), imageOffset));
    }
  }

  private void begin(TopicPartition tp, Uuid topicId, int leaderEpoch, long imageOffset) {
    StreamId streamId = streamId(topicId, tp.partition());
    BrokerPartition partition = new BrokerPartition(tp, topicId, streamId, leaderEpoch, runtime);
    byName.put(tp, partition);
    byId.computeIfAbsent(topicId, id -> new ConcurrentHashMap<>()).put(tp.partition(), partition);
    departing
        .whenGone(streamId)
        .whenComplete((done, failure) -> opener.openSoon(partition, leaderEpoch, imageOffset));
  }

  // ---- opening ----

  private final class Opening implements PartitionOpener.Owner {
    @Override
    public boolean isCurrent(BrokerPartition partition, int leaderEpoch) {
      return !closed
          && byName.get(partition.topicPartition()) == partition
          && partition.leaderEpoch() == leaderEpoch;
    }

    @Override
    public void onOpen(BrokerPartition partition, int leaderEpoch) {
      synchronized (lock) {
        if (isCurrent(partition, leaderEpoch)) {
          announced.add(partition.topicPartition());
          for (LeadershipListener listener : listeners) {
            runtime.scheduler().execute(() -> listener.onLeader(partition));
          }
        }
      }
    }

    @Override
    public boolean isClosed() {
      return closed;
    }
  }

  // ---- giving up ----

  private void resign(BrokerPartition partition, boolean deleted) {
    TopicPartition tp = partition.topicPartition();
    byName.remove(tp, partition);
    byId.computeIfPresent(
        partition.topicId(),
        (id, ofTopic) -> {
          ofTopic.remove(tp.partition(), partition);
          return ofTopic.isEmpty() ? null : ofTopic;
        });
    if (announced.remove(tp)) {
      for (LeadershipListener listener : listeners) {
        runtime.scheduler().execute(() -> listener.onResigned(tp, deleted));
      }
    }
    CompletableFuture<Void> quiet = partition.resign();
    CompletableFuture<Void> gone =
        quiet
            .thenCompose(done -> partition.claimSettled())
            .thenCompose(done -> deleted ? DONE : closeStream(partition));
    departing.leave(partition.streamId(), gone);
  }

  private static CompletableFuture<Void> closeStream(BrokerPartition partition) {
    StreamHandle handle = partition.handle();
    return handle == null ? DONE : handle.close();
  }

  private void deleteTopic(Uuid topicId, long imageOffset) {
    Set<StreamId> streams = new HashSet<>();
    Map<Integer, BrokerPartition> led = byId.get(topicId);
    if (led != null) {
      for (BrokerPartition partition : new ArrayList<>(led.values())) {
        streams.add(partition.streamId());
        resign(partition, true);
      }
    }
    departing.deleteTopic(topicId, streams, imageOffset);
  }

  /** Forgets idempotent producers that are silent for longer than their expiration. */
  public void expireProducers() {
    byName.values().forEach(BrokerPartition::expireProducers);
  }

  /**
   * Accepts nothing more: every partition refuses with {@code NOT_LEADER_OR_FOLLOWER}. The streams
   * are left to the store's own shutdown.
   *
   * @return completes when every append in flight is done
   */
  public CompletableFuture<Void> close() {
    List<CompletableFuture<Void>> quiet = new ArrayList<>();
    synchronized (lock) {
      closed = true;
      for (BrokerPartition partition : byName.values()) {
        quiet.add(partition.resign());
      }
      byName.clear();
      byId.clear();
    }
    return CompletableFuture.allOf(quiet.toArray(new CompletableFuture<?>[0]));
  }

  // ---- identities ----

  public static StreamId streamId(Uuid topicId, int partition) {
    return new StreamId(uuid(topicId), partition);
  }

  private static UUID uuid(Uuid id) {
    return new UUID(id.getMostSignificantBits(), id.getLeastSignificantBits());
  }
}
