package io.spillway.kafka.group;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.spillway.kafka.coordinator.FakePartition;
import io.spillway.request.coordinator.CoordinatorTopic;
import java.lang.management.ManagementFactory;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.stream.Collectors;
import javax.management.ObjectName;
import org.apache.kafka.common.config.ConfigException;
import org.apache.kafka.common.message.HeartbeatRequestData;
import org.apache.kafka.common.message.HeartbeatResponseData;
import org.apache.kafka.common.message.ListGroupsRequestData;
import org.apache.kafka.common.message.ListGroupsResponseData;
import org.apache.kafka.common.message.OffsetFetchRequestData;
import org.apache.kafka.common.message.OffsetFetchRequestData.OffsetFetchRequestGroup;
import org.apache.kafka.common.message.OffsetFetchResponseData;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.protocol.Errors;
import org.junit.jupiter.api.Test;

class GroupLifecycleTest {

  @Test
  void withoutAnOffsetsTopicNothingIsStarted() {
    Set<Thread> before = threads();
    try (GroupBroker broker = new GroupBroker()) {
      ListGroupsResponseData listed =
          broker.call(
              ApiKeys.LIST_GROUPS, 5, new ListGroupsRequestData(), ListGroupsResponseData.class);
      assertThat(Errors.forCode(listed.errorCode())).isEqualTo(Errors.NONE);
      assertThat(listed.groups()).isEmpty();
      HeartbeatResponseData refused =
          broker.call(
              ApiKeys.HEARTBEAT,
              4,
              new HeartbeatRequestData().setGroupId("g").setMemberId("m"),
              HeartbeatResponseData.class);
      assertThat(Errors.forCode(refused.errorCode())).isEqualTo(Errors.NOT_COORDINATOR);
      assertThat(fetchError(broker)).isEqualTo(Errors.NOT_COORDINATOR);
      assertThat(before).containsAll(threads());
    }
  }

  @Test
  void aRequestStartsTheCoordinatorOnceTheOffsetsTopicIsKnown() {
    try (GroupBroker broker = new GroupBroker()) {
      broker.cluster.createTopic(CoordinatorTopic.OFFSETS, GroupBroker.OFFSETS_PARTITIONS);
      // The topic is there, its leader is not: the service itself says so.
      assertThat(fetchError(broker)).isEqualTo(Errors.NOT_COORDINATOR);
      assertThat(threads())
          .extracting(Thread::getName)
          .anyMatch(name -> name.startsWith("group-coordinator"));
    }
  }

  @Test
  void anOffsetsTopicOfAnotherSizeThanConfiguredIsUsedAsItIs() {
    try (GroupBroker broker = new GroupBroker(Map.of("offsets.topic.num.partitions", "50"))) {
      broker.createTopic(CoordinatorTopic.OFFSETS, GroupBroker.OFFSETS_PARTITIONS);
      for (String group : List.of("a", "b", "c", "d", "e", "f")) {
        assertThat(new TestMember(broker, group).join()).isEqualTo(Errors.NONE);
      }
    }
  }

  @Test
  void manyStartsAndStopsLeaveNoThreadAndNoMetricBehind() throws Exception {
    Set<Thread> before = threads();
    for (int i = 0; i < 10; i++) {
      try (GroupBroker first = GroupBroker.serving();
          GroupBroker second = GroupBroker.serving()) {
        assertThat(new TestMember(first, "g").join()).isEqualTo(Errors.NONE);
        assertThat(new TestMember(second, "g").join()).isEqualTo(Errors.NONE);
      }
    }
    GroupBroker.until(() -> before.containsAll(threads()));
    assertThat(
            ManagementFactory.getPlatformMBeanServer().queryNames(new ObjectName("kafka*:*"), null))
        .isEmpty();
  }

  @Test
  void waitingRequestsAreAnsweredWhenTheBrokerStops() {
    GroupBroker broker = GroupBroker.serving();
    broker.createTopic("orders", 1);
    TestMember member = new TestMember(broker, "g");
    member.join();
    member.sync(Map.of(member.memberId, "all"));
    FakePartition partition = broker.offsetsPartition("g");
    partition.holdDurability();
    CompletableFuture<Errors> commit = member.commitAsync("orders", 0, 1);
    GroupBroker.until(() -> partition.logEndOffset() > partition.highWatermark());
    broker.close();
    assertThat(GroupBroker.await(commit))
        .isIn(Errors.NOT_COORDINATOR, Errors.COORDINATOR_NOT_AVAILABLE);
    assertThat(partition.listenerCount()).isZero();
    assertThat(GroupBroker.await(member.commitAsync("orders", 0, 2)))
        .isEqualTo(Errors.COORDINATOR_NOT_AVAILABLE);
  }

  @Test
  void stoppingWhileStartingLeavesNothing() {
    Set<Thread> before = threads();
    for (int i = 0; i < 50; i++) {
      GroupBroker.serving().close();
    }
    GroupBroker.until(() -> before.containsAll(threads()));
  }

  @Test
  void aWrongSettingIsRefusedByName() {
    assertThatThrownBy(() -> new GroupBroker(Map.of("offsets.topic.num.partitions", "0")))
        .isInstanceOf(ConfigException.class)
        .hasMessageContaining("offsets.topic.num.partitions");
  }

  private static Errors fetchError(GroupBroker broker) {
    return Errors.forCode(
        broker
            .call(
                ApiKeys.OFFSET_FETCH,
                9,
                new OffsetFetchRequestData()
                    .setGroups(
                        List.of(new OffsetFetchRequestGroup().setGroupId("g").setTopics(null))),
                OffsetFetchResponseData.class)
            .groups()
            .get(0)
            .errorCode());
  }

  /** Living threads of brokers; those of an earlier test may be about to end. */
  private static Set<Thread> threads() {
    return Thread.getAllStackTraces().keySet().stream()
        .filter(
            thread -> thread.getName().startsWith("test-") || thread.getName().contains("group"))
        .collect(Collectors.toSet());
  }
}
