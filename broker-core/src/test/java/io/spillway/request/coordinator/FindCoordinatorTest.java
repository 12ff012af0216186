package io.spillway.request.coordinator;

import static org.assertj.core.api.Assertions.assertThat;

import io.spillway.kafka.coordinator.FakeCluster;
import io.spillway.kafka.coordinator.WirePipeline;
import io.spillway.metadata.TopicCreator;
import io.spillway.runtime.SystemClock;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import org.apache.kafka.common.message.FindCoordinatorRequestData;
import org.apache.kafka.common.message.FindCoordinatorResponseData;
import org.apache.kafka.common.message.FindCoordinatorResponseData.Coordinator;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.protocol.Errors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class FindCoordinatorTest {

  private static final byte GROUP = 0;
  private static final byte TRANSACTION = 1;
  private static final byte SHARE = 2;

  private final FakeCluster cluster = new FakeCluster();
  private final List<String> created = new ArrayList<>();
  private final TopicCreator creator =
      (name, count, replicationFactor, configs) -> {
        created.add(name + " " + count + " " + replicationFactor + " " + configs);
        return new CompletableFuture<>();
      };
  private final WirePipeline pipeline =
      new WirePipeline(
          List.of(
              new FindCoordinatorHandler(
                  cluster::view,
                  new CoordinatorTopics(cluster::view, creator),
                  new CoordinatorTopic(CoordinatorTopic.OFFSETS, 7, (short) 3, Map.of("a", "b")),
                  new CoordinatorTopic(
                      CoordinatorTopic.TRANSACTIONS, 5, (short) 2, Map.of("c", "d")))),
          new SystemClock());

  @ParameterizedTest
  @ValueSource(ints = {0, 1, 2, 3})
  void versionsOfOneKeyAnswerOneCoordinator(int version) {
    assertThat(Errors.forCode(findOne(version, GROUP).errorCode()))
        .isEqualTo(Errors.COORDINATOR_NOT_AVAILABLE);
    cluster.createTopic(CoordinatorTopic.OFFSETS, 7);
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
    cluster.createTopic(CoordinatorTopic.OFFSETS, 7);
    assertThat(find(version, GROUP, "a", "b", ""))
        .extracting(c -> c.key() + " " + Errors.forCode(c.errorCode()) + " " + c.nodeId())
        .containsExactly("a NONE 1", "b NONE 1", " NONE 1");
    assertThat(find(version, GROUP, "a").get(0).errorMessage()).isEmpty();
  }

  @Test
  void aTopicThatIsMissingIsAskedForAsConfigured() {
    find(6, GROUP, "a");
    find(6, TRANSACTION, "a");
    assertThat(created)
        .containsExactly("__consumer_offsets 7 3 {a=b}", "__transaction_state 5 2 {c=d}");
  }

  @Test
  void eachKindOfKeyHasATopicOfItsOwn() {
    cluster.createTopic(CoordinatorTopic.TRANSACTIONS, 5);
    assertThat(Errors.forCode(find(6, GROUP, "a").get(0).errorCode()))
        .isEqualTo(Errors.COORDINATOR_NOT_AVAILABLE);
    assertThat(find(6, TRANSACTION, "a", "b"))
        .extracting(c -> c.key() + " " + Errors.forCode(c.errorCode()) + " " + c.nodeId())
        .containsExactly("a NONE 1", "b NONE 1");
    assertThat(findOne(3, TRANSACTION).nodeId()).isEqualTo(FakeCluster.NODE);
  }

  @ParameterizedTest
  @ValueSource(bytes = {SHARE, 17, -1})
  void otherKindsOfKeysAreInvalid(byte keyType) {
    assertThat(Errors.forCode(find(6, keyType, "k").get(0).errorCode()))
        .isEqualTo(Errors.INVALID_REQUEST);
  }

  @Test
  void aFencedLeaderIsNotNamed() {
    cluster.createTopic(CoordinatorTopic.OFFSETS, 7);
    cluster.fence();
    assertThat(Errors.forCode(find(6, GROUP, "a").get(0).errorCode()))
        .isEqualTo(Errors.COORDINATOR_NOT_AVAILABLE);
  }

  private FindCoordinatorResponseData findOne(int version, byte keyType) {
    FindCoordinatorRequestData request = new FindCoordinatorRequestData().setKey("a");
    if (version > 0) {
      request.setKeyType(keyType);
    }
    return pipeline.call(
        ApiKeys.FIND_COORDINATOR, version, request, FindCoordinatorResponseData.class);
  }

  private List<Coordinator> find(int version, byte keyType, String... keys) {
    return pipeline
        .call(
            ApiKeys.FIND_COORDINATOR,
            version,
            new FindCoordinatorRequestData().setKeyType(keyType).setCoordinatorKeys(List.of(keys)),
            FindCoordinatorResponseData.class)
        .coordinators();
  }
}
