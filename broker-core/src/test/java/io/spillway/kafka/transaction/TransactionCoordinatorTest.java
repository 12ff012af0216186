package io.spillway.kafka.transaction;

import static io.spillway.kafka.transaction.TransactionWorld.ORDERS;
import static org.assertj.core.api.Assertions.assertThat;

import io.spillway.partition.TransactionMarker;
import io.spillway.request.coordinator.CoordinatorTopic;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.message.AddPartitionsToTxnRequestData;
import org.apache.kafka.common.message.AddPartitionsToTxnResponseData;
import org.apache.kafka.common.message.EndTxnResponseData;
import org.apache.kafka.common.message.ListTransactionsRequestData;
import org.apache.kafka.common.message.ListTransactionsResponseData;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.protocol.Errors;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Each API family on the wire, with what it answers to what is wrong; nothing is half-applied. */
class TransactionCoordinatorTest {

  private static final TopicPartition FIRST = new TopicPartition(ORDERS, 0);
  private static final TopicPartition SECOND = new TopicPartition(ORDERS, 1);
  private static final TopicPartition MISSING = new TopicPartition(ORDERS, 99);
  private static final TopicPartition NOWHERE = new TopicPartition("nowhere", 0);

  private final TransactionWorld world =
      TransactionWorld.serving(Map.of("transaction.max.timeout.ms", "100000"));
  private final TestProducer producer = new TestProducer(world, "tx");

  @AfterEach
  void close() {
    world.close();
  }

  // ---- InitProducerId

  @ParameterizedTest
  @ValueSource(ints = {0, 1, 2, 3, 4, 5})
  void aNewIdBeginsWithEpochZero(int version) {
    world.settle();
    assertThat(producer.init(version, -1, -1)).isEqualTo(Errors.NONE);
    assertThat(producer.identity()).isEqualTo("1000/0");
    assertThat(producer.state()).isEqualTo("Empty");
  }

  @ParameterizedTest
  @CsvSource({
    "0, INVALID_TRANSACTION_TIMEOUT",
    "-1, INVALID_TRANSACTION_TIMEOUT",
    "100001, INVALID_TRANSACTION_TIMEOUT",
    "100000, NONE",
    "1, NONE"
  })
  void timeoutsHaveBounds(int timeoutMs, Errors error) {
    world.settle();
    producer.timeoutMs = timeoutMs;
    assertThat(producer.init()).isEqualTo(error);
    assertThat(producer.state())
        .isEqualTo(error == Errors.NONE ? "Empty" : "TRANSACTIONAL_ID_NOT_FOUND");
  }

  @Test
  void anEmptyIdIsNone() {
    TestProducer nobody = new TestProducer(world, "");
    assertThat(nobody.init()).isEqualTo(Errors.INVALID_REQUEST);
    assertThat(nobody.add(FIRST)).isEqualTo(Errors.INVALID_REQUEST);
    assertThat(nobody.addByLeader(true, FIRST)).isEqualTo(Errors.INVALID_REQUEST);
    assertThat(nobody.end(true)).isEqualTo(Errors.INVALID_REQUEST);
    assertThat(nobody.state()).isEqualTo("INVALID_REQUEST");
  }

  /** KIP-939, as Kafka has it where it is off, which it is by default. */
  @Test
  void twoPhaseCommitIsRefused() {
    world.settle();
    assertThat(producer.init(6, producer.initRequest().setEnable2Pc(true)))
        .isEqualTo(Errors.TRANSACTIONAL_ID_AUTHORIZATION_FAILED);
    assertThat(producer.init(6, producer.initRequest().setKeepPreparedTxn(true)))
        .isEqualTo(Errors.UNSUPPORTED_VERSION);
    assertThat(producer.state()).isEqualTo("TRANSACTIONAL_ID_NOT_FOUND");
  }

  @Test
  void aNewSessionFencesTheOneBefore() {
    producer.begun();
    TestProducer next = producer.sibling().begun();
    assertThat(next.identity()).isEqualTo("1000/1");
    assertThat(producer.add(FIRST)).isEqualTo(Errors.PRODUCER_FENCED);
    assertThat(producer.add(1, FIRST)).isEqualTo(Errors.INVALID_PRODUCER_EPOCH);
    assertThat(producer.end(true)).isEqualTo(Errors.PRODUCER_FENCED);
    assertThat(producer.end(1, true)).isEqualTo(Errors.INVALID_PRODUCER_EPOCH);
    assertThat(producer.copy().reinit()).as("KIP-360").isEqualTo(Errors.PRODUCER_FENCED);
    assertThat(producer.copy().init(3, producer.id, producer.epoch))
        .isEqualTo(Errors.INVALID_PRODUCER_EPOCH);
    assertThat(next.known()).isEqualTo("1000/1");
  }

  @Test
  void aProducerGoesOnAfterAnErrorAndMayAskTwice() {
    producer.begun();
    TestProducer again = producer.copy();
    assertThat(producer.reinit()).isEqualTo(Errors.NONE);
    assertThat(producer.identity()).isEqualTo("1000/1");
    assertThat(again.reinit()).as("its answer was lost").isEqualTo(Errors.NONE);
    assertThat(again.identity()).isEqualTo("1000/1");
  }

  @Test
  void anOpenTransactionIsAbortedBeforeTheNextSessionBegins() {
    producer.begun();
    assertThat(producer.add(FIRST)).isEqualTo(Errors.NONE);
    world.fakeMarkers().hold(FIRST);
    TestProducer next = producer.sibling();
    assertThat(next.init()).isEqualTo(Errors.CONCURRENT_TRANSACTIONS);
    assertThat(next.init()).isEqualTo(Errors.CONCURRENT_TRANSACTIONS);
    assertThat(producer.state()).isEqualTo("PrepareAbort");
    world.fakeMarkers().release(FIRST);
    next.begun();
    assertThat(next.identity()).isEqualTo("1000/2");
    assertThat(world.fakeMarkers().of(FIRST)).containsExactly(marker(1000, 1, false, 2));
  }

  @Test
  void withoutProducerIdsFromTheControllerANewIdWaits() {
    world.settle();
    world.noProducerIds = new IllegalStateException("away");
    assertThat(producer.init()).isEqualTo(Errors.COORDINATOR_LOAD_IN_PROGRESS);
    world.noProducerIds = null;
    assertThat(producer.init()).isEqualTo(Errors.NONE);
  }

  // ---- AddPartitionsToTxn, AddOffsetsToTxn

  @ParameterizedTest
  @ValueSource(ints = {0, 1, 2, 3})
  void aClientAddsPartitions(int version) {
    producer.begun();
    assertThat(producer.add(version, FIRST, SECOND)).isEqualTo(Errors.NONE);
    assertThat(producer.state()).isEqualTo("Ongoing");
    assertThat(producer.describe().topics().find(ORDERS).partitions())
        .containsExactlyInAnyOrder(0, 1);
  }

  @Test
  void aPartitionThatDoesNotExistFailsThemAll() {
    producer.begun();
    assertThat(producer.addEach(3, FIRST, MISSING))
        .containsExactly(Errors.OPERATION_NOT_ATTEMPTED, Errors.UNKNOWN_TOPIC_OR_PARTITION);
    assertThat(producer.addEach(3, NOWHERE, SECOND))
        .containsExactly(Errors.UNKNOWN_TOPIC_OR_PARTITION, Errors.OPERATION_NOT_ATTEMPTED);
    assertThat(producer.addByLeader(false, MISSING)).isEqualTo(Errors.UNKNOWN_TOPIC_OR_PARTITION);
    assertThat(producer.state()).isEqualTo("Empty");
  }

  @Test
  void whoeverIsNotTheProducerAddsNothing() {
    assertThat(producer.begun().copy().add(FIRST)).isEqualTo(Errors.NONE);
    TestProducer stranger = new TestProducer(world, "tx");
    stranger.id = producer.id + 1;
    stranger.epoch = producer.epoch;
    TestProducer older = producer.copy();
    older.epoch = -1;
    TestProducer newer = producer.copy();
    newer.epoch++;
    TestProducer unknown = new TestProducer(world, "never");
    for (int version : new int[] {0, 3}) {
      Errors fenced = version < 2 ? Errors.INVALID_PRODUCER_EPOCH : Errors.PRODUCER_FENCED;
      assertThat(stranger.add(version, SECOND)).isEqualTo(Errors.INVALID_PRODUCER_ID_MAPPING);
      assertThat(unknown.add(version, SECOND)).isEqualTo(Errors.INVALID_PRODUCER_ID_MAPPING);
      assertThat(older.add(version, SECOND)).isEqualTo(fenced);
      assertThat(newer.add(version, SECOND)).isEqualTo(fenced);
      world.createOffsetsTopicOnce();
      assertThat(older.addOffsets(version, "g")).isEqualTo(fenced);
      assertThat(stranger.addOffsets(version, "g")).isEqualTo(Errors.INVALID_PRODUCER_ID_MAPPING);
    }
    for (boolean verifyOnly : new boolean[] {false, true}) {
      assertThat(stranger.addByLeader(verifyOnly, FIRST))
          .isEqualTo(Errors.INVALID_PRODUCER_ID_MAPPING);
      assertThat(older.addByLeader(verifyOnly, FIRST)).isEqualTo(Errors.PRODUCER_FENCED);
    }
    assertThat(producer.describe().topics().find(ORDERS).partitions()).containsExactly(0);
  }

  @Test
  void leadersAddAndAskForSeveralTransactionsAtOnce() {
    producer.begun();
    assertThat(producer.add(FIRST)).isEqualTo(Errors.NONE);
    TestProducer other = new TestProducer(world, "other").begun();
    AddPartitionsToTxnRequestData request = new AddPartitionsToTxnRequestData();
    request.transactions().add(producer.transaction(true, FIRST));
    request.transactions().add(other.transaction(false, SECOND));
    AddPartitionsToTxnResponseData answer =
        world.call(ApiKeys.ADD_PARTITIONS_TO_TXN, 5, request, AddPartitionsToTxnResponseData.class);
    assertThat(answer.resultsByTransaction())
        .extracting(
            result ->
                result.transactionalId()
                    + " "
                    + result.topicResults().find(ORDERS).resultsByPartition())
        .hasSize(2)
        .allSatisfy(text -> assertThat(text).contains("partitionErrorCode=0"));
    assertThat(other.state()).isEqualTo("Ongoing");
  }

  @Test
  void askingFindsWhatIsInTheOpenTransactionAndChangesNothing() {
    producer.begun();
    assertThat(producer.addByLeader(true, FIRST)).isEqualTo(Errors.TRANSACTION_ABORTABLE);
    assertThat(producer.add(FIRST)).isEqualTo(Errors.NONE);
    assertThat(producer.addByLeader(true, FIRST)).isEqualTo(Errors.NONE);
    assertThat(producer.addByLeader(true, SECOND)).isEqualTo(Errors.TRANSACTION_ABORTABLE);
    assertThat(producer.describe().topics().find(ORDERS).partitions()).containsExactly(0);
  }

  /** A batch that is let in behind a decision would come behind its marker. */
  @Test
  void askingSeesADecisionThatIsNotDurableYet() {
    producer.begun();
    assertThat(producer.add(FIRST)).isEqualTo(Errors.NONE);
    world.logOf("tx").holdDurability();
    CompletableFuture<EndTxnResponseData> ended = producer.copy().endLater(4, true);
    world.settle();
    assertThat(ended).isNotDone();
    AddPartitionsToTxnRequestData request = new AddPartitionsToTxnRequestData();
    request.transactions().add(producer.transaction(true, FIRST));
    var asked = world.send(ApiKeys.ADD_PARTITIONS_TO_TXN, 5, request);
    world.settle();
    assertThat(asked).isNotDone();
    world.logOf("tx").releaseDurability();
    AddPartitionsToTxnResponseData answer = (AddPartitionsToTxnResponseData) world.await(asked);
    assertThat(
            Errors.forCode(
                answer
                    .resultsByTransaction()
                    .find("tx")
                    .topicResults()
                    .find(ORDERS)
                    .resultsByPartition()
                    .find(0)
                    .partitionErrorCode()))
        .isEqualTo(Errors.CONCURRENT_TRANSACTIONS);
  }

  @Test
  void aTransactionThatIsBeingEndedTakesNothingMore() {
    producer.begun();
    assertThat(producer.add(FIRST)).isEqualTo(Errors.NONE);
    world.fakeMarkers().hold(FIRST);
    assertThat(producer.end(4, true)).isEqualTo(Errors.NONE);
    assertThat(producer.add(SECOND)).isEqualTo(Errors.CONCURRENT_TRANSACTIONS);
    assertThat(producer.addByLeader(true, FIRST)).isEqualTo(Errors.CONCURRENT_TRANSACTIONS);
    world.fakeMarkers().release(FIRST);
    world.settle();
    assertThat(producer.add(SECOND)).isEqualTo(Errors.NONE);
    assertThat(producer.describe().topics().find(ORDERS).partitions()).containsExactly(1);
  }

  @Test
  void offsetsOfAGroupAreAPartitionOfTheTransaction() {
    producer.begun();
    assertThat(producer.addOffsets(4, "g"))
        .as("the topic is made first")
        .isEqualTo(Errors.COORDINATOR_LOAD_IN_PROGRESS);
    assertThat(world.created).contains(CoordinatorTopic.OFFSETS);
    world.createOffsetsTopicOnce();
    assertThat(producer.addOffsets(4, "g")).isEqualTo(Errors.NONE);
    assertThat(producer.describe().topics().find(CoordinatorTopic.OFFSETS).partitions())
        .containsExactly(CoordinatorTopic.partitionOf("g", TransactionWorld.PARTITIONS));
  }

  // ---- EndTxn

  @ParameterizedTest
  @CsvSource({"0, true", "4, true", "4, false", "5, true", "5, false"})
  void aTransactionEndsInEveryPartition(int version, boolean commit) {
    producer.begun();
    assertThat(producer.add(FIRST, SECOND)).isEqualTo(Errors.NONE);
    assertThat(producer.end(version, commit)).isEqualTo(Errors.NONE);
    world.settle();
    int markerEpoch = version >= 5 ? 1 : 0;
    int transactionVersion = version >= 5 ? 2 : 0;
    assertThat(world.fakeMarkers().of(FIRST))
        .isEqualTo(world.fakeMarkers().of(SECOND))
        .containsExactly(marker(1000, markerEpoch, commit, transactionVersion));
    assertThat(producer.state()).isEqualTo(commit ? "CompleteCommit" : "CompleteAbort");
    assertThat(producer.identity()).isEqualTo("1000/" + markerEpoch).isEqualTo(producer.known());
    assertThat(producer.describe().topics()).isEmpty();
  }

  @Test
  void theAnswerIsGivenWhenTheDecisionIsDurableAndNotWhenTheMarkersAre() {
    producer.begun();
    assertThat(producer.add(FIRST)).isEqualTo(Errors.NONE);
    world.fakeMarkers().hold(FIRST);
    world.logOf("tx").holdDurability();
    CompletableFuture<EndTxnResponseData> ended = producer.copy().endLater(5, true);
    world.settle();
    assertThat(ended).isNotDone();
    assertThat(world.fakeMarkers().asked).as("nothing leaves before").isEmpty();
    world.logOf("tx").releaseDurability();
    assertThat(Errors.forCode(world.await(ended).errorCode())).isEqualTo(Errors.NONE);
    assertThat(producer.state()).isEqualTo("PrepareCommit");
  }

  @Test
  void aLostAnswerIsGivenAgain() {
    producer.begun();
    assertThat(producer.add(FIRST)).isEqualTo(Errors.NONE);
    TestProducer again = producer.copy();
    TestProducer opposite = producer.copy();
    world.fakeMarkers().hold(FIRST);
    assertThat(producer.end(true)).isEqualTo(Errors.NONE);
    assertThat(again.end(true)).isEqualTo(Errors.CONCURRENT_TRANSACTIONS);
    assertThat(opposite.end(false)).isEqualTo(Errors.CONCURRENT_TRANSACTIONS);
    world.fakeMarkers().release(FIRST);
    world.settle();
    assertThat(again.end(true)).isEqualTo(Errors.NONE);
    assertThat(again.identity()).isEqualTo(producer.identity());
    assertThat(opposite.end(false)).isEqualTo(Errors.INVALID_TXN_STATE);
    assertThat(world.fakeMarkers().of(FIRST)).hasSize(1);
  }

  /** A client that aborts before it has sent anything does so at once. */
  @Test
  void theNextTransactionMayEndNoSoonerThanTheOneBefore() {
    producer.begun();
    assertThat(producer.add(FIRST)).isEqualTo(Errors.NONE);
    world.fakeMarkers().hold(FIRST);
    assertThat(producer.end(true)).isEqualTo(Errors.NONE);
    assertThat(producer.end(false)).isEqualTo(Errors.CONCURRENT_TRANSACTIONS);
    world.fakeMarkers().release(FIRST);
    world.settle();
    assertThat(producer.end(false)).isEqualTo(Errors.NONE);
    assertThat(producer.identity()).isEqualTo("1000/2");
  }

  /** What the epoch of each transaction is for (KIP-890). */
  @Test
  void aLateEndOfOneTransactionDoesNotEndTheNext() {
    producer.begun();
    assertThat(producer.add(FIRST)).isEqualTo(Errors.NONE);
    TestProducer late = producer.copy();
    assertThat(producer.end(true)).isEqualTo(Errors.NONE);
    world.settle();
    assertThat(producer.addByLeader(false, FIRST)).isEqualTo(Errors.NONE);
    assertThat(late.end(true)).isEqualTo(Errors.PRODUCER_FENCED);
    assertThat(producer.state()).isEqualTo("Ongoing");
  }

  @Test
  void anAbortOfNothingStillBumpsTheEpoch() {
    producer.begun();
    assertThat(producer.end(false)).isEqualTo(Errors.NONE);
    world.settle();
    assertThat(producer.state()).isEqualTo("CompleteAbort");
    assertThat(producer.identity()).isEqualTo("1000/1");
    assertThat(producer.end(true)).isEqualTo(Errors.INVALID_TXN_STATE);
    assertThat(producer.end(4, false)).as("and means nothing before").isEqualTo(Errors.NONE);
  }

  @Test
  void markersCarryTheLeaderEpochOfTheCoordinator() {
    producer.begun();
    world.restart();
    world.settle();
    assertThat(producer.add(FIRST)).isEqualTo(Errors.NONE);
    assertThat(producer.end(true)).isEqualTo(Errors.NONE);
    world.settle();
    assertThat(world.fakeMarkers().of(FIRST))
        .extracting(TransactionMarker::coordinatorEpoch)
        .containsExactly(1);
  }

  // ---- ListTransactions, DescribeTransactions

  @Test
  void transactionsAreListedByWhatTheAdministratorAsksFor() {
    producer.begun();
    TestProducer open = new TestProducer(world, "open").begun();
    assertThat(open.add(FIRST)).isEqualTo(Errors.NONE);
    world.advance(1_000);
    ListTransactionsRequestData all = new ListTransactionsRequestData();
    assertThat(list(2, all)).containsExactly("open 1001 Ongoing", "tx 1000 Empty");
    assertThat(list(0, new ListTransactionsRequestData().setStateFilters(List.of("Ongoing"))))
        .containsExactly("open 1001 Ongoing");
    assertThat(list(0, new ListTransactionsRequestData().setProducerIdFilters(List.of(1000L))))
        .containsExactly("tx 1000 Empty");
    assertThat(list(1, new ListTransactionsRequestData().setDurationFilter(900)))
        .containsExactly("open 1001 Ongoing", "tx 1000 Empty");
    assertThat(list(1, new ListTransactionsRequestData().setDurationFilter(1_100)))
        .as("an id without a transaction passes, as in Kafka")
        .containsExactly("tx 1000 Empty");
    assertThat(list(2, new ListTransactionsRequestData().setTransactionalIdPattern("o.*")))
        .containsExactly("open 1001 Ongoing");
    ListTransactionsResponseData strange =
        listed(0, new ListTransactionsRequestData().setStateFilters(List.of("Odd")));
    assertThat(strange.unknownStateFilters()).containsExactly("Odd");
    assertThat(strange.transactionStates()).isEmpty();
    assertThat(
            Errors.forCode(
                listed(2, new ListTransactionsRequestData().setTransactionalIdPattern("("))
                    .errorCode()))
        .isEqualTo(Errors.INVALID_REGULAR_EXPRESSION);
  }

  @Test
  void describingShowsWhatIsDurable() {
    assertThat(producer.begun().copy().state()).isEqualTo("Empty");
    world.logOf("tx").holdDurability();
    world.send(ApiKeys.INIT_PRODUCER_ID, 5, producer.initRequest());
    world.settle();
    assertThat(producer.known()).isEqualTo("1000/0");
    world.logOf("tx").releaseDurability();
    world.settle();
    assertThat(producer.known()).isEqualTo("1000/1");
    assertThat(new TestProducer(world, "never").state()).isEqualTo("TRANSACTIONAL_ID_NOT_FOUND");
  }

  private List<String> list(int version, ListTransactionsRequestData request) {
    return listed(version, request).transactionStates().stream()
        .map(t -> t.transactionalId() + " " + t.producerId() + " " + t.transactionState())
        .toList();
  }

  private ListTransactionsResponseData listed(int version, ListTransactionsRequestData request) {
    return world.call(
        ApiKeys.LIST_TRANSACTIONS, version, request, ListTransactionsResponseData.class);
  }

  private static TransactionMarker marker(long id, int epoch, boolean commit, int version) {
    return new TransactionMarker(id, (short) epoch, commit, 0, (short) version);
  }
}
