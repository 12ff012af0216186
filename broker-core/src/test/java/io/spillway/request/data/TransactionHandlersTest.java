package io.spillway.request.data;

import static io.spillway.partition.TestBatches.NOW_MS;
import static io.spillway.partition.TestBatches.plain;
import static io.spillway.partition.TestBatches.transactional;
import static org.assertj.core.api.Assertions.assertThat;

import io.spillway.partition.Partitions;
import io.spillway.partition.TransactionMarker;
import io.spillway.protocol.codec.RecordSlices;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import org.apache.kafka.common.IsolationLevel;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.message.DescribeProducersRequestData;
import org.apache.kafka.common.message.DescribeProducersRequestData.TopicRequest;
import org.apache.kafka.common.message.DescribeProducersResponseData;
import org.apache.kafka.common.message.DescribeProducersResponseData.ProducerState;
import org.apache.kafka.common.message.FetchRequestData;
import org.apache.kafka.common.message.FetchRequestData.FetchPartition;
import org.apache.kafka.common.message.FetchRequestData.FetchTopic;
import org.apache.kafka.common.message.FetchResponseData;
import org.apache.kafka.common.message.FetchResponseData.AbortedTransaction;
import org.apache.kafka.common.message.FetchResponseData.PartitionData;
import org.apache.kafka.common.message.ListOffsetsRequestData;
import org.apache.kafka.common.message.ListOffsetsRequestData.ListOffsetsPartition;
import org.apache.kafka.common.message.ListOffsetsRequestData.ListOffsetsTopic;
import org.apache.kafka.common.message.ListOffsetsResponseData;
import org.apache.kafka.common.message.ProduceRequestData;
import org.apache.kafka.common.message.ProduceRequestData.PartitionProduceData;
import org.apache.kafka.common.message.ProduceRequestData.TopicProduceData;
import org.apache.kafka.common.message.ProduceResponseData;
import org.apache.kafka.common.message.WriteTxnMarkersRequestData;
import org.apache.kafka.common.message.WriteTxnMarkersRequestData.WritableTxnMarker;
import org.apache.kafka.common.message.WriteTxnMarkersRequestData.WritableTxnMarkerTopic;
import org.apache.kafka.common.message.WriteTxnMarkersResponseData;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.protocol.Errors;
import org.apache.kafka.common.record.internal.MemoryRecords;
import org.apache.kafka.common.requests.ListOffsetsRequest;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** What clients see of transactions, apart from those who take part in them. */
class TransactionHandlersTest {

  private final DataBroker broker = new DataBroker();
  private final Partitions partitions = broker.partitions;
  private final List<FakeExchange> fetches = new ArrayList<>();

  @AfterEach
  void everythingIsGivenBack() {
    fetches.forEach(FakeExchange::sent);
    assertThat(partitions.store.openData).as("fetched data not closed").isZero();
    assertThat(broker.timers.size()).as("timeouts left").isZero();
    assertThat(broker.budget.usedBytes()).as("budget not given back").isZero();
  }

  // ---- produce

  @Test
  void aProducersTransactionIsVerifiedByItsIdAndVersion() {
    assertThat(errorOf(produce(11, "mine", transactional(9, 0, 0, "a")))).isEqualTo(Errors.NONE);
    assertThat(errorOf(produce(13, "other", transactional(8, 0, 0, "a")))).isEqualTo(Errors.NONE);
    assertThat(partitions.verifier.questions)
        .containsExactly("IS_ADDED mine 9/0 topic-0", "ADD other 8/0 topic-0");
    partitions.verifier.answer = Errors.NOT_COORDINATOR;
    assertThat(errorOf(produce(13, "third", transactional(7, 0, 0, "a"))))
        .isEqualTo(Errors.NOT_ENOUGH_REPLICAS);
    assertThat(errorOf(produce(13, null, transactional(7, 0, 0, "a"))))
        .isEqualTo(Errors.TRANSACTIONAL_ID_AUTHORIZATION_FAILED);
    assertThat(errorOf(produce(13, "plain", plain("a")))).isEqualTo(Errors.NONE);
  }

  // ---- fetch

  @Test
  void committedReadersStopAtTheLastStableOffset() {
    append(plain("x"));
    append(transactional(9, 0, 0, "a"));
    append(plain("y"));
    PartitionData committed = only(fetch(true, 0, 0, 1));
    assertThat(committed.lastStableOffset()).isEqualTo(1);
    assertThat(committed.highWatermark()).isEqualTo(3);
    assertThat(offsets(committed)).containsExactly(0L);
    assertThat(committed.abortedTransactions()).isEmpty();
    PartitionData all = only(fetch(false, 0, 0, 1));
    assertThat(all.lastStableOffset()).isEqualTo(1);
    assertThat(offsets(all)).containsExactly(0L, 1L, 2L);
    assertThat(all.abortedTransactions()).as("read_uncommitted is told of none").isNull();
    assertThat(offsets(only(fetch(true, 1, 0, 1)))).isEmpty();
  }

  @Test
  void theAnswerNamesTheAbortedTransactionsInItsData() {
    for (int i = 0; i < 4; i++) {
      append(transactional(9, i, 0, "a", "b"));
      end(9, i + 1, i == 2);
    }
    append(transactional(10, 0, 0, "open"));
    assertThat(aborted(only(fetch(true, 0, 0, 1)))).containsExactly("9@0", "9@3", "9@9");
    assertThat(aborted(only(fetch(true, 5, 0, 1)))).containsExactly("9@3", "9@9");
    assertThat(aborted(only(fetch(true, 6, 0, 1)))).containsExactly("9@9");
    FetchRequestData first = request(true, 0, 0, 1);
    first.topics().get(0).partitions().get(0).setPartitionMaxBytes(1);
    assertThat(aborted(only(send(first))))
        .as("data ends at the first batch")
        .containsExactly("9@0");
    partitions.store.coldBelow = 100;
    FakeExchange cold = fetch(true, 5, 500, 1);
    assertThat(cold.isAnswered()).isFalse();
    partitions.store.completeReads();
    assertThat(aborted(only(cold))).as("cold data too").containsExactly("9@3", "9@9");
  }

  @Test
  void aWaitingReaderIsWokenByTheMarkerHoweverMuchItWaitsFor() {
    append(transactional(9, 0, 0, "a".repeat(1_000)));
    FakeExchange committed = fetch(true, 0, 500, 1_000);
    FakeExchange stillWaits = fetch(true, 0, 500, 10_000);
    append(transactional(9, 0, 1, "b".repeat(10)));
    assertThat(committed.isAnswered()).as("nothing is stable").isFalse();
    int readsBefore = partitions.store.reads;
    append(transactional(9, 0, 2, "b".repeat(5_000)));
    assertThat(partitions.store.reads)
        .as("no use reading what is held back")
        .isEqualTo(readsBefore);
    end(9, 1, true);
    assertThat(committed.isAnswered()).isTrue();
    assertThat(offsets(only(committed))).containsExactly(0L, 1L, 2L, 3L);
    assertThat(stillWaits.isAnswered()).isFalse();
    partitions.runForMs(512);
    assertThat(offsets(only(stillWaits))).containsExactly(0L, 1L, 2L, 3L);
  }

  // ---- offsets and producers

  @Test
  void theLatestOffsetOfCommittedReadersIsTheLastStableOne() {
    append(plain("x"));
    append(transactional(9, 0, 0, "a"));
    assertThat(latest(true)).isEqualTo(1);
    assertThat(latest(false)).isEqualTo(2);
    end(9, 1, false);
    assertThat(latest(true)).isEqualTo(3);
  }

  @Test
  void producersAreDescribedWithTheirOpenTransaction() {
    append(plain("x"));
    append(transactional(9, 0, 0, "a", "b"));
    end(9, 1, true);
    append(transactional(9, 1, 0, "c"));
    append(transactional(8, 4, 0, "d"));
    end(8, 5, true);
    assertThat(producers())
        .containsExactlyInAnyOrder(
            new ProducerState()
                .setProducerId(9)
                .setProducerEpoch(1)
                .setLastSequence(0)
                .setLastTimestamp(NOW_MS)
                .setCoordinatorEpoch(3)
                .setCurrentTxnStartOffset(4),
            new ProducerState()
                .setProducerId(8)
                .setProducerEpoch(5)
                .setLastSequence(-1)
                .setLastTimestamp(partitions.threads.clock().currentTimeMillis())
                .setCoordinatorEpoch(3)
                .setCurrentTxnStartOffset(-1));
  }

  // ---- markers

  @Test
  void markersAreAnsweredPartitionByPartitionWhenTheyAreDurable() {
    append(transactional(9, 0, 0, "a"));
    WriteTxnMarkersRequestData request = new WriteTxnMarkersRequestData();
    request.markers().add(marker(9, 0, 3, 0, "topic", 0, 7));
    request.markers().add(marker(9, 0, 2, 0, "topic", 0));
    request.markers().add(marker(9, 1, 3, 2, "__consumer_offsets", 0));
    FakeExchange exchange = broker.send(ApiKeys.WRITE_TXN_MARKERS, 2, request);
    assertThat(exchange.isAnswered()).isFalse();
    assertThat(broker.partition().lastStableOffset()).isZero();
    partitions.store.makeAllDurable();
    assertThat(markerAnswers(exchange))
        .containsExactly(
            "9 topic-0 NONE",
            "9 topic-7 UNKNOWN_TOPIC_OR_PARTITION",
            "9 topic-0 TRANSACTION_COORDINATOR_FENCED",
            "9 __consumer_offsets-0 NOT_LEADER_OR_FOLLOWER");
    assertThat(broker.partition().lastStableOffset()).isEqualTo(2);
  }

  // ---- helpers

  private static WritableTxnMarker marker(
      long producerId, int epoch, int coordinator, int version, String topic, Integer... indexes) {
    return new WritableTxnMarker()
        .setProducerId(producerId)
        .setProducerEpoch((short) epoch)
        .setCoordinatorEpoch(coordinator)
        .setTransactionVersion((byte) version)
        .setTopics(
            List.of(
                new WritableTxnMarkerTopic().setName(topic).setPartitionIndexes(List.of(indexes))));
  }

  private static List<String> markerAnswers(FakeExchange exchange) {
    List<String> answers = new ArrayList<>();
    for (var marker : exchange.response(WriteTxnMarkersResponseData.class).markers()) {
      for (var topic : marker.topics()) {
        for (var partition : topic.partitions()) {
          answers.add(
              marker.producerId()
                  + " "
                  + topic.name()
                  + "-"
                  + partition.partitionIndex()
                  + " "
                  + Errors.forCode(partition.errorCode()));
        }
      }
    }
    return answers;
  }

  private void append(ByteBuffer batch) {
    partitions.append("tx", 12, batch);
    partitions.store.makeAllDurable();
    partitions.run();
  }

  private void end(long producerId, int epoch, boolean committed) {
    var ended =
        partitions
            .partition()
            .appendMarker(
                new TransactionMarker(producerId, (short) epoch, committed, 3, (short) 2));
    partitions.store.makeAllDurable();
    partitions.run();
    assertThat(ended).isCompletedWithValue(Errors.NONE);
  }

  private FakeExchange produce(int version, @Nullable String transactionalId, ByteBuffer batch) {
    ProduceRequestData request =
        new ProduceRequestData()
            .setTransactionalId(transactionalId)
            .setAcks((short) -1)
            .setTimeoutMs(1_000);
    request
        .topicData()
        .add(
            new TopicProduceData()
                .setName(version < 13 ? "topic" : "")
                .setTopicId(version < 13 ? Uuid.ZERO_UUID : Partitions.ID)
                .setPartitionData(
                    List.of(
                        new PartitionProduceData()
                            .setIndex(0)
                            .setRecords(MemoryRecords.readableRecords(batch)))));
    FakeExchange exchange = broker.send(ApiKeys.PRODUCE, version, request);
    partitions.store.makeAllDurable();
    return exchange;
  }

  private static Errors errorOf(FakeExchange exchange) {
    return Errors.forCode(
        exchange
            .response(ProduceResponseData.class)
            .responses()
            .iterator()
            .next()
            .partitionResponses()
            .get(0)
            .errorCode());
  }

  private FakeExchange fetch(boolean readCommitted, long offset, int maxWaitMs, int minBytes) {
    return send(request(readCommitted, offset, maxWaitMs, minBytes));
  }

  private FakeExchange send(FetchRequestData request) {
    FakeExchange exchange = broker.send(ApiKeys.FETCH, 12, request);
    fetches.add(exchange);
    return exchange;
  }

  private static FetchRequestData request(
      boolean readCommitted, long offset, int maxWaitMs, int minBytes) {
    FetchRequestData request =
        new FetchRequestData()
            .setMaxWaitMs(maxWaitMs)
            .setMinBytes(minBytes)
            .setMaxBytes(1 << 20)
            .setSessionEpoch(-1)
            .setIsolationLevel(isolation(readCommitted));
    request
        .topics()
        .add(
            new FetchTopic()
                .setTopic("topic")
                .setPartitions(
                    List.of(
                        new FetchPartition()
                            .setPartition(0)
                            .setFetchOffset(offset)
                            .setPartitionMaxBytes(1 << 16))));
    return request;
  }

  private static byte isolation(boolean readCommitted) {
    return (readCommitted ? IsolationLevel.READ_COMMITTED : IsolationLevel.READ_UNCOMMITTED).id();
  }

  private static PartitionData only(FakeExchange exchange) {
    return exchange.response(FetchResponseData.class).responses().get(0).partitions().get(0);
  }

  private static List<Long> offsets(PartitionData data) {
    ByteBuffer all = ByteBuffer.allocate(data.records().sizeInBytes());
    ((RecordSlices) data.records()).buffers().forEach(slice -> all.put(slice.duplicate()));
    List<Long> offsets = new ArrayList<>();
    MemoryRecords.readableRecords(all.flip())
        .batches()
        .forEach(batch -> offsets.add(batch.baseOffset()));
    return offsets;
  }

  private static List<String> aborted(PartitionData data) {
    List<String> found = new ArrayList<>();
    for (AbortedTransaction each : data.abortedTransactions()) {
      found.add(each.producerId() + "@" + each.firstOffset());
    }
    return found;
  }

  private long latest(boolean readCommitted) {
    ListOffsetsRequestData request =
        new ListOffsetsRequestData()
            .setReplicaId(-1)
            .setIsolationLevel(isolation(readCommitted))
            .setTopics(
                List.of(
                    new ListOffsetsTopic()
                        .setName("topic")
                        .setPartitions(
                            List.of(
                                new ListOffsetsPartition()
                                    .setPartitionIndex(0)
                                    .setTimestamp(ListOffsetsRequest.LATEST_TIMESTAMP)))));
    return broker
        .send(ApiKeys.LIST_OFFSETS, 7, request)
        .response(ListOffsetsResponseData.class)
        .topics()
        .get(0)
        .partitions()
        .get(0)
        .offset();
  }

  private List<ProducerState> producers() {
    DescribeProducersRequestData request = new DescribeProducersRequestData();
    request.topics().add(new TopicRequest().setName("topic").setPartitionIndexes(List.of(0)));
    return broker
        .send(ApiKeys.DESCRIBE_PRODUCERS, 0, request)
        .response(DescribeProducersResponseData.class)
        .topics()
        .get(0)
        .partitions()
        .get(0)
        .activeProducers();
  }
}
