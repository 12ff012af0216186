package io.spillway.request.data;

import static io.spillway.partition.TestBatches.NOW_MS;
import static io.spillway.partition.TestBatches.at;
import static io.spillway.partition.TestBatches.idempotent;
import static io.spillway.partition.TestBatches.plain;
import static org.assertj.core.api.Assertions.assertThat;

import io.spillway.partition.Partitions;
import io.spillway.partition.TestBatches;
import java.util.List;
import java.util.Map;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.compress.Compression;
import org.apache.kafka.common.message.DeleteRecordsRequestData;
import org.apache.kafka.common.message.DeleteRecordsRequestData.DeleteRecordsPartition;
import org.apache.kafka.common.message.DeleteRecordsRequestData.DeleteRecordsTopic;
import org.apache.kafka.common.message.DeleteRecordsResponseData;
import org.apache.kafka.common.message.DeleteRecordsResponseData.DeleteRecordsPartitionResult;
import org.apache.kafka.common.message.DescribeProducersRequestData;
import org.apache.kafka.common.message.DescribeProducersRequestData.TopicRequest;
import org.apache.kafka.common.message.DescribeProducersResponseData;
import org.apache.kafka.common.message.DescribeProducersResponseData.PartitionResponse;
import org.apache.kafka.common.message.ListOffsetsRequestData;
import org.apache.kafka.common.message.ListOffsetsRequestData.ListOffsetsPartition;
import org.apache.kafka.common.message.ListOffsetsRequestData.ListOffsetsTopic;
import org.apache.kafka.common.message.ListOffsetsResponseData;
import org.apache.kafka.common.message.ListOffsetsResponseData.ListOffsetsPartitionResponse;
import org.apache.kafka.common.message.OffsetForLeaderEpochRequestData;
import org.apache.kafka.common.message.OffsetForLeaderEpochRequestData.OffsetForLeaderPartition;
import org.apache.kafka.common.message.OffsetForLeaderEpochRequestData.OffsetForLeaderTopic;
import org.apache.kafka.common.message.OffsetForLeaderEpochResponseData;
import org.apache.kafka.common.message.OffsetForLeaderEpochResponseData.EpochEndOffset;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.protocol.Errors;
import org.junit.jupiter.api.Test;

class OffsetHandlersTest {

  private final DataBroker broker = new DataBroker();
  private final Partitions partitions = broker.partitions;

  @Test
  void everyKindOfOffsetIsFound() {
    partitions.appendDurably(at(NOW_MS, "a", "b", "c"));
    partitions.appendDurably(
        TestBatches.batch(-1, 0, -1, Compression.gzip().build(), NOW_MS + 100, true, "d", "e"));
    partitions.stream().upload();
    partitions.appendDurably(at(NOW_MS + 50, "f"));
    partitions.append(at(NOW_MS + 900, "in flight"));
    partitions.partition().deleteRecords(1).join();
    record Case(String name, long timestamp, int version, long offset, long found) {}
    List<Case> cases =
        List.of(
            new Case("earliest", -2, 1, 1, -1),
            new Case("latest", -1, 1, 6, -1),
            new Case("largest timestamp", -3, 7, 4, NOW_MS + 101),
            new Case("earliest local", -4, 8, 1, -1),
            new Case("latest tiered", -5, 9, 4, -1),
            new Case("earliest pending upload", -6, 11, 5, -1),
            new Case("below the log start", NOW_MS, 1, 1, NOW_MS + 1),
            new Case("inside a batch", NOW_MS + 2, 1, 2, NOW_MS + 2),
            new Case("inside a compressed batch", NOW_MS + 101, 1, 4, NOW_MS + 101),
            new Case("between two batches", NOW_MS + 40, 1, 3, NOW_MS + 100),
            new Case("not yet durable", NOW_MS + 102, 1, -1, -1));
    for (Case each : cases) {
      ListOffsetsPartitionResponse answer = list(each.version, each.timestamp, -1);
      assertThat(answer.errorCode()).as(each.name).isZero();
      assertThat(answer.offset()).as(each.name).isEqualTo(each.offset);
      assertThat(answer.timestamp()).as(each.name).isEqualTo(each.found);
    }
    assertThat(partitions.store.openData).isZero();
  }

  @Test
  void anEmptyPartitionHasNoTimestamps() {
    assertThat(list(11, -2, -1).offset()).isZero();
    assertThat(list(11, -1, -1).offset()).isZero();
    assertThat(list(11, -3, -1).offset()).isEqualTo(-1);
    assertThat(list(11, -5, -1).offset()).isEqualTo(-1);
    assertThat(list(11, -6, -1).offset()).isZero();
    assertThat(list(11, 0, -1).offset()).isEqualTo(-1);
  }

  @Test
  void kindsThatTheVersionDoesNotKnowAndOtherEpochsAreRefused() {
    partitions.apply(partitions.metadata.lead("topic", 0, 1, 3));
    assertThat(Errors.forCode(list(6, -3, -1).errorCode())).isEqualTo(Errors.UNSUPPORTED_VERSION);
    assertThat(Errors.forCode(list(10, -6, -1).errorCode())).isEqualTo(Errors.UNSUPPORTED_VERSION);
    assertThat(Errors.forCode(list(11, -7, -1).errorCode())).isEqualTo(Errors.UNSUPPORTED_VERSION);
    assertThat(Errors.forCode(list(11, -1, 2).errorCode())).isEqualTo(Errors.FENCED_LEADER_EPOCH);
    assertThat(Errors.forCode(list(11, -1, 4).errorCode())).isEqualTo(Errors.UNKNOWN_LEADER_EPOCH);
    assertThat(list(11, -1, 3).leaderEpoch()).isEqualTo(3);
    assertThat(Errors.forCode(list(11, -1, -2).errorCode()))
        .as("only -1 is no epoch")
        .isEqualTo(Errors.FENCED_LEADER_EPOCH);
    assertThat(
            broker.send(ApiKeys.LIST_OFFSETS, 11, listRequest(-1, -1).setIsolationLevel((byte) 9))
                .failure)
        .isEqualTo(Errors.UNKNOWN_SERVER_ERROR);
  }

  @Test
  void replicasAndDebuggersAskForOffsetsToo() {
    partitions.appendDurably(plain("a"));
    for (int replica : new int[] {-2, 0, 5}) {
      FakeExchange exchange =
          broker.send(ApiKeys.LIST_OFFSETS, 10, listRequest(-1, -1).setReplicaId(replica));
      assertThat(only(exchange).errorCode()).as("%d", replica).isZero();
      assertThat(only(exchange).offset()).as("%d", replica).isEqualTo(1);
    }
  }

  @Test
  void aPartitionThatIsAskedForTwiceIsAnsweredOnceWithAnError() {
    ListOffsetsRequestData request = listRequest(-1, -1);
    request.topics().add(listRequest(-2, -1).topics().get(0));
    request
        .topics()
        .get(1)
        .setPartitions(
            List.of(
                request.topics().get(1).partitions().get(0),
                new ListOffsetsPartition().setPartitionIndex(7).setTimestamp(-1)));
    FakeExchange exchange = broker.send(ApiKeys.LIST_OFFSETS, 11, request);
    partitions.run();
    assertThat(exchange.response(ListOffsetsResponseData.class).topics())
        .flatExtracting(topic -> topic.partitions())
        .extracting(each -> Errors.forCode(each.errorCode()))
        .containsExactly(Errors.INVALID_REQUEST, Errors.UNKNOWN_TOPIC_OR_PARTITION);
  }

  @Test
  void listOffsetsWaitsForAPartitionToOpen() {
    partitions.store.holdClaims = true;
    partitions.apply(partitions.metadata.topic("topic", new Uuid(3, 3), 1));
    FakeExchange exchange = broker.send(ApiKeys.LIST_OFFSETS, 11, listRequest(-1, -1));
    assertThat(exchange.isAnswered()).isFalse();
    partitions.store.grantClaims();
    partitions.run();
    assertThat(only(exchange).offset()).isZero();

    partitions.store.holdClaims = true;
    partitions.apply(partitions.metadata.topic("topic", new Uuid(4, 4), 1));
    FakeExchange late = broker.send(ApiKeys.LIST_OFFSETS, 11, listRequest(-1, -1));
    partitions.runForMs(5_020);
    assertThat(Errors.forCode(only(late).errorCode())).isEqualTo(Errors.NOT_LEADER_OR_FOLLOWER);
  }

  @Test
  void anEpochsEndIsAnsweredAsKafkaDoes() {
    partitions.appendDurably(plain("a", "b"));
    partitions.apply(partitions.metadata.lead("topic", 0, 1, 3));
    partitions.appendDurably(plain("c"));
    partitions.append(plain("in flight"));
    record Case(int asked, int current, Errors error, int epoch, long end) {}
    for (Case each :
        List.of(
            new Case(0, 3, Errors.NONE, 0, 2),
            new Case(2, -1, Errors.NONE, 0, 2),
            new Case(3, 3, Errors.NONE, 3, 3),
            new Case(4, 3, Errors.NONE, -1, -1),
            new Case(-1, 3, Errors.NONE, -1, -1),
            new Case(0, 2, Errors.FENCED_LEADER_EPOCH, -1, -1),
            new Case(0, -3, Errors.FENCED_LEADER_EPOCH, -1, -1),
            new Case(0, 4, Errors.UNKNOWN_LEADER_EPOCH, -1, -1))) {
      OffsetForLeaderEpochRequestData request = new OffsetForLeaderEpochRequestData();
      request
          .topics()
          .add(
              new OffsetForLeaderTopic()
                  .setTopic("topic")
                  .setPartitions(
                      List.of(
                          new OffsetForLeaderPartition()
                              .setPartition(0)
                              .setCurrentLeaderEpoch(each.current)
                              .setLeaderEpoch(each.asked))));
      EpochEndOffset answer =
          broker
              .send(ApiKeys.OFFSET_FOR_LEADER_EPOCH, 4, request)
              .response(OffsetForLeaderEpochResponseData.class)
              .topics()
              .iterator()
              .next()
              .partitions()
              .get(0);
      assertThat(answer.errorCode()).as("%s", each).isEqualTo(each.error.code());
      assertThat(answer.leaderEpoch()).as("%s", each).isEqualTo(each.epoch);
      assertThat(answer.endOffset()).as("%s", each).isEqualTo(each.end);
    }
  }

  @Test
  void producersAreDescribed() {
    partitions.appendDurably(idempotent(9, 2, 4, "a", "b"));
    DescribeProducersRequestData request = new DescribeProducersRequestData();
    request.topics().add(new TopicRequest().setName("topic").setPartitionIndexes(List.of(0, 3)));
    request.topics().add(new TopicRequest().setName("b/d").setPartitionIndexes(List.of(0)));
    List<PartitionResponse> answers =
        broker
            .send(ApiKeys.DESCRIBE_PRODUCERS, 0, request)
            .response(DescribeProducersResponseData.class)
            .topics()
            .stream()
            .flatMap(topic -> topic.partitions().stream())
            .toList();
    assertThat(answers.get(0).activeProducers()).hasSize(1);
    assertThat(answers.get(0).activeProducers().get(0).producerId()).isEqualTo(9);
    assertThat(answers.get(0).activeProducers().get(0).producerEpoch()).isEqualTo(2);
    assertThat(answers.get(0).activeProducers().get(0).lastSequence()).isEqualTo(5);
    assertThat(answers.get(0).activeProducers().get(0).lastTimestamp()).isEqualTo(NOW_MS + 1);
    assertThat(answers.get(1).errorCode()).isEqualTo(Errors.UNKNOWN_TOPIC_OR_PARTITION.code());
    assertThat(answers.get(2).errorCode()).isEqualTo(Errors.INVALID_TOPIC_EXCEPTION.code());
  }

  @Test
  void recordsAreDeletedWhereKafkaWouldDeleteThem() {
    partitions.appendDurably(plain("a", "b", "c"));
    partitions.apply(partitions.metadata.topic("__consumer_offsets", new Uuid(4, 4), 1));
    assertThat(delete("topic", 2)).isEqualTo("NONE 2");
    assertThat(delete("topic", 1)).isEqualTo("NONE 2");
    assertThat(delete("topic", 4)).isEqualTo("OFFSET_OUT_OF_RANGE -1");
    assertThat(delete("topic", -2)).isEqualTo("OFFSET_OUT_OF_RANGE -1");
    assertThat(delete("topic", -1)).isEqualTo("NONE 3");
    assertThat(delete("__consumer_offsets", 0)).isEqualTo("INVALID_TOPIC_EXCEPTION -1");
    assertThat(delete("nope", 0)).isEqualTo("UNKNOWN_TOPIC_OR_PARTITION -1");
    assertThat(delete("__transaction_state", 0)).isEqualTo("UNKNOWN_TOPIC_OR_PARTITION -1");
    partitions.configs.put("topic", Map.of("cleanup.policy", "compact"));
    assertThat(delete("topic", -1)).isEqualTo("POLICY_VIOLATION -1");
  }

  @Test
  void ofAPartitionToDeleteFromTwiceTheLastWordCounts() {
    partitions.appendDurably(plain("a", "b", "c"));
    assertThat(delete("topic", 3, 1)).isEqualTo("NONE 1");
  }

  private String delete(String topic, long... offsets) {
    DeleteRecordsRequestData request = new DeleteRecordsRequestData().setTimeoutMs(1_000);
    for (long offset : offsets) {
      request
          .topics()
          .add(
              new DeleteRecordsTopic()
                  .setName(topic)
                  .setPartitions(
                      List.of(
                          new DeleteRecordsPartition().setPartitionIndex(0).setOffset(offset))));
    }
    List<DeleteRecordsPartitionResult> results =
        broker
            .send(ApiKeys.DELETE_RECORDS, 2, request)
            .response(DeleteRecordsResponseData.class)
            .topics()
            .stream()
            .flatMap(answered -> answered.partitions().stream())
            .toList();
    assertThat(results).hasSize(1);
    DeleteRecordsPartitionResult result = results.get(0);
    return Errors.forCode(result.errorCode()) + " " + result.lowWatermark();
  }

  private ListOffsetsPartitionResponse list(int version, long timestamp, int leaderEpoch) {
    FakeExchange exchange =
        broker.send(ApiKeys.LIST_OFFSETS, version, listRequest(timestamp, leaderEpoch));
    partitions.run();
    return only(exchange);
  }

  private static ListOffsetsRequestData listRequest(long timestamp, int leaderEpoch) {
    ListOffsetsRequestData request = new ListOffsetsRequestData().setReplicaId(-1);
    request
        .topics()
        .add(
            new ListOffsetsTopic()
                .setName("topic")
                .setPartitions(
                    List.of(
                        new ListOffsetsPartition()
                            .setPartitionIndex(0)
                            .setTimestamp(timestamp)
                            .setCurrentLeaderEpoch(leaderEpoch))));
    return request;
  }

  private static ListOffsetsPartitionResponse only(FakeExchange exchange) {
    return exchange.response(ListOffsetsResponseData.class).topics().get(0).partitions().get(0);
  }
}
