package io.spillway.kafka.metadata;

import static org.assertj.core.api.Assertions.assertThat;

import io.spillway.kafka.controller.MemorySharedLog;
import io.spillway.metadata.ClusterMetadata;
import io.spillway.metadata.ConfigDescriptions;
import io.spillway.metadata.ControlPlane.ProducerIdBlock;
import io.spillway.metadata.TopicConfig;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.ConfigEntry.ConfigSource;
import org.apache.kafka.clients.admin.FeatureUpdate.UpgradeType;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.message.CreatePartitionsRequestData.CreatePartitionsTopic;
import org.apache.kafka.common.message.CreateTopicsResponseData.CreatableTopicResult;
import org.apache.kafka.common.message.UpdateFeaturesRequestData;
import org.apache.kafka.common.message.UpdateFeaturesRequestData.FeatureUpdateKey;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.protocol.Errors;
import org.apache.kafka.common.requests.ApiError;
import org.junit.jupiter.api.Test;

/** The contract of the adapter over Kafka's controller: run before every Kafka upgrade. */
class KafkaControlPlaneTest {

  @Test
  void aNewClusterHasItsFeatureLevelsAndThisBroker() throws Exception {
    try (TestCluster cluster = TestCluster.started(new MemorySharedLog())) {
      ClusterMetadata view = cluster.plane.metadata();
      assertThat(view.finalizedFeatures())
          .containsOnlyKeys(
              "metadata.version", "group.version", "transaction.version", "kraft.version");
      assertThat(view.finalizedFeatures().get("kraft.version")).isEqualTo((short) 1);
      assertThat(view.finalizedFeatures().get("group.version")).isEqualTo((short) 1);
      assertThat(view.finalizedFeatures().get("transaction.version")).isEqualTo((short) 2);
      assertThat(view.controllerId()).isEqualTo(1);
      assertThat(view.brokers()).hasSize(1);
      assertThat(view.brokers().get(0).fenced()).isFalse();
      assertThat(view.brokers().get(0).endpoints())
          .containsEntry("PLAINTEXT", TestCluster.ENDPOINT);
    }
  }

  @Test
  void askingForTheQuorumsVersionDoesNotUnseatTheController() throws Exception {
    try (TestCluster cluster = TestCluster.started(new MemorySharedLog())) {
      assertThat(update(cluster, 1, UpgradeType.UPGRADE)).isEqualTo(Errors.NONE);
      assertThat(update(cluster, 0, UpgradeType.UNSAFE_DOWNGRADE)).isNotEqualTo(Errors.NONE);
      assertThat(cluster.create("t", 1, 1, Map.of()).errorCode()).isEqualTo(Errors.NONE.code());
      assertThat(cluster.faults).isEmpty();
    }
  }

  private static Errors update(TestCluster cluster, int level, UpgradeType type) throws Exception {
    UpdateFeaturesRequestData request = new UpdateFeaturesRequestData().setTimeoutMs(8_000);
    request
        .featureUpdates()
        .add(
            new FeatureUpdateKey()
                .setFeature("kraft.version")
                .setMaxVersionLevel((short) level)
                .setUpgradeType(type.code()));
    return Errors.forCode(
        cluster
            .plane
            .updateFeatures(TestCluster.context(ApiKeys.UPDATE_FEATURES), request)
            .get(8, TimeUnit.SECONDS)
            .errorCode());
  }

  @Test
  void aTopicIsInTheViewWhenItsCreationIsAnswered() throws Exception {
    try (TestCluster cluster = TestCluster.started(new MemorySharedLog())) {
      CreatableTopicResult result = cluster.create("orders", 3, 1, Map.of());
      assertThat(Errors.forCode(result.errorCode())).isEqualTo(Errors.NONE);
      ClusterMetadata.TopicInfo topic = cluster.plane.metadata().topic("orders").orElseThrow();
      assertThat(topic.id()).isEqualTo(result.topicId());
      assertThat(topic.partitions()).hasSize(3);
      assertThat(topic.partitions()).allMatch(p -> p.leader() == 1);
      assertThat(cluster.plane.metadata().topic(topic.id())).contains(topic);

      Map<Uuid, ApiError> deleted =
          cluster
              .plane
              .deleteTopics(TestCluster.context(ApiKeys.DELETE_TOPICS), Set.of(topic.id()))
              .get(8, TimeUnit.SECONDS);
      assertThat(deleted.get(topic.id())).isEqualTo(ApiError.NONE);
      assertThat(cluster.plane.metadata().topic("orders")).isEmpty();
    }
  }

  @Test
  void aFactorAboveTheNumberOfBrokersIsRememberedAndHidden() throws Exception {
    MemorySharedLog log = new MemorySharedLog();
    try (TestCluster cluster = TestCluster.started(log)) {
      CreatableTopicResult result =
          cluster.create("connect-offsets", 2, 3, Map.of("cleanup.policy", "compact"));
      assertThat(Errors.forCode(result.errorCode())).isEqualTo(Errors.NONE);
      ClusterMetadata.TopicInfo topic =
          cluster.plane.metadata().topic("connect-offsets").orElseThrow();
      assertThat(topic.partitions().get(0).replicas()).containsExactly(1);
      assertThat(cluster.plane.metadata().topicOverrides("connect-offsets"))
          .isEqualTo(Map.of("cleanup.policy", "compact"));
      assertThat(stored(cluster, "connect-offsets")).containsValue("3").hasSize(2);

      ConfigResource resource = topicResource("connect-offsets");
      assertThat(
              cluster
                  .plane
                  .alterConfigs(
                      TestCluster.context(ApiKeys.ALTER_CONFIGS),
                      Map.of(resource, Map.of("retention.ms", "1000")),
                      false)
                  .get(8, TimeUnit.SECONDS))
          .containsEntry(resource, ApiError.NONE);
      assertThat(stored(cluster, "connect-offsets"))
          .containsValue("3")
          .containsEntry("retention.ms", "1000")
          .hasSize(2);
    }
  }

  private static Map<String, String> stored(TestCluster cluster, String topic) {
    return ((ImageClusterMetadata) cluster.plane.metadata())
        .image()
        .configs()
        .configMapForResource(topicResource(topic));
  }

  @Test
  void partitionsGrow() throws Exception {
    try (TestCluster cluster = TestCluster.started(new MemorySharedLog())) {
      cluster.create("t", 1, 3, Map.of());
      cluster
          .plane
          .createPartitions(
              TestCluster.context(ApiKeys.CREATE_PARTITIONS),
              List.of(new CreatePartitionsTopic().setName("t").setCount(4).setAssignments(null)),
              false)
          .get(8, TimeUnit.SECONDS);
      assertThat(cluster.plane.metadata().topic("t").orElseThrow().partitions()).hasSize(4);
    }
  }

  @Test
  void settingsAreValidatedAsKafkaDoes() throws Exception {
    try (TestCluster cluster = TestCluster.started(new MemorySharedLog())) {
      cluster.create("t", 1, 1, Map.of());
      ConfigResource topic = topicResource("t");
      ConfigResource defaults = new ConfigResource(ConfigResource.Type.BROKER, "");
      ConfigResource broker = new ConfigResource(ConfigResource.Type.BROKER, "1");
      ConfigResource group = new ConfigResource(ConfigResource.Type.GROUP, "g");
      ConfigResource metrics = new ConfigResource(ConfigResource.Type.CLIENT_METRICS, "m");
      assertThat(set(cluster, topic, "retention.ms", "12345").error()).isEqualTo(Errors.NONE);
      assertThat(set(cluster, topic, "min.insync.replicas", "3").error()).isEqualTo(Errors.NONE);
      assertThat(set(cluster, topic, "retention.ms", "soon"))
          .satisfies(e -> assertThat(e.error()).isEqualTo(Errors.INVALID_CONFIG))
          .satisfies(e -> assertThat(e.message()).contains("retention.ms").contains("soon"));
      assertThat(set(cluster, topic, "retention.msx", "1"))
          .satisfies(e -> assertThat(e.error()).isEqualTo(Errors.INVALID_CONFIG))
          .satisfies(e -> assertThat(e.message()).contains("retention.msx"));
      assertThat(set(cluster, topic, "cleanup.policy", "sometimes").error())
          .isEqualTo(Errors.INVALID_CONFIG);
      assertThat(
              set(cluster, topic, "spillway.internal.requested.replication.factor", "9").message())
          .contains("Unknown topic config name");
      assertThat(set(cluster, topicResource("missing"), "retention.ms", "1").error())
          .isEqualTo(Errors.UNKNOWN_TOPIC_OR_PARTITION);
      assertThat(set(cluster, defaults, "log.retention.ms", "777").error()).isEqualTo(Errors.NONE);
      assertThat(set(cluster, broker, "log.retention.ms", "soon").error())
          .isEqualTo(Errors.INVALID_REQUEST);
      assertThat(set(cluster, defaults, "message.max.bytes", "-5").error())
          .isEqualTo(Errors.INVALID_REQUEST);
      assertThat(set(cluster, broker, "no.such.setting", "1"))
          .satisfies(e -> assertThat(e.message()).contains("no.such.setting"));
      assertThat(set(cluster, broker, "node.id", "7"))
          .satisfies(e -> assertThat(e.error()).isEqualTo(Errors.INVALID_REQUEST))
          .satisfies(e -> assertThat(e.message()).contains("Cannot update").contains("node.id"));
      assertThat(
              set(cluster, new ConfigResource(ConfigResource.Type.BROKER, "x"), "a", "1").error())
          .isEqualTo(Errors.INVALID_REQUEST);
      assertThat(set(cluster, group, "consumer.session.timeout.ms", "46000").error())
          .isEqualTo(Errors.NONE);
      assertThat(set(cluster, group, "consumer.session.timeout.ms", "1").error())
          .isEqualTo(Errors.INVALID_CONFIG);
      assertThat(set(cluster, group, "nonsense", "1").error()).isEqualTo(Errors.INVALID_CONFIG);
      assertThat(set(cluster, metrics, "interval.ms", "30000").error()).isEqualTo(Errors.NONE);
      assertThat(set(cluster, metrics, "interval.ms", "7").error())
          .isEqualTo(Errors.INVALID_REQUEST);

      Errors invalidAtCreation =
          Errors.forCode(cluster.create("bad", 1, 1, Map.of("segment.bytes", "none")).errorCode());
      assertThat(invalidAtCreation).isEqualTo(Errors.INVALID_CONFIG);
      assertThat(cluster.plane.metadata().topic("bad")).isEmpty();
    }
  }

  @Test
  void everyBrokerSettingThatCanBeChangedActsAtOnceOrNeverHasAnEffect() throws Exception {
    ConfigResource broker = new ConfigResource(ConfigResource.Type.BROKER, "1");
    try (TestCluster cluster = TestCluster.started(new MemorySharedLog())) {
      // Kafka changes these while it runs; here they act when the broker starts.
      Map<String, String> fixed =
          Map.of(
              "max.connections", "5",
              "max.connections.per.ip", "5",
              "num.network.threads", "5",
              "num.io.threads", "5",
              "listeners", "PLAINTEXT://:1",
              "producer.id.expiration.ms", "1000",
              "group.consumer.assignment.interval.ms", "1000");
      for (String name : fixed.keySet()) {
        assertThat(set(cluster, broker, name, Objects.requireNonNull(fixed.get(name))))
            .as(name)
            .satisfies(e -> assertThat(e.error()).isEqualTo(Errors.INVALID_REQUEST))
            .satisfies(e -> assertThat(e.message()).contains("Cannot update these configs"));
        assertThat(described(cluster, broker, name).readOnly()).as(name).isTrue();
      }
      assertThat(set(cluster, broker, "log.cleaner.threads", "2").error()).isEqualTo(Errors.NONE);
      assertThat(set(cluster, broker, "message.max.bytes", "4321").error()).isEqualTo(Errors.NONE);

      assertThat(cluster.plane.topicConfigs().topic("any").maxMessageBytes()).isEqualTo(4321);
      ConfigDescriptions.Description described = described(cluster, broker, "message.max.bytes");
      assertThat(described.value()).isEqualTo("4321");
      assertThat(described.source()).isEqualTo(ConfigSource.DYNAMIC_BROKER_CONFIG);
      assertThat(described.readOnly()).isFalse();
    }
  }

  private static ConfigDescriptions.Description described(
      TestCluster cluster, ConfigResource resource, String name) {
    return cluster.plane.configDescriptions().describe(resource).stream()
        .filter(description -> description.name().equals(name))
        .findFirst()
        .orElseThrow();
  }

  @Test
  void settingsInForceFollowTopicBrokerClusterAndProperties() throws Exception {
    Map<String, String> properties =
        Map.of("log.retention.hours", "2", "message.max.bytes", "2000000");
    try (TestCluster cluster = TestCluster.started(new MemorySharedLog(), properties, 500)) {
      cluster.create("t", 1, 1, Map.of("cleanup.policy", "compact,delete"));
      TopicConfig config = cluster.plane.topicConfigs().topic("t");
      assertThat(config.retentionMs()).isEqualTo(2 * 3_600_000);
      assertThat(config.maxMessageBytes()).isEqualTo(2_000_000);
      assertThat(config.compacts()).isTrue();
      assertThat(config.deletes()).isTrue();
      set(cluster, new ConfigResource(ConfigResource.Type.BROKER, ""), "log.retention.ms", "777");
      assertThat(cluster.plane.topicConfigs().topic("t").retentionMs()).isEqualTo(777);
      set(cluster, new ConfigResource(ConfigResource.Type.BROKER, "1"), "log.retention.ms", "778");
      assertThat(cluster.plane.topicConfigs().topic("t").retentionMs()).isEqualTo(778);
      set(cluster, topicResource("t"), "retention.ms", "779");
      assertThat(cluster.plane.topicConfigs().topic("t").retentionMs()).isEqualTo(779);
      assertThat(cluster.plane.topicConfigs().topic("unknown").retentionMs()).isEqualTo(778);
    }
  }

  @Test
  void ourDefaultsAreKafkas() throws Exception {
    try (TestCluster cluster = TestCluster.started(new MemorySharedLog())) {
      cluster.create("t", 1, 1, Map.of());
      assertThat(cluster.plane.topicConfigs().topic("t")).isEqualTo(TopicConfig.DEFAULTS);
    }
  }

  @Test
  void aRestartReplaysTheLog() throws Exception {
    MemorySharedLog log = new MemorySharedLog();
    try (TestCluster cluster = TestCluster.started(log)) {
      cluster.create("orders", 3, 1, Map.of("retention.ms", "1"));
    }
    try (TestCluster cluster = TestCluster.started(log)) {
      ClusterMetadata.TopicInfo topic = cluster.plane.metadata().topic("orders").orElseThrow();
      assertThat(topic.partitions()).hasSize(3).allMatch(p -> p.leader() == 1);
      assertThat(cluster.plane.topicConfigs().topic("orders").retentionMs()).isEqualTo(1);
    }
  }

  @Test
  void aKilledBrokerIsBackAtOnceThoughItsSessionStillRuns() throws Exception {
    MemorySharedLog log = new MemorySharedLog();
    TestCluster killed = TestCluster.started(log);
    killed.create("orders", 3, 1, Map.of());
    killed.kill();
    long createsBefore = log.creates();
    try (TestCluster cluster = TestCluster.started(log)) {
      assertThat(cluster.plane.metadata().topic("orders").orElseThrow().partitions())
          .allMatch(p -> p.leader() == 1);
      assertThat(cluster.faults).isEmpty();
      assertThat(log.creates() - createsBefore).isLessThan(10);
    }
  }

  @Test
  void checkpointsBoundTheReplay() throws Exception {
    MemorySharedLog log = new MemorySharedLog();
    try (TestCluster cluster = TestCluster.started(log, Map.of(), 5)) {
      for (int i = 0; i < 30; i++) {
        cluster.create("t" + i, 2, 1, Map.of());
      }
    }
    assertThat(log.checkpoints()).isGreaterThan(2);
    assertThat(log.records().size()).isLessThan(20);
    try (TestCluster cluster = TestCluster.started(log, Map.of(), 5)) {
      assertThat(cluster.plane.metadata().topics()).hasSize(30);
      assertThat(Errors.forCode(cluster.create("more", 1, 1, Map.of()).errorCode()))
          .isEqualTo(Errors.NONE);
      assertThat(cluster.faults).isEmpty();
    }
  }

  @Test
  void aReplacedControllerWritesNothingAndStops() throws Exception {
    MemorySharedLog log = new MemorySharedLog();
    TestCluster old = TestCluster.started(log);
    try (TestCluster winner = TestCluster.started(log)) {
      int records = log.records().size();
      CompletableFuture<?> refused =
          CompletableFuture.supplyAsync(
              () -> {
                try {
                  return old.create("ghost", 1, 1, Map.of());
                } catch (Exception e) {
                  return e;
                }
              },
              Runnable::run);
      assertThat(refused.get()).isInstanceOf(Exception.class);
      assertThat(winner.plane.metadata().topic("ghost")).isEmpty();
      assertThat(Errors.forCode(winner.create("real", 1, 1, Map.of()).errorCode()))
          .isEqualTo(Errors.NONE);
      assertThat(log.records().size()).isGreaterThan(records);
    } finally {
      old.kill();
    }
    assertThat(old.faults).anyMatch(t -> String.valueOf(t).contains("only one may run"));
  }

  @Test
  void producerIdsAreNeverGivenTwice() throws Exception {
    MemorySharedLog log = new MemorySharedLog();
    List<ProducerIdBlock> blocks = new ArrayList<>();
    for (int run = 0; run < 2; run++) {
      try (TestCluster cluster = TestCluster.started(log)) {
        blocks.add(cluster.plane.allocateProducerIds().get(8, TimeUnit.SECONDS));
        blocks.add(cluster.plane.allocateProducerIds().get(8, TimeUnit.SECONDS));
      }
    }
    for (int i = 1; i < blocks.size(); i++) {
      ProducerIdBlock before = blocks.get(i - 1);
      assertThat(blocks.get(i).firstProducerId())
          .isEqualTo(before.firstProducerId() + before.size());
    }
  }

  @Test
  void subscribersSeeEverythingFirstAndThenEachChange() throws Exception {
    List<String> seen = Collections.synchronizedList(new ArrayList<>());
    try (TestCluster cluster = TestCluster.started(new MemorySharedLog())) {
      cluster.create("before", 1, 1, Map.of());
      cluster.plane.subscribe((view, changes) -> seen.addAll(changes.topics()));
      cluster.plane.subscribeToImages(
          (delta, image) -> {
            if (delta.topicsDelta() != null) {
              delta
                  .topicsDelta()
                  .changedTopics()
                  .values()
                  .forEach(topic -> seen.add("image:" + topic.name()));
            }
          });
      cluster.create("after", 1, 1, Map.of());
      assertThat(seen).containsExactly("before", "image:before", "image:after", "after");
    }
  }

  private static ApiError set(
      TestCluster cluster, ConfigResource resource, String name, String value) throws Exception {
    return Objects.requireNonNull(
        change(cluster, resource, name, value).get(8, TimeUnit.SECONDS).get(resource));
  }

  private static CompletableFuture<Map<ConfigResource, ApiError>> change(
      TestCluster cluster, ConfigResource resource, String name, String value) {
    return cluster.plane.incrementalAlterConfigs(
        TestCluster.context(ApiKeys.INCREMENTAL_ALTER_CONFIGS),
        Map.of(resource, Map.of(name, Map.entry(AlterConfigOp.OpType.SET, value))),
        false);
  }

  private static ConfigResource topicResource(String name) {
    return new ConfigResource(ConfigResource.Type.TOPIC, name);
  }
}
