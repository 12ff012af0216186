package io.spillway.kafka.transaction;

import static org.assertj.core.api.Assertions.assertThat;

import io.spillway.kafka.coordinator.FakeCluster;
import io.spillway.kafka.coordinator.FakePartition;
import io.spillway.kafka.coordinator.FakePartitions;
import io.spillway.kafka.coordinator.WirePipeline;
import io.spillway.metadata.TopicConfig;
import io.spillway.metadata.TopicCreator;
import io.spillway.partition.MarkerWriter;
import io.spillway.request.ApiHandler;
import io.spillway.request.coordinator.CoordinatorTopic;
import io.spillway.request.coordinator.CoordinatorTopics;
import io.spillway.request.transaction.InitProducerIdHandler;
import io.spillway.runtime.SimulatedThreads;
import io.spillway.runtime.SimulatedThreads.SimProcess;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.protocol.ApiMessage;
import org.apache.kafka.server.common.TransactionVersion;
import org.jspecify.annotations.Nullable;

/**
 * A broker's coordinator of transactions on simulated threads and partitions in memory. Its crash
 * drops every thread and what is not durable.
 */
final class TransactionWorld implements AutoCloseable {

  static final int PARTITIONS = 4;
  static final String ORDERS = "orders";

  private static final int MAX_STEPS = 200_000;
  private static final long FIRST_PRODUCER_ID = 1_000;

  final SimulatedThreads sim;
  final FakeCluster cluster = new FakeCluster();
  final List<String> created = new ArrayList<>();
  final MarkerWriter markers;
  FakePartitions partitions = new FakePartitions();
  TransactionCoordinators transactions;

  private final Map<String, String> properties;
  private final Executor durability;
  private SimProcess process;
  private WirePipeline pipeline;
  private long nextProducerId = FIRST_PRODUCER_ID;
  @Nullable Throwable noProducerIds;

  /**
   * @param jitterNanos how late a task may run
   * @param markers null for {@link FakeMarkers}
   */
  TransactionWorld(
      long seed, long jitterNanos, Map<String, String> settings, @Nullable MarkerWriter markers) {
    sim = new SimulatedThreads(seed, jitterNanos);
    SimProcess disk = sim.newProcess();
    durability = disk.newPool("durability", 1);
    this.markers = markers == null ? new FakeMarkers(durability) : markers;
    properties = new HashMap<>(settings);
    properties.putIfAbsent("transaction.state.log.num.partitions", Integer.toString(PARTITIONS));
    cluster.feature(TransactionVersion.FEATURE_NAME, 2);
    start();
  }

  TransactionWorld(Map<String, String> settings) {
    this(1, 0, settings, null);
  }

  /** With its topic, and one of {@link #PARTITIONS} partitions for the records of producers. */
  static TransactionWorld serving(Map<String, String> settings) {
    TransactionWorld world = new TransactionWorld(settings);
    world.createTopics();
    return world;
  }

  static TransactionWorld serving() {
    return serving(Map.of());
  }

  void createTopics() {
    createTopic(CoordinatorTopic.TRANSACTIONS, PARTITIONS);
    createTopic(ORDERS, PARTITIONS);
  }

  void createTopic(String name, int count) {
    var id = cluster.createTopic(name, count);
    for (int i = 0; i < count; i++) {
      TopicPartition tp = new TopicPartition(name, i);
      if (name.startsWith("__")) {
        partitions.lead(new FakePartition(tp, id, durability));
      }
    }
  }

  void createOffsetsTopicOnce() {
    if (cluster.view().topic(CoordinatorTopic.OFFSETS).isEmpty()) {
      cluster.createTopic(CoordinatorTopic.OFFSETS, PARTITIONS);
    }
  }

  private void start() {
    process = sim.newProcess();
    transactions =
        TransactionCoordinators.create(
            properties,
            partitions,
            markers,
            this::producerId,
            topic -> TopicConfig.DEFAULTS,
            process,
            () -> SimulatedRuntimeParts.on(process));
    cluster.subscribe(transactions.imageSubscriber());
    TopicCreator creator =
        (name, count, replicationFactor, configs) -> {
          created.add(name);
          return new CompletableFuture<>();
        };
    CoordinatorTopics topics = new CoordinatorTopics(cluster::view, creator);
    CoordinatorTopic offsets =
        new CoordinatorTopic(CoordinatorTopic.OFFSETS, PARTITIONS, (short) 1, Map.of());
    List<ApiHandler> handlers =
        new ArrayList<>(transactions.handlers(cluster::view, topics, offsets));
    handlers.add(new InitProducerIdHandler(this::producerId, transactions.service()));
    pipeline = new WirePipeline(handlers, process.clock());
  }

  private CompletableFuture<Long> producerId() {
    return noProducerIds == null
        ? CompletableFuture.completedFuture(nextProducerId++)
        : CompletableFuture.failedFuture(noProducerIds);
  }

  /** Kill -9, and another broker on what is durable. */
  void restart() {
    process.crash();
    if (markers instanceof FakeMarkers fake) {
      fake.crash();
    }
    partitions = partitions.afterRestart();
    start();
  }

  FakePartition logOf(String transactionalId) {
    return partitions.get(
        new TopicPartition(
            CoordinatorTopic.TRANSACTIONS,
            CoordinatorTopic.partitionOf(transactionalId, PARTITIONS)));
  }

  FakeMarkers fakeMarkers() {
    return (FakeMarkers) markers;
  }

  // ---- requests and time

  CompletableFuture<ApiMessage> send(ApiKeys api, int version, ApiMessage body) {
    return pipeline.send(api, version, body);
  }

  <R extends ApiMessage> R call(ApiKeys api, int version, ApiMessage body, Class<R> type) {
    return type.cast(await(send(api, version, body)));
  }

  /** Runs whatever is due; timers far ahead stay where they are. */
  <T> T await(CompletableFuture<T> future) {
    for (int steps = 0; !future.isDone(); steps++) {
      if (steps == MAX_STEPS || !sim.step()) {
        throw new AssertionError("no answer after " + steps + " steps");
      }
    }
    return future.join();
  }

  /** Runs what is due within a moment. */
  void settle() {
    sim.runFor(TimeUnit.MILLISECONDS.toNanos(500));
  }

  void advance(long millis) {
    sim.runFor(TimeUnit.MILLISECONDS.toNanos(millis));
  }

  long nowMs() {
    return process.clock().currentTimeMillis();
  }

  @Override
  public void close() {
    transactions.close();
    assertThat(sim.faults()).isEmpty();
  }
}
