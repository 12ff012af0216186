package io.spillway.kafka.group;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.message.OffsetCommitRequestData;
import org.apache.kafka.common.message.OffsetCommitRequestData.OffsetCommitRequestPartition;
import org.apache.kafka.common.message.OffsetCommitRequestData.OffsetCommitRequestTopic;
import org.apache.kafka.common.message.OffsetCommitResponseData;
import org.apache.kafka.common.message.OffsetDeleteRequestData;
import org.apache.kafka.common.message.OffsetDeleteRequestData.OffsetDeleteRequestPartition;
import org.apache.kafka.common.message.OffsetDeleteRequestData.OffsetDeleteRequestTopic;
import org.apache.kafka.common.message.OffsetDeleteRequestData.OffsetDeleteRequestTopicCollection;
import org.apache.kafka.common.message.OffsetDeleteResponseData;
import org.apache.kafka.common.message.OffsetFetchRequestData;
import org.apache.kafka.common.message.OffsetFetchRequestData.OffsetFetchRequestGroup;
import org.apache.kafka.common.message.OffsetFetchRequestData.OffsetFetchRequestTopic;
import org.apache.kafka.common.message.OffsetFetchRequestData.OffsetFetchRequestTopics;
import org.apache.kafka.common.message.OffsetFetchResponseData;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.protocol.Errors;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class OffsetsTest {

  private final GroupBroker broker = GroupBroker.serving();
  private final Uuid topicId = broker.createTopic("orders", 3);

  @AfterEach
  void close() {
    broker.close();
  }

  @ParameterizedTest
  @ValueSource(ints = {2, 3, 4, 5, 6, 7, 8, 9})
  void commitsAreReadBackInEveryVersionThatNamesTopics(int version) {
    broker.awaitLoaded("g" + version);
    OffsetCommitRequestData request = commit("g" + version, "orders", Uuid.ZERO_UUID, 1, 42);
    OffsetCommitResponseData committed =
        broker.call(ApiKeys.OFFSET_COMMIT, version, request, OffsetCommitResponseData.class);
    assertThat(errorsOf(committed)).containsExactly(Map.entry("orders-1", Errors.NONE));
    int fetchVersion = Math.min(version, 9);
    assertThat(fetch(fetchVersion, "g" + version, "orders", 0, 1))
        .containsExactly("orders-0: -1 NONE", "orders-1: 42 NONE");
    assertThat(fetchAll(fetchVersion, "g" + version)).containsExactly("orders-1: 42 NONE");
  }

  @Test
  void theFirstFetchVersionAnswersPerPartition() {
    broker.awaitLoaded("g");
    assertThat(fetch(1, "g", "orders", 2)).containsExactly("orders-2: -1 NONE");
  }

  @Test
  void partitionsThatDoNotExistAreRefusedOneByOne() {
    broker.awaitLoaded("g");
    OffsetCommitRequestData request = commit("g", "orders", Uuid.ZERO_UUID, 1, 42);
    request.topics().get(0).partitions().add(partition(7, 1));
    request.topics().get(0).partitions().add(partition(-1, 1));
    request.setTopics(
        List.of(
            request.topics().get(0),
            new OffsetCommitRequestTopic()
                .setName("nowhere")
                .setPartitions(List.of(partition(0, 1)))));
    OffsetCommitResponseData answer =
        broker.call(ApiKeys.OFFSET_COMMIT, 9, request, OffsetCommitResponseData.class);
    assertThat(errorsOf(answer))
        .containsExactlyInAnyOrderEntriesOf(
            Map.of(
                "orders-1", Errors.NONE,
                "orders-7", Errors.UNKNOWN_TOPIC_OR_PARTITION,
                "orders--1", Errors.UNKNOWN_TOPIC_OR_PARTITION,
                "nowhere-0", Errors.UNKNOWN_TOPIC_OR_PARTITION));
    assertThat(fetchAll(9, "g")).containsExactly("orders-1: 42 NONE");
  }

  @Test
  void aCommitOfUnknownTopicsOnlyReachesNoCoordinator() {
    OffsetCommitResponseData answer =
        broker.call(
            ApiKeys.OFFSET_COMMIT,
            9,
            commit("g", "nowhere", Uuid.ZERO_UUID, 0, 1),
            OffsetCommitResponseData.class);
    assertThat(errorsOf(answer))
        .containsExactly(Map.entry("nowhere-0", Errors.UNKNOWN_TOPIC_OR_PARTITION));
  }

  @Test
  void versionTenNamesTopicsById() {
    broker.awaitLoaded("g");
    Uuid unknown = Uuid.randomUuid();
    OffsetCommitRequestData request = commit("g", "", topicId, 2, 5);
    request.setTopics(
        List.of(
            request.topics().get(0),
            new OffsetCommitRequestTopic()
                .setTopicId(unknown)
                .setPartitions(List.of(partition(0, 1)))));
    OffsetCommitResponseData committed =
        broker.call(ApiKeys.OFFSET_COMMIT, 10, request, OffsetCommitResponseData.class);
    assertThat(errorsOf(committed))
        .containsExactlyInAnyOrderEntriesOf(
            Map.of(topicId + "-2", Errors.NONE, unknown + "-0", Errors.UNKNOWN_TOPIC_ID));

    OffsetFetchRequestGroup group =
        new OffsetFetchRequestGroup()
            .setGroupId("g")
            .setTopics(
                List.of(
                    new OffsetFetchRequestTopics()
                        .setTopicId(topicId)
                        .setPartitionIndexes(List.of(2)),
                    new OffsetFetchRequestTopics()
                        .setTopicId(unknown)
                        .setPartitionIndexes(List.of(0))));
    assertThat(fetch(10, new OffsetFetchRequestData().setGroups(List.of(group))))
        .containsExactlyInAnyOrder(topicId + "-2: 5 NONE", unknown + "-0: -1 UNKNOWN_TOPIC_ID");
    assertThat(fetchAll(10, "g")).containsExactly(topicId + "-2: 5 NONE");
    assertThat(fetchAll(9, "g")).containsExactly("orders-2: 5 NONE");
  }

  @Test
  void manyGroupsAreFetchedAtOnceAndFailAlone() {
    TestMember member = new TestMember(broker, "a");
    member.join();
    member.sync(Map.of(member.memberId, "all"));
    assertThat(member.commit("orders", 0, 9)).isEqualTo(Errors.NONE);
    // The coordinator of the second group is elsewhere.
    broker.partitions.resign(broker.offsetsPartition("b").topicPartition(), false);
    OffsetFetchRequestData request =
        new OffsetFetchRequestData()
            .setGroups(
                List.of(
                    new OffsetFetchRequestGroup().setGroupId("a").setTopics(null),
                    new OffsetFetchRequestGroup().setGroupId("b").setTopics(null)));
    GroupBroker.until(
        () -> {
          OffsetFetchResponseData answer =
              broker.call(ApiKeys.OFFSET_FETCH, 9, request, OffsetFetchResponseData.class);
          assertThat(answer.groups())
              .extracting(group -> group.groupId())
              .containsExactly("a", "b");
          assertThat(answer.groups().get(0).topics()).hasSize(1);
          return answer.groups().get(1).errorCode() == Errors.NOT_COORDINATOR.code();
        });
  }

  @Test
  void membersOfOtherGenerationsCannotCommit() {
    TestMember member = new TestMember(broker, "g");
    member.join();
    member.sync(Map.of(member.memberId, "all"));
    member.generation = 17;
    assertThat(member.commit("orders", 0, 1)).isEqualTo(Errors.ILLEGAL_GENERATION);
    TestMember stranger = new TestMember(broker, "g");
    stranger.memberId = "stranger";
    stranger.generation = 1;
    assertThat(stranger.commit("orders", 0, 1)).isEqualTo(Errors.UNKNOWN_MEMBER_ID);
  }

  @Test
  void metadataThatIsTooLargeIsRefused() {
    broker.awaitLoaded("g");
    OffsetCommitRequestData request = commit("g", "orders", Uuid.ZERO_UUID, 0, 1);
    request.topics().get(0).partitions().get(0).setCommittedMetadata("x".repeat(5_000));
    assertThat(
            errorsOf(
                broker.call(ApiKeys.OFFSET_COMMIT, 9, request, OffsetCommitResponseData.class)))
        .containsExactly(Map.entry("orders-0", Errors.OFFSET_METADATA_TOO_LARGE));
  }

  @Test
  void offsetsAreDeletedAndUnknownPartitionsAnsweredOneByOne() {
    broker.awaitLoaded("g");
    broker.call(
        ApiKeys.OFFSET_COMMIT,
        9,
        commit("g", "orders", Uuid.ZERO_UUID, 1, 42),
        OffsetCommitResponseData.class);
    OffsetDeleteResponseData answer = delete("g", 1, 9);
    assertThat(Errors.forCode(answer.errorCode())).isEqualTo(Errors.NONE);
    Map<Integer, Errors> errors = new TreeMap<>();
    answer
        .topics()
        .find("orders")
        .partitions()
        .forEach(p -> errors.put(p.partitionIndex(), Errors.forCode(p.errorCode())));
    assertThat(errors).isEqualTo(Map.of(1, Errors.NONE, 9, Errors.UNKNOWN_TOPIC_OR_PARTITION));
    assertThat(fetchAll(9, "g")).isEmpty();
    assertThat(Errors.forCode(delete("nobody", 1).errorCode()))
        .isEqualTo(Errors.GROUP_ID_NOT_FOUND);
  }

  @Test
  void offsetsOfADeletedTopicGo() {
    broker.awaitLoaded("g");
    broker.createTopic("doomed", 1);
    broker.call(
        ApiKeys.OFFSET_COMMIT,
        9,
        commit("g", "doomed", Uuid.ZERO_UUID, 0, 1),
        OffsetCommitResponseData.class);
    broker.call(
        ApiKeys.OFFSET_COMMIT,
        9,
        commit("g", "orders", Uuid.ZERO_UUID, 0, 2),
        OffsetCommitResponseData.class);
    broker.cluster.deleteTopic("doomed");
    GroupBroker.until(() -> fetchAll(9, "g").size() == 1);
    assertThat(fetchAll(9, "g")).containsExactly("orders-0: 2 NONE");
  }

  // ---- requests

  private static OffsetCommitRequestData commit(
      String groupId, String topic, Uuid id, int partition, long offset) {
    return new OffsetCommitRequestData()
        .setGroupId(groupId)
        .setTopics(
            Arrays.asList(
                new OffsetCommitRequestTopic()
                    .setName(topic)
                    .setTopicId(id)
                    .setPartitions(
                        new java.util.ArrayList<>(List.of(partition(partition, offset))))));
  }

  private static OffsetCommitRequestPartition partition(int index, long offset) {
    return new OffsetCommitRequestPartition()
        .setPartitionIndex(index)
        .setCommittedOffset(offset)
        .setCommittedMetadata("note");
  }

  private static Map<String, Errors> errorsOf(OffsetCommitResponseData answer) {
    Map<String, Errors> errors = new TreeMap<>();
    answer
        .topics()
        .forEach(
            topic ->
                topic
                    .partitions()
                    .forEach(
                        p ->
                            errors.put(
                                nameOf(topic.name(), topic.topicId()) + "-" + p.partitionIndex(),
                                Errors.forCode(p.errorCode()))));
    return errors;
  }

  private OffsetDeleteResponseData delete(String groupId, int... partitions) {
    OffsetDeleteRequestTopic topic = new OffsetDeleteRequestTopic().setName("orders");
    for (int partition : partitions) {
      topic.partitions().add(new OffsetDeleteRequestPartition().setPartitionIndex(partition));
    }
    OffsetDeleteRequestTopicCollection topics = new OffsetDeleteRequestTopicCollection();
    topics.add(topic);
    return broker.call(
        ApiKeys.OFFSET_DELETE,
        0,
        new OffsetDeleteRequestData().setGroupId(groupId).setTopics(topics),
        OffsetDeleteResponseData.class);
  }

  private List<String> fetchAll(int version, String groupId) {
    return fetch(version, request(version, groupId, null, List.of()));
  }

  private List<String> fetch(int version, String groupId, String topic, Integer... partitions) {
    return fetch(version, request(version, groupId, topic, List.of(partitions)));
  }

  private static OffsetFetchRequestData request(
      int version, String groupId, @Nullable String topic, List<Integer> partitions) {
    if (version >= 8) {
      return new OffsetFetchRequestData()
          .setGroups(
              List.of(
                  new OffsetFetchRequestGroup()
                      .setGroupId(groupId)
                      .setTopics(
                          topic == null
                              ? null
                              : List.of(
                                  new OffsetFetchRequestTopics()
                                      .setName(topic)
                                      .setPartitionIndexes(partitions)))));
    }
    return new OffsetFetchRequestData()
        .setGroupId(groupId)
        .setTopics(
            topic == null
                ? null
                : List.of(
                    new OffsetFetchRequestTopic().setName(topic).setPartitionIndexes(partitions)));
  }

  private List<String> fetch(int version, OffsetFetchRequestData request) {
    OffsetFetchResponseData answer =
        broker.call(ApiKeys.OFFSET_FETCH, version, request, OffsetFetchResponseData.class);
    if (version >= 8) {
      assertThat(Errors.forCode(answer.groups().get(0).errorCode())).isEqualTo(Errors.NONE);
      return answer.groups().get(0).topics().stream()
          .flatMap(
              topic ->
                  topic.partitions().stream()
                      .map(
                          p ->
                              line(
                                  nameOf(topic.name(), topic.topicId()),
                                  p.partitionIndex(),
                                  p.committedOffset(),
                                  p.errorCode())))
          .toList();
    }
    assertThat(Errors.forCode(answer.errorCode())).isEqualTo(Errors.NONE);
    return answer.topics().stream()
        .flatMap(
            topic ->
                topic.partitions().stream()
                    .map(
                        p ->
                            line(
                                topic.name(),
                                p.partitionIndex(),
                                p.committedOffset(),
                                p.errorCode())))
        .toList();
  }

  private static String nameOf(String name, Uuid id) {
    return name.isEmpty() ? id.toString() : name;
  }

  private static String line(String topic, int partition, long offset, short error) {
    return topic + "-" + partition + ": " + offset + " " + Errors.forCode(error);
  }
}
