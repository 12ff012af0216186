package io.spillway.partition;

import static io.spillway.partition.TestBatches.idempotent;
import static io.spillway.partition.TestBatches.plain;
import static io.spillway.partition.TestBatches.transactional;
import static org.assertj.core.api.Assertions.assertThat;

import io.spillway.partition.Partitions.Answer;
import io.spillway.wal.WalException;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.protocol.Errors;
import org.apache.kafka.common.record.internal.ControlRecordType;
import org.apache.kafka.common.record.internal.EndTransactionMarker;
import org.apache.kafka.common.record.internal.MemoryRecords;
import org.apache.kafka.common.record.internal.MutableRecordBatch;
import org.junit.jupiter.api.Test;

/** Transactions in one partition, from the first batch to what a reader of committed data sees. */
class TransactionsTest {

  private static final int V1 = 11;
  private static final int V2 = 12;

  private final Partitions partitions = Partitions.open();
  private final FakeStore store = partitions.store;
  private final FakeVerifier verifier = partitions.verifier;

  // ---- verification

  @Test
  void theCoordinatorIsAskedBeforeTheFirstBatchOfATransactionOnly() {
    assertThat(produce(V2, transactional(9, 0, 0, "a")).error).isEqualTo(Errors.NONE);
    assertThat(produce(V2, transactional(9, 0, 1, "b")).error).isEqualTo(Errors.NONE);
    assertThat(verifier.questions).containsExactly("ADD tx 9/0 topic-0");
    assertThat(end(9, 1, true, 2)).isEqualTo(Errors.NONE);
    assertThat(produce(V1, transactional(9, 1, 0, "c")).error).isEqualTo(Errors.NONE);
    assertThat(verifier.questions).containsExactly("ADD tx 9/0 topic-0", "IS_ADDED tx 9/1 topic-0");
    assertThat(store.openReservations).isZero();
  }

  @Test
  void batchesWaitInOrderForTheAnswerAndNobodyElseDoes() {
    verifier.hold = true;
    Answer first = send(V2, transactional(9, 0, 0, "a"));
    Answer second = send(V2, transactional(9, 0, 1, "b"));
    Answer other = send(V2, plain("other"));
    store.makeAllDurable();
    assertThat(first.told).isEmpty();
    assertThat(other.told).containsExactly("appended at 0 time -1");
    assertThat(verifier.questions).as("one question").hasSize(1);
    verifier.answerNext(Errors.NONE);
    store.makeAllDurable();
    assertThat(first.told).containsExactly("appended at 1 time -1");
    assertThat(second.told).containsExactly("appended at 2 time -1");
  }

  @Test
  void aBatchThatComesWhileOthersAreLetInStaysBehindThem() {
    verifier.hold = true;
    Answer[] third = new Answer[1];
    Answer first =
        new Answer() {
          @Override
          public boolean isWanted() {
            third[0] = send(V2, transactional(9, 0, 2, "c"));
            return true;
          }
        };
    partitions
        .partition()
        .append(new ProduceBatch(transactional(9, 0, 0, "a"), (short) V2, "tx", "c", 5, first));
    Answer second = send(V2, transactional(9, 0, 1, "b"));
    verifier.answerNext(Errors.NONE);
    store.makeAllDurable();
    assertThat(first.error).isEqualTo(Errors.NONE);
    assertThat(second.error).isEqualTo(Errors.NONE);
    assertThat(third[0].told).containsExactly("appended at 2 time -1");
  }

  @Test
  void anAbortWhileTheQuestionIsInFlightKeepsTheLateBatchOut() {
    verifier.hold = true;
    Answer late = send(V1, transactional(9, 0, 0, "late"));
    assertThat(end(9, 0, false, 1)).isEqualTo(Errors.NONE);
    verifier.answerNext(Errors.NONE);
    assertThat(late.error).isEqualTo(Errors.INVALID_TXN_STATE);
    verifier.hold = false;
    assertThat(produce(V1, transactional(9, 0, 0, "next")).error)
        .as("the next transaction is asked about anew")
        .isEqualTo(Errors.NONE);
    assertThat(verifier.questions).hasSize(2);
  }

  @Test
  void theMarkerOfTheTransactionBeforeLeavesTheNextOneAlone() {
    assertThat(produce(V2, transactional(9, 0, 0, "a")).error).isEqualTo(Errors.NONE);
    verifier.hold = true;
    Answer next = send(V2, transactional(9, 1, 0, "b"));
    assertThat(end(9, 1, true, 2)).isEqualTo(Errors.NONE);
    verifier.answerNext(Errors.NONE);
    store.makeAllDurable();
    assertThat(next.error).isEqualTo(Errors.NONE);
  }

  @Test
  void aVerificationOfAnOlderEpochLetsNobodyInAfterTheNewOneBegan() {
    verifier.hold = true;
    Answer old = send(V1, transactional(9, 0, 0, "old"));
    Answer fresh = send(V1, transactional(9, 1, 0, "new"));
    assertThat(verifier.questions).hasSize(2);
    verifier.answerNext(Errors.NONE);
    assertThat(old.told).as("in, as long as nothing newer was seen").isEmpty();
    verifier.answerNext(Errors.NONE);
    store.makeAllDurable();
    assertThat(old.error).isEqualTo(Errors.NONE);
    assertThat(fresh.error).isEqualTo(Errors.NONE);
    assertThat(produce(V1, transactional(9, 0, 1, "late")).error)
        .isEqualTo(Errors.INVALID_PRODUCER_EPOCH);
  }

  @Test
  void refusalsOfTheCoordinatorComeInAProducersTerms() {
    record Case(Errors answer, int version, Errors expected) {}
    List<Case> cases =
        List.of(
            new Case(Errors.INVALID_TXN_STATE, V2, Errors.INVALID_TXN_STATE),
            new Case(Errors.TRANSACTION_ABORTABLE, V2, Errors.TRANSACTION_ABORTABLE),
            new Case(Errors.TRANSACTION_ABORTABLE, V1, Errors.TRANSACTION_ABORTABLE),
            new Case(Errors.TRANSACTION_ABORTABLE, 10, Errors.INVALID_TXN_STATE),
            new Case(Errors.CONCURRENT_TRANSACTIONS, V2, Errors.CONCURRENT_TRANSACTIONS),
            new Case(Errors.CONCURRENT_TRANSACTIONS, V1, Errors.NOT_ENOUGH_REPLICAS),
            new Case(Errors.NOT_COORDINATOR, V2, Errors.NOT_ENOUGH_REPLICAS),
            new Case(Errors.COORDINATOR_LOAD_IN_PROGRESS, V2, Errors.NOT_ENOUGH_REPLICAS),
            new Case(Errors.COORDINATOR_NOT_AVAILABLE, V1, Errors.NOT_ENOUGH_REPLICAS),
            new Case(Errors.NETWORK_EXCEPTION, V1, Errors.NOT_ENOUGH_REPLICAS),
            new Case(Errors.INVALID_PRODUCER_EPOCH, V2, Errors.INVALID_PRODUCER_EPOCH),
            new Case(Errors.INVALID_PRODUCER_ID_MAPPING, V2, Errors.INVALID_PRODUCER_ID_MAPPING),
            new Case(
                Errors.TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
                V2,
                Errors.TRANSACTIONAL_ID_AUTHORIZATION_FAILED));
    for (Case each : cases) {
      verifier.answer = each.answer;
      Answer answer = send(each.version, transactional(9, 0, 0, "a"));
      partitions.runForMs(1_000);
      assertThat(answer.error).as("%s", each).isEqualTo(each.expected);
      assertThat(answer.told).as("%s", each).hasSize(1);
    }
    assertThat(partitions.partition().logEndOffset()).isZero();
    assertThat(store.openReservations).isZero();
    verifier.answer = Errors.NONE;
    assertThat(produce(V2, transactional(9, 0, 0, "a")).error)
        .as("a refusal leaves nothing behind")
        .isEqualTo(Errors.NONE);
  }

  @Test
  void whileTheTransactionBeforeIsBeingEndedTheCoordinatorIsAskedAgain() {
    verifier.answer = Errors.CONCURRENT_TRANSACTIONS;
    Answer next = send(V2, transactional(9, 1, 0, "a"));
    partitions.runForMs(50);
    assertThat(next.told).isEmpty();
    verifier.answer = Errors.NONE;
    partitions.runForMs(20);
    store.makeAllDurable();
    assertThat(next.error).isEqualTo(Errors.NONE);
    assertThat(verifier.questions).hasSize(4);
  }

  @Test
  void aCoordinatorThatDoesNotAnswerHoldsNobodyForEver() {
    verifier.hold = true;
    Answer waits = send(V2, transactional(9, 0, 0, "a"));
    Answer behind = send(V2, transactional(9, 0, 1, "b"));
    partitions.runForMs(PartitionSettings.DEFAULTS.parkMs() + 1);
    assertThat(waits.error).isEqualTo(Errors.NOT_ENOUGH_REPLICAS);
    assertThat(behind.error).isEqualTo(Errors.NOT_ENOUGH_REPLICAS);
    verifier.answerNext(Errors.NONE);
    assertThat(waits.told).hasSize(1);
    assertThat(partitions.partition().logEndOffset()).isZero();
  }

  @Test
  void whatWaitsForCoordinatorsIsBoundedInBytes() {
    Partitions small =
        new Partitions(new FakeStore(), new PartitionSettings(false, 1_000_000, 150, 5_000, 1));
    small.verifier.hold = true;
    small.apply(small.metadata.topic(Partitions.TP.topic(), Partitions.ID, 1));
    assertThat(small.append("tx", V2, transactional(9, 0, 0, "a")).told).isEmpty();
    assertThat(small.append("tx", V2, transactional(10, 0, 0, "a")).told).isEmpty();
    assertThat(small.append("tx", V2, transactional(11, 0, 0, "a")).error)
        .isEqualTo(Errors.NOT_ENOUGH_REPLICAS);
  }

  @Test
  void theTransactionIsVerifiedWhenThePartitionOpensAndInOrder() {
    Partitions opening = new Partitions();
    opening.store.holdClaims = true;
    opening.apply(opening.metadata.topic(Partitions.TP.topic(), Partitions.ID, 1));
    Answer first = opening.append("tx", V2, transactional(9, 0, 0, "a"));
    Answer second = opening.append("tx", V2, transactional(9, 0, 1, "b"));
    assertThat(opening.verifier.questions).isEmpty();
    opening.store.grantClaims();
    opening.run();
    opening.store.makeAllDurable();
    assertThat(opening.verifier.questions).hasSize(1);
    assertThat(first.told).containsExactly("appended at 0 time -1");
    assertThat(second.told).containsExactly("appended at 1 time -1");
  }

  @Test
  void inAFullLogTransactionsWaitForRoomThenForTheirCoordinatorInOrder() {
    store.full = true;
    verifier.hold = true;
    Answer other = send(V2, plain("other"));
    Answer first = send(V2, transactional(9, 0, 0, "a"));
    Answer second = send(V2, transactional(9, 0, 1, "b"));
    partitions.runForMs(100);
    assertThat(verifier.questions).isEmpty();
    store.full = false;
    partitions.runForMs(100);
    assertThat(verifier.questions).hasSize(1);
    Answer third = send(V2, transactional(9, 0, 2, "c"));
    verifier.answerNext(Errors.NONE);
    partitions.runForMs(100);
    store.makeAllDurable();
    assertThat(other.told).containsExactly("appended at 0 time -1");
    assertThat(first.told).containsExactly("appended at 1 time -1");
    assertThat(second.told).containsExactly("appended at 2 time -1");
    assertThat(third.told).containsExactly("appended at 3 time -1");
    assertThat(store.openReservations).isZero();
  }

  @Test
  void aHeldTransactionThatFindsTheLogFullKeepsItsOrder() {
    verifier.hold = true;
    Answer first = send(V2, transactional(9, 0, 0, "a"));
    store.full = true;
    Answer other = send(V2, plain("other"));
    Answer second = send(V2, transactional(9, 0, 1, "b"));
    verifier.answerNext(Errors.NONE);
    Answer third = send(V2, transactional(9, 0, 2, "c"));
    store.full = false;
    partitions.runForMs(200);
    store.makeAllDurable();
    for (Answer each : List.of(first, second, third, other)) {
      assertThat(each.error).isEqualTo(Errors.NONE);
    }
    assertThat(store.openReservations).isZero();
  }

  @Test
  void aRefusalAtTheHeadOfTheQueueLetsTheOthersPass() {
    store.full = true;
    verifier.hold = true;
    Answer first = send(V2, transactional(9, 0, 0, "a"));
    Answer other = send(V2, plain("other"));
    store.full = false;
    partitions.runForMs(100);
    verifier.answerNext(Errors.INVALID_TXN_STATE);
    partitions.runForMs(100);
    store.makeAllDurable();
    assertThat(first.told).containsExactly("INVALID_TXN_STATE");
    assertThat(other.error).isEqualTo(Errors.NONE);
    assertThat(store.openReservations).isZero();
  }

  @Test
  void aTransactionalBatchNeedsATransactionalId() {
    assertThat(partitions.append(transactional(9, 0, 0, "a")).error)
        .isEqualTo(Errors.TRANSACTIONAL_ID_AUTHORIZATION_FAILED);
  }

  // ---- what a producer may send

  @Test
  void batchesOfTransactionsAreJudgedAsKafkaDoes() {
    record Case(String name, int version, ByteBuffer batch, Errors expected) {}
    List<Case> cases =
        List.of(
            new Case("the next one", V2, transactional(9, 3, 1, "x"), Errors.NONE),
            new Case("a repeat", V2, transactional(9, 3, 0, "first"), Errors.NONE),
            new Case("a gap", V2, transactional(9, 3, 7, "x"), Errors.OUT_OF_ORDER_SEQUENCE_NUMBER),
            new Case(
                "an old epoch", V2, transactional(9, 2, 1, "x"), Errors.INVALID_PRODUCER_EPOCH),
            new Case("in no transaction", V2, idempotent(9, 3, 1, "x"), Errors.INVALID_TXN_STATE),
            new Case("a new epoch", V2, transactional(9, 4, 0, "x"), Errors.NONE),
            new Case(
                "a new epoch above 0",
                V2,
                transactional(9, 4, 1, "x"),
                Errors.OUT_OF_ORDER_SEQUENCE_NUMBER),
            new Case(
                "a new producer above 0",
                V2,
                transactional(10, 0, 1, "x"),
                Errors.OUT_OF_ORDER_SEQUENCE_NUMBER),
            new Case("an expired one", V1, transactional(10, 0, 1, "x"), Errors.NONE));
    for (Case each : cases) {
      Partitions fresh = Partitions.open();
      fresh.append("tx", V2, transactional(9, 3, 0, "first"));
      fresh.store.makeAllDurable();
      Answer answer = fresh.append("tx", each.version, each.batch);
      fresh.store.makeAllDurable();
      assertThat(answer.error).as(each.name).isEqualTo(each.expected);
      assertThat(fresh.store.openReservations).as(each.name).isZero();
    }
  }

  @Test
  void afterAMarkerWithANewEpochSequencesBeginAtZero() {
    produce(V2, transactional(9, 0, 0, "a", "b"));
    end(9, 1, true, 2);
    assertThat(produce(V2, transactional(9, 0, 2, "late")).error)
        .isEqualTo(Errors.INVALID_PRODUCER_EPOCH);
    assertThat(produce(V2, transactional(9, 1, 2, "x")).error)
        .isEqualTo(Errors.OUT_OF_ORDER_SEQUENCE_NUMBER);
    assertThat(produce(V2, transactional(9, 1, 0, "next")).error).isEqualTo(Errors.NONE);
  }

  @Test
  void afterAMarkerWithTheSameEpochSequencesGoOn() {
    produce(V1, transactional(9, 0, 0, "a", "b"));
    end(9, 0, true, 1);
    assertThat(produce(V1, transactional(9, 0, 2, "next")).error).isEqualTo(Errors.NONE);
  }

  // ---- markers

  @Test
  void aMarkerIsAControlBatchInKafkasFormat() {
    partitions.apply(partitions.metadata.lead("topic", 0, 1, 6));
    produce(V2, transactional(9, 0, 0, "a"));
    end(9, 1, false, 2);
    ByteBuffer stored = partitions.stream().batches.get(1).payload();
    MutableRecordBatch batch =
        MemoryRecords.readableRecords(stored.duplicate()).batches().iterator().next();
    batch.ensureValid();
    assertThat(batch.isControlBatch()).isTrue();
    assertThat(batch.isTransactional()).isTrue();
    assertThat(batch.producerId()).isEqualTo(9);
    assertThat(batch.producerEpoch()).isEqualTo((short) 1);
    assertThat(batch.baseSequence()).isEqualTo(-1);
    assertThat(batch.baseOffset()).isEqualTo(1);
    assertThat(batch.partitionLeaderEpoch()).isEqualTo(6);
    EndTransactionMarker read = EndTransactionMarker.deserialize(batch.iterator().next());
    assertThat(read).isEqualTo(new EndTransactionMarker(ControlRecordType.ABORT, 5));
  }

  @Test
  void markersAreJudgedAsKafkaDoes() {
    record Case(
        String name, boolean open, int epoch, int coordinator, int version, Errors expected) {}
    List<Case> cases =
        List.of(
            new Case("same epoch, before v2", true, 3, 5, 1, Errors.NONE),
            new Case("same epoch, v2, open", true, 3, 5, 2, Errors.INVALID_PRODUCER_EPOCH),
            new Case("same epoch, v2, ended: a repeat", false, 3, 5, 2, Errors.NONE),
            new Case("next epoch, v2", true, 4, 5, 2, Errors.NONE),
            new Case("old epoch", true, 2, 5, 1, Errors.INVALID_PRODUCER_EPOCH),
            new Case("old epoch, v2, ended", false, 2, 5, 2, Errors.INVALID_PRODUCER_EPOCH),
            new Case("old coordinator", true, 4, 4, 2, Errors.TRANSACTION_COORDINATOR_FENCED),
            new Case("new coordinator", true, 4, 6, 2, Errors.NONE));
    for (Case each : cases) {
      Partitions fresh = Partitions.open();
      fresh.append("tx", V2, transactional(9, 2, 0, "before"));
      marker(fresh, 9, 3, true, 5, 2);
      if (each.open) {
        fresh.append("tx", V2, transactional(9, 3, 0, "a"));
      }
      fresh.store.makeAllDurable();
      CompletableFuture<Errors> ended =
          marker(fresh, 9, each.epoch, true, each.coordinator, each.version);
      fresh.store.makeAllDurable();
      assertThat(ended).as("%s", each).isCompletedWithValue(each.expected);
      assertThat(fresh.store.openReservations).as("%s", each).isZero();
    }
  }

  @Test
  void theLastEpochEndsATransactionOfTheSameEpoch() {
    produce(V2, transactional(9, Short.MAX_VALUE, 0, "a"));
    assertThat(end(9, Short.MAX_VALUE, false, 2)).isEqualTo(Errors.NONE);
    assertThat(partitions.partition().lastStableOffset()).isEqualTo(2);
  }

  @Test
  void aMarkerEntersAFullLogAndIsDoneWhenItIsDurable() {
    produce(V2, transactional(9, 0, 0, "a"));
    store.full = true;
    CompletableFuture<Errors> ended =
        partitions
            .partition()
            .appendMarker(new TransactionMarker(9, (short) 1, true, 5, (short) 2));
    assertThat(ended).isNotDone();
    store.makeAllDurable();
    assertThat(ended).isCompletedWithValue(Errors.NONE);
  }

  @Test
  void aMarkerWaitsForThePartitionToOpenAndIsRefusedByOneThatIsGone() {
    Partitions opening = new Partitions();
    opening.store.holdClaims = true;
    opening.apply(opening.metadata.topic(Partitions.TP.topic(), Partitions.ID, 1));
    BrokerPartition partition = opening.partition();
    CompletableFuture<Errors> waits = marker(opening, 9, 0, false, 5, 1);
    assertThat(waits).isNotDone();
    opening.store.grantClaims();
    opening.run();
    opening.store.makeAllDurable();
    assertThat(waits).isCompletedWithValue(Errors.NONE);
    opening.apply(opening.metadata.lead("topic", 0, 2, 1));
    assertThat(partition.appendMarker(new TransactionMarker(9, (short) 0, false, 5, (short) 1)))
        .isCompletedWithValue(Errors.NOT_LEADER_OR_FOLLOWER);
  }

  @Test
  void markersAreWrittenWhereThisBrokerLeads() {
    LocalMarkers markers =
        new LocalMarkers(
            partitions.manager,
            (tp, marker) -> CompletableFuture.completedFuture(Errors.COORDINATOR_NOT_AVAILABLE));
    TransactionMarker marker = new TransactionMarker(9, (short) 0, true, 5, (short) 1);
    assertThat(markers.write(new TopicPartition("nowhere", 0), marker))
        .isCompletedWithValue(Errors.UNKNOWN_TOPIC_OR_PARTITION);
    assertThat(markers.write(new TopicPartition("__consumer_offsets", 0), marker))
        .as("P33")
        .isCompletedWithValue(Errors.COORDINATOR_NOT_AVAILABLE);
    var written = markers.write(Partitions.TP, marker);
    store.makeAllDurable();
    assertThat(written).isCompletedWithValue(Errors.NONE);
  }

  // ---- what readers of committed data see

  @Test
  void theLastStableOffsetStaysAtTheFirstOpenTransactionUntilItsMarkerIsDurable_P31() {
    produce(V2, plain("x"));
    produce(V2, transactional(9, 0, 0, "a"));
    produce(V2, transactional(10, 0, 0, "b"));
    produce(V2, plain("y"));
    BrokerPartition partition = partitions.partition();
    assertThat(partition.highWatermark()).isEqualTo(4);
    assertThat(partition.lastStableOffset()).isEqualTo(1);
    CompletableFuture<Errors> ended = marker(partitions, 9, 1, false, 5, 2);
    assertThat(partition.lastStableOffset()).as("the marker is not durable").isEqualTo(1);
    assertThat(partition.abortedTransactions(0, 5))
        .as("visible before it counts")
        .containsExactly(new AbortedTransaction(9, 1, 4, 2));
    ended.thenAccept(
        error -> assertThat(partition.lastStableOffset()).as("when told").isEqualTo(2));
    store.makeAllDurable();
    assertThat(ended).isCompleted();
    assertThat(partition.lastStableOffset()).isEqualTo(2);
    end(10, 1, true, 2);
    assertThat(partition.lastStableOffset()).isEqualTo(6);
  }

  @Test
  void abortedTransactionsAreThoseThatOverlapTheRange() {
    for (int i = 0; i < 4; i++) {
      produce(V2, transactional(9, i, 0, "a", "b"));
      end(9, i + 1, i == 2, 2);
    }
    BrokerPartition partition = partitions.partition();
    assertThat(firstOffsets(partition, 0, 12)).containsExactly(0L, 3L, 9L);
    assertThat(firstOffsets(partition, 2, 3)).as("a marker alone").containsExactly(0L);
    assertThat(firstOffsets(partition, 6, 9)).isEmpty();
    assertThat(firstOffsets(partition, 10, 11)).containsExactly(9L);
    partitions.partition().deleteRecords(4).join();
    assertThat(firstOffsets(partition, 0, 12)).containsExactly(3L, 9L);
  }

  @Test
  void anOpenTransactionBelowTheLogStartHoldsNothingBackThatIsGone() {
    produce(V2, transactional(9, 0, 0, "a"));
    produce(V2, plain("x", "y"));
    partitions.partition().deleteRecords(2).join();
    assertThat(partitions.partition().lastStableOffset()).isEqualTo(2);
  }

  @Test
  void aTruncationTakesBackWhatBeganAndWhatEnded_P30() {
    produce(V2, transactional(9, 0, 0, "a"));
    CompletableFuture<Errors> ended = marker(partitions, 9, 1, false, 5, 2);
    Answer begun = send(V2, transactional(10, 0, 0, "b"));
    store.failAll(new WalException.Unavailable("device error"));
    assertThat(ended).isCompletedWithValue(Errors.KAFKA_STORAGE_ERROR);
    assertThat(begun.error).isEqualTo(Errors.KAFKA_STORAGE_ERROR);
    BrokerPartition partition = partitions.partition();
    assertThat(partition.lastStableOffset()).isZero();
    assertThat(partition.abortedTransactions(0, 10)).isEmpty();
    assertThat(partition.activeProducers())
        .containsExactly(new ActiveProducer(9, 0, 0, TestBatches.NOW_MS, -1, 0));
    assertThat(end(9, 1, false, 2)).isEqualTo(Errors.NONE);
    assertThat(partition.lastStableOffset()).isEqualTo(2);
    assertThat(produce(V2, transactional(10, 0, 0, "b")).error).isEqualTo(Errors.NONE);
  }

  @Test
  void transactionsSurviveARestartThroughCheckpointAndReplay_P22() {
    produce(V2, transactional(9, 0, 0, "a"));
    produce(V2, transactional(10, 0, 0, "b"));
    partitions.stream().upload();
    end(9, 1, false, 2);
    produce(V2, transactional(11, 0, 0, "c"));
    store.restart();
    Partitions again = new Partitions(store, PartitionSettings.DEFAULTS);
    again.apply(again.metadata.topic(Partitions.TP.topic(), Partitions.ID, 1));
    BrokerPartition partition = again.partition();
    assertThat(partition.lastStableOffset()).isEqualTo(1);
    assertThat(partition.abortedTransactions(0, 10))
        .containsExactly(new AbortedTransaction(9, 0, 2, 1));
    assertThat(partition.activeProducers())
        .contains(new ActiveProducer(10, 0, 0, TestBatches.NOW_MS, -1, 1));
    assertThat(again.append("tx", V2, transactional(10, 0, 1, "more")).told).isEmpty();
    assertThat(again.verifier.questions).as("its transaction is open").isEmpty();
    assertThat(marker(again, 10, 1, true, 4, 2)).isNotDone();
    store.makeAllDurable();
    assertThat(partition.lastStableOffset()).isEqualTo(3);
  }

  @Test
  void aProducerWithAnOpenTransactionDoesNotExpire() {
    produce(V2, transactional(9, 0, 0, "a"));
    partitions.runForMs(PartitionSettings.DEFAULTS.producerIdExpirationMs());
    partitions.manager.expireProducers();
    assertThat(partitions.partition().activeProducers()).hasSize(1);
    end(9, 1, true, 2);
    partitions.runForMs(PartitionSettings.DEFAULTS.producerIdExpirationMs());
    partitions.manager.expireProducers();
    assertThat(partitions.partition().activeProducers()).isEmpty();
  }

  // ---- what a coordinator appends

  @Test
  void aCoordinatorsBatchesAreVerifiedToo() {
    BrokerPartition partition = partitions.partition();
    ByteBuffer batch = transactional(9, 0, 0, "offset");
    assertThat(refusalOf(() -> partition.appendInternal(batch.duplicate())))
        .isEqualTo(Errors.INVALID_TXN_STATE);
    TransactionGuard guard =
        partition
            .verifyTransaction("tx", 9, (short) 0, TransactionVerifier.Question.IS_ADDED)
            .join();
    assertThat(partition.appendInternal(batch.duplicate(), guard, (short) 0)).isEqualTo(1);
    assertThat(partition.verifyTransaction("tx", 9, (short) 0, TransactionVerifier.Question.ADD))
        .as("its transaction is open")
        .isCompletedWithValue(TransactionGuard.NONE);
    assertThat(partition.appendInternal(batch.duplicate())).isEqualTo(2);
    ByteBuffer abort = MarkerBatch.of(new TransactionMarker(9, (short) 0, false, 5, (short) 0), 7);
    assertThat(refusalOf(() -> partition.appendInternal(abort, guard, (short) 2)))
        .isEqualTo(Errors.INVALID_PRODUCER_EPOCH);
    assertThat(partition.appendInternal(abort, TransactionGuard.NONE, (short) 0)).isEqualTo(3);
    assertThat(refusalOf(() -> partition.appendInternal(batch.duplicate(), guard, (short) 0)))
        .as("the guard of a transaction that has ended")
        .isEqualTo(Errors.INVALID_TXN_STATE);
    store.makeAllDurable();
    assertThat(partition.abortedTransactions(0, 3))
        .containsExactly(new AbortedTransaction(9, 0, 2, 3));
    assertThat(partition.lastStableOffset()).isEqualTo(3);
    assertThat(store.openReservations).isZero();
    verifier.answer = Errors.NOT_COORDINATOR;
    assertThat(partition.verifyTransaction("tx", 9, (short) 1, TransactionVerifier.Question.ADD))
        .isCompletedExceptionally();
  }

  // ---- helpers

  private static Errors refusalOf(Runnable append) {
    try {
      append.run();
    } catch (RuntimeException e) {
      return Errors.forException(e);
    }
    return Errors.NONE;
  }

  private static List<Long> firstOffsets(BrokerPartition partition, long from, long end) {
    return partition.abortedTransactions(from, end).stream()
        .map(AbortedTransaction::firstOffset)
        .toList();
  }

  private Answer send(int version, ByteBuffer batch) {
    return partitions.append("tx", version, batch);
  }

  private Answer produce(int version, ByteBuffer batch) {
    Answer answer = send(version, batch);
    store.makeAllDurable();
    return answer;
  }

  private Errors end(long producerId, int epoch, boolean committed, int version) {
    CompletableFuture<Errors> ended = marker(partitions, producerId, epoch, committed, 5, version);
    store.makeAllDurable();
    return ended.join();
  }

  private static CompletableFuture<Errors> marker(
      Partitions of, long producerId, int epoch, boolean committed, int coordinator, int version) {
    return of.partition()
        .appendMarker(
            new TransactionMarker(
                producerId, (short) epoch, committed, coordinator, (short) version));
  }
}
