package io.spillway.kafka.group;

import static org.assertj.core.api.Assertions.assertThat;

import io.spillway.kafka.coordinator.FakeCluster;
import io.spillway.kafka.coordinator.FakePartition;
import io.spillway.kafka.coordinator.FakePartitions;
import io.spillway.metadata.TopicConfig;
import io.spillway.metadata.TopicCreator;
import io.spillway.protocol.server.ConnectionInfo;
import io.spillway.protocol.server.KafkaRequest;
import io.spillway.request.Authorizer;
import io.spillway.request.FakeRequest;
import io.spillway.request.RequestPipeline;
import io.spillway.request.Throttle;
import io.spillway.request.group.OffsetsTopic;
import io.spillway.runtime.SystemClock;
import io.spillway.runtime.SystemThreads;
import io.spillway.runtime.Threads;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.BooleanSupplier;
import java.util.function.Function;
import java.util.stream.Stream;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.message.OffsetFetchRequestData;
import org.apache.kafka.common.message.OffsetFetchRequestData.OffsetFetchRequestGroup;
import org.apache.kafka.common.message.OffsetFetchResponseData;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.protocol.ApiMessage;
import org.apache.kafka.common.protocol.Errors;
import org.apache.kafka.common.protocol.MessageUtil;

/**
 * What a broker makes of groups, with the request pipeline in front and partitions in memory below.
 * Every request and every answer passes through its wire form.
 */
final class GroupBroker implements AutoCloseable {

  static final int OFFSETS_PARTITIONS = 4;

  final FakeCluster cluster;
  final FakePartitions partitions;
  final List<Throwable> faults = new CopyOnWriteArrayList<>();
  final List<String> created = new CopyOnWriteArrayList<>();
  final GroupCoordinators groups;
  private final Threads threads;
  private final RequestPipeline pipeline;

  GroupBroker() {
    this(Map.of());
  }

  GroupBroker(Map<String, String> properties) {
    this(new FakeCluster(), new FakePartitions(), properties);
  }

  private GroupBroker(
      FakeCluster cluster, FakePartitions partitions, Map<String, String> properties) {
    this.cluster = cluster;
    this.partitions = partitions;
    this.threads =
        new SystemThreads("test", new SystemClock(), (component, cause) -> faults.add(cause));
    Map<String, String> all = new HashMap<>();
    all.put("offsets.topic.num.partitions", Integer.toString(OFFSETS_PARTITIONS));
    all.put("group.initial.rebalance.delay.ms", "0");
    all.put("group.consumer.min.assignment.interval.ms", "0");
    all.put("group.consumer.assignment.interval.ms", "0");
    all.put("group.coordinator.threads", "2");
    all.putAll(properties);
    TopicCreator creator =
        (name, count, replicationFactor, configs) -> {
          created.add(name + " " + count + " " + replicationFactor + " " + configs);
          return new CompletableFuture<>();
        };
    this.groups =
        GroupCoordinators.create(
            FakeCluster.NODE,
            all,
            partitions,
            cluster::view,
            topic -> TopicConfig.DEFAULTS,
            creator,
            threads);
    cluster.subscribe(groups.imageSubscriber());
    this.pipeline =
        new RequestPipeline(
            Stream.concat(groups.handlers().stream(), groups.transactionHandlers().stream())
                .toList(),
            Authorizer.ALLOW_ALL,
            Throttle.NONE,
            (context, error, bytes, nanos) -> {},
            connection -> {},
            threads.clock());
  }

  /** With an offsets topic that this broker leads. */
  static GroupBroker serving() {
    return serving(Map.of());
  }

  static GroupBroker serving(Map<String, String> properties) {
    GroupBroker broker = new GroupBroker(properties);
    broker.createTopic(OffsetsTopic.NAME, OFFSETS_PARTITIONS);
    return broker;
  }

  /** Another broker on what is durable here. */
  GroupBroker restarted() {
    FakePartitions logs = partitions.afterRestart();
    close();
    return new GroupBroker(cluster.afterRestart(), logs, Map.of());
  }

  Uuid createTopic(String name, int count) {
    Uuid id = cluster.createTopic(name, count);
    for (int i = 0; i < count; i++) {
      partitions.lead(new FakePartition(new TopicPartition(name, i), id));
    }
    return id;
  }

  FakePartition offsetsPartition(String groupId) {
    return partitions.get(
        new TopicPartition(
            OffsetsTopic.NAME, OffsetsTopic.partitionOf(groupId, OFFSETS_PARTITIONS)));
  }

  // ---- requests

  CompletableFuture<ApiMessage> send(ApiKeys api, int version, ApiMessage body) {
    Request request = new Request(api, (short) version, rewritten(body, api, version, true));
    pipeline.handle(request);
    return request.answer.thenApply(answer -> rewritten(answer, api, version, false));
  }

  <R extends ApiMessage> R call(ApiKeys api, int version, ApiMessage body, Class<R> type) {
    return type.cast(await(send(api, version, body)));
  }

  /** As clients do: asks again while the coordinator loads or is elsewhere. */
  <R extends ApiMessage> R retrying(
      ApiKeys api, int version, ApiMessage body, Class<R> type, Function<R, Short> errorOf) {
    for (int attempt = 0; attempt < 2_000; attempt++) {
      R answer = call(api, version, body, type);
      Errors error = Errors.forCode(errorOf.apply(answer));
      if (error != Errors.COORDINATOR_LOAD_IN_PROGRESS
          && error != Errors.NOT_COORDINATOR
          && error != Errors.COORDINATOR_NOT_AVAILABLE) {
        return answer;
      }
      backOff();
    }
    throw new AssertionError("no coordinator for " + body);
  }

  /** Until the group's offsets partition is loaded; asks what a loading coordinator refuses. */
  void awaitLoaded(String groupId) {
    retrying(
        ApiKeys.OFFSET_FETCH,
        9,
        new OffsetFetchRequestData()
            .setGroups(List.of(new OffsetFetchRequestGroup().setGroupId(groupId).setTopics(null))),
        OffsetFetchResponseData.class,
        answer -> answer.groups().get(0).errorCode());
  }

  /** Waits, bounded, for what other threads bring about. */
  static void until(BooleanSupplier condition) {
    for (int attempt = 0; !condition.getAsBoolean(); attempt++) {
      if (attempt == 2_000) {
        throw new AssertionError("did not come about");
      }
      backOff();
    }
  }

  static void backOff() {
    try {
      TimeUnit.MILLISECONDS.sleep(2);
    } catch (InterruptedException e) {
      throw new AssertionError(e);
    }
  }

  static <T> T await(CompletableFuture<T> future) {
    try {
      return future.get(5, TimeUnit.SECONDS);
    } catch (InterruptedException | ExecutionException | TimeoutException e) {
      throw new AssertionError(e);
    }
  }

  private static ApiMessage rewritten(ApiMessage message, ApiKeys api, int version, boolean asks) {
    ApiMessage parsed = asks ? api.messageType.newRequest() : api.messageType.newResponse();
    parsed.read(MessageUtil.toByteBufferAccessor(message, (short) version), (short) version);
    return parsed;
  }

  @Override
  public void close() {
    groups.close();
    threads.close();
    assertThat(faults).isEmpty();
  }

  private static final class Request implements KafkaRequest {
    private final FakeRequest fake;
    private final CompletableFuture<ApiMessage> answer = new CompletableFuture<>();
    private final List<String> closes = new ArrayList<>();

    Request(ApiKeys api, short version, ApiMessage body) {
      fake = new FakeRequest(api, version, body);
    }

    @Override
    public ConnectionInfo connection() {
      return fake.connection();
    }

    @Override
    public ApiKeys apiKey() {
      return fake.apiKey();
    }

    @Override
    public short apiVersion() {
      return fake.apiVersion();
    }

    @Override
    public int correlationId() {
      return fake.correlationId();
    }

    @Override
    public String clientId() {
      return fake.clientId();
    }

    @Override
    public ApiMessage body() {
      return fake.body();
    }

    @Override
    public int sizeBytes() {
      return fake.sizeBytes();
    }

    @Override
    public long receivedNanos() {
      return fake.receivedNanos();
    }

    @Override
    public void reply(ApiMessage response, Runnable release) {
      answer.complete(response);
      release.run();
    }

    @Override
    public void replyNothing() {
      answer.completeExceptionally(new AssertionError("silence"));
    }

    @Override
    public Runnable retain() {
      return fake.retain();
    }

    @Override
    public void mute(long durationNanos) {}

    @Override
    public void close(String reason) {
      closes.add(reason);
      answer.completeExceptionally(new AssertionError("closed: " + closes));
    }
  }
}
