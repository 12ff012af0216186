package io.spillway.sim;

import static org.assertj.core.api.Assertions.assertThat;

import io.spillway.engine.StorageEngine;
import io.spillway.metadata.MetadataSubscriber.Changes;
import io.spillway.partition.BrokerPartition;
import io.spillway.partition.LocalPartitions;
import io.spillway.partition.Partition;
import io.spillway.partition.PartitionManager;
import io.spillway.partition.PartitionSettings;
import io.spillway.partition.RetentionTask;
import io.spillway.partition.TestMetadata;
import io.spillway.partition.TrafficListener;
import io.spillway.partition.TransactionMarker;
import io.spillway.request.ApiHandler;
import io.spillway.request.data.FakeExchange;
import io.spillway.request.data.TestHandlers;
import io.spillway.runtime.Scheduler;
import io.spillway.runtime.SimulatedThreads.SimProcess;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.message.ProduceResponseData;
import org.apache.kafka.common.protocol.Errors;
import org.jspecify.annotations.Nullable;

/** The partition layer of one life of a broker, on its engine and on its threads. */
final class PartitionServer implements LocalPartitions.LeadershipListener {

  /** How long a clean stop waits for appends in flight. */
  private static final long STEP_TIMEOUT_NANOS = TimeUnit.SECONDS.toNanos(5);

  private record Update(TestMetadata view, Changes changes) {}

  final SimBroker broker;
  final PartitionManager manager;
  private final PartitionSimulation world;
  private final Scheduler network;
  private final Scheduler metadata;
  private final Scheduler timers;
  private final ApiHandler produce;
  private final RetentionTask retention;
  private final ArrayDeque<Update> updates = new ArrayDeque<>();
  private final List<SimConnection> connections = new ArrayList<>();
  private final Map<TopicPartition, BrokerPartition> met = new HashMap<>();
  private final Map<TopicPartition, Long> seenLogStarts = new HashMap<>();
  private final Map<TopicPartition, Long> seenHighWatermarks = new HashMap<>();
  private TestMetadata view = new TestMetadata();
  private boolean gone;

  PartitionServer(SimBroker broker, StorageEngine engine, PartitionSimulation world) {
    this.broker = broker;
    this.world = world;
    SimProcess process = broker.process();
    network = process.newScheduler("network");
    metadata = process.newScheduler("metadata");
    timers = process.newScheduler("timers");
    PartitionSettings standard = PartitionSettings.DEFAULTS;
    manager =
        new PartitionManager(
            broker.nodeId,
            () -> view,
            engine,
            topic -> world.controller.config(topic),
            process.clock(),
            timers,
            process.newPool("records", 2),
            new PartitionSettings(
                false,
                standard.producerIdExpirationMs(),
                4 << 10 << world.random.nextInt(8),
                100L << world.random.nextInt(6),
                1 + world.random.nextInt(3)),
            TrafficListener.NONE,
            (transactionalId, producerId, epoch, tp, question) -> verify(producerId, epoch, tp));
    manager.subscribe(this);
    produce = TestHandlers.produce(manager, () -> view, process.clock(), timers);
    retention = new RetentionTask(manager, process.clock(), timers, Duration.ofSeconds(2));
    retention.start();
  }

  // What it hears.

  /** In order, but when it comes to it. */
  void learn(TestMetadata newView, Changes changes) {
    updates.add(new Update(newView, changes));
    int withinMs = world.random.nextInt(20) == 0 ? 2_000 : 100;
    metadata.schedule(
        TimeUnit.MICROSECONDS.toNanos(world.random.nextInt(withinMs * 1_000)), this::learnNext);
  }

  private void learnNext() {
    Update next = updates.remove();
    view = next.view; // P36: requests may come between this and what follows
    metadata.execute(() -> manager.onMetadata(next.view, next.changes));
  }

  /** On its event loop: requests of one connection in order. */
  void handle(FakeExchange exchange) {
    network.execute(
        () -> {
          try {
            produce.handle(exchange);
          } catch (RuntimeException e) {
            exchange.fail(e);
          }
        });
  }

  /** Answered in the call, or when the way to the coordinator and back is made. */
  private CompletableFuture<Errors> verify(long producerId, short epoch, TopicPartition tp) {
    SimTransactor transactor = world.transactor(producerId);
    if (world.random.nextBoolean()) {
      return CompletableFuture.completedFuture(transactor.verify(epoch, tp));
    }
    CompletableFuture<Errors> answer = new CompletableFuture<>();
    timers.schedule(
        randomWayNanos(),
        () -> {
          Errors error = transactor.verify(epoch, tp);
          timers.schedule(randomWayNanos(), () -> answer.complete(error));
        });
    return answer;
  }

  private long randomWayNanos() {
    int withinMs = world.random.nextInt(10) == 0 ? 8_000 : 20;
    return TimeUnit.MICROSECONDS.toNanos(1 + world.random.nextInt(withinMs * 1_000));
  }

  /** On its event loop: a coordinator's marker. */
  void mark(TopicPartition tp, TransactionMarker marker, Consumer<Errors> onAnswer) {
    network.execute(
        () -> {
          BrokerPartition partition = manager.find(tp);
          if (partition == null) {
            onAnswer.accept(Errors.NOT_LEADER_OR_FOLLOWER);
          } else {
            partition.appendMarker(marker).thenAccept(onAnswer);
          }
        });
  }

  SimConnection connect(
      String clientId, Consumer<ProduceResponseData> onAnswer, Runnable onBroken) {
    SimConnection connection = new SimConnection(world, this, clientId, onAnswer, onBroken);
    connections.add(connection);
    return connection;
  }

  boolean hasUnanswered() {
    return connections.stream().anyMatch(SimConnection::hasUnanswered);
  }

  // Its life.

  boolean isGone() {
    return gone;
  }

  void onGone() {
    gone = true;
    connections.forEach(SimConnection::onServerGone);
  }

  /** Accepts nothing more, and waits for what is in flight, but not for ever. */
  CompletableFuture<Void> stop() {
    retention.close();
    CompletableFuture<Void> quiet = new CompletableFuture<>();
    timers.schedule(STEP_TIMEOUT_NANOS, () -> quiet.complete(null));
    manager.close().whenComplete((done, failure) -> quiet.complete(null));
    return quiet;
  }

  // What it says.

  TestMetadata view() {
    return view;
  }

  /** The partition while it is led here and open. */
  @Nullable BrokerPartition open(TopicPartition tp) {
    BrokerPartition found = gone ? null : manager.find(tp);
    return found != null && found.isOpen() ? found : null;
  }

  /** Also of one that is not led here any more. */
  long highWatermark(TopicPartition tp) {
    look(); // it may have been opened in this very event
    BrokerPartition last = met.get(tp);
    return last == null ? -1 : last.highWatermark();
  }

  @Override
  public void onLeader(Partition partition) {
    world.note(
        "open " + partition.topicPartition() + " at " + broker + " " + partition.highWatermark());
  }

  @Override
  public void onResigned(TopicPartition tp, boolean deleted) {
    seenHighWatermarks.remove(tp);
    seenLogStarts.remove(tp);
  }

  private List<BrokerPartition> open() {
    List<BrokerPartition> open = new ArrayList<>();
    for (Partition partition : manager.partitions()) {
      if (partition instanceof BrokerPartition led && led.isOpen()) {
        open.add(led);
      }
    }
    return open;
  }

  /** What it leads now; after every event, before the checks. */
  void look() {
    for (BrokerPartition partition : open()) {
      met.put(partition.topicPartition(), partition);
      world.log(partition.topicPartition()).onLeader(partition.leaderEpoch());
    }
  }

  /** Cheap checks, after every event. */
  void check() {
    for (BrokerPartition partition : open()) {
      long high = partition.highWatermark();
      TopicPartition tp = partition.topicPartition();
      Long start = seenLogStarts.put(tp, partition.logStartOffset());
      if (start != null && partition.logStartOffset() > start) {
        world.coverage.count("trim");
      }
      Long seen = seenHighWatermarks.put(tp, high);
      assertThat(high)
          .as("G2 %s: high watermark", tp)
          .isGreaterThanOrEqualTo(seen == null ? 0 : seen);
      assertThat(partition.lastStableOffset()).as("P31 %s: LSO", tp).isLessThanOrEqualTo(high);
      world.log(tp).checkStable(partition, world.firstUndecided(tp));
      assertThat(high)
          .as("%s: high watermark, LEO", tp)
          .isLessThanOrEqualTo(partition.logEndOffset());
      assertThat(partition.logStartOffset()).as("%s: log start", tp).isLessThanOrEqualTo(high);
      world.log(tp).checkLeader(partition);
    }
  }
}
