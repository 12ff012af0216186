package io.spillway.kafka.group;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.stream.Stream;
import org.apache.kafka.common.message.DescribeGroupsRequestData;
import org.apache.kafka.common.message.DescribeGroupsResponseData;
import org.apache.kafka.common.message.HeartbeatRequestData;
import org.apache.kafka.common.message.HeartbeatResponseData;
import org.apache.kafka.common.message.JoinGroupRequestData;
import org.apache.kafka.common.message.JoinGroupResponseData;
import org.apache.kafka.common.message.LeaveGroupRequestData;
import org.apache.kafka.common.message.LeaveGroupResponseData;
import org.apache.kafka.common.message.SyncGroupRequestData;
import org.apache.kafka.common.message.SyncGroupResponseData;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.protocol.Errors;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

class ClassicGroupTest {

  private final GroupBroker broker = GroupBroker.serving();

  @AfterEach
  void close() {
    broker.close();
  }

  @Test
  void oneMemberJoinsSyncsBeatsAndLeaves() {
    TestMember member = new TestMember(broker, "g");
    assertThat(member.join()).isEqualTo(Errors.NONE);
    assertThat(member.generation).isEqualTo(1);
    assertThat(member.leads()).isTrue();
    assertThat(member.sync(Map.of(member.memberId, "all"))).isEqualTo("all");
    assertThat(member.heartbeat()).isEqualTo(Errors.NONE);
    assertThat(member.leave()).isEqualTo(Errors.NONE);
    assertThat(member.heartbeat()).isEqualTo(Errors.UNKNOWN_MEMBER_ID);
  }

  @Test
  void aSecondMemberRebalancesTheFirst() {
    TestMember first = new TestMember(broker, "g");
    first.join();
    first.sync(Map.of(first.memberId, "all"));

    TestMember second = new TestMember(broker, "g");
    CompletableFuture<JoinGroupResponseData> joining = second.joinAsync();
    GroupBroker.until(() -> first.heartbeat() != Errors.NONE);
    assertThat(first.heartbeat()).isEqualTo(Errors.REBALANCE_IN_PROGRESS);
    assertThat(first.join()).isEqualTo(Errors.NONE);
    assertThat(second.joined(GroupBroker.await(joining))).isEqualTo(Errors.NONE);
    assertThat(first.generation).isEqualTo(2).isEqualTo(second.generation);
    assertThat(first.members).containsExactlyInAnyOrder(first.memberId, second.memberId);

    CompletableFuture<SyncGroupResponseData> following = second.syncAsync(Map.of());
    assertThat(first.sync(Map.of(first.memberId, "left", second.memberId, "right")))
        .isEqualTo("left");
    assertThat(GroupBroker.await(following).assignment())
        .isEqualTo("right".getBytes(StandardCharsets.UTF_8));

    // The first leaves: the second is asked to join again.
    assertThat(first.leave()).isEqualTo(Errors.NONE);
    assertThat(second.heartbeat()).isEqualTo(Errors.REBALANCE_IN_PROGRESS);
  }

  @Test
  void groupsOfOtherProtocolTypesWorkAsConnectNeedsThem() {
    TestMember worker = new TestMember(broker, "connect-cluster", "connect", "sessioned", null);
    assertThat(worker.join()).isEqualTo(Errors.NONE);
    assertThat(worker.sync(Map.of(worker.memberId, "connectors and tasks")))
        .isEqualTo("connectors and tasks");
    assertThat(worker.heartbeat()).isEqualTo(Errors.NONE);

    TestMember consumer = new TestMember(broker, "connect-cluster");
    assertThat(consumer.join()).isEqualTo(Errors.INCONSISTENT_GROUP_PROTOCOL);
  }

  @Test
  void aStaticMemberComesBackWithoutARebalance() {
    TestMember before = new TestMember(broker, "g", "consumer", "range", "instance-1");
    before.join();
    before.sync(Map.of(before.memberId, "all"));
    TestMember after = new TestMember(broker, "g", "consumer", "range", "instance-1");
    assertThat(after.join()).isEqualTo(Errors.NONE);
    assertThat(after.generation).isEqualTo(before.generation);
    assertThat(after.memberId).isNotEqualTo(before.memberId);
    assertThat(before.heartbeat()).isEqualTo(Errors.FENCED_INSTANCE_ID);
    assertThat(after.sync(Map.of())).isEqualTo("all");
  }

  @Test
  void requestsOfTheFirstVersionsAreServed() {
    JoinGroupRequestData join =
        new JoinGroupRequestData()
            .setGroupId("old")
            .setProtocolType("consumer")
            .setSessionTimeoutMs(30_000);
    join.protocols()
        .add(
            new JoinGroupRequestData.JoinGroupRequestProtocol()
                .setName("range")
                .setMetadata(new byte[10]));
    JoinGroupResponseData joined =
        broker.retrying(
            ApiKeys.JOIN_GROUP,
            0,
            join,
            JoinGroupResponseData.class,
            JoinGroupResponseData::errorCode);
    assertThat(Errors.forCode(joined.errorCode())).isEqualTo(Errors.NONE);
    SyncGroupResponseData synced =
        broker.call(
            ApiKeys.SYNC_GROUP,
            0,
            new SyncGroupRequestData()
                .setGroupId("old")
                .setMemberId(joined.memberId())
                .setGenerationId(joined.generationId()),
            SyncGroupResponseData.class);
    assertThat(Errors.forCode(synced.errorCode())).isEqualTo(Errors.NONE);
    LeaveGroupResponseData left =
        broker.call(
            ApiKeys.LEAVE_GROUP,
            0,
            new LeaveGroupRequestData().setGroupId("old").setMemberId(joined.memberId()),
            LeaveGroupResponseData.class);
    assertThat(Errors.forCode(left.errorCode())).isEqualTo(Errors.NONE);
    LeaveGroupResponseData leftAgain =
        broker.call(
            ApiKeys.LEAVE_GROUP,
            2,
            new LeaveGroupRequestData().setGroupId("old").setMemberId(joined.memberId()),
            LeaveGroupResponseData.class);
    assertThat(Errors.forCode(leftAgain.errorCode())).isEqualTo(Errors.UNKNOWN_MEMBER_ID);
  }

  static Stream<Arguments> refusedHeartbeats() {
    return Stream.of(
        Arguments.of("", "m", 1, Errors.INVALID_GROUP_ID),
        Arguments.of("unknown", "m", 1, Errors.UNKNOWN_MEMBER_ID),
        Arguments.of("g", "stranger", 1, Errors.UNKNOWN_MEMBER_ID),
        Arguments.of("g", "", 99, Errors.ILLEGAL_GENERATION));
  }

  @ParameterizedTest
  @MethodSource("refusedHeartbeats")
  void heartbeatsOfNobodyAreRefused(String group, String member, int generation, Errors error) {
    TestMember present = new TestMember(broker, "g");
    present.join();
    present.sync(Map.of(present.memberId, "all"));
    HeartbeatResponseData answer =
        broker.retrying(
            ApiKeys.HEARTBEAT,
            4,
            new HeartbeatRequestData()
                .setGroupId(group)
                .setMemberId(member.isEmpty() ? present.memberId : member)
                .setGenerationId(generation),
            HeartbeatResponseData.class,
            HeartbeatResponseData::errorCode);
    assertThat(Errors.forCode(answer.errorCode())).isEqualTo(error);
  }

  @Test
  void aSessionTimeoutOutOfBoundsIsRefused() {
    JoinGroupRequestData join =
        new JoinGroupRequestData()
            .setGroupId("g")
            .setProtocolType("consumer")
            .setSessionTimeoutMs(1)
            .setRebalanceTimeoutMs(1);
    join.protocols()
        .add(
            new JoinGroupRequestData.JoinGroupRequestProtocol()
                .setName("range")
                .setMetadata(new byte[10]));
    JoinGroupResponseData answer =
        broker.retrying(
            ApiKeys.JOIN_GROUP,
            9,
            join,
            JoinGroupResponseData.class,
            JoinGroupResponseData::errorCode);
    assertThat(Errors.forCode(answer.errorCode())).isEqualTo(Errors.INVALID_SESSION_TIMEOUT);
  }

  @Test
  void syncWithoutItsProtocolIsRefusedFromVersionFive() {
    SyncGroupResponseData answer =
        broker.call(
            ApiKeys.SYNC_GROUP,
            5,
            new SyncGroupRequestData().setGroupId("g").setMemberId("m").setGenerationId(1),
            SyncGroupResponseData.class);
    assertThat(Errors.forCode(answer.errorCode())).isEqualTo(Errors.INCONSISTENT_GROUP_PROTOCOL);
  }

  @Test
  void theClientsAddressAndIdAreToldToWhoDescribesTheGroup() {
    TestMember member = new TestMember(broker, "g");
    member.join();
    member.sync(Map.of(member.memberId, "all"));
    DescribeGroupsRequestData request = new DescribeGroupsRequestData();
    request.groups().add("g");
    DescribeGroupsResponseData answer =
        broker.call(ApiKeys.DESCRIBE_GROUPS, 6, request, DescribeGroupsResponseData.class);
    assertThat(answer.groups().get(0).groupState()).isEqualTo("Stable");
    assertThat(answer.groups().get(0).members().get(0).clientId()).isEqualTo("client-1");
    assertThat(answer.groups().get(0).members().get(0).clientHost()).endsWith("/127.0.0.1");
  }
}
