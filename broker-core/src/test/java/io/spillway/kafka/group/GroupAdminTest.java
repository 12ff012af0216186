package io.spillway.kafka.group;

import static org.assertj.core.api.Assertions.assertThat;

import io.spillway.kafka.coordinator.FakePartition;
import io.spillway.request.group.GroupLag.Entry;
import io.spillway.request.group.GroupLag.Report;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.Map;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.compress.Compression;
import org.apache.kafka.common.message.DeleteGroupsRequestData;
import org.apache.kafka.common.message.DeleteGroupsResponseData;
import org.apache.kafka.common.message.DescribeGroupsRequestData;
import org.apache.kafka.common.message.DescribeGroupsResponseData;
import org.apache.kafka.common.message.ListGroupsRequestData;
import org.apache.kafka.common.message.ListGroupsResponseData;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.protocol.Errors;
import org.apache.kafka.common.record.internal.MemoryRecords;
import org.apache.kafka.common.record.internal.SimpleRecord;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class GroupAdminTest {

  private final GroupBroker broker = GroupBroker.serving();

  /** One group with a member, one without, one of Connect's. */
  @BeforeEach
  void groups() {
    broker.createTopic("orders", 2);
    TestMember stable = member("stable", "consumer");
    assertThat(stable.commit("orders", 0, 1)).isEqualTo(Errors.NONE);
    TestMember empty = member("empty", "consumer");
    assertThat(empty.commit("orders", 1, 5)).isEqualTo(Errors.NONE);
    empty.leave();
    member("workers", "connect");
  }

  private TestMember member(String groupId, String protocolType) {
    TestMember member = new TestMember(broker, groupId, protocolType, "range", null);
    assertThat(member.join()).isEqualTo(Errors.NONE);
    member.sync(Map.of(member.memberId, "all"));
    return member;
  }

  @AfterEach
  void close() {
    broker.close();
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 1, 2, 3, 4, 5})
  void everyVersionListsEveryGroup(int version) {
    assertThat(list(version, new ListGroupsRequestData()))
        .containsExactlyInAnyOrder("stable consumer", "empty consumer", "workers connect");
  }

  @Test
  void listsAreFilteredByStateAndType() {
    assertThat(list(4, new ListGroupsRequestData().setStatesFilter(List.of("Empty"))))
        .containsExactly("empty consumer");
    assertThat(list(5, new ListGroupsRequestData().setTypesFilter(List.of("classic")))).hasSize(3);
    assertThat(list(5, new ListGroupsRequestData().setTypesFilter(List.of("consumer")))).isEmpty();
  }

  @Test
  void describeTellsStateMembersAndProtocol() {
    var groups = describe(6, true, "stable", "empty", "nobody").groups();
    assertThat(groups)
        .extracting(g -> g.groupId() + " " + g.groupState() + " " + g.members().size())
        .containsExactly("stable Stable 1", "empty Empty 0", "nobody Dead 0");
    assertThat(groups.get(0).protocolData()).isEqualTo("range");
    assertThat(groups.get(0).authorizedOperations())
        .isEqualTo(1 << 3 | 1 << 6 | 1 << 8 | 1 << 10 | 1 << 11);
    assertThat(Errors.forCode(groups.get(2).errorCode())).isEqualTo(Errors.GROUP_ID_NOT_FOUND);
  }

  @Test
  void olderVersionsDescribeAnUnknownGroupAsDead() {
    var group = describe(5, false, "nobody").groups().get(0);
    assertThat(Errors.forCode(group.errorCode())).isEqualTo(Errors.NONE);
    assertThat(group.groupState()).isEqualTo("Dead");
    assertThat(group.authorizedOperations()).isEqualTo(Integer.MIN_VALUE);
    assertThat(describe(0, false, "stable").groups().get(0).groupState()).isEqualTo("Stable");
  }

  @Test
  void onlyEmptyGroupsAreDeleted() {
    DeleteGroupsResponseData answer =
        broker.call(
            ApiKeys.DELETE_GROUPS,
            2,
            new DeleteGroupsRequestData()
                .setGroupsNames(List.of("empty", "stable", "nobody", "empty")),
            DeleteGroupsResponseData.class);
    assertThat(answer.results())
        .extracting(r -> r.groupId() + " " + Errors.forCode(r.errorCode()))
        .containsExactlyInAnyOrder(
            "empty NONE", "stable NON_EMPTY_GROUP", "nobody GROUP_ID_NOT_FOUND");
    assertThat(list(5, new ListGroupsRequestData()))
        .containsExactlyInAnyOrder("stable consumer", "workers connect");
  }

  @Test
  void lagIsTheDistanceToTheHighWatermark() {
    produce(0, 4);
    Report report = GroupBroker.await(broker.groups.lag().report(10));
    assertThat(report.entries())
        .containsExactly(
            new Entry("empty", "orders", 1, 5, 0), new Entry("stable", "orders", 0, 1, 3));
    assertThat(report.leftOut()).isZero();
    Report bounded = GroupBroker.await(broker.groups.lag().report(1));
    assertThat(bounded.entries()).hasSize(1);
    assertThat(bounded.leftOut()).isEqualTo(2);
  }

  private void produce(int partition, int count) {
    SimpleRecord[] records = new SimpleRecord[count];
    java.util.Arrays.fill(
        records, new SimpleRecord("v".getBytes(java.nio.charset.StandardCharsets.UTF_8)));
    ByteBuffer batch = MemoryRecords.withRecords(Compression.NONE, records).buffer();
    FakePartition target = broker.partitions.get(new TopicPartition("orders", partition));
    target.appendInternal(batch);
    GroupBroker.until(() -> target.highWatermark() == count);
  }

  private List<String> list(int version, ListGroupsRequestData request) {
    ListGroupsResponseData answer =
        broker.call(ApiKeys.LIST_GROUPS, version, request, ListGroupsResponseData.class);
    assertThat(Errors.forCode(answer.errorCode())).isEqualTo(Errors.NONE);
    return answer.groups().stream().map(g -> g.groupId() + " " + g.protocolType()).toList();
  }

  private DescribeGroupsResponseData describe(int version, boolean operations, String... groups) {
    return broker.call(
        ApiKeys.DESCRIBE_GROUPS,
        version,
        new DescribeGroupsRequestData()
            .setGroups(List.of(groups))
            .setIncludeAuthorizedOperations(operations),
        DescribeGroupsResponseData.class);
  }
}
