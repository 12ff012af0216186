package io.spillway.embed;

import static java.util.Objects.requireNonNull;

import io.spillway.compaction.Compactor;
import io.spillway.compaction.PartitionLog;
import io.spillway.config.BrokerConfig;
import io.spillway.config.CompactionConfig;
import io.spillway.config.DirectMemory;
import io.spillway.config.HostPort;
import io.spillway.config.StartRefusedException;
import io.spillway.kafka.controller.ControllerSettings;
import io.spillway.kafka.controller.FeatureLevels;
import io.spillway.kafka.group.GroupCoordinators;
import io.spillway.kafka.metadata.KafkaControlPlane;
import io.spillway.kafka.transaction.TransactionCoordinators;
import io.spillway.metadata.ClusterMetadata;
import io.spillway.metadata.ClusterMetadata.Endpoint;
import io.spillway.metadata.OnDemandTopics;
import io.spillway.metadata.TopicCreator;
import io.spillway.metrics.CompactionMetrics;
import io.spillway.metrics.GroupMetrics;
import io.spillway.metrics.NetworkMetrics;
import io.spillway.metrics.StorageMetrics;
import io.spillway.object.ObjectStore;
import io.spillway.partition.LocalMarkers;
import io.spillway.partition.MarkerWriter;
import io.spillway.partition.PartitionManager;
import io.spillway.partition.PartitionSettings;
import io.spillway.partition.RetentionTask;
import io.spillway.partition.TransactionVerifier;
import io.spillway.pressure.WalOutlook;
import io.spillway.pressure.WalThrottle;
import io.spillway.protocol.codec.ServedApis;
import io.spillway.protocol.server.KafkaServer;
import io.spillway.request.ApiHandler;
import io.spillway.request.ApiVersionsHandler;
import io.spillway.request.Authorizer;
import io.spillway.request.RequestAudit;
import io.spillway.request.RequestPipeline;
import io.spillway.request.Throttle;
import io.spillway.request.admin.AdminHandlers;
import io.spillway.request.coordinator.CoordinatorTopics;
import io.spillway.request.coordinator.FindCoordinatorHandler;
import io.spillway.request.data.DataHandlers;
import io.spillway.request.data.DataSettings;
import io.spillway.request.data.WriteTxnMarkersHandler;
import io.spillway.request.transaction.InitProducerIdHandler;
import io.spillway.request.transaction.ProducerIds;
import io.spillway.runtime.FaultHandler;
import io.spillway.runtime.RandomSource;
import io.spillway.runtime.Scheduler;
import io.spillway.runtime.SystemClock;
import io.spillway.runtime.SystemRandom;
import io.spillway.runtime.SystemThreads;
import io.spillway.runtime.Threads;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.UnaryOperator;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.protocol.Errors;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The composition of one broker: what is built of what, in which order, and how it is taken down.
 *
 * <p>Order of the start: take the directory and the ports (what fails there fails at once), open
 * and recover storage (P3), replay the metadata log, subscribe partitions and coordinators to it,
 * register with the controller, accept clients. The stop is the reverse, except that clients are
 * let go first.
 */
final class BrokerNode {

  private static final Logger LOG = LoggerFactory.getLogger(BrokerNode.class);

  private static final String THREAD_PREFIX = "spillway";
  private static final long STEP_TIMEOUT_SECONDS = 5;

  private static final long MIB = 1 << 20;

  private final BrokerConfig config;
  private final SystemClock clock = new SystemClock();
  private final Closables closables = new Closables();
  private final Object lifecycle = new Object();
  private final CompletableFuture<Void> startFault = new CompletableFuture<>();
  private @Nullable Storage storage;
  private @Nullable KafkaServer server;
  private @Nullable KafkaControlPlane controlPlane;
  private @Nullable PartitionManager partitions;
  private @Nullable GroupCoordinators groups;
  private volatile @Nullable TransactionCoordinators transactions;
  private String bootstrapServers = "";
  private String clusterId = "";
  private volatile @Nullable Monitoring monitoring;
  private boolean stopped;
  private long remainingBytes;

  private BrokerNode(BrokerConfig config) {
    this.config = config;
  }

  /**
   * Starts a broker; on failure nothing stays open.
   *
   * @param temporary in a new directory that is deleted at the end
   */
  static BrokerNode start(
      Map<String, String> settings,
      boolean temporary,
      UnaryOperator<ObjectStore> storeWrapper,
      FaultHandler faults) {
    BrokerNode node = new BrokerNode(configOf(settings, temporary));
    boolean started = false;
    try {
      node.open(temporary, storeWrapper, faults);
      started = true;
    } finally {
      if (!started) {
        node.closables.closeAll();
      }
    }
    return node;
  }

  private static BrokerConfig configOf(Map<String, String> settings, boolean temporary) {
    Map<String, String> all = new LinkedHashMap<>(settings);
    if (temporary) {
      all.put("data.dir", newTemporaryDirectory().toString());
    }
    return BrokerConfig.of(all);
  }

  private static Path newTemporaryDirectory() {
    try {
      return Files.createTempDirectory("spillway");
    } catch (IOException e) {
      throw new StartRefusedException("no temporary directory can be made: " + e, e);
    }
  }

  private void open(
      boolean temporary, UnaryOperator<ObjectStore> storeWrapper, FaultHandler onFault) {
    RandomSource random = new SystemRandom();
    FaultHandler faults =
        (component, cause) -> {
          startFault.completeExceptionally(cause); // a start that waits for it must not wait on
          Monitoring known = monitoring;
          if (known != null) {
            known.onFault(component, cause);
          }
          onFault.onFault(component, cause);
        };
    DataDirectory directory =
        closables.add("data directory", DataDirectory.take(config.node().dataDir(), temporary));
    KafkaServer bound =
        closables.add("server", Listening.bind(config, THREAD_PREFIX + "-network", clock));
    server = bound;
    Threads threads = closables.add("threads", new SystemThreads(THREAD_PREFIX, clock, faults));
    Monitoring watch = closables.add("monitoring", new Monitoring(config.metrics(), threads));
    monitoring = watch;
    watch.add(new NetworkMetrics(bound::stats));

    List<Endpoint> endpoints = Listening.endpoints(config.listeners(), bound);
    List<HostPort> addresses =
        endpoints.stream().map(endpoint -> new HostPort(endpoint.host(), endpoint.port())).toList();
    Storage opened =
        Storage.open(
            config, addresses, storeWrapper, threads, random, faults, closables, watch::starting);
    storage = opened;
    watch.add(new StorageMetrics(opened.engine()::stats));
    Scheduler timers = threads.newScheduler("partitions");
    WalOutlook outlook =
        closables.add(
            "WAL outlook",
            new WalOutlook(
                opened.engine()::stats,
                opened.engine()::walUsage,
                clock,
                timers,
                config.storage().uploadIntervalMs()));
    outlook.start();
    watch.outlook(outlook);
    WalThrottle throttle = new WalThrottle(opened.engine()::walUsage);
    watch.add(throttle);
    clusterId = Storage.kafkaId(opened.clusterId());

    KafkaControlPlane control =
        closables.add(
            "control plane",
            new KafkaControlPlane(
                ControllerSettings.of(clusterId, config.node().nodeId(), config.kafkaProperties()),
                opened.metadataLog(),
                threads,
                random,
                faults));
    controlPlane = control;
    opened.engine().onNodesFenced(nodeId -> isFenced(control.metadata(), nodeId));
    Executor workers = threads.newPool("records", config.network().ioThreads());
    PartitionManager led =
        new PartitionManager(
            config.node().nodeId(),
            control::metadata,
            opened.streams(),
            control.topicConfigs(),
            clock,
            timers,
            workers,
            partitionSettings(),
            watch.traffic(),
            this::verify);
    partitions = led;
    RetentionTask retention =
        closables.add(
            "retention",
            new RetentionTask(
                led, clock, timers, Duration.ofMillis(config.topics().retentionCheckIntervalMs())));
    Optional<Compactor> compactor = compactor(opened, led, threads);
    compactor.ifPresent(
        each -> {
          closables.add("compaction", each);
          watch.add(new CompactionMetrics(each::stats));
        });
    TopicCreator topicCreator = new OnDemandTopics(control);
    GroupCoordinators coordinators =
        closables.add(
            "group coordinators",
            GroupCoordinators.create(
                config.node().nodeId(),
                config.kafkaProperties(),
                led,
                control::metadata,
                control.topicConfigs(),
                threads));
    groups = coordinators;
    watch.add(new GroupMetrics(coordinators.lag()));
    MarkerWriter markers = new LocalMarkers(led, coordinators.markers());
    ProducerIds producerIds = new ProducerIds(control::allocateProducerIds);
    TransactionCoordinators transactional =
        closables.add(
            "coordinator of transactions",
            TransactionCoordinators.create(
                config.node().nodeId(),
                config.kafkaProperties(),
                led,
                markers,
                producerIds::next,
                control.topicConfigs(),
                threads));
    transactions = transactional;
    DataHandlers data =
        DataHandlers.create(
            led, control, clock, timers, workers, random, dataSettings(config), watch.traffic());

    watch.add(data.metrics());

    control.subscribeToImages(coordinators.imageSubscriber());
    control.subscribeToImages(transactional.imageSubscriber());
    awaitStart(control.start());
    opened.requireMetadataAsNewAsStreams(control.metadata().offset());
    control.subscribe(led);
    bootstrapServers = addresses.get(0).toString();
    awaitStart(control.register(endpoints));
    led.reconcile();
    List<ApiHandler> admin =
        AdminHandlers.create(control, control.configDescriptions(), topicCreator, led, config);
    CoordinatorTopics topics = new CoordinatorTopics(control::metadata, topicCreator);
    List<ApiHandler> handlers = new ArrayList<>(admin);
    handlers.add(
        new FindCoordinatorHandler(
            control::metadata, topics, coordinators.offsetsTopic(), transactional.stateTopic()));
    handlers.add(new InitProducerIdHandler(producerIds::next, transactional.service()));
    handlers.addAll(coordinators.handlers());
    handlers.addAll(transactional.handlers(control::metadata, topics, coordinators.offsetsTopic()));
    handlers.add(new WriteTxnMarkersHandler(markers));
    handlers.addAll(data.handlers());
    serve(bound, control, handlers, data, throttle, watch.requests());
    retention.start();
    compactor.ifPresent(Compactor::start);
    directory.keep();
    watch.serving();
    workers.execute(this::tellIfBudgetsExceedDirectMemory);
  }

  private void tellIfBudgetsExceedDirectMemory() {
    DirectMemory.of(config).excessOver(DirectMemoryLimit.ofThisJvm()).ifPresent(LOG::warn);
  }

  private Optional<Compactor> compactor(Storage opened, PartitionManager led, Threads threads) {
    CompactionConfig compaction = config.compaction();
    return compaction.isOn()
        ? Optional.of(
            new Compactor(
                new Compactor.Settings(
                    TimeUnit.MILLISECONDS.toNanos(compaction.backoffMs()), compaction.keyBytes()),
                () -> PartitionLog.of(led),
                opened.engine().rewriter(),
                clock,
                threads.newScheduler("compaction")))
        : Optional.empty();
  }

  /** Partitions are made before the coordinator that writes markers to them, and serve after it. */
  private CompletionStage<Errors> verify(
      String transactionalId,
      long producerId,
      short producerEpoch,
      TopicPartition tp,
      TransactionVerifier.Question question) {
    return requireNonNull(transactions)
        .verifier()
        .verify(transactionalId, producerId, producerEpoch, tp, question);
  }

  /** Waits for a step of the start, or for a fault that makes it wait for ever. */
  private void awaitStart(CompletableFuture<?> step) {
    CompletableFuture.anyOf(step, startFault).join();
  }

  private void serve(
      KafkaServer bound,
      KafkaControlPlane control,
      List<ApiHandler> handlers,
      DataHandlers data,
      Throttle throttle,
      RequestAudit audit) {
    Set<ApiKeys> apis = EnumSet.of(ApiKeys.API_VERSIONS);
    handlers.forEach(handler -> apis.addAll(handler.apis()));
    ServedApis served = ServedApis.allVersionsOf(apis);
    handlers.add(
        new ApiVersionsHandler(
            served, FeatureLevels.served(), config.node().nodeId(), control::metadata));
    bound.start(
        served,
        new RequestPipeline(
            handlers, Authorizer.ALLOW_ALL, throttle, audit, data::onDisconnect, clock));
  }

  static DataSettings dataSettings(BrokerConfig config) {
    return new DataSettings(
        config.network().maxFetchBytes(),
        config.budgets().fetchResponseBytes(),
        config.network().fetchSessionSlots(),
        DataSettings.DEFAULTS.fetchSessionEvictionMs());
  }

  private PartitionSettings partitionSettings() {
    PartitionSettings defaults = PartitionSettings.DEFAULTS;
    return new PartitionSettings(
        config.topics().validateRecords(),
        config.topics().producerExpirationMs(),
        defaults.parkedBytes(),
        defaults.parkMs(),
        defaults.concurrentReplays());
  }

  String bootstrapServers() {
    return bootstrapServers;
  }

  String clusterId() {
    return clusterId;
  }

  int nodeId() {
    return config.node().nodeId();
  }

  Path dataDirectory() {
    return config.node().dataDir();
  }

  OptionalInt metricsPort() {
    Monitoring known = monitoring;
    return known == null ? OptionalInt.empty() : known.port();
  }

  /** Stops; see {@link Broker#shutdown}. Idempotent. */
  long shutdown() {
    synchronized (lifecycle) {
      if (!stopped) {
        stopped = true;
        stop();
      }
      return remainingBytes;
    }
  }

  /** Clients are let go first; then what they wrote goes to the bucket; then all is closed. */
  private void stop() {
    // One budget for the whole stop: what letting go of clients takes, uploads do not have.
    long deadline = clock.nanoTime() + TimeUnit.MILLISECONDS.toNanos(config.shutdownTimeoutMs());
    Monitoring known = monitoring;
    if (known != null) {
      known.stopping();
    }
    if (controlPlane != null) {
      await(controlPlane.controlledShutdown());
    }
    TransactionCoordinators transactional = transactions;
    if (transactional != null) {
      transactional.close();
    }
    if (groups != null) {
      groups.close();
    }
    if (partitions != null) {
      await(partitions.close());
    }
    if (server != null) {
      server.close();
    }
    if (storage != null) {
      remainingBytes = storage.engine().shutdown(Math.max(0, deadline - clock.nanoTime()));
      if (remainingBytes > 0) {
        LOG.warn(
            "{} MiB remain in the write-ahead log alone: keep {}",
            (remainingBytes + MIB - 1) / MIB,
            config.storage().walInBucket() ? "the bucket" : config.storage().walDir());
      }
    }
    closables.closeAll();
  }

  /** P13: whether the controller has shut a broker out; one that left its cluster is, too. */
  private static boolean isFenced(ClusterMetadata metadata, int nodeId) {
    return metadata.brokers().stream()
        .filter(broker -> broker.id() == nodeId)
        .allMatch(ClusterMetadata.BrokerInfo::fenced);
  }

  /** Leaving politely is worth a moment, not more: what was acked is safe without it. */
  private static void await(CompletableFuture<Void> step) {
    try {
      step.get(STEP_TIMEOUT_SECONDS, TimeUnit.SECONDS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    } catch (ExecutionException | TimeoutException e) {
      LOG.warn("a step of the shutdown was not finished: {}", e.toString());
    }
  }
}
