package io.spillway.kafka.metadata;

import io.spillway.kafka.controller.BrokerRegistrar;
import io.spillway.kafka.controller.ClockTime;
import io.spillway.kafka.controller.ControllerSettings;
import io.spillway.kafka.controller.Controllers;
import io.spillway.kafka.controller.KafkaFaults;
import io.spillway.kafka.controller.RequestedFactor;
import io.spillway.kafka.controller.SharedLogRaftClient;
import io.spillway.metadata.ClusterMetadata;
import io.spillway.metadata.ClusterMetadata.Endpoint;
import io.spillway.metadata.ConfigDescriptions;
import io.spillway.metadata.ControlPlane;
import io.spillway.metadata.MetadataSubscriber;
import io.spillway.metadata.TopicConfigs;
import io.spillway.request.RequestContext;
import io.spillway.runtime.Clock;
import io.spillway.runtime.FaultHandler;
import io.spillway.runtime.RandomSource;
import io.spillway.runtime.Scheduler;
import io.spillway.runtime.Threads;
import io.spillway.sharedlog.SharedLog;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.message.AllocateProducerIdsRequestData;
import org.apache.kafka.common.message.AlterPartitionReassignmentsRequestData;
import org.apache.kafka.common.message.AlterPartitionReassignmentsResponseData;
import org.apache.kafka.common.message.CreatePartitionsRequestData.CreatePartitionsTopic;
import org.apache.kafka.common.message.CreatePartitionsResponseData.CreatePartitionsTopicResult;
import org.apache.kafka.common.message.CreateTopicsRequestData;
import org.apache.kafka.common.message.CreateTopicsResponseData;
import org.apache.kafka.common.message.ElectLeadersRequestData;
import org.apache.kafka.common.message.ElectLeadersResponseData;
import org.apache.kafka.common.message.ListPartitionReassignmentsRequestData;
import org.apache.kafka.common.message.ListPartitionReassignmentsResponseData;
import org.apache.kafka.common.message.RequestHeaderData;
import org.apache.kafka.common.message.UpdateFeaturesRequestData;
import org.apache.kafka.common.message.UpdateFeaturesResponseData;
import org.apache.kafka.common.protocol.Errors;
import org.apache.kafka.common.requests.ApiError;
import org.apache.kafka.common.security.auth.KafkaPrincipal;
import org.apache.kafka.controller.ControllerRequestContext;
import org.apache.kafka.controller.QuorumController;
import org.apache.kafka.image.MetadataDelta;
import org.apache.kafka.image.MetadataImage;
import org.apache.kafka.raft.LeaderAndEpoch;
import org.jspecify.annotations.Nullable;

/**
 * Kafka's controller, its log and the images made from it, in this process.
 *
 * <p>Start-up order: construct, {@link #subscribe} what must see every view, {@link #start}, then,
 * when this broker can serve, {@link #register}.
 *
 * <p>The image is brought up to date before the controller hears that its write is in the log, on
 * one thread: whoever waited for a write finds it in {@link #metadata}.
 */
public final class KafkaControlPlane implements ControlPlane {

  private static final int DEFAULT_TIMEOUT_MS = 30_000;

  private final ControllerSettings settings;
  private final Clock clock;
  private final RandomSource random;
  private final Scheduler thread;
  private final SharedLogRaftClient raft;
  private final QuorumController controller;
  private final KafkaTopicConfigs topicConfigs;
  private final KafkaConfigDescriptions configDescriptions;
  private final MetadataViews views;
  private final CompletableFuture<Void> active = new CompletableFuture<>();

  // The metadata thread only.
  private boolean leads;
  private @Nullable BrokerRegistrar registrar;

  /**
   * Starts nothing yet.
   *
   * @param log the metadata log; closed by its owner, after this
   * @param faults hears of what the control plane cannot survive
   */
  public KafkaControlPlane(
      ControllerSettings settings,
      SharedLog log,
      Threads threads,
      RandomSource random,
      FaultHandler faults) {
    this.settings = settings;
    this.clock = threads.clock();
    this.random = random;
    this.thread = threads.newScheduler("metadata");
    this.topicConfigs = new KafkaTopicConfigs(settings, this::view);
    this.configDescriptions = new KafkaConfigDescriptions(settings, this::view);
    this.views = new MetadataViews(settings.clusterId(), topicConfigs::onChanges);
    ClockTime time = new ClockTime(clock);
    MetadataImages images =
        new MetadataImages(
            time, KafkaFaults.fatal(faults, "metadata image"), this::onImage, this::onLeader);
    this.raft =
        new SharedLogRaftClient(
            settings.nodeId(),
            log,
            thread,
            clock,
            faults,
            images,
            settings.checkpointEveryRecords());
    raft.register(images); // before the controller, which registers itself
    this.controller = Controllers.create(settings, raft, time, random, faults);
  }

  /** Replays the log and leads it; completes when the controller takes writes. */
  public CompletableFuture<Void> start() {
    raft.start()
        .whenComplete(
            (done, failure) -> {
              if (failure != null) {
                active.completeExceptionally(failure);
              }
            });
    return active;
  }

  /**
   * Makes this broker part of the cluster. Call when {@link #start} has completed and this broker
   * can serve what it will be given to lead (P3).
   *
   * @return completes when the broker is unfenced, in this broker's own view too
   */
  public CompletableFuture<Void> register(Collection<Endpoint> advertised) {
    CompletableFuture<Void> unfenced = new CompletableFuture<>();
    thread.execute(
        () -> {
          BrokerRegistrar created =
              new BrokerRegistrar(
                  settings,
                  controller,
                  thread,
                  random,
                  () -> view().offset(),
                  Optional.ofNullable(view().image().cluster().broker(settings.nodeId())));
          registrar = created;
          created
              .register(advertised)
              .whenComplete(
                  (done, failure) -> {
                    if (failure == null) {
                      unfenced.complete(null);
                    } else {
                      unfenced.completeExceptionally(failure);
                    }
                  });
        });
    return unfenced;
  }

  /** Settings in force per topic, from the newest view. */
  public TopicConfigs topicConfigs() {
    return topicConfigs;
  }

  /** What clients are told about settings. */
  public ConfigDescriptions configDescriptions() {
    return configDescriptions;
  }

  // ---- views

  private ImageClusterMetadata view() {
    return views.newest();
  }

  @Override
  public ClusterMetadata metadata() {
    return view();
  }

  @Override
  public void subscribe(MetadataSubscriber subscriber) {
    thread.execute(() -> views.subscribe(subscriber));
  }

  /** For adapters of Kafka's own classes; as {@link #subscribe}. */
  public void subscribeToImages(KafkaImageSubscriber subscriber) {
    thread.execute(() -> views.subscribeToImages(subscriber));
  }

  private void onImage(MetadataDelta delta, MetadataImage image) {
    views.onImage(delta, image);
    maybeActive();
  }

  private void onLeader(LeaderAndEpoch leader) {
    views.onLeader(leader);
    leads = leader.isLeader(settings.nodeId());
    // The controller is told after this listener: it must have been when start() completes.
    thread.execute(this::maybeActive);
  }

  private void maybeActive() {
    if (leads && view().image().features().metadataVersion().isPresent()) {
      active.complete(null);
    }
  }

  // ---- writes

  private ControllerRequestContext context(RequestContext context, int timeoutMs) {
    return new ControllerRequestContext(
        new RequestHeaderData()
            .setRequestApiKey(context.apiKey().id)
            .setRequestApiVersion(context.apiVersion())
            .setClientId(context.clientId())
            .setCorrelationId(context.correlationId()),
        context.principal(),
        OptionalLong.of(clock.nanoTime() + TimeUnit.MILLISECONDS.toNanos(timeoutMs)));
  }

  private ControllerRequestContext context(RequestContext context) {
    return context(context, DEFAULT_TIMEOUT_MS);
  }

  @Override
  public CompletableFuture<CreateTopicsResponseData> createTopics(
      RequestContext context, CreateTopicsRequestData request, Set<String> describable) {
    int brokers = view().brokers().size();
    return controller.createTopics(
        context(context, request.timeoutMs()),
        RequestedFactor.remember(request, settings.replicationFactor(), brokers),
        describable,
        false);
  }

  @Override
  public CompletableFuture<Map<Uuid, ApiError>> deleteTopics(
      RequestContext context, Set<Uuid> ids) {
    return controller.deleteTopics(context(context), ids);
  }

  @Override
  public CompletableFuture<List<CreatePartitionsTopicResult>> createPartitions(
      RequestContext context, List<CreatePartitionsTopic> newPartitions, boolean validateOnly) {
    return controller.createPartitions(context(context), newPartitions, validateOnly);
  }

  @Override
  public CompletableFuture<Map<ConfigResource, ApiError>> incrementalAlterConfigs(
      RequestContext context,
      Map<ConfigResource, Map<String, Map.Entry<AlterConfigOp.OpType, String>>> changes,
      boolean validateOnly) {
    Map<ConfigResource, ApiError> refused = RequestedFactor.refused(changes);
    Map<ConfigResource, Map<String, Map.Entry<AlterConfigOp.OpType, String>>> rest =
        new HashMap<>(changes);
    rest.keySet().removeAll(refused.keySet());
    return withRefused(
        controller.incrementalAlterConfigs(context(context), rest, validateOnly, false), refused);
  }

  @Override
  public CompletableFuture<Map<ConfigResource, ApiError>> alterConfigs(
      RequestContext context,
      Map<ConfigResource, Map<String, String>> newConfigs,
      boolean validateOnly) {
    Map<ConfigResource, ApiError> refused = RequestedFactor.refused(newConfigs);
    Map<ConfigResource, Map<String, String>> rest = new HashMap<>();
    newConfigs.forEach(
        (resource, configs) -> {
          if (!refused.containsKey(resource)) {
            rest.put(resource, RequestedFactor.keep(configs, storedConfigs(resource)));
          }
        });
    return withRefused(
        controller.legacyAlterConfigs(context(context), rest, validateOnly, false), refused);
  }

  private Map<String, String> storedConfigs(ConfigResource resource) {
    return view().image().configs().configMapForResource(resource);
  }

  private static CompletableFuture<Map<ConfigResource, ApiError>> withRefused(
      CompletableFuture<Map<ConfigResource, ApiError>> results,
      Map<ConfigResource, ApiError> refused) {
    if (refused.isEmpty()) {
      return results;
    }
    return results.thenApply(
        answered -> {
          Map<ConfigResource, ApiError> all = new HashMap<>(answered);
          all.putAll(refused);
          return all;
        });
  }

  @Override
  public CompletableFuture<ElectLeadersResponseData> electLeaders(
      RequestContext context, ElectLeadersRequestData request) {
    return controller.electLeaders(context(context, request.timeoutMs()), request);
  }

  @Override
  public CompletableFuture<AlterPartitionReassignmentsResponseData> alterPartitionReassignments(
      RequestContext context, AlterPartitionReassignmentsRequestData request) {
    return controller.alterPartitionReassignments(context(context, request.timeoutMs()), request);
  }

  @Override
  public CompletableFuture<ListPartitionReassignmentsResponseData> listPartitionReassignments(
      RequestContext context, ListPartitionReassignmentsRequestData request) {
    return controller.listPartitionReassignments(context(context, request.timeoutMs()), request);
  }

  @Override
  public CompletableFuture<UpdateFeaturesResponseData> updateFeatures(
      RequestContext context, UpdateFeaturesRequestData request) {
    return controller.updateFeatures(context(context, request.timeoutMs()), request);
  }

  @Override
  public CompletableFuture<Void> unregisterBroker(RequestContext context, int brokerId) {
    return controller.unregisterBroker(context(context), brokerId);
  }

  @Override
  public CompletableFuture<ProducerIdBlock> allocateProducerIds() {
    CompletableFuture<ProducerIdBlock> block = new CompletableFuture<>();
    thread.execute(
        () -> {
          BrokerRegistrar registered = registrar;
          controller
              .allocateProducerIds(
                  new ControllerRequestContext(
                      new RequestHeaderData(), KafkaPrincipal.ANONYMOUS, OptionalLong.empty()),
                  new AllocateProducerIdsRequestData()
                      .setBrokerId(settings.nodeId())
                      .setBrokerEpoch(registered == null ? -1 : registered.brokerEpoch()))
              .whenComplete(
                  (response, failure) -> {
                    if (failure != null) {
                      block.completeExceptionally(failure);
                    } else if (response.errorCode() != Errors.NONE.code()) {
                      block.completeExceptionally(Errors.forCode(response.errorCode()).exception());
                    } else {
                      block.complete(
                          new ProducerIdBlock(
                              response.producerIdStart(), response.producerIdLen()));
                    }
                  });
        });
    return block;
  }

  // ---- the end

  @Override
  public CompletableFuture<Void> controlledShutdown() {
    CompletableFuture<Void> done = new CompletableFuture<>();
    thread.execute(
        () -> {
          BrokerRegistrar registered = registrar;
          if (registered == null) {
            done.complete(null);
            return;
          }
          if (isAlone()) {
            // Leadership has nowhere to go: a restart finds everything as it is.
            registered.stopHeartbeats();
            done.complete(null);
            return;
          }
          registered.shutDown().whenComplete((left, failure) -> done.complete(null));
        });
    return done;
  }

  private boolean isAlone() {
    return view().brokers().stream()
        .allMatch(broker -> broker.fenced() || broker.id() == settings.nodeId());
  }

  /** Ends the controller's threads; the metadata thread ends with the {@link Threads}. */
  @Override
  public void close() {
    thread.execute(
        () -> {
          if (registrar != null) {
            registrar.stopHeartbeats();
          }
        });
    controller.beginShutdown();
    raft.close();
    try {
      controller.close();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
