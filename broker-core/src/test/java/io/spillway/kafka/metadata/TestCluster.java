package io.spillway.kafka.metadata;

import io.spillway.kafka.controller.ControllerSettings;
import io.spillway.kafka.controller.MemorySharedLog;
import io.spillway.metadata.ClusterMetadata.Endpoint;
import io.spillway.request.RequestContext;
import io.spillway.runtime.SystemClock;
import io.spillway.runtime.SystemRandom;
import io.spillway.runtime.SystemThreads;
import java.net.InetAddress;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.Set;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.common.message.CreateTopicsRequestData;
import org.apache.kafka.common.message.CreateTopicsRequestData.CreatableTopic;
import org.apache.kafka.common.message.CreateTopicsRequestData.CreatableTopicConfig;
import org.apache.kafka.common.message.CreateTopicsResponseData.CreatableTopicResult;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.security.auth.KafkaPrincipal;

/** A control plane of one broker on a log in memory. */
public final class TestCluster implements AutoCloseable {

  public static final String CLUSTER_ID = "AAAAAAAAAAAAAAAAAAAAAA";
  public static final Endpoint ENDPOINT = new Endpoint("PLAINTEXT", "localhost", 9092);

  public final Queue<Throwable> faults = new ConcurrentLinkedQueue<>();
  final SystemThreads threads;
  public final KafkaControlPlane plane;

  TestCluster(MemorySharedLog log, Map<String, String> properties, int checkpointEveryRecords) {
    ControllerSettings from = ControllerSettings.of(CLUSTER_ID, 1, properties);
    ControllerSettings settings =
        new ControllerSettings(
            from.clusterId(),
            from.nodeId(),
            from.brokerProperties(),
            from.sessionTimeoutMs(),
            from.heartbeatIntervalMs(),
            from.numPartitions(),
            from.replicationFactor(),
            from.rack(),
            checkpointEveryRecords);
    threads = new SystemThreads("test", new SystemClock(), (what, cause) -> faults.add(cause));
    plane =
        new KafkaControlPlane(
            settings, log, threads, new SystemRandom(), (what, cause) -> faults.add(cause));
  }

  public static TestCluster started(MemorySharedLog log) throws Exception {
    return started(log, Map.of(), ControllerSettings.CHECKPOINT_EVERY_RECORDS);
  }

  public static TestCluster started(
      MemorySharedLog log, Map<String, String> properties, int checkpointEveryRecords)
      throws Exception {
    TestCluster cluster = new TestCluster(log, properties, checkpointEveryRecords);
    cluster.plane.start().get(8, TimeUnit.SECONDS);
    cluster.plane.register(List.of(ENDPOINT)).get(8, TimeUnit.SECONDS);
    return cluster;
  }

  public CreatableTopicResult create(
      String name, int partitions, int factor, Map<String, String> configs) throws Exception {
    CreatableTopic topic =
        new CreatableTopic()
            .setName(name)
            .setNumPartitions(partitions)
            .setReplicationFactor((short) factor);
    configs.forEach(
        (key, value) ->
            topic.configs().add(new CreatableTopicConfig().setName(key).setValue(value)));
    CreateTopicsRequestData request = new CreateTopicsRequestData().setTimeoutMs(30_000);
    request.topics().add(topic);
    return plane
        .createTopics(context(ApiKeys.CREATE_TOPICS), request, Set.of(name))
        .get(8, TimeUnit.SECONDS)
        .topics()
        .find(name);
  }

  public static RequestContext context(ApiKeys api) {
    return new RequestContext(
        KafkaPrincipal.ANONYMOUS,
        "PLAINTEXT",
        "test",
        "",
        InetAddress.getLoopbackAddress(),
        "1",
        api,
        api.latestVersion(),
        1);
  }

  /** kill -9: nothing is said, what runs is ignored. */
  public void kill() {
    plane.close();
    threads.close();
  }

  @Override
  public void close() throws Exception {
    plane.controlledShutdown().get(8, TimeUnit.SECONDS);
    plane.close();
    threads.close();
  }
}
