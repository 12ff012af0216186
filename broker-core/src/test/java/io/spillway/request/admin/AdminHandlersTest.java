package io.spillway.request.admin;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.spillway.kafka.controller.MemorySharedLog;
import io.spillway.kafka.metadata.TestCluster;
import io.spillway.metadata.OnDemandTopics;
import io.spillway.request.admin.MetadataHandler.AutoCreation;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.apache.kafka.clients.admin.AlterConfigOp.OpType;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.errors.InvalidRequestException;
import org.apache.kafka.common.errors.TopicDeletionDisabledException;
import org.apache.kafka.common.message.AlterConfigsRequestData;
import org.apache.kafka.common.message.AlterConfigsResponseData;
import org.apache.kafka.common.message.CreatePartitionsRequestData;
import org.apache.kafka.common.message.CreatePartitionsRequestData.CreatePartitionsTopic;
import org.apache.kafka.common.message.CreatePartitionsResponseData;
import org.apache.kafka.common.message.CreateTopicsRequestData;
import org.apache.kafka.common.message.CreateTopicsRequestData.CreatableTopic;
import org.apache.kafka.common.message.CreateTopicsResponseData;
import org.apache.kafka.common.message.DeleteTopicsRequestData;
import org.apache.kafka.common.message.DeleteTopicsRequestData.DeleteTopicState;
import org.apache.kafka.common.message.DeleteTopicsResponseData;
import org.apache.kafka.common.message.DescribeClusterRequestData;
import org.apache.kafka.common.message.DescribeClusterResponseData;
import org.apache.kafka.common.message.DescribeConfigsRequestData;
import org.apache.kafka.common.message.DescribeConfigsRequestData.DescribeConfigsResource;
import org.apache.kafka.common.message.DescribeConfigsResponseData;
import org.apache.kafka.common.message.DescribeConfigsResponseData.DescribeConfigsResourceResult;
import org.apache.kafka.common.message.DescribeConfigsResponseData.DescribeConfigsResult;
import org.apache.kafka.common.message.DescribeTopicPartitionsRequestData;
import org.apache.kafka.common.message.DescribeTopicPartitionsRequestData.TopicRequest;
import org.apache.kafka.common.message.DescribeTopicPartitionsResponseData;
import org.apache.kafka.common.message.IncrementalAlterConfigsRequestData;
import org.apache.kafka.common.message.IncrementalAlterConfigsRequestData.AlterableConfig;
import org.apache.kafka.common.message.IncrementalAlterConfigsResponseData;
import org.apache.kafka.common.message.ListConfigResourcesRequestData;
import org.apache.kafka.common.message.ListConfigResourcesResponseData;
import org.apache.kafka.common.message.ListPartitionReassignmentsRequestData;
import org.apache.kafka.common.message.ListPartitionReassignmentsResponseData;
import org.apache.kafka.common.message.MetadataRequestData;
import org.apache.kafka.common.message.MetadataRequestData.MetadataRequestTopic;
import org.apache.kafka.common.message.MetadataResponseData;
import org.apache.kafka.common.message.MetadataResponseData.MetadataResponseTopic;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.protocol.Errors;
import org.apache.kafka.common.requests.DescribeConfigsResponse.ConfigSource;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;

/** The admin handlers in front of a real controller on a log in memory. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class AdminHandlersTest {

  private final TestCluster cluster;
  private final MetadataHandler metadata;

  AdminHandlersTest() throws Exception {
    cluster =
        TestCluster.started(
            new MemorySharedLog(),
            Map.of("log.retention.hours", "5", "node.id", "1", "message.max.bytes", "1048588"),
            500);
    metadata =
        new MetadataHandler(
            cluster.plane::metadata,
            new OnDemandTopics(cluster.plane),
            new AutoCreation(true, 2, (short) 3));
  }

  @BeforeAll
  void createTopics() throws Exception {
    cluster.create("a", 3, 1, Map.of("retention.ms", "1000"));
    cluster.create("b", 2, 3, Map.of("cleanup.policy", "compact"));
    cluster.create("c", 1, 1, Map.of());
    cluster.create("__consumer_offsets", 1, 1, Map.of());
  }

  @AfterAll
  void stop() throws Exception {
    cluster.close();
  }

  // ---- Metadata

  private MetadataResponseData metadata(int version, MetadataRequestData request) throws Exception {
    return FakeExchange.ask(
        metadata, ApiKeys.METADATA, version, request, MetadataResponseData.class);
  }

  private static MetadataRequestData named(String... names) {
    List<MetadataRequestTopic> topics = new ArrayList<>();
    for (String name : names) {
      topics.add(new MetadataRequestTopic().setName(name));
    }
    return new MetadataRequestData().setTopics(topics).setAllowAutoTopicCreation(false);
  }

  @Test
  void metadataOfAllTopicsIsAskedForWithNullAndInVersion0WithNone() throws Exception {
    MetadataResponseData all = metadata(12, new MetadataRequestData().setTopics(null));
    assertThat(all.topics()).extracting(MetadataResponseTopic::name).contains("a", "b", "c");
    assertThat(all.brokers()).hasSize(1);
    assertThat(all.brokers().find(1).port()).isEqualTo(9092);
    assertThat(all.controllerId()).isEqualTo(1);
    assertThat(all.clusterId()).isEqualTo(TestCluster.CLUSTER_ID);
    assertThat(metadata(0, new MetadataRequestData().setTopics(List.of())).topics())
        .hasSameSizeAs(all.topics());
    assertThat(metadata(1, new MetadataRequestData().setTopics(List.of())).topics()).isEmpty();
  }

  @Test
  void metadataNamesEachTopicsError() throws Exception {
    MetadataResponseData response = metadata(12, named("a", "missing", "bad/name"));
    MetadataResponseTopic known = response.topics().find("a");
    assertThat(known.errorCode()).isEqualTo(Errors.NONE.code());
    assertThat(known.partitions()).hasSize(3).allMatch(p -> p.leaderId() == 1);
    assertThat(known.isInternal()).isFalse();
    assertThat(response.topics().find("missing").errorCode())
        .isEqualTo(Errors.UNKNOWN_TOPIC_OR_PARTITION.code());
    assertThat(response.topics().find("bad/name").errorCode())
        .isEqualTo(Errors.INVALID_TOPIC_EXCEPTION.code());
    assertThat(metadata(12, named("__consumer_offsets")).topics().find("__consumer_offsets"))
        .matches(MetadataResponseTopic::isInternal);
  }

  @Test
  void aTopicAskedForTwiceIsAnsweredOnce() throws Exception {
    MetadataRequestData request = named("a", "missing", "a", "missing");
    List<MetadataRequestTopic> topics = new ArrayList<>(request.topics());
    Uuid id = cluster.plane.metadata().topic("a").orElseThrow().id();
    topics.add(new MetadataRequestTopic().setName(null).setTopicId(id));
    assertThat(metadata(12, request.setTopics(topics)).topics())
        .extracting(MetadataResponseTopic::name)
        .containsExactly("a", "missing");
  }

  @Test
  void metadataByIdFromVersion12On() throws Exception {
    Uuid id = cluster.plane.metadata().topic("a").orElseThrow().id();
    Uuid unknown = Uuid.randomUuid();
    MetadataRequestData request =
        new MetadataRequestData()
            .setTopics(
                List.of(
                    new MetadataRequestTopic().setName(null).setTopicId(id),
                    new MetadataRequestTopic().setName(null).setTopicId(unknown)));
    MetadataResponseData response = metadata(12, request);
    assertThat(response.topics())
        .anyMatch(t -> Objects.equals(t.name(), "a") && t.topicId().equals(id))
        .anyMatch(
            t -> t.topicId().equals(unknown) && t.errorCode() == Errors.UNKNOWN_TOPIC_ID.code());
    assertThatThrownBy(() -> metadata(11, request)).isInstanceOf(InvalidRequestException.class);
  }

  @Test
  void aMissingTopicIsCreatedWhereBothSidesAllowIt() throws Exception {
    MetadataResponseData response =
        metadata(12, named("made", "worse/name").setAllowAutoTopicCreation(true));
    assertThat(response.topics().find("made").errorCode()).isEqualTo(Errors.NONE.code());
    assertThat(response.topics().find("made").partitions()).hasSize(2);
    assertThat(response.topics().find("worse/name").errorCode())
        .isEqualTo(Errors.INVALID_TOPIC_EXCEPTION.code());
    assertThat(
            metadata(12, named("__transaction_state").setAllowAutoTopicCreation(true))
                .topics()
                .find("__transaction_state")
                .errorCode())
        .isEqualTo(Errors.UNKNOWN_TOPIC_OR_PARTITION.code());
  }

  @Test
  void theNameOfTheMetadataLogIsNoTopicToCreate() throws Exception {
    MetadataResponseData response =
        metadata(12, named("__cluster_metadata").setAllowAutoTopicCreation(true));
    assertThat(response.topics().find("__cluster_metadata").errorCode())
        .isEqualTo(Errors.UNKNOWN_TOPIC_OR_PARTITION.code());
    assertThat(cluster.plane.metadata().topic("__cluster_metadata")).isEmpty();
  }

  // ---- DescribeTopicPartitions

  @Test
  void aCursorOfATopicThatIsNotAskedForIsRefused() {
    DescribeTopicPartitionsHandler handler =
        new DescribeTopicPartitionsHandler(cluster.plane::metadata, 2000);
    DescribeTopicPartitionsRequestData request =
        new DescribeTopicPartitionsRequestData()
            .setTopics(List.of(new TopicRequest().setName("a")))
            .setCursor(
                new DescribeTopicPartitionsRequestData.Cursor()
                    .setTopicName("b")
                    .setPartitionIndex(1));
    assertThatThrownBy(
            () ->
                FakeExchange.ask(
                    handler,
                    ApiKeys.DESCRIBE_TOPIC_PARTITIONS,
                    0,
                    request,
                    DescribeTopicPartitionsResponseData.class))
        .isInstanceOf(InvalidRequestException.class);
  }

  @Test
  void partitionsComeInPages() throws Exception {
    DescribeTopicPartitionsHandler handler =
        new DescribeTopicPartitionsHandler(cluster.plane::metadata, 2000);
    DescribeTopicPartitionsRequestData request =
        new DescribeTopicPartitionsRequestData()
            .setTopics(
                List.of(
                    new TopicRequest().setName("b"),
                    new TopicRequest().setName("a"),
                    new TopicRequest().setName("zzz")))
            .setResponsePartitionLimit(2);
    List<String> seen = new ArrayList<>();
    int pages = 0;
    while (true) {
      DescribeTopicPartitionsResponseData page =
          FakeExchange.ask(
              handler,
              ApiKeys.DESCRIBE_TOPIC_PARTITIONS,
              0,
              request,
              DescribeTopicPartitionsResponseData.class);
      pages++;
      page.topics()
          .forEach(t -> t.partitions().forEach(p -> seen.add(t.name() + p.partitionIndex())));
      if (page.nextCursor() == null) {
        assertThat(page.topics().find("zzz").errorCode())
            .isEqualTo(Errors.UNKNOWN_TOPIC_OR_PARTITION.code());
        break;
      }
      request.setCursor(
          new DescribeTopicPartitionsRequestData.Cursor()
              .setTopicName(page.nextCursor().topicName())
              .setPartitionIndex(page.nextCursor().partitionIndex()));
    }
    assertThat(seen).containsExactly("a0", "a1", "a2", "b0", "b1");
    assertThat(pages).isEqualTo(3);
  }

  // ---- DescribeCluster

  @Test
  void theClusterIsDescribedToBrokersClientsOnly() throws Exception {
    ClusterHandler handler = new ClusterHandler(cluster.plane);
    DescribeClusterResponseData response =
        FakeExchange.ask(
            handler,
            ApiKeys.DESCRIBE_CLUSTER,
            2,
            new DescribeClusterRequestData(),
            DescribeClusterResponseData.class);
    assertThat(response.brokers()).hasSize(1);
    assertThat(response.controllerId()).isEqualTo(1);
    assertThat(
            FakeExchange.ask(
                    handler,
                    ApiKeys.DESCRIBE_CLUSTER,
                    2,
                    new DescribeClusterRequestData().setEndpointType((byte) 2),
                    DescribeClusterResponseData.class)
                .errorCode())
        .isEqualTo(Errors.MISMATCHED_ENDPOINT_TYPE.code());
  }

  // ---- topics

  private CreateTopicsResponseData createTopics(boolean validateOnly, CreatableTopic... topics)
      throws Exception {
    CreateTopicsRequestData request =
        new CreateTopicsRequestData().setTimeoutMs(8_000).setValidateOnly(validateOnly);
    for (CreatableTopic topic : topics) {
      request.topics().add(topic);
    }
    return FakeExchange.ask(
        new CreateTopicsHandler(cluster.plane),
        ApiKeys.CREATE_TOPICS,
        7,
        request,
        CreateTopicsResponseData.class);
  }

  private static CreatableTopic topic(String name, int partitions, int factor) {
    return new CreatableTopic()
        .setName(name)
        .setNumPartitions(partitions)
        .setReplicationFactor((short) factor);
  }

  @Test
  void topicsAreCreatedOneByOneWithTheirOwnErrors() throws Exception {
    CreateTopicsResponseData response =
        createTopics(
            false,
            topic("new1", 2, 3),
            topic("a", 1, 1),
            topic("bad name", 1, 1),
            topic("zero", 0, 1),
            topic("nofactor", 1, 0),
            topic("__cluster_metadata", 1, 1));
    assertThat(error(response, "new1")).isEqualTo(Errors.NONE);
    assertThat(response.topics().find("new1").configs()).isNotEmpty();
    assertThat(error(response, "a")).isEqualTo(Errors.TOPIC_ALREADY_EXISTS);
    assertThat(error(response, "bad name")).isEqualTo(Errors.INVALID_TOPIC_EXCEPTION);
    assertThat(error(response, "zero")).isEqualTo(Errors.INVALID_PARTITIONS);
    assertThat(error(response, "nofactor")).isEqualTo(Errors.INVALID_REPLICATION_FACTOR);
    assertThat(error(response, "__cluster_metadata")).isEqualTo(Errors.INVALID_REQUEST);
    assertThat(error(createTopics(true, topic("dry", 1, 1)), "dry")).isEqualTo(Errors.NONE);
    assertThat(cluster.plane.metadata().topic("dry")).isEmpty();
  }

  private static Errors error(CreateTopicsResponseData response, String topic) {
    return Errors.forCode(response.topics().find(topic).errorCode());
  }

  @Test
  void topicsAreDeletedByNameAndById() throws Exception {
    createTopics(false, topic("d1", 1, 1), topic("d2", 1, 1), topic("d3", 1, 1));
    Uuid id = cluster.plane.metadata().topic("d2").orElseThrow().id();
    DeleteTopicsHandler handler = new DeleteTopicsHandler(cluster.plane, true);
    DeleteTopicsRequestData request =
        new DeleteTopicsRequestData()
            .setTopics(
                List.of(
                    new DeleteTopicState().setName("d1"),
                    new DeleteTopicState().setName(null).setTopicId(id),
                    new DeleteTopicState().setName("d3"),
                    new DeleteTopicState().setName("d3"),
                    new DeleteTopicState().setName("missing")));
    DeleteTopicsResponseData response =
        FakeExchange.ask(
            handler, ApiKeys.DELETE_TOPICS, 6, request, DeleteTopicsResponseData.class);
    assertThat(response.responses().find("d1").errorCode()).isEqualTo(Errors.NONE.code());
    assertThat(response.responses().find("d2").topicId()).isEqualTo(id);
    assertThat(response.responses().find("d3").errorCode())
        .isEqualTo(Errors.INVALID_REQUEST.code());
    assertThat(response.responses().find("missing").errorCode())
        .isEqualTo(Errors.UNKNOWN_TOPIC_OR_PARTITION.code());
    assertThat(cluster.plane.metadata().topic("d1")).isEmpty();
    assertThat(cluster.plane.metadata().topic("d2")).isEmpty();
    assertThat(cluster.plane.metadata().topic("d3")).isPresent();
    assertThatThrownBy(
            () ->
                FakeExchange.ask(
                    new DeleteTopicsHandler(cluster.plane, false),
                    ApiKeys.DELETE_TOPICS,
                    6,
                    request,
                    DeleteTopicsResponseData.class))
        .hasCauseInstanceOf(TopicDeletionDisabledException.class);
  }

  @Test
  void aTopicAskedForByNameAndByIdIsNotDeleted() throws Exception {
    createTopics(false, topic("twice", 1, 1));
    Uuid id = cluster.plane.metadata().topic("twice").orElseThrow().id();
    DeleteTopicState byName = new DeleteTopicState().setName("twice");
    DeleteTopicState byId = new DeleteTopicState().setName(null).setTopicId(id);
    for (List<DeleteTopicState> states :
        List.of(List.of(byName, byId), List.of(byId, byName), List.of(byName, byId, byName))) {
      DeleteTopicsResponseData response =
          FakeExchange.ask(
              new DeleteTopicsHandler(cluster.plane, true),
              ApiKeys.DELETE_TOPICS,
              6,
              new DeleteTopicsRequestData().setTopics(states),
              DeleteTopicsResponseData.class);
      assertThat(response.responses())
          .isNotEmpty()
          .allMatch(result -> result.errorCode() == Errors.INVALID_REQUEST.code())
          .allMatch(result -> "twice".equals(result.name()));
      assertThat(cluster.plane.metadata().topic("twice")).isPresent();
    }
  }

  @Test
  void partitionsGrowButNeverShrink() throws Exception {
    createTopics(false, topic("grow", 2, 3));
    CreatePartitionsRequestData request = new CreatePartitionsRequestData().setTimeoutMs(8_000);
    request
        .topics()
        .add(new CreatePartitionsTopic().setName("grow").setCount(4).setAssignments(null));
    request.topics().add(new CreatePartitionsTopic().setName("a").setCount(1).setAssignments(null));
    CreatePartitionsResponseData response =
        FakeExchange.ask(
            new CreateTopicsHandler(cluster.plane),
            ApiKeys.CREATE_PARTITIONS,
            3,
            request,
            CreatePartitionsResponseData.class);
    assertThat(response.results())
        .anyMatch(r -> r.name().equals("grow") && r.errorCode() == Errors.NONE.code())
        .anyMatch(r -> r.name().equals("a") && r.errorCode() == Errors.INVALID_PARTITIONS.code());
    assertThat(cluster.plane.metadata().topic("grow").orElseThrow().partitions()).hasSize(4);
  }

  // ---- settings

  private DescribeConfigsResult describe(ConfigResource.Type type, String name) throws Exception {
    return describe(type, name, null);
  }

  private DescribeConfigsResult describe(
      ConfigResource.Type type, String name, @Nullable List<String> keys) throws Exception {
    return FakeExchange.ask(
            new DescribeConfigsHandler(cluster.plane::metadata, cluster.plane.configDescriptions()),
            ApiKeys.DESCRIBE_CONFIGS,
            4,
            new DescribeConfigsRequestData()
                .setIncludeSynonyms(true)
                .setIncludeDocumentation(true)
                .setResources(
                    List.of(
                        new DescribeConfigsResource()
                            .setResourceType(type.id())
                            .setResourceName(name)
                            .setConfigurationKeys(keys))),
            DescribeConfigsResponseData.class)
        .results()
        .get(0);
  }

  private static DescribeConfigsResourceResult config(DescribeConfigsResult from, String name) {
    return from.configs().stream().filter(c -> c.name().equals(name)).findFirst().orElseThrow();
  }

  @Test
  void topicSettingsAreDescribedWithTheirSources() throws Exception {
    DescribeConfigsResult a = describe(ConfigResource.Type.TOPIC, "a");
    DescribeConfigsResourceResult retention = config(a, "retention.ms");
    assertThat(retention.value()).isEqualTo("1000");
    assertThat(retention.configSource()).isEqualTo(ConfigSource.TOPIC_CONFIG.id());
    assertThat(retention.synonyms())
        .extracting(s -> s.name() + "=" + s.value())
        .containsExactly("retention.ms=1000", "log.retention.hours=5", "log.retention.hours=168");
    assertThat(retention.documentation()).isNotBlank();
    DescribeConfigsResourceResult inherited =
        config(describe(ConfigResource.Type.TOPIC, "c"), "retention.ms");
    assertThat(inherited.value()).isEqualTo("18000000");
    assertThat(inherited.configSource()).isEqualTo(ConfigSource.STATIC_BROKER_CONFIG.id());
    DescribeConfigsResult b = describe(ConfigResource.Type.TOPIC, "b");
    assertThat(config(b, "cleanup.policy").value()).isEqualTo("compact");
    assertThat(b.configs()).noneMatch(c -> c.name().startsWith("spillway.internal"));
    assertThat(describe(ConfigResource.Type.TOPIC, "b", List.of()).configs())
        .isEqualTo(b.configs());
    assertThat(describe(ConfigResource.Type.TOPIC, "b", List.of("cleanup.policy")).configs())
        .containsExactly(config(b, "cleanup.policy"));
    // Every setting of a topic has a default, whether a broker's setting stands behind it or not.
    assertThat(b.configs()).allMatch(c -> c.value() != null);
    assertThat(config(b, "remote.storage.enable").value()).isEqualTo("false");
    assertThat(describe(ConfigResource.Type.TOPIC, "missing").errorCode())
        .isEqualTo(Errors.UNKNOWN_TOPIC_OR_PARTITION.code());
  }

  @Test
  void brokerGroupMetricsAndLoggerSettingsAreDescribed() throws Exception {
    DescribeConfigsResult broker = describe(ConfigResource.Type.BROKER, "1");
    assertThat(config(broker, "node.id").value()).isEqualTo("1");
    assertThat(config(broker, "node.id").readOnly()).isTrue();
    assertThat(config(broker, "log.retention.ms").readOnly()).isFalse();
    // Hours are no milliseconds: what is set under another name is shown under that name alone.
    assertThat(config(broker, "log.retention.ms").value()).isNull();
    assertThat(config(broker, "log.retention.hours").value()).isEqualTo("5");
    assertThat(config(broker, "message.max.bytes").configSource())
        .isEqualTo(ConfigSource.DEFAULT_CONFIG.id());
    assertThat(config(broker, "ssl.key.password").isSensitive()).isTrue();
    assertThat(describe(ConfigResource.Type.BROKER, "7").errorCode())
        .isEqualTo(Errors.INVALID_REQUEST.code());
    assertThat(describe(ConfigResource.Type.BROKER, "").errorCode()).isZero();
    DescribeConfigsResult group = describe(ConfigResource.Type.GROUP, "g");
    assertThat(config(group, "consumer.session.timeout.ms").value()).isEqualTo("45000");
    assertThat(describe(ConfigResource.Type.CLIENT_METRICS, "none").configs())
        .as("a subscription that nobody made has the defaults, as with Kafka")
        .extracting(c -> c.name() + "=" + c.value() + " " + c.synonyms())
        .containsExactlyInAnyOrder("interval.ms=300000 []", "match= []", "metrics= []");
    assertThat(describe(ConfigResource.Type.BROKER_LOGGER, "1").configs()).hasSize(1);
  }

  @Test
  void settingsAreAlteredOneByOneAndNeverTwiceInOneRequest() throws Exception {
    IncrementalAlterConfigsRequestData request = new IncrementalAlterConfigsRequestData();
    request.resources().add(change("c", "retention.bytes", OpType.SET, "77"));
    createTopics(false, topic("policy", 1, 1));
    request.resources().add(change("policy", "cleanup.policy", OpType.APPEND, "compact"));
    request.resources().add(change("a", "retention.ms", OpType.SET, "never"));
    request.resources().add(change("missing", "retention.ms", OpType.SET, "1"));
    IncrementalAlterConfigsResponseData response =
        FakeExchange.ask(
            new AlterConfigsHandler(cluster.plane),
            ApiKeys.INCREMENTAL_ALTER_CONFIGS,
            1,
            request,
            IncrementalAlterConfigsResponseData.class);
    assertThat(response.responses())
        .extracting(r -> r.resourceName() + ":" + Errors.forCode(r.errorCode()))
        .containsExactlyInAnyOrder(
            "c:NONE", "policy:NONE", "a:INVALID_CONFIG", "missing:UNKNOWN_TOPIC_OR_PARTITION");
    assertThat(cluster.plane.topicConfigs().topic("c").retentionBytes()).isEqualTo(77);
    assertThat(cluster.plane.topicConfigs().topic("policy").compacts()).isTrue();
  }

  @Test
  void aResourceTypeThatNobodyKnowsIsNamedAsItWasAskedFor() throws Exception {
    IncrementalAlterConfigsRequestData request = new IncrementalAlterConfigsRequestData();
    request.resources().add(change("x", "a", OpType.SET, "b").setResourceType((byte) 99));
    request.resources().add(change("x", "a", OpType.SET, "b").setResourceType((byte) 98));
    AlterConfigsRequestData replacing = new AlterConfigsRequestData();
    replacing
        .resources()
        .add(
            new AlterConfigsRequestData.AlterConfigsResource()
                .setResourceName("x")
                .setResourceType((byte) 99));
    AlterConfigsHandler handler = new AlterConfigsHandler(cluster.plane);
    assertThat(
            FakeExchange.ask(
                    handler,
                    ApiKeys.INCREMENTAL_ALTER_CONFIGS,
                    1,
                    request,
                    IncrementalAlterConfigsResponseData.class)
                .responses())
        .extracting(r -> r.resourceType() + " " + r.errorMessage())
        .containsExactly("99 Unknown resource type 99", "98 Unknown resource type 98");
    assertThat(
            FakeExchange.ask(
                    handler, ApiKeys.ALTER_CONFIGS, 2, replacing, AlterConfigsResponseData.class)
                .responses())
        .extracting(r -> r.resourceType() + " " + r.errorMessage())
        .containsExactly("99 Unknown resource type 99");
  }

  @Test
  void onlyListsOfTopicsAndBrokersAreAppendedTo() throws Exception {
    IncrementalAlterConfigsRequestData request = new IncrementalAlterConfigsRequestData();
    request
        .resources()
        .add(
            change("m", "metrics", OpType.APPEND, "a")
                .setResourceType(ConfigResource.Type.CLIENT_METRICS.id()));
    IncrementalAlterConfigsResponseData response =
        FakeExchange.ask(
            new AlterConfigsHandler(cluster.plane),
            ApiKeys.INCREMENTAL_ALTER_CONFIGS,
            1,
            request,
            IncrementalAlterConfigsResponseData.class);
    assertThat(response.responses())
        .extracting(r -> Errors.forCode(r.errorCode()) + " " + r.errorMessage())
        .containsExactly(
            "INVALID_CONFIG Can't APPEND to key metrics because its type is not LIST.");
  }

  private static IncrementalAlterConfigsRequestData.AlterConfigsResource change(
      String topic, String name, OpType op, String value) {
    IncrementalAlterConfigsRequestData.AlterConfigsResource resource =
        new IncrementalAlterConfigsRequestData.AlterConfigsResource()
            .setResourceType(ConfigResource.Type.TOPIC.id())
            .setResourceName(topic);
    resource
        .configs()
        .add(new AlterableConfig().setName(name).setConfigOperation(op.id()).setValue(value));
    return resource;
  }

  @Test
  void resourcesWithSettingsAreListed() throws Exception {
    ListConfigResourcesResponseData response =
        FakeExchange.ask(
            new DescribeConfigsHandler(cluster.plane::metadata, cluster.plane.configDescriptions()),
            ApiKeys.LIST_CONFIG_RESOURCES,
            1,
            new ListConfigResourcesRequestData(),
            ListConfigResourcesResponseData.class);
    assertThat(response.configResources())
        .anyMatch(
            r -> r.resourceName().equals("a") && r.resourceType() == ConfigResource.Type.TOPIC.id())
        .anyMatch(
            r ->
                r.resourceName().equals("1")
                    && r.resourceType() == ConfigResource.Type.BROKER.id());
  }

  @Test
  void noReassignmentIsUnderWay() throws Exception {
    assertThat(
            FakeExchange.ask(
                    new ReassignmentsHandler(cluster.plane),
                    ApiKeys.LIST_PARTITION_REASSIGNMENTS,
                    0,
                    new ListPartitionReassignmentsRequestData().setTopics(null),
                    ListPartitionReassignmentsResponseData.class)
                .topics())
        .isEmpty();
  }
}
