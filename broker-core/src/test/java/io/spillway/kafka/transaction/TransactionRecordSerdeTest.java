package io.spillway.kafka.transaction;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.ByteBuffer;
import java.util.HashSet;
import java.util.Set;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.coordinator.transaction.TransactionLog;
import org.apache.kafka.coordinator.transaction.TransactionState;
import org.apache.kafka.coordinator.transaction.TxnTransitMetadata;
import org.apache.kafka.server.common.TransactionVersion;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class TransactionRecordSerdeTest {

  private static final Set<TopicPartition> ONE = Set.of(new TopicPartition("orders", 3));

  @ParameterizedTest
  @EnumSource(
      value = TransactionState.class,
      mode = EnumSource.Mode.EXCLUDE,
      names = {"DEAD", "PREPARE_EPOCH_FENCE"})
  void recordsAreThoseOfKafka(TransactionState state) {
    for (TransactionVersion cluster : TransactionVersion.values()) {
      TransactionVersion client = cluster.supportsEpochBump() ? cluster : TransactionVersion.TV_0;
      Transaction transaction = transaction(state, client);
      TransactionRecordSerde serde = new TransactionRecordSerde(() -> cluster);
      TransactionRecord step = new TransactionRecord("tx", transaction);
      assertThat(serde.serializeKey(step)).isEqualTo(TransactionLog.keyToBytes("tx"));
      assertThat(serde.serializeValue(step))
          .as("%s at %s", state, cluster)
          .isEqualTo(TransactionLog.valueToBytes(kafkas(transaction), cluster));
    }
  }

  @ParameterizedTest
  @EnumSource(
      value = TransactionState.class,
      mode = EnumSource.Mode.EXCLUDE,
      names = {"DEAD", "PREPARE_EPOCH_FENCE"})
  void aRecordIsReadAsItWasWrittenButForTheEpochBefore(TransactionState state) {
    TransactionRecordSerde serde = new TransactionRecordSerde(() -> TransactionVersion.TV_2);
    Transaction transaction = transaction(state, TransactionVersion.TV_2);
    TransactionRecord read = roundTrip(serde, new TransactionRecord("tx", transaction));
    assertThat(read.transactionalId()).isEqualTo("tx");
    assertThat(read.transaction()).isEqualTo(withoutLastEpoch(transaction));
  }

  @Test
  void aForgottenIdIsATombstone() {
    TransactionRecordSerde serde = new TransactionRecordSerde(() -> TransactionVersion.TV_2);
    TransactionRecord step = new TransactionRecord("tx", null);
    assertThat(serde.serializeValue(step)).isNull();
    assertThat(serde.deserialize(ByteBuffer.wrap(serde.serializeKey(step)), null)).isEqualTo(step);
  }

  /** A client of version 2 knows its new producer id before the cluster's level is everywhere. */
  @Test
  void whatAClientOfVersion2DoesIsKeptAtAnyLevel() {
    TransactionRecordSerde serde = new TransactionRecordSerde(() -> TransactionVersion.TV_0);
    Transaction transaction = transaction(TransactionState.PREPARE_COMMIT, TransactionVersion.TV_2);
    assertThat(roundTrip(serde, new TransactionRecord("tx", transaction)).transaction())
        .isEqualTo(withoutLastEpoch(transaction));
  }

  @Test
  void aStateThatIsNeverStoredIsDamage() {
    TransactionRecordSerde serde = new TransactionRecordSerde(() -> TransactionVersion.TV_2);
    TransactionRecord step =
        new TransactionRecord("tx", transaction(TransactionState.DEAD, TransactionVersion.TV_2));
    assertThatThrownBy(() -> roundTrip(serde, step))
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("tx");
  }

  private static TransactionRecord roundTrip(TransactionRecordSerde serde, TransactionRecord step) {
    return serde.deserialize(
        ByteBuffer.wrap(serde.serializeKey(step)), ByteBuffer.wrap(serde.serializeValue(step)));
  }

  private static Transaction transaction(TransactionState state, TransactionVersion client) {
    return new Transaction(
        9,
        8,
        client.supportsEpochBump() ? 10 : -1,
        (short) 5,
        (short) 4,
        60_000,
        state,
        state == TransactionState.EMPTY ? Set.of() : ONE,
        100,
        200,
        client);
  }

  private static Transaction withoutLastEpoch(Transaction t) {
    return new Transaction(
        t.producerId(),
        t.previousProducerId(),
        t.nextProducerId(),
        t.producerEpoch(),
        (short) -1,
        t.timeoutMs(),
        t.state(),
        t.partitions(),
        t.startMs(),
        t.lastUpdateMs(),
        t.clientVersion());
  }

  private static TxnTransitMetadata kafkas(Transaction t) {
    return new TxnTransitMetadata(
        t.producerId(),
        t.previousProducerId(),
        t.nextProducerId(),
        t.producerEpoch(),
        t.lastProducerEpoch(),
        t.timeoutMs(),
        t.state(),
        new HashSet<>(t.partitions()),
        t.startMs(),
        t.lastUpdateMs(),
        t.clientVersion());
  }
}
