package io.spillway.partition;

import static io.spillway.partition.TestBatches.NOW_MS;
import static io.spillway.partition.TestBatches.idempotent;
import static io.spillway.partition.TestBatches.plain;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.spillway.partition.Partitions.Answer;
import io.spillway.wal.WalException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.KafkaStorageException;
import org.apache.kafka.common.errors.NotEnoughReplicasException;
import org.apache.kafka.common.errors.NotLeaderOrFollowerException;
import org.apache.kafka.common.errors.OffsetOutOfRangeException;
import org.apache.kafka.common.protocol.Errors;
import org.junit.jupiter.api.Test;

class BrokerPartitionTest {

  private final Partitions partitions = Partitions.open();
  private final FakeStore store = partitions.store;

  @Test
  void aBatchIsAcknowledgedWhenItIsDurableAndNotBefore() {
    Answer first = partitions.append(plain("a", "b"));
    Answer second = partitions.append(plain("c"));
    assertThat(first.told).isEmpty();
    assertThat(partitions.partition().logEndOffset()).isEqualTo(3);
    assertThat(partitions.partition().highWatermark()).isZero();
    store.makeDurable(1);
    assertThat(first.told).containsExactly("appended at 0 time -1");
    assertThat(second.told).isEmpty();
    store.makeDurable(1);
    assertThat(second.told).containsExactly("appended at 2 time -1");
    assertThat(partitions.partition().highWatermark()).isEqualTo(3);
    assertThat(store.openReservations).isZero();
    assertThat(partitions.traffic).containsExactly("in topic client 2", "in topic client 1");
  }

  @Test
  void offsetsAndLeaderEpochArePatchedOutsideTheCrc() {
    partitions.apply(partitions.metadata.lead("topic", 0, 1, 4));
    partitions.appendDurably(plain("a"));
    partitions.appendDurably(plain("b", "c"));
    ByteBuffer stored = partitions.stream().batches.get(1).payload();
    assertThat(BatchHeader.baseOffset(stored)).isEqualTo(1);
    assertThat(BatchHeader.leaderEpoch(stored)).isEqualTo(4);
    assertThat(BatchHeader.isCrcValid(stored)).isTrue();
  }

  @Test
  void theLastFiveBatchesOfAProducerAreAnsweredWithTheirOffsetsAgain() {
    for (int i = 0; i < 6; i++) {
      partitions.appendDurably(idempotent(9, 0, i, "v" + i));
    }
    for (int i = 1; i < 6; i++) {
      assertThat(partitions.append(idempotent(9, 0, i, "v" + i)).told)
          .containsExactly("appended at " + i + " time " + NOW_MS);
    }
    assertThat(partitions.append(idempotent(9, 0, 0, "v0")).error)
        .isEqualTo(Errors.OUT_OF_ORDER_SEQUENCE_NUMBER);
    assertThat(partitions.partition().logEndOffset()).isEqualTo(6);
    assertThat(store.openReservations).isZero();
  }

  @Test
  void aRepeatIsAcknowledgedOnlyWhenWhatItRepeatsIsDurable_P31() {
    Answer original = partitions.append(idempotent(9, 0, 0, "a"));
    Answer repeat = partitions.append(idempotent(9, 0, 0, "a"));
    assertThat(repeat.told).isEmpty();
    store.makeDurable(1);
    assertThat(original.told).containsExactly("appended at 0 time -1");
    assertThat(repeat.told).containsExactly("appended at 0 time " + NOW_MS);
  }

  @Test
  void sequencesAndEpochsAreJudgedAsKafkaDoes() {
    record Case(String name, int epoch, int sequence, Errors expected) {}
    List<Case> cases =
        List.of(
            new Case("a gap", 1, 7, Errors.OUT_OF_ORDER_SEQUENCE_NUMBER),
            new Case("an old epoch", 0, 6, Errors.INVALID_PRODUCER_EPOCH),
            new Case("a new epoch above 0", 2, 6, Errors.OUT_OF_ORDER_SEQUENCE_NUMBER),
            new Case("a new epoch from 0", 2, 0, Errors.NONE),
            new Case("the next one", 1, 6, Errors.NONE));
    for (Case each : cases) {
      Partitions fresh = Partitions.open();
      assertThat(fresh.appendDurably(idempotent(9, 1, 5, "first")).error)
          .as("an unknown producer may begin anywhere")
          .isEqualTo(Errors.NONE);
      assertThat(fresh.appendDurably(idempotent(9, each.epoch, each.sequence, "x")).error)
          .as(each.name)
          .isEqualTo(each.expected);
      assertThat(fresh.partition().logEndOffset())
          .as(each.name)
          .isEqualTo(each.expected == Errors.NONE ? 2 : 1);
    }
  }

  @Test
  void sequencesWrapToZero() {
    partitions.appendDurably(idempotent(9, 0, Integer.MAX_VALUE - 1, "a", "b"));
    assertThat(partitions.appendDurably(idempotent(9, 0, 0, "c")).error).isEqualTo(Errors.NONE);
    Partitions across = Partitions.open();
    across.appendDurably(idempotent(9, 0, Integer.MAX_VALUE, "a", "b"));
    assertThat(across.appendDurably(idempotent(9, 0, 1, "c")).error).isEqualTo(Errors.NONE);
  }

  @Test
  void afterARetriableRefusalLaterSequencesWaitForTheRefusedOne_P15() {
    store.unavailable = true;
    assertThat(partitions.append(idempotent(9, 0, 0, "a")).error)
        .isEqualTo(Errors.KAFKA_STORAGE_ERROR);
    store.unavailable = false;
    assertThat(partitions.append(idempotent(9, 0, 1, "b")).error)
        .isEqualTo(Errors.OUT_OF_ORDER_SEQUENCE_NUMBER);
    assertThat(partitions.append(idempotent(8, 0, 1, "other")).told).isEmpty();
    assertThat(partitions.appendDurably(idempotent(9, 0, 0, "a")).error).isEqualTo(Errors.NONE);
    assertThat(partitions.appendDurably(idempotent(9, 0, 1, "b")).error).isEqualTo(Errors.NONE);
  }

  @Test
  void batchesRefusedTogetherAreAllNotedBeforeAnythingElseIsAccepted() {
    store.full = true;
    List<Answer> later = new ArrayList<>();
    Answer other =
        new Answer() {
          @Override
          public void onRefused(Errors refusal, String text, List<RecordError> errors) {
            super.onRefused(refusal, text, errors);
            store.full = false;
            later.add(partitions.append(idempotent(9, 0, 1, "b")));
          }
        };
    partitions
        .partition()
        .append(new ProduceBatch(idempotent(8, 0, 0, "x"), (short) 12, null, "client", 5, other));
    Answer refused = partitions.append(idempotent(9, 0, 0, "a"));
    partitions.runForMs(PartitionSettings.DEFAULTS.parkMs() + 1);
    assertThat(other.error).isEqualTo(Errors.NOT_ENOUGH_REPLICAS);
    assertThat(refused.error).isEqualTo(Errors.NOT_ENOUGH_REPLICAS);
    assertThat(later)
        .singleElement()
        .extracting(answer -> answer.error)
        .isEqualTo(Errors.OUT_OF_ORDER_SEQUENCE_NUMBER);
    assertThat(partitions.appendDurably(idempotent(9, 0, 0, "a")).error).isEqualTo(Errors.NONE);
    assertThat(partitions.appendDurably(idempotent(9, 0, 1, "b")).error).isEqualTo(Errors.NONE);
    assertThat(store.openReservations).isZero();
  }

  @Test
  void aFailedAppendTruncatesToTheHighWatermarkAndForgetsWhatWasLost_P30() {
    partitions.appendDurably(idempotent(9, 0, 0, "a"));
    List<String> heard = new ArrayList<>();
    partitions
        .partition()
        .addHighWatermarkListener(
            new Partition.HighWatermarkListener() {
              @Override
              public void onHighWatermark(TopicPartition tp, long highWatermark) {
                heard.add("hw " + highWatermark);
              }

              @Override
              public void onTruncated(TopicPartition tp, long endOffset) {
                heard.add("truncated " + endOffset);
              }
            });
    Answer lost = partitions.append(idempotent(9, 0, 1, "b"));
    Answer repeatOfLost = partitions.append(idempotent(9, 0, 1, "b"));
    Answer lostToo = partitions.append(idempotent(9, 0, 2, "c"));
    store.failAll(new WalException.Unavailable("device error"));
    assertThat(lost.error).isEqualTo(Errors.KAFKA_STORAGE_ERROR);
    assertThat(lostToo.error).isEqualTo(Errors.KAFKA_STORAGE_ERROR);
    assertThat(repeatOfLost.told).containsExactly("KAFKA_STORAGE_ERROR");
    assertThat(partitions.partition().logEndOffset()).isEqualTo(1);
    assertThat(heard).containsExactly("truncated 1");
    assertThat(partitions.append(idempotent(9, 0, 2, "c")).error)
        .isEqualTo(Errors.OUT_OF_ORDER_SEQUENCE_NUMBER);
    assertThat(partitions.appendDurably(idempotent(9, 0, 1, "b")).told)
        .containsExactly("appended at 1 time -1");
    assertThat(heard).containsExactly("truncated 1", "hw 2");
  }

  @Test
  void whileTheLogIsFullBatchesWaitInOrderThenAreRefusedRetriably() {
    store.full = true;
    Answer first = partitions.append(idempotent(9, 0, 0, "a"));
    Answer second = partitions.append(idempotent(9, 0, 1, "b"));
    partitions.runForMs(100);
    assertThat(first.told).isEmpty();
    store.full = false;
    partitions.runForMs(100);
    store.makeAllDurable();
    assertThat(first.told).containsExactly("appended at 0 time -1");
    assertThat(second.told).containsExactly("appended at 1 time -1");

    store.full = true;
    Answer waits = partitions.append(plain("c"));
    partitions.runForMs(PartitionSettings.DEFAULTS.parkMs() + 1);
    assertThat(waits.error).isEqualTo(Errors.NOT_ENOUGH_REPLICAS);
    assertThat(store.openReservations).isZero();
  }

  @Test
  void whatIsInternalMayUseTheReservedShareOfAFullLog_P35() {
    store.full = true;
    assertThat(partitions.partition().appendInternal(plain("a", "b"))).isEqualTo(2);
    store.makeAllDurable();
    assertThat(partitions.partition().highWatermark()).isEqualTo(2);
  }

  @Test
  void internalAppendsCopyAndThrowOnlyBeforeAnOffsetIsAssigned_P32() {
    ByteBuffer batch = plain("a");
    partitions.partition().appendInternal(batch);
    for (int i = 0; i < batch.limit(); i++) {
      batch.put(i, (byte) 0);
    }
    store.makeAllDurable();
    assertThat(BatchHeader.isCrcValid(partitions.stream().batches.get(0).payload())).isTrue();

    store.unavailable = true;
    assertThatThrownBy(() -> partitions.partition().appendInternal(plain("b")))
        .isInstanceOf(KafkaStorageException.class);
    store.unavailable = false;
    BrokerPartition partition = partitions.partition();
    partitions.apply(partitions.metadata.lead("topic", 0, 2, 1));
    assertThatThrownBy(() -> partition.appendInternal(plain("b")))
        .isInstanceOf(NotLeaderOrFollowerException.class);
    assertThat(partition.logEndOffset()).isEqualTo(1);
    assertThat(store.openReservations).isZero();
    assertThat(new NotEnoughReplicasException("")).isNotNull();
  }

  @Test
  void readsStayBelowTheHighWatermarkAndInRange_G2_P31() {
    partitions.appendDurably(plain("a", "b"));
    partitions.append(plain("c"));
    try (var data = partitions.partition().read(1, 1 << 20).join()) {
      assertThat(data.nextOffset()).as("mid-batch offsets give the whole batch").isEqualTo(2);
    }
    assertThat(partitions.partition().read(3, 100))
        .failsWithin(java.time.Duration.ZERO)
        .withThrowableThat()
        .withCauseInstanceOf(OffsetOutOfRangeException.class);
    assertThat(store.openData).isZero();
  }

  @Test
  void deleteRecordsMovesTheLogStartExactly() {
    partitions.appendDurably(plain("a", "b", "c"));
    assertThat(partitions.partition().deleteRecords(2).join()).isEqualTo(2);
    assertThat(partitions.partition().deleteRecords(1).join()).isEqualTo(2);
    assertThat(partitions.partition().deleteRecords(-1).join()).isEqualTo(3);
    assertThat(partitions.partition().deleteRecords(4)).isCompletedExceptionally();
  }

  @Test
  void silentProducersAreForgotten() {
    partitions.appendDurably(idempotent(9, 0, 0, "a"));
    assertThat(partitions.partition().activeProducers())
        .containsExactly(new ActiveProducer(9, 0, 0, TestBatches.NOW_MS, -1, -1));
    partitions.runForMs(PartitionSettings.DEFAULTS.producerIdExpirationMs());
    partitions.manager.expireProducers();
    assertThat(partitions.partition().activeProducers()).isEmpty();
    assertThat(partitions.appendDurably(idempotent(9, 0, 17, "b")).error).isEqualTo(Errors.NONE);
  }
}
