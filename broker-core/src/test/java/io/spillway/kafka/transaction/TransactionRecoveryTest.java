package io.spillway.kafka.transaction;

import static io.spillway.kafka.transaction.TransactionWorld.ORDERS;
import static org.assertj.core.api.Assertions.assertThat;

import io.spillway.kafka.coordinator.FakePartition;
import io.spillway.partition.TransactionMarker;
import java.util.concurrent.CompletableFuture;
import java.util.stream.Stream;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.KafkaStorageException;
import org.apache.kafka.common.errors.NotLeaderOrFollowerException;
import org.apache.kafka.common.errors.ThrottlingQuotaExceededException;
import org.apache.kafka.common.errors.TimeoutException;
import org.apache.kafka.common.message.EndTxnResponseData;
import org.apache.kafka.common.protocol.Errors;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** A kill between any two steps of a transaction; the state machine goes on from the log. */
class TransactionRecoveryTest {

  private static final TopicPartition FIRST = new TopicPartition(ORDERS, 0);
  private static final TopicPartition SECOND = new TopicPartition(ORDERS, 1);

  private final TransactionWorld world = TransactionWorld.serving();
  private final FakeMarkers markers = world.fakeMarkers();
  private final TestProducer producer = new TestProducer(world, "tx");

  @BeforeEach
  void anOpenTransaction() {
    producer.begun();
    assertThat(producer.add(FIRST, SECOND)).isEqualTo(Errors.NONE);
  }

  @AfterEach
  void close() {
    world.close();
  }

  @Test
  void anOpenTransactionStaysOpen() {
    world.restart();
    world.settle();
    assertThat(producer.state()).isEqualTo("Ongoing");
    assertThat(producer.describe().topics().find(ORDERS).partitions())
        .containsExactlyInAnyOrder(0, 1);
    assertThat(producer.end(true)).isEqualTo(Errors.NONE);
    world.settle();
    assertThat(producer.state()).isEqualTo("CompleteCommit");
  }

  @Test
  void aDecisionThatWasNotDurableNeverWas() {
    world.logOf("tx").holdDurability();
    CompletableFuture<EndTxnResponseData> ended = producer.copy().endLater(5, true);
    world.settle();
    assertThat(ended).isNotDone();
    world.restart();
    world.settle();
    assertThat(producer.state()).isEqualTo("Ongoing");
    assertThat(markers.written).isEmpty();
    assertThat(producer.end(false)).isEqualTo(Errors.NONE);
    world.settle();
    assertThat(producer.state()).isEqualTo("CompleteAbort");
  }

  @ParameterizedTest
  @CsvSource({"4, true", "4, false", "5, true", "5, false"})
  void aDecisionWithoutMarkersGoesOn(int version, boolean commit) {
    markers.hold(FIRST);
    markers.hold(SECOND);
    assertThat(producer.end(version, commit)).isEqualTo(Errors.NONE);
    assertThat(markers.written).isEmpty();
    world.restart();
    completesAs(commit, 1, 1);
  }

  @ParameterizedTest
  @CsvSource({"4, true", "4, false", "5, true", "5, false"})
  void aDecisionWithSomeMarkersGoesOn(int version, boolean commit) {
    markers.hold(SECOND);
    assertThat(producer.end(version, commit)).isEqualTo(Errors.NONE);
    world.settle();
    assertThat(markers.of(FIRST)).hasSize(1);
    world.restart();
    completesAs(commit, 2, 1);
  }

  @ParameterizedTest
  @CsvSource({"4, true", "5, false"})
  void aDecisionWithEveryMarkerGoesOn(int version, boolean commit) {
    CompletableFuture<EndTxnResponseData> ended = producer.endLater(version, commit);
    assertThat(producer.took(world.await(ended))).isEqualTo(Errors.NONE);
    world.logOf("tx").holdDurability();
    world.settle();
    assertThat(markers.of(FIRST)).hasSize(1);
    assertThat(producer.state()).startsWith("Prepare");
    world.restart();
    completesAs(commit, 2, 2);
  }

  /** All markers say the same, however often they were written; the next transaction works. */
  private void completesAs(boolean commit, int firstMarkers, int secondMarkers) {
    world.settle();
    assertThat(producer.state()).isEqualTo(commit ? "CompleteCommit" : "CompleteAbort");
    assertThat(markers.of(FIRST))
        .hasSize(firstMarkers)
        .extracting(TransactionMarker::committed)
        .containsOnly(commit);
    assertThat(markers.of(SECOND))
        .hasSize(secondMarkers)
        .extracting(TransactionMarker::committed)
        .containsOnly(commit);
    assertThat(markers.of(FIRST))
        .extracting(TransactionMarker::producerEpoch)
        .containsOnly(producer.epoch);
    assertThat(producer.identity()).isEqualTo(producer.known());
    assertThat(producer.add(SECOND)).isEqualTo(Errors.NONE);
    assertThat(producer.end(true)).isEqualTo(Errors.NONE);
    world.settle();
    assertThat(producer.state()).isEqualTo("CompleteCommit");
  }

  @Test
  void aLostAnswerIsGivenByTheNextBroker() {
    TestProducer again = producer.copy();
    assertThat(producer.end(true)).isEqualTo(Errors.NONE);
    world.restart();
    world.settle();
    assertThat(again.end(true)).isEqualTo(Errors.NONE);
    assertThat(again.identity()).isEqualTo(producer.identity());
  }

  @Test
  void anotherProducerIdAfterTheLastEpochSurvives() {
    TestProducer last = atTheLastEpoch();
    assertThat(last.add(FIRST)).isEqualTo(Errors.NONE);
    TestProducer again = last.copy();
    markers.hold(FIRST);
    assertThat(last.end(true)).isEqualTo(Errors.NONE);
    String told = last.identity();
    assertThat(told).endsWith("/0").doesNotStartWith("1000/");
    world.restart();
    world.settle();
    assertThat(last.known()).isEqualTo(told);
    assertThat(again.end(true)).isEqualTo(Errors.NONE);
    assertThat(again.identity()).isEqualTo(told);
    assertThat(markers.of(FIRST))
        .extracting(TransactionMarker::producerEpoch)
        .containsOnly(Short.MAX_VALUE);
  }

  private TestProducer atTheLastEpoch() {
    assertThat(producer.end(false)).isEqualTo(Errors.NONE);
    world.settle();
    while (producer.epoch < Transaction.LAST_CLIENT_EPOCH) {
      assertThat(producer.init()).isEqualTo(Errors.NONE);
    }
    markers.written.clear();
    return producer;
  }

  // ---- truncation (P30), refusals, leadership

  @Test
  void aTruncationVoidsWhatWasNotDurable() {
    FakePartition log = world.logOf("tx");
    log.holdDurability();
    CompletableFuture<EndTxnResponseData> ended = producer.copy().endLater(5, true);
    world.settle();
    log.truncateToHighWatermark();
    assertThat(Errors.forCode(world.await(ended).errorCode())).isEqualTo(Errors.NOT_COORDINATOR);
    world.settle();
    assertThat(producer.state()).isEqualTo("Ongoing");
    assertThat(markers.written).isEmpty();
    assertThat(producer.end(true)).isEqualTo(Errors.NONE);
    world.settle();
    assertThat(producer.state()).isEqualTo("CompleteCommit");
  }

  @Test
  void aTruncationOfTheLastRecordWritesItAgain() {
    assertThat(producer.end(4, true)).isEqualTo(Errors.NONE);
    FakePartition log = world.logOf("tx");
    log.holdDurability();
    world.settle();
    log.truncateToHighWatermark();
    world.settle();
    assertThat(producer.state()).isEqualTo("CompleteCommit");
  }

  static Stream<RuntimeException> refusals() {
    return Stream.of(
        new ThrottlingQuotaExceededException(100, "the WAL is full"),
        new TimeoutException("no room in the WAL"),
        new KafkaStorageException("the WAL device failed"),
        new NotLeaderOrFollowerException("moved"),
        new IllegalStateException("closed"));
  }

  @ParameterizedTest
  @MethodSource("refusals")
  void aRefusedAppendIsRetriableAndChangesNothing(RuntimeException refusal) {
    world.logOf("tx").failAppends(() -> refusal);
    assertThat(producer.copy().end(true))
        .isIn(Errors.COORDINATOR_NOT_AVAILABLE, Errors.NOT_COORDINATOR);
    assertThat(producer.sibling().init())
        .isIn(Errors.COORDINATOR_NOT_AVAILABLE, Errors.NOT_COORDINATOR);
    world.logOf("tx").failAppends(null);
    assertThat(producer.state()).isEqualTo("Ongoing");
    assertThat(producer.known()).isEqualTo("1000/0");
    assertThat(producer.end(true)).isEqualTo(Errors.NONE);
  }

  @Test
  void theLastRecordIsTriedUntilItIsTaken() {
    assertThat(producer.end(true)).isEqualTo(Errors.NONE);
    world.logOf("tx").failAppends(() -> new TimeoutException("no room in the WAL"));
    world.settle();
    assertThat(markers.of(FIRST)).hasSize(1);
    assertThat(producer.state()).isEqualTo("PrepareCommit");
    world.logOf("tx").failAppends(null);
    world.settle();
    assertThat(producer.state()).isEqualTo("CompleteCommit");
    assertThat(markers.of(FIRST)).as("markers are not written again").hasSize(1);
  }

  /** The request gave up, and the decision became durable afterwards. */
  @Test
  void aDecisionThatNobodyWaitsForGoesOn() {
    world.logOf("tx").holdDurability();
    CompletableFuture<EndTxnResponseData> ended = producer.copy().endLater(5, true);
    world.advance(31_000);
    assertThat(Errors.forCode(world.await(ended).errorCode()))
        .isEqualTo(Errors.COORDINATOR_NOT_AVAILABLE);
    world.logOf("tx").releaseDurability();
    world.advance(11_000);
    assertThat(producer.state()).isEqualTo("CompleteCommit");
    assertThat(producer.copy().end(true)).isEqualTo(Errors.NONE);
  }

  /**
   * Before version 2 the next transaction looks the same. Its decision is made while the last
   * record of the one before is written once more, which must not end it: its markers are not
   * written.
   */
  @Test
  void theLastRecordOfOneTransactionDoesNotEndTheNext() {
    FakePartition log = world.logOf("tx");
    markers.hold(FIRST);
    assertThat(producer.end(4, true)).isEqualTo(Errors.NONE);
    log.holdDurability();
    markers.release(FIRST);
    world.advance(29_000);
    producer.addLater(3, FIRST);
    world.advance(100);
    CompletableFuture<EndTxnResponseData> ended = producer.endLater(4, true);
    world.advance(20_000);
    log.releaseDurability();
    world.settle();
    assertThat(Errors.forCode(world.await(ended).errorCode())).isEqualTo(Errors.NONE);
    world.advance(12_000);
    assertThat(producer.state()).isEqualTo("CompleteCommit");
    assertThat(markers.of(FIRST)).hasSize(2);
    assertThat(markers.of(SECOND)).hasSize(1);
  }

  @Test
  void leadershipThatMovesEndsItsEndingsHere() {
    markers.hold(FIRST);
    markers.hold(SECOND);
    assertThat(producer.end(true)).isEqualTo(Errors.NONE);
    FakePartition log = world.logOf("tx");
    world.partitions.resign(log.topicPartition(), false);
    world.settle();
    markers.release(FIRST);
    markers.release(SECOND);
    world.settle();
    assertThat(producer.state()).isEqualTo("NOT_COORDINATOR");
    assertThat(producer.end(true)).isEqualTo(Errors.NOT_COORDINATOR);
    world.partitions.lead(log.nextLeadership());
    world.settle();
    assertThat(producer.state()).isEqualTo("CompleteCommit");
  }

  /**
   * The same partition, loaded again while markers of the load before are on their way: they must
   * not arrive when the next transaction has begun, which here has the same epoch.
   */
  @Test
  void aLoadWaitsForTheMarkersOfTheOneBefore() {
    markers.hold(FIRST);
    assertThat(producer.end(4, true)).isEqualTo(Errors.NONE);
    world.settle();
    assertThat(markers.asked).containsEntry(FIRST, 1);
    FakePartition log = world.logOf("tx");
    log.truncateToHighWatermark();
    world.settle();
    assertThat(producer.state()).isEqualTo("PrepareCommit");
    assertThat(markers.asked).containsEntry(FIRST, 1).containsEntry(SECOND, 1);
    markers.release(FIRST);
    world.settle();
    assertThat(producer.state()).isEqualTo("CompleteCommit");
    assertThat(markers.asked).containsEntry(FIRST, 2).containsEntry(SECOND, 2);
  }

  @ParameterizedTest
  @ValueSource(longs = {1, 2, 3, 4, 5, 6, 7, 8})
  void leadershipThatFlapsLosesNothing(long seed) {
    try (TransactionWorld shaky = new TransactionWorld(seed, 3_000_000, java.util.Map.of(), null)) {
      shaky.createTopics();
      TestProducer p = new TestProducer(shaky, "tx").begun();
      for (int i = 0; i < 30; i++) {
        FakePartition log = shaky.logOf("tx");
        shaky.partitions.resign(log.topicPartition(), false);
        shaky.partitions.lead(log.nextLeadership());
        shaky.sim.runAll(i);
      }
      shaky.settle();
      assertThat(p.add(FIRST)).isEqualTo(Errors.NONE);
      assertThat(p.end(true)).isEqualTo(Errors.NONE);
      shaky.settle();
      assertThat(p.state()).isEqualTo("CompleteCommit");
    }
  }
}
