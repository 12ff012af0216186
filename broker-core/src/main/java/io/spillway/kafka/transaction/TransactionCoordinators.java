package io.spillway.kafka.transaction;

import io.spillway.kafka.coordinator.CoordinatorHost;
import io.spillway.kafka.metadata.KafkaImageSubscriber;
import io.spillway.metadata.ClusterMetadata;
import io.spillway.metadata.TopicConfigs;
import io.spillway.partition.LocalPartitions;
import io.spillway.partition.MarkerWriter;
import io.spillway.partition.TransactionVerifier;
import io.spillway.request.ApiHandler;
import io.spillway.request.coordinator.CoordinatorTopic;
import io.spillway.request.coordinator.CoordinatorTopics;
import io.spillway.request.transaction.AddOffsetsHandler;
import io.spillway.request.transaction.AddPartitionsHandler;
import io.spillway.request.transaction.EndTxnHandler;
import io.spillway.request.transaction.TransactionAdminHandler;
import io.spillway.request.transaction.TransactionService;
import io.spillway.runtime.Clock;
import io.spillway.runtime.Scheduler;
import io.spillway.runtime.Threads;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.function.Supplier;

/**
 * Everything about transactions that one broker coordinates. Making it is cheap: the coordinator
 * itself is started by what first needs it.
 *
 * <p>Close it before the partitions it writes to and before its threads; requests that wait are
 * answered, with a retriable error.
 */
public final class TransactionCoordinators implements AutoCloseable {

  /** Bounds the chunks of the coordinator's partitions in memory. */
  private static final int LOADER_THREADS = 2;

  private final CoordinatorHost<RunningTransactions> host;
  private final ClusterFacts facts;
  private final CoordinatorTopic topic;
  private final TransactionService service;
  private final TransactionVerifier verifier;

  private TransactionCoordinators(
      CoordinatorHost<RunningTransactions> host,
      ClusterFacts facts,
      CoordinatorTopic topic,
      TransactionService service,
      TransactionVerifier verifier) {
    this.host = host;
    this.facts = facts;
    this.topic = topic;
    this.service = service;
    this.verifier = verifier;
  }

  /**
   * Makes it and subscribes it to the partitions.
   *
   * @param kafkaProperties the broker's properties; those of transactions are taken
   * @param markers to the partitions of transactions
   * @param producerIds each once
   * @throws org.apache.kafka.common.config.ConfigException naming the setting that is wrong
   */
  public static TransactionCoordinators create(
      int nodeId,
      Map<String, String> kafkaProperties,
      LocalPartitions partitions,
      MarkerWriter markers,
      Supplier<CompletableFuture<Long>> producerIds,
      TopicConfigs topicConfigs,
      Threads threads) {
    return create(
        kafkaProperties,
        partitions,
        markers,
        producerIds,
        topicConfigs,
        threads,
        () -> RuntimeParts.threads(nodeId, threads.clock()));
  }

  static TransactionCoordinators create(
      Map<String, String> kafkaProperties,
      LocalPartitions partitions,
      MarkerWriter markers,
      Supplier<CompletableFuture<Long>> producerIds,
      TopicConfigs topicConfigs,
      Threads threads,
      Supplier<RuntimeParts> parts) {
    TransactionSettings settings = TransactionSettings.parse(kafkaProperties);
    Clock clock = threads.clock();
    Scheduler scheduler = threads.newScheduler("transactions");
    Executor loadPool = threads.newPool("transactions-load", LOADER_THREADS);
    ClusterFacts facts = new ClusterFacts();
    CoordinatorHost<RunningTransactions> host =
        new CoordinatorHost<>(
            "coordinator of transactions",
            CoordinatorTopic.TRANSACTIONS,
            clock,
            scheduler,
            scheduler,
            (elections, image) ->
                RunningTransactions.start(
                    settings,
                    new TransactionRuntime(
                        settings,
                        elections,
                        markers,
                        facts,
                        topicConfigs,
                        clock,
                        loadPool,
                        scheduler,
                        parts.get()),
                    producerIds,
                    facts,
                    clock,
                    scheduler));
    TransactionService service = new TransactionCoordinatorAdapter(host, settings, facts, clock);
    TransactionVerifier verifier =
        new PartitionVerifier(
            service,
            clock,
            scheduler,
            settings.adding().addPartitionsToTxnRetryBackoffMs(),
            settings.adding().addPartitionsToTxnRetryBackoffMaxMs());
    partitions.subscribe(host.elections());
    return new TransactionCoordinators(host, facts, settings.topic(), service, verifier);
  }

  /**
   * @param topics where coordinators are found
   * @param offsets the log of groups
   */
  public List<ApiHandler> handlers(
      Supplier<ClusterMetadata> metadata, CoordinatorTopics topics, CoordinatorTopic offsets) {
    return List.of(
        new AddPartitionsHandler(service, metadata),
        new AddOffsetsHandler(service, topics, offsets),
        new EndTxnHandler(service),
        new TransactionAdminHandler(service));
  }

  public TransactionService service() {
    return service;
  }

  /** Whether this broker's partitions belong to the transactions it coordinates. */
  public TransactionVerifier verifier() {
    return verifier;
  }

  /** The log of the coordinator, as it is to be created. */
  public CoordinatorTopic stateTopic() {
    return topic;
  }

  /** To be subscribed to the control plane's raw images before partitions are led. */
  public KafkaImageSubscriber imageSubscriber() {
    return (delta, image) -> {
      facts.onImage(delta, image);
      host.onImage(delta, image);
    };
  }

  @Override
  public void close() {
    host.close();
  }
}
