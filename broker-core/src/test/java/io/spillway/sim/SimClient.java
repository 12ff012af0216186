package io.spillway.sim;

import io.spillway.metadata.ClusterMetadata.BrokerInfo;
import io.spillway.metadata.ClusterMetadata.Endpoint;
import io.spillway.metadata.ClusterMetadata.PartitionInfo;
import io.spillway.metadata.ClusterMetadata.TopicInfo;
import io.spillway.partition.TestMetadata;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.apache.kafka.clients.ClientRequest;
import org.apache.kafka.clients.ClientResponse;
import org.apache.kafka.clients.KafkaClient;
import org.apache.kafka.clients.LeastLoadedNode;
import org.apache.kafka.clients.Metadata;
import org.apache.kafka.clients.RequestCompletionHandler;
import org.apache.kafka.common.Node;
import org.apache.kafka.common.errors.AuthenticationException;
import org.apache.kafka.common.message.InitProducerIdResponseData;
import org.apache.kafka.common.message.MetadataResponseData;
import org.apache.kafka.common.message.MetadataResponseData.MetadataResponseBroker;
import org.apache.kafka.common.message.MetadataResponseData.MetadataResponsePartition;
import org.apache.kafka.common.message.MetadataResponseData.MetadataResponseTopic;
import org.apache.kafka.common.message.ProduceRequestData;
import org.apache.kafka.common.message.ProduceResponseData;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.requests.AbstractRequest;
import org.apache.kafka.common.requests.AbstractResponse;
import org.apache.kafka.common.requests.InitProducerIdResponse;
import org.apache.kafka.common.requests.MetadataResponse;
import org.apache.kafka.common.requests.ProduceRequest;
import org.apache.kafka.common.requests.ProduceResponse;
import org.apache.kafka.common.requests.RequestHeader;
import org.jspecify.annotations.Nullable;

/**
 * The network below Kafka's own producer, in the place of its NetworkClient: connections to brokers
 * with at most five requests in flight on each, request timeouts, and metadata that is asked for
 * when it is due and is as old as the broker that was asked.
 */
final class SimClient implements KafkaClient {

  private static final int MAX_IN_FLIGHT = 5;
  private static final long RECONNECT_BACKOFF_MS = 50;

  private final PartitionSimulation world;
  private final String id;
  private final Metadata metadata;
  private final Runnable wake;
  private final Map<String, Way> ways = new HashMap<>();
  private final Map<String, Long> noSoonerMs = new HashMap<>();
  private final List<ClientResponse> arrived = new ArrayList<>();

  /** What the network has to tell: nobody hears of it before the next {@link #poll}. */
  private final List<Runnable> events = new ArrayList<>();

  private boolean askingForMetadata;
  private int correlation;
  private int others;

  /** How long the producer said that it has nothing to do. */
  private long idleMs;

  private record InFlight(ClientRequest request, RequestHeader header) {}

  /** A connection and what is in flight on it. */
  private final class Way {
    private final Node node;
    private final SimConnection connection;
    private final ArrayDeque<InFlight> inFlight = new ArrayDeque<>();

    Way(Node node, PartitionServer server) {
      this.node = node;
      this.connection = server.connect(id, this::onAnswer, this::onBroken);
    }

    private void onAnswer(ProduceResponseData answer) {
      events.add(
          () -> arrived.add(response(inFlight.remove(), false, new ProduceResponse(answer))));
      wake.run();
    }

    private void onBroken() {
      events.add(this::end);
      wake.run();
    }

    private void end() {
      ways.remove(node.idString(), this);
      noSoonerMs.put(node.idString(), world.nowMs() + RECONNECT_BACKOFF_MS);
      inFlight.forEach(each -> arrived.add(response(each, true, null)));
      inFlight.clear();
      metadata.requestUpdate(false);
    }
  }

  /**
   * @param wake to be run when there is something to {@link #poll}
   */
  SimClient(PartitionSimulation world, String id, Metadata metadata, Runnable wake) {
    this.world = world;
    this.id = id;
    this.metadata = metadata;
    this.wake = wake;
  }

  long idleMs() {
    return idleMs;
  }

  /** The network breaks one of its connections. */
  void breakOne() {
    ways.values().stream().findFirst().ifPresent(way -> way.connection.breakSoon());
  }

  // Connections.

  @Override
  public boolean ready(Node node, long now) {
    String key = node.idString();
    if (!ways.containsKey(key) && noSoonerMs.getOrDefault(key, 0L) <= now) {
      PartitionServer server = world.server(node.id());
      if (server == null) {
        noSoonerMs.put(key, now + RECONNECT_BACKOFF_MS);
        metadata.requestUpdate(false);
      } else {
        ways.put(key, new Way(node, server));
      }
    }
    return isReady(node, now);
  }

  @Override
  public boolean isReady(Node node, long now) {
    Way way = ways.get(node.idString());
    boolean metadataFirst = !askingForMetadata && metadata.timeToNextUpdate(now) == 0;
    return way != null && way.inFlight.size() < MAX_IN_FLIGHT && !metadataFirst;
  }

  @Override
  public long connectionDelay(Node node, long now) {
    return Math.max(0, noSoonerMs.getOrDefault(node.idString(), 0L) - now);
  }

  @Override
  public long pollDelayMs(Node node, long now) {
    return Math.max(1, connectionDelay(node, now));
  }

  @Override
  public boolean connectionFailed(Node node) {
    return false;
  }

  @Override
  public @Nullable AuthenticationException authenticationException(Node node) {
    return null;
  }

  @Override
  public void disconnect(String nodeId) {
    Way way = ways.get(nodeId);
    if (way != null) {
      way.connection.cut();
      way.end();
    }
  }

  @Override
  public void close(String nodeId) {
    disconnect(nodeId);
  }

  @Override
  public LeastLoadedNode leastLoadedNode(long now) {
    List<Node> nodes = new ArrayList<>(metadata.fetch().nodes()); // shuffled by no seed
    nodes.sort(Comparator.comparingInt(Node::id));
    Collections.rotate(nodes, world.random.nextInt(1 + nodes.size()));
    for (Node node : nodes) {
      if (ready(node, now)) {
        return new LeastLoadedNode(node, true);
      }
    }
    return new LeastLoadedNode(null, false);
  }

  // Requests.

  @Override
  public ClientRequest newClientRequest(
      String nodeId,
      AbstractRequest.Builder<?> builder,
      long createdMs,
      boolean expectResponse,
      int timeoutMs,
      RequestCompletionHandler callback) {
    return new ClientRequest(
        nodeId, builder, correlation++, id, createdMs, expectResponse, timeoutMs, callback);
  }

  @Override
  public ClientRequest newClientRequest(
      String nodeId, AbstractRequest.Builder<?> builder, long createdMs, boolean expectResponse) {
    return newClientRequest(nodeId, builder, createdMs, expectResponse, 5_000, response -> {});
  }

  @Override
  public void send(ClientRequest request, long now) {
    if (request.apiKey() == ApiKeys.INIT_PRODUCER_ID) {
      initProducerId(request);
      return;
    }
    Way way = Objects.requireNonNull(ways.get(request.destination()), "it was ready");
    AbstractRequest built = request.requestBuilder().build((short) 12);
    ProduceRequestData data = ((ProduceRequest) built).data();
    way.inFlight.add(new InFlight(request, request.makeHeader((short) 12)));
    way.connection.send(data);
    world.coverage.count("produce request");
  }

  private void initProducerId(ClientRequest request) {
    others++;
    world.later(
        100,
        () -> {
          others--;
          InitProducerIdResponseData data =
              new InitProducerIdResponseData()
                  .setProducerId(world.controller.newProducerId())
                  .setProducerEpoch((short) 0);
          InFlight asked = new InFlight(request, request.makeHeader((short) 4));
          arrived.add(response(asked, false, new InitProducerIdResponse(data)));
          wake.run();
        });
  }

  private ClientResponse response(
      InFlight to, boolean disconnected, @Nullable AbstractResponse body) {
    return new ClientResponse(
        to.header,
        to.request.callback(),
        to.request.destination(),
        to.request.createdTimeMs(),
        world.nowMs(),
        disconnected,
        null,
        null,
        body);
  }

  @Override
  public List<ClientResponse> poll(long timeoutMs, long now) {
    idleMs = timeoutMs;
    events.forEach(Runnable::run);
    events.clear();
    giveUpOverdue(now);
    askForMetadata(now);
    List<ClientResponse> responses = new ArrayList<>(arrived);
    arrived.clear();
    responses.forEach(ClientResponse::onComplete);
    return responses;
  }

  private void giveUpOverdue(long now) {
    for (Way way : List.copyOf(ways.values())) {
      InFlight oldest = way.inFlight.peek();
      if (oldest != null
          && now - oldest.request.createdTimeMs() > oldest.request.requestTimeoutMs()) {
        world.coverage.count("request timed out");
        disconnect(way.node.idString());
      }
    }
  }

  // Metadata.

  private void askForMetadata(long now) {
    if (askingForMetadata || metadata.timeToNextUpdate(now) > 0) {
      return;
    }
    askingForMetadata = true;
    PartitionServer asked = world.anyServer();
    world.later(
        20,
        () -> {
          askingForMetadata = false;
          if (asked == null || asked.isGone()) {
            metadata.requestUpdate(false);
          } else {
            metadata.updateWithCurrentRequestVersion(answer(asked.view()), false, world.nowMs());
          }
          wake.run();
        });
  }

  private static MetadataResponse answer(TestMetadata view) {
    MetadataResponseData data =
        new MetadataResponseData().setClusterId("cluster").setControllerId(1);
    for (BrokerInfo broker : view.brokers()) {
      Endpoint endpoint = broker.endpoints().values().iterator().next();
      data.brokers()
          .add(
              new MetadataResponseBroker()
                  .setNodeId(broker.id())
                  .setHost(endpoint.host())
                  .setPort(endpoint.port()));
    }
    for (TopicInfo topic : view.topics()) {
      MetadataResponseTopic described =
          new MetadataResponseTopic().setName(topic.name()).setTopicId(topic.id());
      for (PartitionInfo partition : topic.partitions()) {
        described
            .partitions()
            .add(
                new MetadataResponsePartition()
                    .setPartitionIndex(partition.index())
                    .setLeaderId(partition.leader())
                    .setLeaderEpoch(partition.leaderEpoch())
                    .setReplicaNodes(partition.replicas())
                    .setIsrNodes(partition.inSyncReplicas()));
      }
      data.topics().add(described);
    }
    return new MetadataResponse(data, ApiKeys.METADATA.latestVersion());
  }

  // What is asked of it.

  @Override
  public int inFlightRequestCount() {
    return others + ways.values().stream().mapToInt(way -> way.inFlight.size()).sum();
  }

  @Override
  public boolean hasInFlightRequests() {
    return inFlightRequestCount() > 0;
  }

  @Override
  public int inFlightRequestCount(String nodeId) {
    Way way = ways.get(nodeId);
    return way == null ? 0 : way.inFlight.size();
  }

  @Override
  public boolean hasInFlightRequests(String nodeId) {
    return inFlightRequestCount(nodeId) > 0;
  }

  @Override
  public boolean hasReadyNodes(long now) {
    return !ways.isEmpty();
  }

  @Override
  public void wakeup() {
    wake.run();
  }

  @Override
  public void initiateClose() {}

  @Override
  public boolean active() {
    return true;
  }

  @Override
  public void close() {}
}
