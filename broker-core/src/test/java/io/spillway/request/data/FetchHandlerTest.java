package io.spillway.request.data;

import static io.spillway.partition.TestBatches.plain;
import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;

import io.spillway.partition.Partitions;
import io.spillway.stream.StreamException;
import java.util.ArrayList;
import java.util.List;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.message.FetchRequestData;
import org.apache.kafka.common.message.FetchRequestData.FetchPartition;
import org.apache.kafka.common.message.FetchRequestData.FetchTopic;
import org.apache.kafka.common.message.FetchRequestData.ForgottenTopic;
import org.apache.kafka.common.message.FetchResponseData;
import org.apache.kafka.common.message.FetchResponseData.PartitionData;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.protocol.Errors;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class FetchHandlerTest {

  private final DataBroker broker = new DataBroker();
  private final Partitions partitions = broker.partitions;
  private final List<FakeExchange> exchanges = new ArrayList<>();

  @AfterEach
  void everythingIsGivenBack() {
    exchanges.forEach(FakeExchange::sent);
    assertThat(partitions.store.openData).as("fetched data not closed").isZero();
    assertThat(broker.timers.size()).as("timeouts left").isZero();
    assertThat(broker.fetch.waiting()).as("fetches left").isZero();
    assertThat(broker.budget.usedBytes()).as("budget not given back").isZero();
  }

  @Test
  void everyVersionGivesTheRecords() {
    partitions.appendDurably(plain("a", "b"));
    for (int version = 4; version <= 18; version++) {
      FetchRequestData request = request(500, 1, 1 << 20, ask(0, 0));
      if (version >= 13) {
        request.topics().forEach(topic -> topic.setTopic("").setTopicId(Partitions.ID));
      }
      FakeExchange exchange = send(version, request);
      PartitionData data = only(exchange);
      assertThat(data.errorCode()).isZero();
      assertThat(data.highWatermark()).isEqualTo(2);
      assertThat(data.lastStableOffset()).isEqualTo(2);
      assertThat(data.records().sizeInBytes()).isPositive();
      assertThat(partitions.store.openData).as("held until sent").isEqualTo(1);
      exchange.sent();
      assertThat(partitions.store.openData).isZero();
    }
    assertThat(partitions.traffic).last().asString().startsWith("out topic client ");
  }

  @Test
  void aFetchAtTheHighWatermarkIsAnsweredTheMomentDataIsDurable() {
    FakeExchange exchange = send(12, request(500, 1, 1 << 20, ask(0, 0)));
    partitions.append(plain("a"));
    assertThat(exchange.isAnswered()).as("not durable: not visible").isFalse();
    partitions.store.makeAllDurable();
    assertThat(only(exchange).records().sizeInBytes()).isPositive();
  }

  @Test
  void withoutDataTheAnswerIsEmptyAtTheDeadlineAndNotBefore() {
    FakeExchange exchange = send(12, request(500, 1, 1 << 20, ask(0, 0)));
    partitions.runForMs(499);
    assertThat(exchange.isAnswered()).isFalse();
    partitions.runForMs(12);
    assertThat(only(exchange).records().sizeInBytes()).isZero();
    assertThat(only(exchange).errorCode()).isZero();
  }

  @Test
  void minBytesAreWaitedFor() {
    int one = plain("a").remaining();
    partitions.appendDurably(plain("a"));
    FakeExchange exchange = send(12, request(500, 3 * one, 1 << 20, ask(0, 0)));
    assertThat(partitions.store.openData).as("nothing is held while waiting").isZero();
    partitions.appendDurably(plain("b"));
    assertThat(exchange.isAnswered()).isFalse();
    partitions.appendDurably(plain("c"));
    assertThat(only(exchange).records().sizeInBytes()).isEqualTo(3 * one);
  }

  @Test
  void minBytesThatNeverComeGiveWhatThereIsAtTheDeadline() {
    partitions.appendDurably(plain("a"));
    FakeExchange exchange = send(12, request(500, 1 << 20, 1 << 20, ask(0, 0)));
    assertThat(exchange.isAnswered()).isFalse();
    partitions.runForMs(512);
    assertThat(only(exchange).records().sizeInBytes()).isPositive();
  }

  @Test
  void errorsAreAnsweredAtOnce() {
    partitions.apply(partitions.metadata.topic("elsewhere", new Uuid(3, 3), 2));
    partitions.apply(partitions.metadata.lead("topic", 0, 1, 3));
    partitions.appendDurably(plain("a", "b"));
    partitions.partition().deleteRecords(1).join();
    record Case(String name, FetchPartition asked, String topic, Errors expected) {}
    List<Case> cases =
        List.of(
            new Case("beyond the end", ask(0, 3), "topic", Errors.OFFSET_OUT_OF_RANGE),
            new Case("below the start", ask(0, 0), "topic", Errors.OFFSET_OUT_OF_RANGE),
            new Case("negative", ask(0, -1), "topic", Errors.OFFSET_OUT_OF_RANGE),
            new Case("no such partition", ask(9, 0), "topic", Errors.UNKNOWN_TOPIC_OR_PARTITION),
            new Case("no such topic", ask(0, 0), "nope", Errors.UNKNOWN_TOPIC_OR_PARTITION),
            new Case("led elsewhere", ask(0, 0), "elsewhere", Errors.NOT_LEADER_OR_FOLLOWER),
            new Case(
                "old epoch",
                ask(0, 1).setCurrentLeaderEpoch(2),
                "topic",
                Errors.FENCED_LEADER_EPOCH),
            new Case(
                "new epoch",
                ask(0, 1).setCurrentLeaderEpoch(4),
                "topic",
                Errors.UNKNOWN_LEADER_EPOCH),
            new Case(
                "unheard of",
                ask(0, 1).setLastFetchedEpoch(7),
                "topic",
                Errors.OFFSET_OUT_OF_RANGE));
    for (Case each : cases) {
      FetchRequestData request = request(500, 1, 1 << 20, each.asked);
      request.topics().get(0).setTopic(each.topic);
      FakeExchange exchange = send(12, request);
      assertThat(Errors.forCode(only(exchange).errorCode())).as(each.name).isEqualTo(each.expected);
      assertThat(only(exchange).records().sizeInBytes()).as(each.name).isZero();
      exchange.sent();
    }
  }

  @Test
  void aClientOnAnotherBranchLearnsWhereItsEpochEnded() {
    partitions.appendDurably(plain("a"));
    partitions.apply(partitions.metadata.lead("topic", 0, 1, 3));
    partitions.appendDurably(plain("b"));
    FakeExchange exchange = send(12, request(500, 1, 1 << 20, ask(0, 2).setLastFetchedEpoch(0)));
    assertThat(only(exchange).divergingEpoch().epoch()).as("KIP-320").isZero();
    assertThat(only(exchange).divergingEpoch().endOffset()).isEqualTo(1);
  }

  @Test
  void theLeaderElsewhereIsNamed() {
    partitions.apply(partitions.metadata.topic("elsewhere", new Uuid(3, 3), 2));
    FetchRequestData request = request(500, 1, 1 << 20, ask(0, 0));
    request.topics().get(0).setTopic("").setTopicId(new Uuid(3, 3));
    FakeExchange exchange = send(16, request);
    assertThat(only(exchange).currentLeader().leaderId()).isEqualTo(2);
    assertThat(exchange.response(FetchResponseData.class).nodeEndpoints().find(2).host())
        .isEqualTo("broker-2");
  }

  @Test
  void limitsHoldButTheFirstBatchOfTheFirstPartitionAlwaysComes() {
    partitions.apply(partitions.metadata.topic("topic", Partitions.ID, 1, 1));
    int one = plain("a").remaining();
    partitions.appendDurably(plain("a"));
    partitions.appendDurably(plain("b"));
    appendTo(1, "c");
    FakeExchange tiny = send(12, request(500, 1, 1, ask(0, 0), ask(1, 0)));
    assertThat(sizes(tiny)).containsExactly(one, 0);
    FakeExchange perPartition =
        send(12, request(500, 1, 1 << 20, ask(0, 0).setPartitionMaxBytes(1), ask(1, 0)));
    assertThat(sizes(perPartition)).containsExactly(one, one);
    FakeExchange second =
        send(12, request(500, 1, 1 << 20, ask(0, 0), ask(1, 0).setPartitionMaxBytes(1)));
    assertThat(sizes(second)).as("only the first one may exceed").containsExactly(2 * one, 0);
    FakeExchange total = send(12, request(500, 1, 2 * one + 1, ask(0, 0), ask(1, 0)));
    assertThat(sizes(total)).containsExactly(2 * one, 0);
  }

  @Test
  void coldPartitionsAreReadAtOnce() {
    partitions.apply(partitions.metadata.topic("topic", Partitions.ID, 1, 1));
    partitions.appendDurably(plain("a"));
    appendTo(1, "b");
    partitions.store.coldBelow = 10;
    FakeExchange exchange = send(12, request(500, 1, 1 << 20, ask(0, 0), ask(1, 0)));
    assertThat(partitions.store.heldReads()).isEqualTo(2);
    assertThat(exchange.isAnswered()).isFalse();
    partitions.store.completeReads();
    assertThat(sizes(exchange)).hasSize(2).doesNotContain(0);
  }

  @Test
  void aColdReadThatIsLateHoldsTheAnswerButNotWhatIsThere() {
    partitions.apply(partitions.metadata.topic("topic", Partitions.ID, 1, 1));
    partitions.appendDurably(plain("a"));
    partitions.store.coldBelow = 1;
    FakeExchange onlyCold = send(12, request(500, 1, 1 << 20, ask(0, 0)));
    partitions.runForMs(600);
    assertThat(onlyCold.isAnswered()).as("an empty answer helps nobody").isFalse();
    partitions.store.completeReads();
    assertThat(sizes(onlyCold)).doesNotContain(0);

    appendTo(1, "b");
    appendTo(1, "c");
    FakeExchange mixed = send(12, request(500, 1, 1 << 20, ask(0, 0), ask(1, 1)));
    partitions.runForMs(512);
    assertThat(sizes(mixed).get(1)).isPositive();
    partitions.store.completeReads();
  }

  @Test
  void aColdReadThatNeverEndsIsGivenUp() {
    partitions.appendDurably(plain("a"));
    partitions.store.coldBelow = 1;
    FakeExchange exchange = send(12, request(500, 1, 1 << 20, ask(0, 0)));
    partitions.runForMs(600);
    assertThat(exchange.isAnswered()).isFalse();
    partitions.runForMs(20_000);
    assertThat(sizes(exchange)).containsExactly(0);
    partitions.store.completeReads();
  }

  @Test
  void aDamagedRangeAnswersAnErrorAndIsReportedOnce() {
    partitions.appendDurably(plain("a"));
    partitions.stream().readFailure = new StreamException.Corrupt("object x is damaged", null);
    assertThat(only(send(12, request(500, 1, 1 << 20, ask(0, 0)))).errorCode())
        .isEqualTo(Errors.CORRUPT_MESSAGE.code());
    send(12, request(500, 1, 1 << 20, ask(0, 0)));
    assertThat(broker.unreadable).containsExactly("topic-0: object x is damaged");
    partitions.stream().readFailure = new StreamException.Unavailable("bucket away", null);
    FakeExchange held = send(12, request(500, 1, 1 << 20, ask(0, 0)));
    partitions.runForMs(490);
    assertThat(held.isAnswered()).as("or the client would ask again at once").isFalse();
    partitions.runForMs(50);
    assertThat(only(held).errorCode()).isEqualTo(Errors.KAFKA_STORAGE_ERROR.code());
  }

  /**
   * A consumer asks again as soon as it is answered: not in a tight loop while the bucket is away.
   */
  @Test
  void whatCannotBeReadNowIsAskedForOncePerWait() {
    partitions.appendDurably(plain("a"));
    partitions
        .store
        .streams
        .values()
        .forEach(stream -> stream.readFailure = new StreamException.Unavailable("no bucket", null));
    int answers = 0;
    FakeExchange exchange = send(12, request(500, 1, 1 << 20, ask(0, 0)));
    for (int ms = 0; ms < 10_000; ms += 10) {
      partitions.runForMs(10);
      if (exchange.isAnswered()) {
        answers++;
        assertThat(Errors.forCode(only(exchange).errorCode()))
            .isEqualTo(Errors.KAFKA_STORAGE_ERROR);
        exchange.sent();
        exchange = send(12, request(500, 1, 1 << 20, ask(0, 0)));
      }
    }
    assertThat(answers).as("answers in 10 s").isBetween(15, 20);
    assertThat(partitions.store.reads).as("reads for them").isLessThanOrEqualTo(2 * answers + 2);
    broker.fetch.onDisconnect(exchange.connection());
  }

  /** The same beside a partition that has data: it is told with that, and holds nothing up. */
  @Test
  void whatCannotBeReadNowDoesNotHoldUpWhatCan() {
    partitions.apply(partitions.metadata.topic("topic", Partitions.ID, 1, 1));
    partitions.appendDurably(plain("a"));
    appendTo(1, "b");
    partitions.store.streams.values().stream()
        .filter(stream -> stream.id.partition() == 0)
        .forEach(stream -> stream.readFailure = new StreamException.Unavailable("no bucket", null));
    FakeExchange exchange = send(12, request(500, 1, 1 << 20, ask(0, 0), ask(1, 0)));

    assertThat(exchange.isAnswered()).as("at once").isTrue();
    assertThat(sizes(exchange).get(0)).isZero();
    assertThat(sizes(exchange).get(1)).isPositive();
  }

  @Test
  void whenResponsesHoldAllTheirMemoryAFetchWaitsForRoomAndAnotherClientsComesFirst() {
    partitions.appendDurably(plain("a"));
    long all = broker.budget.take("hog", 8 << 20, () -> {});
    FakeExchange waits = send(12, request(500, 1, 1 << 20, ask(0, 0)));
    partitions.runForMs(100);
    assertThat(waits.isAnswered()).isFalse();

    broker.budget.give("hog", all);
    partitions.runForMs(20);

    assertThat(sizes(waits).get(0)).isPositive();
    waits.sent();
    assertThat(broker.budget.usedBytes()).isZero();
  }

  @Test
  void aFetchWaitsForAPartitionToOpen() {
    partitions.store.holdClaims = true;
    partitions.apply(partitions.metadata.topic("opening", new Uuid(3, 3), 1));
    FetchRequestData request = request(500, 1, 1 << 20, ask(0, 5));
    request.topics().get(0).setTopic("opening");
    FakeExchange exchange = send(12, request);
    assertThat(exchange.isAnswered()).isFalse();
    partitions.store.grantClaims();
    partitions.run();
    assertThat(only(exchange).errorCode()).isEqualTo(Errors.OFFSET_OUT_OF_RANGE.code());
  }

  @Test
  void aPartitionThatDoesNotOpenInTimeIsNotLedHereYet() {
    partitions.store.holdClaims = true;
    partitions.apply(partitions.metadata.topic("opening", new Uuid(3, 3), 1));
    FetchRequestData request = request(500, 1, 1 << 20, ask(0, 0));
    request.topics().get(0).setTopic("opening");
    FakeExchange exchange = send(12, request);
    partitions.runForMs(512);
    assertThat(only(exchange).errorCode()).isEqualTo(Errors.NOT_LEADER_OR_FOLLOWER.code());
  }

  @Test
  void aWaitingFetchLearnsThatLeadershipMoved() {
    FakeExchange exchange = send(12, request(500, 1, 1 << 20, ask(0, 0)));
    partitions.apply(partitions.metadata.lead("topic", 0, 2, 1));
    assertThat(only(exchange).errorCode()).isEqualTo(Errors.NOT_LEADER_OR_FOLLOWER.code());
    assertThat(only(exchange).currentLeader().leaderEpoch()).isEqualTo(1);
  }

  @Test
  void aClientThatLeavesLeavesNothingBehind() {
    partitions.appendDurably(plain("a"));
    FakeExchange waiting = send(12, request(500_000, 1, 1 << 20, ask(0, 1)));
    broker.fetch.onDisconnect(waiting.connection());
    partitions.store.coldBelow = 1;
    FakeExchange reading = send(12, request(500_000, 1, 1 << 20, ask(0, 0)));
    broker.fetch.onDisconnect(reading.connection());
    partitions.store.completeReads();
    assertThat(waiting.isAnswered()).isFalse();
    assertThat(reading.isAnswered()).isFalse();
  }

  @Test
  void replicasAreNotServed() {
    assertThat(send(12, request(0, 1, 1 << 20, ask(0, 0)).setReplicaId(2)).failure)
        .isEqualTo(Errors.INVALID_REQUEST);
  }

  @Test
  void aPartitionNamedTwiceIsAnsweredOnceAsItWasNamedLast() {
    partitions.appendDurably(plain("a"));
    assertThat(only(send(12, request(0, 1, 1 << 20, ask(0, 7), ask(0, 0)))).errorCode()).isZero();
    assertThat(
            Errors.forCode(
                only(send(12, request(0, 1, 1 << 20, ask(0, 0), ask(0, 7)))).errorCode()))
        .isEqualTo(Errors.OFFSET_OUT_OF_RANGE);
  }

  @Test
  void whatMakesNoSenseGetsTheErrorThatKafkaHasForIt() {
    partitions.appendDurably(plain("a"));
    assertThat(send(12, request(0, 1, 1 << 20, ask(0, 0)).setIsolationLevel((byte) 7)).failure)
        .isEqualTo(Errors.UNKNOWN_SERVER_ERROR);
    FetchPartition negative = ask(0, 0).setPartitionMaxBytes(-1);
    assertThat(Errors.forCode(only(send(12, request(0, 1, 1 << 20, negative))).errorCode()))
        .isEqualTo(Errors.UNKNOWN_SERVER_ERROR);
    assertThat(Errors.forCode(only(send(12, request(0, 1, -1, ask(0, 0)))).errorCode()))
        .isEqualTo(Errors.UNKNOWN_SERVER_ERROR);
    FetchPartition atTheEnd = ask(0, 1).setPartitionMaxBytes(-1);
    assertThat(only(send(12, request(0, 1, 1 << 20, atTheEnd))).errorCode())
        .as("nothing was to be read")
        .isZero();
  }

  @Test
  void aSessionIsToldThatATopicItKnewIsGone() {
    partitions.appendDurably(plain("a"));
    FetchRequestData byId = request(0, 1, 1 << 20, ask(0, 1)).setSessionEpoch(0);
    byId.topics().get(0).setTopic("").setTopicId(Partitions.ID);
    int id = send(17, byId).response(FetchResponseData.class).sessionId();
    partitions.apply(partitions.metadata.delete("topic"));
    FetchRequestData next = new FetchRequestData().setMaxBytes(1 << 20).setMaxWaitMs(0);
    for (int epoch = 1; epoch <= 2; epoch++) {
      FakeExchange gone = send(17, next.setSessionId(id).setSessionEpoch(epoch));
      assertThat(Errors.forCode(only(gone).errorCode()))
          .isEqualTo(Errors.UNKNOWN_TOPIC_OR_PARTITION);
    }
    FetchRequestData never = request(0, 1, 1 << 20, ask(0, 1)).setSessionEpoch(0);
    never.topics().get(0).setTopic("").setTopicId(new Uuid(8, 8));
    assertThat(Errors.forCode(only(send(17, never)).errorCode()))
        .isEqualTo(Errors.UNKNOWN_TOPIC_ID);
  }

  @Test
  void aSessionTellsChangesOnly() {
    partitions.apply(partitions.metadata.topic("topic", Partitions.ID, 1, 1));
    partitions.appendDurably(plain("a"));
    FakeExchange full = send(12, request(0, 1, 1 << 20, ask(0, 0), ask(1, 0)).setSessionEpoch(0));
    int id = full.response(FetchResponseData.class).sessionId();
    assertThat(id).isPositive();
    assertThat(sizes(full)).hasSize(2);
    full.sent();

    FakeExchange nothingNew = incremental(id, 1, ask(0, 1));
    assertThat(nothingNew.response(FetchResponseData.class).responses()).isEmpty();
    appendTo(1, "b");
    FakeExchange changed = incremental(id, 2);
    assertThat(only(changed).partitionIndex()).isEqualTo(1);
    assertThat(only(changed).records().sizeInBytes()).isPositive();
    changed.sent();

    partitions.appendDurably(plain("c"));
    FakeExchange rotated = incremental(id, 3);
    assertThat(partitionsOf(rotated)).as("who gave data goes to the end").containsExactly(0, 1);

    FetchRequestData forget =
        new FetchRequestData().setSessionId(id).setSessionEpoch(4).setMaxWaitMs(0).setMinBytes(1);
    forget
        .forgottenTopicsData()
        .add(new ForgottenTopic().setTopic("topic").setPartitions(List.of(1)));
    assertThat(partitionsOf(send(12, forget))).containsExactly(0);
  }

  @Test
  void sessionErrorsAreKafkas() {
    partitions.appendDurably(plain("a"));
    FakeExchange full = send(12, request(0, 1, 1 << 20, ask(0, 0)).setSessionEpoch(0));
    int id = full.response(FetchResponseData.class).sessionId();
    assertThat(topError(incremental(id + 1, 1))).isEqualTo(Errors.FETCH_SESSION_ID_NOT_FOUND);
    assertThat(topError(incremental(id, 7))).isEqualTo(Errors.INVALID_FETCH_SESSION_EPOCH);
    FetchRequestData byId = new FetchRequestData().setSessionId(id).setSessionEpoch(1);
    assertThat(topError(send(13, byId))).isEqualTo(Errors.FETCH_SESSION_TOPIC_ID_ERROR);
    send(12, request(0, 1, 1 << 20, ask(0, 0)).setSessionId(id).setSessionEpoch(-1));
    assertThat(topError(incremental(id, 1)))
        .as("a final epoch ends the session")
        .isEqualTo(Errors.FETCH_SESSION_ID_NOT_FOUND);
  }

  private FakeExchange incremental(int id, int epoch, FetchPartition... asked) {
    FetchRequestData request = request(0, 1, 1 << 20, asked);
    if (asked.length == 0) {
      request.topics().clear();
    }
    return send(12, request.setSessionId(id).setSessionEpoch(epoch));
  }

  private void appendTo(int partition, String value) {
    var found = requireNonNull(partitions.manager.find(new TopicPartition("topic", partition)));
    found.appendInternal(plain(value));
    partitions.store.makeAllDurable();
  }

  private FakeExchange send(int version, FetchRequestData request) {
    FakeExchange exchange = broker.send(ApiKeys.FETCH, version, request);
    exchanges.add(exchange);
    return exchange;
  }

  private static FetchPartition ask(int partition, long offset) {
    return new FetchPartition()
        .setPartition(partition)
        .setFetchOffset(offset)
        .setPartitionMaxBytes(1 << 16);
  }

  private static FetchRequestData request(
      int maxWaitMs, int minBytes, int maxBytes, FetchPartition... asked) {
    FetchRequestData request =
        new FetchRequestData()
            .setMaxWaitMs(maxWaitMs)
            .setMinBytes(minBytes)
            .setMaxBytes(maxBytes)
            .setSessionEpoch(-1);
    request.topics().add(new FetchTopic().setTopic("topic").setPartitions(List.of(asked)));
    return request;
  }

  private static Errors topError(FakeExchange exchange) {
    return Errors.forCode(exchange.response(FetchResponseData.class).errorCode());
  }

  private static List<PartitionData> all(FakeExchange exchange) {
    return exchange.response(FetchResponseData.class).responses().stream()
        .flatMap(topic -> topic.partitions().stream())
        .toList();
  }

  private static List<Integer> sizes(FakeExchange exchange) {
    return all(exchange).stream().map(data -> data.records().sizeInBytes()).toList();
  }

  private static List<Integer> partitionsOf(FakeExchange exchange) {
    return all(exchange).stream().map(PartitionData::partitionIndex).toList();
  }

  private static PartitionData only(FakeExchange exchange) {
    assertThat(all(exchange)).hasSize(1);
    return all(exchange).get(0);
  }
}
