package io.spillway.kafka.group;

import static org.assertj.core.api.Assertions.assertThat;

import io.spillway.kafka.coordinator.FakePartition;
import io.spillway.partition.TransactionGuard;
import io.spillway.partition.TransactionMarker;
import io.spillway.request.coordinator.CoordinatorTopic;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.stream.Stream;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.message.OffsetFetchRequestData;
import org.apache.kafka.common.message.OffsetFetchRequestData.OffsetFetchRequestGroup;
import org.apache.kafka.common.message.OffsetFetchRequestData.OffsetFetchRequestTopics;
import org.apache.kafka.common.message.OffsetFetchResponseData;
import org.apache.kafka.common.message.TxnOffsetCommitRequestData;
import org.apache.kafka.common.message.TxnOffsetCommitRequestData.TxnOffsetCommitRequestPartition;
import org.apache.kafka.common.message.TxnOffsetCommitRequestData.TxnOffsetCommitRequestTopic;
import org.apache.kafka.common.message.TxnOffsetCommitResponseData;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.protocol.Errors;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Offsets that are committed within a transaction (KIP-98, KIP-447). */
class TransactionalOffsetsTest {

  private GroupBroker broker = GroupBroker.serving();
  private final Uuid topicId = broker.createTopic("orders", 3);

  @AfterEach
  void close() {
    broker.close();
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 1, 2, 3, 4, 5, 6})
  void countWhenTheTransactionIsCommitted(int version) {
    broker.awaitLoaded("g");
    assertThat(commit(version, 42)).containsExactly("1 NONE");
    assertThat(broker.offsetsPartition("g").verified)
        .containsExactly((version >= 5 ? "ADD" : "IS_ADDED") + " tx 9/0");
    assertThat(fetch(false)).isEqualTo("-1 NONE");
    assertThat(fetch(true)).isEqualTo("-1 UNSTABLE_OFFSET_COMMIT");
    assertThat(end("g", true)).isEqualTo(Errors.NONE);
    assertThat(fetch(true)).isEqualTo("42 NONE");
    assertThat(commit(version, 43)).containsExactly("1 NONE");
    assertThat(end("g", false)).isEqualTo(Errors.NONE);
    assertThat(fetch(true)).isEqualTo("42 NONE");
  }

  @Test
  void surviveARestartWithTheirTransactionOpenAndAfterItsEnd() {
    broker.awaitLoaded("g");
    commit(5, 42);
    broker = broker.restarted();
    broker.awaitLoaded("g");
    assertThat(fetch(true)).isEqualTo("-1 UNSTABLE_OFFSET_COMMIT");
    assertThat(end("g", true)).isEqualTo(Errors.NONE);
    broker = broker.restarted();
    broker.awaitLoaded("g");
    assertThat(fetch(true)).isEqualTo("42 NONE");
    assertThat(commit(5, 43)).containsExactly("1 NONE");
    assertThat(end("g", false)).isEqualTo(Errors.NONE);
    broker = broker.restarted();
    broker.awaitLoaded("g");
    assertThat(fetch(true)).isEqualTo("42 NONE");
  }

  @Test
  void theGuardOfAVerificationComesBackWithTheBatch() {
    broker.awaitLoaded("g");
    FakePartition partition = broker.offsetsPartition("g");
    TransactionGuard guard = new TransactionGuard();
    partition.verification = CompletableFuture.completedFuture(guard);
    commit(5, 42);
    assertThat(partition.appendedWith).containsExactly(guard);
  }

  record Refusal(Errors answer, int version, Errors expected) {}

  static Stream<Refusal> refusals() {
    return Stream.of(
        new Refusal(Errors.INVALID_TXN_STATE, 5, Errors.INVALID_TXN_STATE),
        new Refusal(Errors.INVALID_PRODUCER_EPOCH, 5, Errors.INVALID_PRODUCER_EPOCH),
        new Refusal(Errors.TRANSACTION_ABORTABLE, 4, Errors.TRANSACTION_ABORTABLE),
        new Refusal(Errors.TRANSACTION_ABORTABLE, 3, Errors.INVALID_TXN_STATE),
        new Refusal(Errors.CONCURRENT_TRANSACTIONS, 5, Errors.CONCURRENT_TRANSACTIONS),
        new Refusal(Errors.COORDINATOR_LOAD_IN_PROGRESS, 2, Errors.COORDINATOR_LOAD_IN_PROGRESS),
        new Refusal(Errors.COORDINATOR_LOAD_IN_PROGRESS, 1, Errors.COORDINATOR_NOT_AVAILABLE),
        new Refusal(Errors.REQUEST_TIMED_OUT, 5, Errors.COORDINATOR_NOT_AVAILABLE));
  }

  @ParameterizedTest
  @MethodSource("refusals")
  void areRefusedAsTheCoordinatorOfTheTransactionSays(Refusal refusal) {
    broker.awaitLoaded("g");
    FakePartition partition = broker.offsetsPartition("g");
    partition.verification = CompletableFuture.failedFuture(refusal.answer.exception());
    long end = partition.logEndOffset();
    assertThat(commit(refusal.version, 42)).containsExactly("1 " + refusal.expected);
    assertThat(partition.logEndOffset()).isEqualTo(end);
  }

  @Test
  void ofPartitionsThatDoNotExistAreRefusedOneByOne() {
    broker.awaitLoaded("g");
    TxnOffsetCommitRequestData request = request(5, 42);
    request.topics().get(0).partitions().add(partition(7, 1));
    request.topics().add(topic("nowhere", Uuid.ZERO_UUID, 0));
    assertThat(send(5, request))
        .containsExactlyInAnyOrder(
            "0 UNKNOWN_TOPIC_OR_PARTITION", "1 NONE", "7 UNKNOWN_TOPIC_OR_PARTITION");
    TxnOffsetCommitRequestData byId = request(6, 42);
    byId.topics().add(topic("", new Uuid(5, 5), 2));
    assertThat(send(6, byId)).containsExactlyInAnyOrder("1 NONE", "2 UNKNOWN_TOPIC_ID");
  }

  @Test
  void markersAreRefusedRetriablyWhereThereIsNoCoordinator() {
    FakePartition partition = broker.offsetsPartition("g");
    broker.partitions.resign(partition.topicPartition(), false);
    GroupBroker.until(() -> end("g", true) == Errors.NOT_LEADER_OR_FOLLOWER);
    try (GroupBroker without = new GroupBroker()) {
      assertThat(
              GroupBroker.await(
                  without
                      .groups
                      .markers()
                      .write(partition.topicPartition(), marker(true))
                      .toCompletableFuture()))
          .isEqualTo(Errors.UNKNOWN_TOPIC_OR_PARTITION);
    }
  }

  @Test
  void aMarkerIsRefusedWithThePartitionsError() {
    broker.awaitLoaded("g");
    commit(5, 42);
    FakePartition partition = broker.offsetsPartition("g");
    partition.failAppends(Errors.TRANSACTION_COORDINATOR_FENCED::exception);
    assertThat(end("g", true)).isEqualTo(Errors.TRANSACTION_COORDINATOR_FENCED);
    partition.failAppends(null);
    assertThat(fetch(true)).as("nothing has changed").isEqualTo("-1 UNSTABLE_OFFSET_COMMIT");
    assertThat(end("g", true)).isEqualTo(Errors.NONE);
    assertThat(fetch(true)).isEqualTo("42 NONE");
  }

  // ---- requests

  private static TransactionMarker marker(boolean committed) {
    return new TransactionMarker(9, (short) 0, committed, 3, (short) 0);
  }

  private Errors end(String groupId, boolean committed) {
    TopicPartition tp =
        new TopicPartition(
            CoordinatorTopic.OFFSETS,
            CoordinatorTopic.partitionOf(groupId, GroupBroker.OFFSETS_PARTITIONS));
    return GroupBroker.await(
        broker.groups.markers().write(tp, marker(committed)).toCompletableFuture());
  }

  private List<String> commit(int version, long offset) {
    return send(version, request(version, offset));
  }

  private TxnOffsetCommitRequestData request(int version, long offset) {
    TxnOffsetCommitRequestTopic topic =
        version >= 6 ? topic("", topicId, 1) : topic("orders", Uuid.ZERO_UUID, 1);
    topic.partitions().get(0).setCommittedOffset(offset);
    return new TxnOffsetCommitRequestData()
        .setTransactionalId("tx")
        .setGroupId("g")
        .setProducerId(9)
        .setProducerEpoch((short) 0)
        .setTopics(new ArrayList<>(List.of(topic)));
  }

  private static TxnOffsetCommitRequestTopic topic(String name, Uuid id, int partition) {
    return new TxnOffsetCommitRequestTopic()
        .setName(name)
        .setTopicId(id)
        .setPartitions(new ArrayList<>(List.of(partition(partition, 1))));
  }

  private static TxnOffsetCommitRequestPartition partition(int index, long offset) {
    return new TxnOffsetCommitRequestPartition()
        .setPartitionIndex(index)
        .setCommittedOffset(offset)
        .setCommittedMetadata("note");
  }

  private List<String> send(int version, TxnOffsetCommitRequestData request) {
    return broker
        .call(ApiKeys.TXN_OFFSET_COMMIT, version, request, TxnOffsetCommitResponseData.class)
        .topics()
        .stream()
        .flatMap(topic -> topic.partitions().stream())
        .map(each -> each.partitionIndex() + " " + Errors.forCode(each.errorCode()))
        .toList();
  }

  private String fetch(boolean requireStable) {
    OffsetFetchRequestData request =
        new OffsetFetchRequestData()
            .setRequireStable(requireStable)
            .setGroups(
                List.of(
                    new OffsetFetchRequestGroup()
                        .setGroupId("g")
                        .setTopics(
                            List.of(
                                new OffsetFetchRequestTopics()
                                    .setName("orders")
                                    .setPartitionIndexes(List.of(1))))));
    var answer =
        broker
            .call(ApiKeys.OFFSET_FETCH, 9, request, OffsetFetchResponseData.class)
            .groups()
            .get(0)
            .topics()
            .get(0)
            .partitions()
            .get(0);
    return answer.committedOffset() + " " + Errors.forCode(answer.errorCode());
  }
}
