package io.spillway.kafka.controller;

import io.spillway.metadata.ClusterMetadata.Endpoint;
import io.spillway.runtime.Cancellable;
import io.spillway.runtime.RandomSource;
import io.spillway.runtime.Scheduler;
import java.util.Collection;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.TimeUnit;
import java.util.function.LongSupplier;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.errors.BrokerIdNotRegisteredException;
import org.apache.kafka.common.errors.DuplicateBrokerRegistrationException;
import org.apache.kafka.common.errors.RetriableException;
import org.apache.kafka.common.errors.StaleBrokerEpochException;
import org.apache.kafka.common.message.BrokerHeartbeatRequestData;
import org.apache.kafka.common.message.BrokerRegistrationRequestData;
import org.apache.kafka.common.message.RequestHeaderData;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.security.auth.KafkaPrincipal;
import org.apache.kafka.controller.Controller;
import org.apache.kafka.controller.ControllerRequestContext;
import org.apache.kafka.metadata.BrokerHeartbeatReply;
import org.apache.kafka.metadata.BrokerRegistration;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * This broker's place in the cluster: registers, sends heartbeats until it is unfenced and as long
 * as it runs, and says good-bye. A heartbeat that changes nothing writes nothing.
 *
 * <p>State belongs to the given scheduler.
 */
public final class BrokerRegistrar {

  private static final Logger LOG = LoggerFactory.getLogger(BrokerRegistrar.class);
  private static final long RETRY_NANOS = TimeUnit.MILLISECONDS.toNanos(100);
  private static final short PLAINTEXT = 0;

  private final ControllerSettings settings;
  private final Controller controller;
  private final Scheduler thread;
  private final LongSupplier metadataOffset;
  private final Uuid incarnation;
  private final Uuid directory;
  private final CompletableFuture<Void> unfenced = new CompletableFuture<>();

  private List<Endpoint> endpoints = List.of();
  private long previousEpoch;
  private long epoch = -1;
  private boolean stopping;
  private @Nullable Cancellable next;

  /**
   * @param metadataOffset the newest metadata offset this broker has seen
   * @param previous this node's registration so far. When it is not fenced, the process before this
   *     one was killed, or was alone and left nobody to take over: its registration is continued,
   *     else the controller would wait for its session to end. Leaders stay what they were; what
   *     the old process could still do, the metadata log and the WAL forbid (P1, P37)
   */
  public BrokerRegistrar(
      ControllerSettings settings,
      Controller controller,
      Scheduler thread,
      RandomSource random,
      LongSupplier metadataOffset,
      Optional<BrokerRegistration> previous) {
    this.settings = settings;
    this.controller = controller;
    this.thread = thread;
    this.metadataOffset = metadataOffset;
    this.incarnation =
        previous
            .filter(registration -> !registration.fenced())
            .map(BrokerRegistration::incarnationId)
            .orElseGet(() -> uuid(random));
    // There is one place for data, the bucket; the id only has to be stable and not reserved.
    this.directory = new Uuid(0x7370696c6c776179L, 1L + settings.nodeId());
    this.previousEpoch = previous.map(BrokerRegistration::epoch).orElse(-1L);
  }

  /** A random id that is none of Kafka's reserved ones. */
  static Uuid uuid(RandomSource random) {
    Uuid id = new Uuid(random.nextLong(), random.nextLong());
    while (Uuid.RESERVED.contains(id)) {
      id = new Uuid(random.nextLong(), random.nextLong());
    }
    return id;
  }

  /** Completes when the cluster counts on this broker. */
  public CompletableFuture<Void> register(Collection<Endpoint> advertised) {
    thread.execute(
        () -> {
          endpoints = List.copyOf(advertised);
          try {
            register();
          } catch (RuntimeException e) {
            unfenced.completeExceptionally(e); // whoever waits must not wait for ever
          }
        });
    return unfenced;
  }

  /** The epoch of the registration, -1 before there is one. Scheduler's thread only. */
  public long brokerEpoch() {
    return epoch;
  }

  private void register() {
    BrokerRegistrationRequestData request =
        new BrokerRegistrationRequestData()
            .setBrokerId(settings.nodeId())
            .setClusterId(settings.clusterId())
            .setIncarnationId(incarnation)
            .setRack(settings.rack().orElse(null))
            .setLogDirs(List.of(directory))
            // Nothing of a broker is lost with its process: every restart is as good as clean.
            .setPreviousBrokerEpoch(previousEpoch);
    endpoints.forEach(
        endpoint ->
            request
                .listeners()
                .add(
                    new BrokerRegistrationRequestData.Listener()
                        .setName(endpoint.listener())
                        .setHost(endpoint.host())
                        .setPort(endpoint.port())
                        .setSecurityProtocol(PLAINTEXT)));
    FeatureLevels.supported()
        .forEach(
            (name, range) ->
                request
                    .features()
                    .add(
                        new BrokerRegistrationRequestData.Feature()
                            .setName(name)
                            .setMinSupportedVersion(range.min())
                            .setMaxSupportedVersion(range.max())));
    controller
        .registerBroker(context(ApiKeys.BROKER_REGISTRATION.latestVersion()), request)
        .whenComplete(
            (reply, failure) ->
                thread.execute(
                    () -> {
                      if (failure != null) {
                        onRegistrationFailure(failure);
                      } else {
                        epoch = reply.epoch();
                        previousEpoch = epoch;
                        heartbeat();
                      }
                    }));
  }

  private void heartbeat() {
    if (stopping) {
      return;
    }
    send(false)
        .whenComplete(
            (reply, failure) ->
                thread.execute(
                    () -> {
                      if (failure != null) {
                        onHeartbeatFailure(failure);
                      } else {
                        onHeartbeat(reply);
                      }
                    }));
  }

  private void onHeartbeat(BrokerHeartbeatReply reply) {
    if (reply.isFenced()) {
      later(RETRY_NANOS, this::heartbeat);
      return;
    }
    if (!unfenced.isDone()) {
      LOG.info("broker is part of the cluster [node={} epoch={}]", settings.nodeId(), epoch);
      unfenced.complete(null);
    }
    later(TimeUnit.MILLISECONDS.toNanos(settings.heartbeatIntervalMs()), this::heartbeat);
  }

  private void onHeartbeatFailure(Throwable failure) {
    Throwable cause = unwrap(failure);
    if (cause instanceof StaleBrokerEpochException
        || cause instanceof BrokerIdNotRegisteredException) {
      LOG.warn(
          "registration is void, registering again [node={}]: {}",
          settings.nodeId(),
          cause.toString());
      register();
    } else {
      onFailure("heartbeat", failure, this::heartbeat);
    }
  }

  private void onRegistrationFailure(Throwable failure) {
    Throwable cause = unwrap(failure);
    boolean passes =
        cause instanceof RetriableException
            || cause instanceof DuplicateBrokerRegistrationException;
    if (passes) {
      onFailure("registration", cause, this::register);
    } else if (!unfenced.completeExceptionally(cause)) {
      LOG.error("broker could not register again [node={}]", settings.nodeId(), cause);
    }
  }

  private void onFailure(String what, Throwable failure, Runnable again) {
    if (stopping) {
      return;
    }
    LOG.warn(
        "{} failed, tried again [node={}]: {}",
        what,
        settings.nodeId(),
        unwrap(failure).toString());
    later(RETRY_NANOS, again);
  }

  private void later(long delayNanos, Runnable task) {
    if (!stopping) {
      next = thread.schedule(delayNanos, task);
    }
  }

  private CompletableFuture<BrokerHeartbeatReply> send(boolean wantShutDown) {
    return controller.processBrokerHeartbeat(
        context(ApiKeys.BROKER_HEARTBEAT.latestVersion()),
        new BrokerHeartbeatRequestData()
            .setBrokerId(settings.nodeId())
            .setBrokerEpoch(epoch)
            .setCurrentMetadataOffset(metadataOffset.getAsLong())
            .setWantFence(false)
            .setWantShutDown(wantShutDown));
  }

  /** Leadership moves to other brokers; completes when it has, or there is none to move. */
  public CompletableFuture<Void> shutDown() {
    CompletableFuture<Void> done = new CompletableFuture<>();
    thread.execute(
        () -> {
          stopHeartbeats();
          if (epoch < 0) {
            done.complete(null);
          } else {
            leave(done);
          }
        });
    return done;
  }

  private void leave(CompletableFuture<Void> done) {
    send(true)
        .whenComplete(
            (reply, failure) ->
                thread.execute(
                    () -> {
                      if (failure != null) {
                        LOG.warn("left without good-bye [node={}]", settings.nodeId(), failure);
                        done.complete(null);
                      } else if (reply.shouldShutDown()) {
                        done.complete(null);
                      } else {
                        thread.schedule(RETRY_NANOS, () -> leave(done));
                      }
                    }));
  }

  /** Ends the heartbeats at once. Scheduler's thread only. */
  public void stopHeartbeats() {
    stopping = true;
    if (next != null) {
      next.cancel();
    }
  }

  private static ControllerRequestContext context(short version) {
    return new ControllerRequestContext(
        new RequestHeaderData().setRequestApiVersion(version),
        KafkaPrincipal.ANONYMOUS,
        OptionalLong.empty());
  }

  private static Throwable unwrap(Throwable failure) {
    return failure instanceof CompletionException && failure.getCause() != null
        ? failure.getCause()
        : failure;
  }
}
