package io.spillway.kafka.group;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import org.apache.kafka.common.message.HeartbeatRequestData;
import org.apache.kafka.common.message.HeartbeatResponseData;
import org.apache.kafka.common.message.JoinGroupRequestData;
import org.apache.kafka.common.message.JoinGroupRequestData.JoinGroupRequestProtocol;
import org.apache.kafka.common.message.JoinGroupResponseData;
import org.apache.kafka.common.message.LeaveGroupRequestData;
import org.apache.kafka.common.message.LeaveGroupRequestData.MemberIdentity;
import org.apache.kafka.common.message.LeaveGroupResponseData;
import org.apache.kafka.common.message.OffsetCommitRequestData;
import org.apache.kafka.common.message.OffsetCommitRequestData.OffsetCommitRequestPartition;
import org.apache.kafka.common.message.OffsetCommitRequestData.OffsetCommitRequestTopic;
import org.apache.kafka.common.message.OffsetCommitResponseData;
import org.apache.kafka.common.message.SyncGroupRequestData;
import org.apache.kafka.common.message.SyncGroupRequestData.SyncGroupRequestAssignment;
import org.apache.kafka.common.message.SyncGroupResponseData;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.protocol.Errors;
import org.jspecify.annotations.Nullable;

/** A client of the classic protocol. */
final class TestMember {

  private final GroupBroker broker;
  private final String groupId;
  private final String protocolType;
  private final String protocol;
  private final @Nullable String instanceId;
  String memberId = "";
  int generation = -1;
  String leader = "";
  List<String> members = List.of();

  TestMember(GroupBroker broker, String groupId) {
    this(broker, groupId, "consumer", "range", null);
  }

  TestMember(
      GroupBroker broker,
      String groupId,
      String protocolType,
      String protocol,
      @Nullable String instanceId) {
    this.broker = broker;
    this.groupId = groupId;
    this.protocolType = protocolType;
    this.protocol = protocol;
    this.instanceId = instanceId;
  }

  boolean leads() {
    return leader.equals(memberId);
  }

  /** Joins, with the detour over an id that the coordinator gives (KIP-394). */
  Errors join() {
    return joined(GroupBroker.await(joinAsync()));
  }

  CompletableFuture<JoinGroupResponseData> joinAsync() {
    return joinOnce()
        .thenCompose(
            answer -> {
              Errors error = Errors.forCode(answer.errorCode());
              if (error == Errors.MEMBER_ID_REQUIRED) {
                memberId = answer.memberId();
                return joinAsync();
              }
              if (error == Errors.UNKNOWN_MEMBER_ID && instanceId == null) {
                // Named by a coordinator that went before the member was durable.
                memberId = "";
                return joinAsync();
              }
              if (error == Errors.COORDINATOR_LOAD_IN_PROGRESS || error == Errors.NOT_COORDINATOR) {
                GroupBroker.backOff();
                return joinAsync();
              }
              return CompletableFuture.completedFuture(answer);
            });
  }

  private CompletableFuture<JoinGroupResponseData> joinOnce() {
    JoinGroupRequestData request =
        new JoinGroupRequestData()
            .setGroupId(groupId)
            .setMemberId(memberId)
            .setGroupInstanceId(instanceId)
            .setProtocolType(protocolType)
            .setSessionTimeoutMs(30_000)
            .setRebalanceTimeoutMs(30_000);
    request
        .protocols()
        .add(
            new JoinGroupRequestProtocol()
                .setName(protocol)
                .setMetadata(new byte[] {0, 1, 0, 0, 0, 0, 0, 0, 0, 0}));
    return broker.send(ApiKeys.JOIN_GROUP, 9, request).thenApply(JoinGroupResponseData.class::cast);
  }

  Errors joined(JoinGroupResponseData answer) {
    Errors error = Errors.forCode(answer.errorCode());
    if (error == Errors.NONE) {
      assertThat(answer.protocolType()).isEqualTo(protocolType);
      memberId = answer.memberId();
      generation = answer.generationId();
      leader = answer.leader();
      members = answer.members().stream().map(member -> member.memberId()).toList();
    }
    return error;
  }

  CompletableFuture<SyncGroupResponseData> syncAsync(Map<String, String> assignments) {
    List<SyncGroupRequestAssignment> all = new ArrayList<>();
    assignments.forEach(
        (member, assignment) ->
            all.add(
                new SyncGroupRequestAssignment()
                    .setMemberId(member)
                    .setAssignment(assignment.getBytes(StandardCharsets.UTF_8))));
    return broker
        .send(
            ApiKeys.SYNC_GROUP,
            5,
            new SyncGroupRequestData()
                .setGroupId(groupId)
                .setMemberId(memberId)
                .setGroupInstanceId(instanceId)
                .setGenerationId(generation)
                .setProtocolType(protocolType)
                .setProtocolName(protocol)
                .setAssignments(all))
        .thenApply(SyncGroupResponseData.class::cast);
  }

  String sync(Map<String, String> assignments) {
    SyncGroupResponseData answer = GroupBroker.await(syncAsync(assignments));
    assertThat(Errors.forCode(answer.errorCode())).isEqualTo(Errors.NONE);
    return new String(answer.assignment(), StandardCharsets.UTF_8);
  }

  Errors heartbeat() {
    return Errors.forCode(
        broker
            .retrying(
                ApiKeys.HEARTBEAT,
                4,
                new HeartbeatRequestData()
                    .setGroupId(groupId)
                    .setMemberId(memberId)
                    .setGroupInstanceId(instanceId)
                    .setGenerationId(generation),
                HeartbeatResponseData.class,
                HeartbeatResponseData::errorCode)
            .errorCode());
  }

  Errors leave() {
    LeaveGroupResponseData answer =
        broker.call(
            ApiKeys.LEAVE_GROUP,
            5,
            new LeaveGroupRequestData()
                .setGroupId(groupId)
                .setMembers(
                    List.of(
                        new MemberIdentity().setMemberId(memberId).setGroupInstanceId(instanceId))),
            LeaveGroupResponseData.class);
    assertThat(Errors.forCode(answer.errorCode())).isEqualTo(Errors.NONE);
    return Errors.forCode(answer.members().get(0).errorCode());
  }

  OffsetCommitRequestData commitRequest(String topic, int partition, long offset) {
    return new OffsetCommitRequestData()
        .setGroupId(groupId)
        .setMemberId(memberId)
        .setGroupInstanceId(instanceId)
        .setGenerationIdOrMemberEpoch(generation)
        .setTopics(
            List.of(
                new OffsetCommitRequestTopic()
                    .setName(topic)
                    .setPartitions(
                        List.of(
                            new OffsetCommitRequestPartition()
                                .setPartitionIndex(partition)
                                .setCommittedOffset(offset)
                                .setCommittedMetadata("note")))));
  }

  CompletableFuture<Errors> commitAsync(String topic, int partition, long offset) {
    return broker
        .send(ApiKeys.OFFSET_COMMIT, 9, commitRequest(topic, partition, offset))
        .thenApply(
            answer ->
                Errors.forCode(
                    ((OffsetCommitResponseData) answer)
                        .topics()
                        .get(0)
                        .partitions()
                        .get(0)
                        .errorCode()));
  }

  /** As clients do: commits again while the coordinator cannot. */
  Errors commit(String topic, int partition, long offset) {
    for (int attempt = 0; attempt < 2_000; attempt++) {
      Errors error = GroupBroker.await(commitAsync(topic, partition, offset));
      if (error != Errors.COORDINATOR_LOAD_IN_PROGRESS && error != Errors.NOT_COORDINATOR) {
        return error;
      }
      GroupBroker.backOff();
    }
    throw new AssertionError("no coordinator");
  }
}
