package io.spillway.kafka.group;

import static org.assertj.core.api.Assertions.assertThat;

import io.spillway.kafka.coordinator.FakePartition;
import io.spillway.request.coordinator.CoordinatorTopic;
import io.spillway.stream.StreamException;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.stream.Stream;
import org.apache.kafka.common.errors.ApiException;
import org.apache.kafka.common.errors.KafkaStorageException;
import org.apache.kafka.common.errors.NotLeaderOrFollowerException;
import org.apache.kafka.common.errors.ThrottlingQuotaExceededException;
import org.apache.kafka.common.errors.TimeoutException;
import org.apache.kafka.common.message.OffsetFetchRequestData;
import org.apache.kafka.common.message.OffsetFetchRequestData.OffsetFetchRequestGroup;
import org.apache.kafka.common.message.OffsetFetchResponseData;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.protocol.Errors;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class GroupRecoveryTest {

  private GroupBroker broker = GroupBroker.serving();
  private TestMember member = new TestMember(broker, "g");

  @BeforeEach
  void joined() {
    broker.createTopic("orders", 1);
    member.join();
    member.sync(Map.of(member.memberId, "all"));
    assertThat(member.commit("orders", 0, 10)).isEqualTo(Errors.NONE);
  }

  @AfterEach
  void close() {
    broker.close();
  }

  @Test
  void aRestartedBrokerKnowsMembersAndOffsets() {
    restart();
    assertThat(committed()).isEqualTo(10);
    assertThat(member.heartbeat()).isEqualTo(Errors.NONE);
    assertThat(member.commit("orders", 0, 11)).isEqualTo(Errors.NONE);
    restart();
    assertThat(committed()).isEqualTo(11);
  }

  @Test
  void aCommitIsAnsweredOnlyWhenItIsDurable() {
    FakePartition partition = broker.offsetsPartition("g");
    partition.holdDurability();
    CompletableFuture<Errors> commit = member.commitAsync("orders", 0, 11);
    GroupBroker.until(() -> partition.logEndOffset() > partition.highWatermark());
    assertThat(commit).isNotDone();
    assertThat(committed()).isEqualTo(10);
    partition.releaseDurability();
    assertThat(GroupBroker.await(commit)).isEqualTo(Errors.NONE);
    assertThat(committed()).isEqualTo(11);
  }

  @Test
  void aTruncationVoidsWhatWasNotDurableAndTheGroupGoesOn_P30() {
    FakePartition partition = broker.offsetsPartition("g");
    partition.holdDurability();
    CompletableFuture<Errors> commit = member.commitAsync("orders", 0, 11);
    GroupBroker.until(() -> partition.logEndOffset() > partition.highWatermark());
    partition.truncateToHighWatermark();
    assertThat(GroupBroker.await(commit)).isEqualTo(Errors.NOT_COORDINATOR);
    assertThat(committed()).isEqualTo(10);
    assertThat(member.heartbeat()).isEqualTo(Errors.NONE);
    assertThat(member.commit("orders", 0, 12)).isEqualTo(Errors.NONE);
    restart();
    assertThat(committed()).isEqualTo(12);
  }

  @Test
  void manyTruncationsInARowLeaveAWorkingGroup() {
    FakePartition partition = broker.offsetsPartition("g");
    for (int i = 0; i < 200; i++) {
      partition.truncateToHighWatermark();
    }
    assertThat(member.commit("orders", 0, 13)).isEqualTo(Errors.NONE);
    assertThat(committed()).isEqualTo(13);
  }

  static Stream<RuntimeException> refusals() {
    return Stream.of(
        new ThrottlingQuotaExceededException(100, "the WAL is full"),
        new TimeoutException("no room in the WAL"),
        new KafkaStorageException("the WAL device failed"),
        new NotLeaderOrFollowerException("moved"),
        new StreamException.Unavailable("the store is away", null),
        new IllegalStateException("closed"));
  }

  @ParameterizedTest
  @MethodSource("refusals")
  void aRefusedAppendIsRetriableForTheClientAndChangesNothing(RuntimeException refusal) {
    FakePartition partition = broker.offsetsPartition("g");
    partition.failAppends(() -> refusal);
    Errors error = GroupBroker.await(member.commitAsync("orders", 0, 11));
    assertThat(error).isIn(Errors.COORDINATOR_NOT_AVAILABLE, Errors.NOT_COORDINATOR);
    assertThat(committed()).isEqualTo(10);
    partition.failAppends(null);
    assertThat(member.commit("orders", 0, 12)).isEqualTo(Errors.NONE);
    assertThat(committed()).isEqualTo(12);
  }

  @Test
  void aFinalRefusalIsHandedOn() {
    broker.offsetsPartition("g").failAppends(() -> new ApiException("odd") {});
    assertThat(GroupBroker.await(member.commitAsync("orders", 0, 11)))
        .isEqualTo(Errors.UNKNOWN_SERVER_ERROR);
  }

  @Test
  void leadershipThatMovedAndCameBackIsLoadedAgain() {
    FakePartition partition = broker.offsetsPartition("g");
    broker.partitions.resign(partition.topicPartition(), false);
    assertThat(GroupBroker.await(member.commitAsync("orders", 0, 11)))
        .isEqualTo(Errors.NOT_COORDINATOR);
    FakePartition again = partition.nextLeadership();
    broker.partitions.lead(again);
    assertThat(member.heartbeat()).isEqualTo(Errors.NONE);
    assertThat(member.commit("orders", 0, 12)).isEqualTo(Errors.NONE);
    assertThat(again.logEndOffset()).isGreaterThan(partition.logEndOffset());
    assertThat(partition.listenerCount()).isZero();
  }

  @Test
  void leadershipThatFlapsEndsWithAWorkingGroup() {
    for (int i = 0; i < 200; i++) {
      FakePartition partition = broker.offsetsPartition("g");
      broker.partitions.resign(partition.topicPartition(), false);
      broker.partitions.lead(partition.nextLeadership());
    }
    assertThat(member.commit("orders", 0, 14)).isEqualTo(Errors.NONE);
    assertThat(committed()).isEqualTo(14);
  }

  @Test
  void aLoadWaitsForWhatIsNotDurableYet() {
    FakePartition partition = broker.offsetsPartition("g");
    partition.holdDurability();
    CompletableFuture<Errors> commit = member.commitAsync("orders", 0, 11);
    GroupBroker.until(() -> partition.logEndOffset() > partition.highWatermark());
    // The same partition, led anew while an append of the coordinator before is on its way.
    broker.partitions.resign(partition.topicPartition(), false);
    assertThat(GroupBroker.await(commit)).isEqualTo(Errors.NOT_COORDINATOR);
    broker.partitions.lead(partition);
    assertThat(fetchOnce()).isIn(Errors.COORDINATOR_LOAD_IN_PROGRESS, Errors.NOT_COORDINATOR);
    partition.releaseDurability();
    assertThat(member.heartbeat()).isEqualTo(Errors.NONE);
    assertThat(committed()).isEqualTo(11);
  }

  @Test
  void aStoreThatIsAwayDelaysTheLoadOnly() {
    FakePartition next = broker.offsetsPartition("g").nextLeadership();
    next.failReads(() -> new StreamException.Unavailable("the store is away", null));
    broker.partitions.resign(next.topicPartition(), false);
    broker.partitions.lead(next);
    GroupBroker.until(() -> fetchOnce() == Errors.COORDINATOR_LOAD_IN_PROGRESS);
    next.failReads(null);
    assertThat(member.heartbeat()).isEqualTo(Errors.NONE);
  }

  @Test
  void aDamagedRecordStopsItsPartitionAndNoOther() {
    FakePartition next = broker.offsetsPartition("g").nextLeadership();
    next.appendGarbage();
    broker.partitions.resign(next.topicPartition(), false);
    broker.partitions.lead(next);
    GroupBroker.until(() -> fetchOnce() == Errors.NOT_COORDINATOR);
    String elsewhere = groupOnAnotherPartition();
    assertThat(new TestMember(broker, elsewhere).join()).isEqualTo(Errors.NONE);
  }

  @Test
  void aLogThatIsEmptyAtAnOffsetIsAppendedThere() {
    FakePartition next = broker.offsetsPartition("g").nextLeadership();
    next.trimAll();
    long start = next.logEndOffset();
    assertThat(start).isPositive();
    broker.partitions.resign(next.topicPartition(), false);
    broker.partitions.lead(next);
    TestMember fresh = new TestMember(broker, "g");
    assertThat(fresh.join()).isEqualTo(Errors.NONE);
    fresh.sync(Map.of(fresh.memberId, "all"));
    assertThat(fresh.commit("orders", 0, 1)).isEqualTo(Errors.NONE);
    assertThat(next.logEndOffset()).isGreaterThan(start);
  }

  private void restart() {
    broker = broker.restarted();
    TestMember same = new TestMember(broker, "g");
    same.memberId = member.memberId;
    same.generation = member.generation;
    member = same;
  }

  private Errors fetchOnce() {
    return Errors.forCode(
        broker
            .call(ApiKeys.OFFSET_FETCH, 9, fetchAll(), OffsetFetchResponseData.class)
            .groups()
            .get(0)
            .errorCode());
  }

  private static String groupOnAnotherPartition() {
    return Stream.iterate(0, i -> i + 1)
        .map(i -> "group-" + i)
        .filter(id -> partitionOf(id) != partitionOf("g"))
        .findFirst()
        .orElseThrow();
  }

  private static int partitionOf(String groupId) {
    return CoordinatorTopic.partitionOf(groupId, GroupBroker.OFFSETS_PARTITIONS);
  }

  private static OffsetFetchRequestData fetchAll() {
    return new OffsetFetchRequestData()
        .setGroups(List.of(new OffsetFetchRequestGroup().setGroupId("g").setTopics(null)));
  }

  private long committed() {
    return broker
        .retrying(
            ApiKeys.OFFSET_FETCH,
            9,
            fetchAll(),
            OffsetFetchResponseData.class,
            answer -> answer.groups().get(0).errorCode())
        .groups()
        .get(0)
        .topics()
        .get(0)
        .partitions()
        .get(0)
        .committedOffset();
  }
}
