package io.spillway.kafka.group;

import static org.assertj.core.api.Assertions.assertThat;

import io.spillway.kafka.coordinator.FakeCluster;
import io.spillway.request.group.OffsetsTopic;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.apache.kafka.common.message.FindCoordinatorRequestData;
import org.apache.kafka.common.message.FindCoordinatorResponseData;
import org.apache.kafka.common.message.FindCoordinatorResponseData.Coordinator;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.protocol.Errors;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class FindCoordinatorTest {

  private static final byte GROUP = 0;
  private static final byte TRANSACTION = 1;
  private static final byte SHARE = 2;

  private final GroupBroker broker =
      new GroupBroker(
          Map.of(
              "offsets.topic.num.partitions", "7",
              "offsets.topic.replication.factor", "3",
              "offsets.topic.segment.bytes", "1048576"));

  @AfterEach
  void close() {
    broker.close();
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 1, 2, 3})
  void versionsOfOneKeyAnswerOneCoordinator(int version) {
    assertThat(Errors.forCode(findOne(version, GROUP).errorCode()))
        .isEqualTo(Errors.COORDINATOR_NOT_AVAILABLE);
    broker.cluster.createTopic(OffsetsTopic.NAME, 7);
    FindCoordinatorResponseData found = findOne(version, GROUP);
    assertThat(Errors.forCode(found.errorCode())).isEqualTo(Errors.NONE);
    assertThat(found.nodeId()).isEqualTo(FakeCluster.NODE);
    assertThat(found.host()).isEqualTo("broker-1");
    assertThat(found.port()).isEqualTo(9092);
    if (version > 0) {
      assertThat(found.errorMessage()).isEqualTo("NONE");
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {4, 5, 6})
  void laterVersionsAnswerEveryKey(int version) {
    broker.cluster.createTopic(OffsetsTopic.NAME, 7);
    assertThat(find(version, GROUP, "a", "b", ""))
        .extracting(c -> c.key() + " " + Errors.forCode(c.errorCode()) + " " + c.nodeId())
        .containsExactly("a NONE 1", "b NONE 1", " NONE 1");
    assertThat(find(version, GROUP, "a").get(0).errorMessage()).isEmpty();
  }

  @Test
  void theOffsetsTopicIsAskedForAsConfigured() {
    find(6, GROUP, "a");
    assertThat(broker.created).hasSize(1);
    assertThat(broker.created.get(0))
        .startsWith("__consumer_offsets 7 3 ")
        .contains("cleanup.policy=compact")
        .contains("compression.type=producer")
        .contains("segment.bytes=1048576");
  }

  @Test
  void findingACoordinatorStartsNone() {
    Set<Thread> before = Set.copyOf(Thread.getAllStackTraces().keySet());
    broker.cluster.createTopic(OffsetsTopic.NAME, 7);
    find(6, GROUP, "a");
    assertThat(broker.groups.lag().report(10).join().entries()).isEmpty();
    assertThat(before)
        .containsAll(
            Thread.getAllStackTraces().keySet().stream()
                .filter(thread -> thread.getName().contains("group-coordinator"))
                .toList());
  }

  @Test
  void transactionsGetANamedFinalErrorAtOnce() {
    Coordinator refused = find(6, TRANSACTION, "tx").get(0);
    assertThat(Errors.forCode(refused.errorCode()))
        .isEqualTo(Errors.TRANSACTIONAL_ID_AUTHORIZATION_FAILED);
    assertThat(refused.errorMessage()).contains("transactional.id");
    FindCoordinatorResponseData old = findOne(3, TRANSACTION);
    assertThat(Errors.forCode(old.errorCode()))
        .isEqualTo(Errors.TRANSACTIONAL_ID_AUTHORIZATION_FAILED);
    assertThat(old.errorMessage()).contains("transactional.id");
    assertThat(broker.created).isEmpty();
  }

  @ParameterizedTest
  @ValueSource(bytes = {SHARE, 17, -1})
  void otherKindsOfKeysAreInvalid(byte keyType) {
    assertThat(Errors.forCode(find(6, keyType, "k").get(0).errorCode()))
        .isEqualTo(Errors.INVALID_REQUEST);
  }

  @Test
  void aFencedLeaderIsNotNamed() {
    broker.cluster.createTopic(OffsetsTopic.NAME, 7);
    broker.cluster.fence();
    assertThat(Errors.forCode(find(6, GROUP, "a").get(0).errorCode()))
        .isEqualTo(Errors.COORDINATOR_NOT_AVAILABLE);
  }

  private FindCoordinatorResponseData findOne(int version, byte keyType) {
    FindCoordinatorRequestData request = new FindCoordinatorRequestData().setKey("a");
    if (version > 0) {
      request.setKeyType(keyType);
    }
    return broker.call(
        ApiKeys.FIND_COORDINATOR, version, request, FindCoordinatorResponseData.class);
  }

  private List<Coordinator> find(int version, byte keyType, String... keys) {
    return broker
        .call(
            ApiKeys.FIND_COORDINATOR,
            version,
            new FindCoordinatorRequestData().setKeyType(keyType).setCoordinatorKeys(List.of(keys)),
            FindCoordinatorResponseData.class)
        .coordinators();
  }
}
