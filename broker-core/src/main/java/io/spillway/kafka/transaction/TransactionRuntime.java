package io.spillway.kafka.transaction;

import io.spillway.kafka.controller.ClockTime;
import io.spillway.kafka.coordinator.Elections;
import io.spillway.kafka.coordinator.LedPartition;
import io.spillway.kafka.coordinator.PartitionLogLoader;
import io.spillway.kafka.coordinator.PartitionLogWriter;
import io.spillway.metadata.TopicConfigs;
import io.spillway.partition.MarkerWriter;
import io.spillway.runtime.Clock;
import io.spillway.runtime.Scheduler;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.OptionalLong;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentMap;
import java.util.concurrent.Executor;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.function.BiPredicate;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.compress.Compression;
import org.apache.kafka.common.metrics.Metrics;
import org.apache.kafka.common.protocol.Errors;
import org.apache.kafka.common.utils.Utils;
import org.apache.kafka.common.utils.internals.LogContext;
import org.apache.kafka.coordinator.common.runtime.CoordinatorRuntime;
import org.apache.kafka.coordinator.common.runtime.CoordinatorRuntime.CoordinatorReadOperation;
import org.apache.kafka.coordinator.common.runtime.CoordinatorRuntime.CoordinatorWriteOperation;
import org.apache.kafka.coordinator.common.runtime.CoordinatorRuntimeMetrics;
import org.apache.kafka.coordinator.common.runtime.CoordinatorRuntimeMetricsImpl;

/**
 * The shards of transactional ids on Kafka's runtime, and the endings they have decided. Nothing of
 * it is shared between brokers: its metrics are in a registry of its own that nobody exports. Safe
 * for any thread; nothing blocks but {@link #close}.
 */
final class TransactionRuntime implements AutoCloseable {

  /** How long Kafka waits for its transaction log by default. */
  private static final Duration WRITE_TIMEOUT = Duration.ofSeconds(30);

  /** Buffers above are not kept for the next batch. */
  private static final int CACHED_BUFFER_MAX_BYTES = 1 << 20;

  private final CoordinatorRuntime<TransactionShard, TransactionRecord> runtime;
  private final Metrics metrics;
  private final Clock clock;
  private final MarkerSender sender;
  private final Scheduler scheduler;
  private final ConcurrentMap<TopicPartition, Integer> epochs = new ConcurrentHashMap<>();

  /**
   * Starts it; it leads nothing yet.
   *
   * @param loadPool replays partitions
   * @param scheduler for everything about endings
   */
  TransactionRuntime(
      TransactionSettings settings,
      Elections elections,
      MarkerWriter markers,
      ClusterFacts facts,
      TopicConfigs topicConfigs,
      Clock clock,
      Executor loadPool,
      Scheduler scheduler,
      RuntimeParts parts) {
    this.metrics = new Metrics();
    this.clock = clock;
    this.scheduler = scheduler;
    this.sender = new MarkerSender(markers, facts::exists, scheduler);
    CoordinatorRuntimeMetrics runtimeMetrics =
        new CoordinatorRuntimeMetricsImpl(metrics, "transaction-coordinator-metrics", false);
    TransactionRecordSerde serde = new TransactionRecordSerde(facts::transactionVersion);
    this.runtime =
        new CoordinatorRuntime.Builder<TransactionShard, TransactionRecord>()
            .withLogPrefix("[TransactionCoordinator] ")
            .withLogContext(new LogContext("[TransactionCoordinator] "))
            .withTime(new ClockTime(clock))
            .withTimer(parts.timer())
            .withEventProcessor(parts.processor().apply(runtimeMetrics))
            .withPartitionWriter(new PartitionLogWriter(elections.led(), topicConfigs))
            .withLoader(
                new PartitionLogLoader<>(
                    elections.led(),
                    elections::onLoadEnded,
                    serde,
                    settings.log().transactionLoadBufferSize(),
                    clock,
                    loadPool,
                    scheduler))
            .withCoordinatorShardBuilderSupplier(() -> new ShardBuilder(this::newEndings))
            .withWriteTimeout(WRITE_TIMEOUT)
            .withCoordinatorRuntimeMetrics(runtimeMetrics)
            .withCoordinatorMetrics(new NoShardMetrics())
            .withSerializer(serde)
            .withCompression(Compression.NONE)
            .withAppendLingerMs(OptionalInt.empty())
            .withExecutorService(noBackgroundTasks())
            .withCachedBufferMaxBytesSupplier(() -> CACHED_BUFFER_MAX_BYTES)
            .build();
  }

  /** The shards have none; a thread would be made by the first. */
  private static ThreadPoolExecutor noBackgroundTasks() {
    return new ThreadPoolExecutor(0, 1, 1, TimeUnit.SECONDS, new LinkedBlockingQueue<>());
  }

  private Endings newEndings(TopicPartition tp) {
    int epoch = epochs.getOrDefault(tp, 0);
    return new ShardEndings(tp, epoch, sender, this::complete, scheduler);
  }

  // ---- told

  void elect(LedPartition partition) {
    int epoch = partition.partition().leaderEpoch();
    epochs.put(partition.topicPartition(), epoch);
    runtime.scheduleLoadOperation(partition.topicPartition(), epoch);
  }

  void resign(TopicPartition tp) {
    runtime.scheduleUnloadOperation(tp, OptionalInt.empty());
  }

  @Override
  public void close() {
    Utils.closeQuietly(runtime, "transaction coordinator");
    metrics.close();
  }

  // ---- steps and questions

  /**
   * @param freshId a producer id nobody has, where the rule has asked for one
   * @return once what it stands on is durable
   */
  CompletableFuture<Decision> decide(
      String name, TopicPartition tp, String id, Rule rule, OptionalLong freshId) {
    return write(name, tp, shard -> shard.decide(id, rule, freshId));
  }

  private CompletableFuture<?> complete(TopicPartition tp, String id, Transaction ending) {
    return write("complete", tp, shard -> shard.complete(id, ending, clock.currentTimeMillis()));
  }

  /** Forgets the ids of every loaded partition that were not used since then. */
  List<CompletableFuture<Integer>> expire(long lastUseMs) {
    return runtime.scheduleWriteAllOperation("expire", shard -> shard.expire(lastUseMs));
  }

  /** Which of the partitions belong to the open transaction of that producer. */
  CompletableFuture<Map<TopicPartition, Errors>> verify(
      TopicPartition tp,
      String id,
      long producerId,
      short producerEpoch,
      Set<TopicPartition> partitions) {
    return write(
        "verify-partitions", tp, shard -> shard.verify(id, producerId, producerEpoch, partitions));
  }

  /** Asks about what is durable. */
  <T> CompletableFuture<T> read(
      String name, TopicPartition tp, CoordinatorReadOperation<TransactionShard, T> question) {
    try {
      return runtime.scheduleReadOperation(name, tp, question);
    } catch (RuntimeException e) {
      return CompletableFuture.failedFuture(e);
    }
  }

  /** Asks every partition that is led; those that are being loaded fail. */
  <T> List<CompletableFuture<T>> readAll(
      String name, CoordinatorReadOperation<TransactionShard, T> question) {
    return runtime.scheduleReadAllOperation(name, question);
  }

  /** What is durable in every partition that is led; fails while one of them is being loaded. */
  CompletableFuture<Map<String, Transaction>> selectAll(
      String name, BiPredicate<String, Transaction> wanted) {
    List<CompletableFuture<Map<String, Transaction>>> answers =
        readAll(
            name,
            (shard, committedOffset) -> shard.select(wanted, Integer.MAX_VALUE, committedOffset));
    return CompletableFuture.allOf(answers.toArray(new CompletableFuture<?>[0]))
        .thenApply(
            done -> {
              Map<String, Transaction> all = new HashMap<>();
              answers.forEach(answer -> all.putAll(answer.join()));
              return all;
            });
  }

  private <T> CompletableFuture<T> write(
      String name,
      TopicPartition tp,
      CoordinatorWriteOperation<TransactionShard, T, TransactionRecord> operation) {
    try {
      return runtime.scheduleWriteOperation(name, tp, operation);
    } catch (RuntimeException e) {
      return CompletableFuture.failedFuture(e);
    }
  }
}
