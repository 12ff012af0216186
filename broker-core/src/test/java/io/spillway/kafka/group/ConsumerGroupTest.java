package io.spillway.kafka.group;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.message.ConsumerGroupDescribeRequestData;
import org.apache.kafka.common.message.ConsumerGroupDescribeResponseData;
import org.apache.kafka.common.message.ConsumerGroupHeartbeatRequestData;
import org.apache.kafka.common.message.ConsumerGroupHeartbeatResponseData;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.protocol.Errors;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** KIP-848. */
class ConsumerGroupTest {

  private final GroupBroker broker = GroupBroker.serving();
  private final Uuid topicId = broker.createTopic("orders", 4);

  @AfterEach
  void close() {
    broker.close();
  }

  @Test
  void aMemberIsAssignedEverything() {
    Member member = new Member("g");
    member.join("orders");
    member.untilAssigned(4);
    assertThat(member.assigned).containsExactlyInAnyOrder(0, 1, 2, 3);
    assertThat(member.leave()).isEqualTo(Errors.NONE);
    assertThat(Errors.forCode(member.beat().errorCode())).isEqualTo(Errors.UNKNOWN_MEMBER_ID);
  }

  @Test
  void twoMembersShare() {
    Member first = new Member("g");
    first.join("orders");
    first.untilAssigned(4);
    Member second = new Member("g");
    second.join("orders");
    for (int i = 0; i < 2_000 && (first.assigned.size() != 2 || second.assigned.size() != 2); i++) {
      first.beat();
      second.beat();
      GroupBroker.backOff();
    }
    Set<Integer> all = new HashSet<>(first.assigned);
    all.addAll(second.assigned);
    assertThat(first.assigned).hasSize(2);
    assertThat(all).containsExactlyInAnyOrder(0, 1, 2, 3);
  }

  @Test
  void aTopicThatGrowsIsNoticed() {
    Member member = new Member("g");
    member.join("later");
    assertThat(member.assigned).isEmpty();
    broker.createTopic("later", 2);
    member.untilAssigned(2);
  }

  @Test
  void describeNamesMembersAndTopics() {
    Member member = new Member("g");
    member.join("orders");
    member.untilAssigned(4);
    ConsumerGroupDescribeRequestData request =
        new ConsumerGroupDescribeRequestData()
            .setGroupIds(List.of("g", "nobody"))
            .setIncludeAuthorizedOperations(true);
    ConsumerGroupDescribeResponseData answer =
        broker.call(
            ApiKeys.CONSUMER_GROUP_DESCRIBE, 1, request, ConsumerGroupDescribeResponseData.class);
    var group = answer.groups().get(0);
    assertThat(group.groupState()).isEqualTo("Stable");
    assertThat(group.members().get(0).assignment().topicPartitions().get(0).topicName())
        .isEqualTo("orders");
    assertThat(group.authorizedOperations())
        .isEqualTo(1 << 3 | 1 << 6 | 1 << 8 | 1 << 10 | 1 << 11);
    assertThat(Errors.forCode(answer.groups().get(1).errorCode()))
        .isEqualTo(Errors.GROUP_ID_NOT_FOUND);
  }

  @Test
  void aStaleEpochIsFenced() {
    Member member = new Member("g");
    member.join("orders");
    member.untilAssigned(4);
    member.epoch += 5;
    assertThat(Errors.forCode(member.beat().errorCode())).isEqualTo(Errors.FENCED_MEMBER_EPOCH);
  }

  @Test
  void aGroupsOwnSettingsAreHonoured() {
    broker.cluster.setGroupConfig("g", "consumer.heartbeat.interval.ms", "7000");
    GroupBroker.until(
        () -> {
          Member member = new Member("g");
          member.join("orders");
          int intervalMs = member.intervalMs;
          member.leave();
          return intervalMs == 7_000;
        });
    Member other = new Member("other");
    other.join("orders");
    assertThat(other.intervalMs).isEqualTo(5_000);
  }

  @Test
  void withoutTheFeatureTheProtocolIsNotSupported() {
    broker.cluster.withoutGroupVersion();
    Member member = new Member("g");
    assertThat(Errors.forCode(member.beat().errorCode())).isEqualTo(Errors.UNSUPPORTED_VERSION);
  }

  @Test
  void aRestartedBrokerKnowsTheMember() {
    Member member = new Member("g");
    member.join("orders");
    member.untilAssigned(4);
    try (GroupBroker next = broker.restarted()) {
      Member same = new Member(next, "g", member.memberId);
      same.epoch = member.epoch;
      ConsumerGroupHeartbeatResponseData answer = same.beat();
      assertThat(Errors.forCode(answer.errorCode())).isEqualTo(Errors.NONE);
    }
  }

  private final class Member {
    private final GroupBroker at;
    private final String groupId;
    private final String memberId;
    private int epoch;
    private int intervalMs;
    private Set<Integer> assigned = Set.of();

    Member(String groupId) {
      this(broker, groupId, Uuid.randomUuid().toString());
    }

    Member(GroupBroker at, String groupId, String memberId) {
      this.at = at;
      this.groupId = groupId;
      this.memberId = memberId;
    }

    void join(String topic) {
      assertThat(Errors.forCode(send(0, List.of(topic), List.of()).errorCode()))
          .isEqualTo(Errors.NONE);
    }

    /** Says what it owns, as a client that has taken over its assignment. */
    ConsumerGroupHeartbeatResponseData beat() {
      return send(
          epoch,
          null,
          List.of(
              new ConsumerGroupHeartbeatRequestData.TopicPartitions()
                  .setTopicId(topicId)
                  .setPartitions(assigned.stream().filter(p -> p < 4).toList())));
    }

    Errors leave() {
      return Errors.forCode(send(-1, null, null).errorCode());
    }

    void untilAssigned(int partitions) {
      for (int i = 0; i < 2_000 && assigned.size() != partitions; i++) {
        send(epoch, null, null);
        GroupBroker.backOff();
      }
      assertThat(assigned).hasSize(partitions);
    }

    private ConsumerGroupHeartbeatResponseData send(
        int withEpoch,
        @Nullable List<String> topics,
        @Nullable List<ConsumerGroupHeartbeatRequestData.TopicPartitions> owned) {
      ConsumerGroupHeartbeatRequestData request =
          new ConsumerGroupHeartbeatRequestData()
              .setGroupId(groupId)
              .setMemberId(memberId)
              .setMemberEpoch(withEpoch)
              .setRebalanceTimeoutMs(withEpoch == 0 ? 30_000 : -1)
              .setSubscribedTopicNames(topics)
              .setTopicPartitions(owned);
      ConsumerGroupHeartbeatResponseData answer =
          at.retrying(
              ApiKeys.CONSUMER_GROUP_HEARTBEAT,
              1,
              request,
              ConsumerGroupHeartbeatResponseData.class,
              ConsumerGroupHeartbeatResponseData::errorCode);
      if (answer.errorCode() == Errors.NONE.code()) {
        epoch = answer.memberEpoch();
        intervalMs = answer.heartbeatIntervalMs();
        if (answer.assignment() != null) {
          assigned = new HashSet<>();
          answer.assignment().topicPartitions().forEach(t -> assigned.addAll(t.partitions()));
        }
      }
      return answer;
    }
  }
}
