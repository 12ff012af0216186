package io.spillway.request.data;

import static io.spillway.partition.TestBatches.NOW_MS;
import static io.spillway.partition.TestBatches.at;
import static io.spillway.partition.TestBatches.idempotent;
import static io.spillway.partition.TestBatches.plain;
import static org.assertj.core.api.Assertions.assertThat;

import io.spillway.partition.Partitions;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.message.ProduceRequestData;
import org.apache.kafka.common.message.ProduceRequestData.PartitionProduceData;
import org.apache.kafka.common.message.ProduceRequestData.TopicProduceData;
import org.apache.kafka.common.message.ProduceResponseData;
import org.apache.kafka.common.message.ProduceResponseData.PartitionProduceResponse;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.protocol.Errors;
import org.apache.kafka.common.record.internal.MemoryRecords;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ProduceHandlerTest {

  private final DataBroker broker = new DataBroker();
  private final Partitions partitions = broker.partitions;

  @Test
  void everyVersionIsAnsweredWhenTheBatchIsDurable() {
    for (int version = 3; version <= 13; version++) {
      FakeExchange exchange = produce(version, -1, 0, plain("a"));
      assertThat(exchange.isAnswered()).isFalse();
      partitions.store.makeAllDurable();
      PartitionProduceResponse answer = only(exchange);
      assertThat(answer.errorCode()).isEqualTo(Errors.NONE.code());
      assertThat(answer.baseOffset()).isEqualTo(version - 3);
      assertThat(answer.logAppendTimeMs()).isEqualTo(-1);
      assertThat(answer.logStartOffset()).isZero();
    }
    assertThat(broker.timers.size()).as("timeouts are taken back").isZero();
  }

  @Test
  void acksOneWaitsForDurabilityToo() {
    FakeExchange exchange = produce(12, 1, 0, plain("a"));
    assertThat(exchange.isAnswered()).isFalse();
    partitions.store.makeAllDurable();
    assertThat(only(exchange).errorCode()).isZero();
  }

  @Test
  void acksZeroHoldsItsFrameUntilDurableAndIsAnsweredWithSilence_P34() {
    FakeExchange exchange = produce(12, 0, 0, plain("a"));
    assertThat(exchange.isAnswered()).as("P34").isFalse();
    partitions.store.makeAllDurable();
    assertThat(exchange.answers).containsExactly("nothing");
  }

  @Test
  void acksZeroClosesTheConnectionOnAnError_P34() {
    FakeExchange exchange = produce(12, 0, 7, plain("a"));
    assertThat(exchange.answers).hasSize(1);
    assertThat(exchange.answers.get(0)).startsWith("close").contains("UNKNOWN_TOPIC_OR_PARTITION");
  }

  @Test
  void afterTheTimeoutTheBatchStaysInAndItsFrameIsKeptUntilDurable_P34() {
    FakeExchange exchange = produce(12, -1, 0, plain("a"));
    partitions.runForMs(1_020);
    assertThat(only(exchange).errorCode()).isEqualTo(Errors.REQUEST_TIMED_OUT.code());
    assertThat(exchange.retained).isEqualTo(1);
    partitions.store.makeAllDurable();
    assertThat(exchange.retained).isZero();
    assertThat(broker.partition().highWatermark()).as("P34").isEqualTo(1);
  }

  @Test
  void aBatchThatWasStillParkedAtTheTimeoutIsDropped() {
    Partitions opening = new Partitions();
    opening.store.holdClaims = true;
    opening.apply(opening.metadata.topic("topic", Partitions.ID, 1));
    DataBroker slow = new DataBroker(opening, 1);
    FakeExchange exchange = slow.send(ApiKeys.PRODUCE, 12, request(12, -1, 0, plain("a")));
    opening.runForMs(1_020);
    assertThat(only(exchange).errorCode()).isEqualTo(Errors.REQUEST_TIMED_OUT.code());
    opening.store.grantClaims();
    opening.run();
    opening.store.makeAllDurable();
    assertThat(slow.partition().logEndOffset()).isZero();
    assertThat(exchange.retained).isZero();
  }

  @Test
  void eachPartitionHasItsOwnErrorAndMessage() {
    partitions.apply(partitions.metadata.topic("elsewhere", new Uuid(3, 3), 2));
    partitions.apply(partitions.metadata.topic("__consumer_offsets", new Uuid(4, 4), 1));
    ProduceRequestData request = new ProduceRequestData().setAcks((short) -1).setTimeoutMs(1000);
    add(request, "topic", 0, plain("a"));
    add(request, "topic", 5, plain("a"));
    add(request, "elsewhere", 0, plain("a"));
    add(request, "unknown", 0, plain("a"));
    add(request, "__consumer_offsets", 0, plain("a"));
    ByteBuffer corrupt = plain("a");
    corrupt.put(17, (byte) 1);
    add(request, "topic", 0, corrupt);
    FakeExchange exchange = broker.send(ApiKeys.PRODUCE, 12, request);
    partitions.store.makeAllDurable();
    ProduceResponseData response = exchange.response(ProduceResponseData.class);
    List<PartitionProduceResponse> answers =
        response.responses().stream().flatMap(t -> t.partitionResponses().stream()).toList();
    assertThat(answers)
        .extracting(answer -> Errors.forCode(answer.errorCode()))
        .containsExactly(
            Errors.NONE,
            Errors.UNKNOWN_TOPIC_OR_PARTITION,
            Errors.NOT_LEADER_OR_FOLLOWER,
            Errors.UNKNOWN_TOPIC_OR_PARTITION,
            Errors.INVALID_TOPIC_EXCEPTION,
            Errors.CORRUPT_MESSAGE);
    assertThat(answers.get(5).errorMessage()).contains("CRC32C");
    assertThat(answers.get(2).currentLeader().leaderId()).as("KIP-951").isEqualTo(2);
    assertThat(response.nodeEndpoints().find(2).host()).isEqualTo("broker-2");
  }

  @Test
  void theAdminClientMayWriteToInternalTopics() {
    partitions.apply(partitions.metadata.topic("__consumer_offsets", new Uuid(4, 4), 1));
    ProduceRequestData request = new ProduceRequestData().setAcks((short) -1).setTimeoutMs(1000);
    add(request, "__consumer_offsets", 0, plain("a"));
    FakeExchange exchange = new FakeExchange(ApiKeys.PRODUCE, 12, request, "__admin_client");
    broker.handle(exchange);
    partitions.store.makeAllDurable();
    assertThat(only(exchange).errorCode()).isZero();
  }

  @Test
  void anUnknownTopicIdSaysSo() {
    ProduceRequestData request = new ProduceRequestData().setAcks((short) -1).setTimeoutMs(1000);
    request
        .topicData()
        .add(
            new TopicProduceData()
                .setTopicId(new Uuid(99, 99))
                .setPartitionData(
                    List.of(
                        new PartitionProduceData()
                            .setIndex(0)
                            .setRecords(MemoryRecords.readableRecords(plain("a"))))));
    FakeExchange exchange = broker.send(ApiKeys.PRODUCE, 13, request);
    assertThat(only(exchange).errorCode()).isEqualTo(Errors.UNKNOWN_TOPIC_ID.code());
  }

  @Test
  void recordErrorsAreNamedOneByOne() {
    partitions.configs.put("topic", Map.of("cleanup.policy", "compact"));
    FakeExchange exchange =
        produce(
            12,
            -1,
            0,
            io.spillway.partition.TestBatches.withoutKeys(
                org.apache.kafka.common.compress.Compression.NONE, "a", "b"));
    PartitionProduceResponse answer = only(exchange);
    assertThat(answer.errorCode()).isEqualTo(Errors.INVALID_RECORD.code());
    assertThat(answer.recordErrors()).hasSize(2);
    assertThat(answer.recordErrors().get(1).batchIndex()).isEqualTo(1);
    assertThat(answer.logStartOffset()).as("as Kafka's log says it").isZero();
  }

  /** As Kafka: what the log itself refuses names its start, what never reached the log does not. */
  @Test
  void aRefusalOfTheLogNamesItsStart() {
    produce(12, -1, 0, idempotent(9, 1, 0, "a"));
    partitions.store.makeAllDurable();
    PartitionProduceResponse gap = only(produce(12, -1, 0, idempotent(9, 1, 5, "b")));
    assertThat(gap.errorCode()).isEqualTo(Errors.OUT_OF_ORDER_SEQUENCE_NUMBER.code());
    assertThat(gap.logStartOffset()).isZero();
    PartitionProduceResponse fenced = only(produce(12, -1, 0, idempotent(9, 0, 0, "b")));
    assertThat(fenced.errorCode()).isEqualTo(Errors.INVALID_PRODUCER_EPOCH.code());
    assertThat(fenced.logStartOffset()).isZero();
    PartitionProduceResponse late = only(produce(12, -1, 0, at(NOW_MS + 90_000_000, "b")));
    assertThat(late.errorCode()).isEqualTo(Errors.INVALID_TIMESTAMP.code());
    assertThat(late.logStartOffset()).isZero();
    ByteBuffer corrupt = plain("a");
    corrupt.put(17, (byte) 1);
    assertThat(only(produce(12, -1, 0, corrupt)).logStartOffset()).isEqualTo(-1);
  }

  @Test
  void aDuplicateIsAnsweredWithTheLargestTimestampOfWhatItRepeats() {
    produce(12, -1, 0, idempotent(9, 0, 0, "a", "b"));
    partitions.store.makeAllDurable();
    PartitionProduceResponse again = only(produce(12, -1, 0, idempotent(9, 0, 0, "a", "b")));
    assertThat(again.errorCode()).isZero();
    assertThat(again.baseOffset()).isZero();
    assertThat(again.logAppendTimeMs()).as("as Kafka answers it").isEqualTo(NOW_MS + 1);
  }

  @Test
  void strangeAcksAreRefusedAsAWhole() {
    assertThat(produce(12, 2, 0, plain("a")).failure).isEqualTo(Errors.INVALID_REQUIRED_ACKS);
    assertThat(broker.partition().logEndOffset()).isZero();
  }

  @Test
  void aRefusalBeforeThePartitionIsHereCountsForTheOrderOfSequences_P15() {
    partitions.apply(partitions.metadata.topic("moving", new Uuid(3, 3), 2));
    ProduceRequestData first = new ProduceRequestData().setAcks((short) -1).setTimeoutMs(1000);
    add(first, "moving", 0, idempotent(9, 0, 0, "a"));
    broker.send(ApiKeys.PRODUCE, 12, first);
    partitions.apply(partitions.metadata.lead("moving", 0, 1, 1));
    ProduceRequestData second = new ProduceRequestData().setAcks((short) -1).setTimeoutMs(1000);
    add(second, "moving", 0, idempotent(9, 0, 1, "b"));
    FakeExchange exchange = broker.send(ApiKeys.PRODUCE, 12, second);
    assertThat(only(exchange).errorCode())
        .as("P15")
        .isEqualTo(Errors.OUT_OF_ORDER_SEQUENCE_NUMBER.code());
  }

  /** Names are shared by strangers, and changed at will. */
  @ParameterizedTest
  @ValueSource(strings = {"producer-1", "producer-%d"})
  void aFullWalsRoomGoesRoundConnectionsWhateverTheyCallThemselves_G7(String name) {
    String large = "x".repeat(60 << 10);
    List<FakeExchange> burst = new ArrayList<>();
    partitions.store.full = true;
    for (int i = 0; i < 10; i++) {
      partitions.apply(partitions.metadata.topic("burst-" + i, new Uuid(5, i), 1));
      burst.add(produceFrom("burst", name.formatted(i), "burst-" + i, plain(large)));
    }
    partitions.apply(partitions.metadata.topic("steady", new Uuid(6, 0), 1));
    FakeExchange steady = produceFrom("steady", "producer-1", "steady", plain("a"));

    partitions.store.full = false;
    partitions.store.roomBytes = 2L * large.length() + 4096;
    partitions.runForMs(25);
    partitions.store.makeAllDurable();

    assertThat(only(steady).errorCode()).isZero();
    assertThat(burst.stream().filter(FakeExchange::isAnswered)).hasSize(2);
  }

  private FakeExchange produceFrom(
      String connection, String clientId, String topic, ByteBuffer records) {
    ProduceRequestData request = new ProduceRequestData().setAcks((short) -1).setTimeoutMs(1_000);
    add(request, topic, 0, records);
    FakeExchange exchange = new FakeExchange(ApiKeys.PRODUCE, 12, request, clientId, connection);
    broker.handle(exchange);
    return exchange;
  }

  private FakeExchange produce(int version, int acks, int partition, ByteBuffer records) {
    return broker.send(ApiKeys.PRODUCE, version, request(version, acks, partition, records));
  }

  private static ProduceRequestData request(
      int version, int acks, int partition, ByteBuffer records) {
    ProduceRequestData request = new ProduceRequestData().setAcks((short) acks).setTimeoutMs(1_000);
    add(request, "topic", partition, records);
    if (version >= 13) {
      request.topicData().forEach(topic -> topic.setName("").setTopicId(Partitions.ID));
    }
    return request;
  }

  private static void add(
      ProduceRequestData request, String topic, int partition, ByteBuffer records) {
    request
        .topicData()
        .add(
            new TopicProduceData()
                .setName(topic)
                .setPartitionData(
                    List.of(
                        new PartitionProduceData()
                            .setIndex(partition)
                            .setRecords(MemoryRecords.readableRecords(records)))));
  }

  private static PartitionProduceResponse only(FakeExchange exchange) {
    ProduceResponseData response = exchange.response(ProduceResponseData.class);
    return response.responses().iterator().next().partitionResponses().get(0);
  }
}
