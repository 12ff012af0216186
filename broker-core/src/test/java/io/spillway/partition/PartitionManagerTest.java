package io.spillway.partition;

import static io.spillway.partition.TestBatches.idempotent;
import static io.spillway.partition.TestBatches.plain;
import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;

import io.spillway.metadata.MetadataSubscriber.Changes;
import io.spillway.partition.Partitions.Answer;
import io.spillway.stream.StreamException;
import io.spillway.stream.StreamStore.StateAt;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Set;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.protocol.Errors;
import org.junit.jupiter.api.Test;

class PartitionManagerTest {

  private final Partitions partitions = new Partitions();
  private final FakeStore store = partitions.store;

  @Test
  void batchesForAnOpeningPartitionWaitAndGoInInOrder_P15() {
    store.holdClaims = true;
    partitions.apply(partitions.metadata.topic("topic", Partitions.ID, 1));
    Answer first = partitions.append(idempotent(9, 0, 0, "a"));
    Answer second = partitions.append(idempotent(9, 0, 1, "b"));
    assertThat(first.told).isEmpty();
    assertThat(partitions.leadership).isEmpty();
    store.grantClaims();
    partitions.run();
    store.makeAllDurable();
    assertThat(first.told).containsExactly("appended at 0 time -1");
    assertThat(second.told).containsExactly("appended at 1 time -1");
    assertThat(partitions.leadership).containsExactly("lead topic-0 epoch 0");
  }

  @Test
  void parkingIsBoundedInTimeAndInBytes_P15() {
    store.holdClaims = true;
    PartitionSettings small = new PartitionSettings(false, 1000, 100, 300, 1);
    Partitions tight = new Partitions(store, small);
    tight.apply(tight.metadata.topic("topic", Partitions.ID, 1));
    Answer waits = tight.append(idempotent(9, 0, 0, "x".repeat(60)));
    Answer tooMuch = tight.append(idempotent(9, 0, 1, "x".repeat(60)));
    assertThat(tooMuch.error).isEqualTo(Errors.NOT_LEADER_OR_FOLLOWER);
    tight.runForMs(299);
    assertThat(waits.told).isEmpty();
    tight.runForMs(21);
    assertThat(waits.error).isEqualTo(Errors.NOT_LEADER_OR_FOLLOWER);
    store.grantClaims();
    tight.run();
    assertThat(tight.append(idempotent(9, 0, 1, "b")).error)
        .as("P15: the refused one has not returned")
        .isEqualTo(Errors.OUT_OF_ORDER_SEQUENCE_NUMBER);
  }

  @Test
  void aBatchNobodyWaitsForIsDroppedWhenItsTurnComes() {
    store.holdClaims = true;
    partitions.apply(partitions.metadata.topic("topic", Partitions.ID, 1));
    Answer gone = partitions.append(plain("a"));
    Answer stays = partitions.append(plain("b"));
    gone.wanted = false;
    store.grantClaims();
    partitions.run();
    store.makeAllDurable();
    assertThat(stays.told).containsExactly("appended at 0 time -1");
  }

  @Test
  void aPartitionIsFoundAsSoonAsTheViewNamesThisBroker_P36() {
    partitions.metadata.topic("topic", Partitions.ID, 1);
    assertThat(partitions.manager.find(Partitions.TP)).as("P36").isNotNull();
    assertThat(partitions.manager.find(Partitions.ID, 0)).isNotNull();
    assertThat(partitions.manager.find(new TopicPartition("topic", 1))).isNull();
    assertThat(partitions.manager.find(new TopicPartition("other", 0))).isNull();
  }

  @Test
  void aResignedPartitionRefusesFinishesWhatIsInFlightThenClosesItsStream() {
    partitions.apply(partitions.metadata.topic("topic", Partitions.ID, 1));
    BrokerPartition partition = partitions.partition();
    Answer inFlight = partitions.append(plain("a"));
    partitions.apply(partitions.metadata.lead("topic", 0, 2, 1));
    assertThat(partitions.manager.find(Partitions.TP)).isNull();
    Answer late = new Answer();
    partition.append(new ProduceBatch(plain("b"), (short) 12, null, "client", 1, late));
    assertThat(late.error).isEqualTo(Errors.NOT_LEADER_OR_FOLLOWER);
    assertThat(partitions.stream().closes).as("P12: in flight first").isZero();
    store.makeAllDurable();
    assertThat(inFlight.error).isEqualTo(Errors.NONE);
    assertThat(partitions.stream().closes).isEqualTo(1);
    assertThat(partitions.leadership).containsExactly("lead topic-0 epoch 0", "resigned topic-0");
  }

  @Test
  void leadingAgainWaitsUntilTheStreamWasGivenUp() {
    partitions.apply(partitions.metadata.topic("topic", Partitions.ID, 1));
    partitions.append(plain("a"));
    partitions.apply(partitions.metadata.lead("topic", 0, 2, 1));
    partitions.apply(partitions.metadata.lead("topic", 0, 1, 2));
    assertThat(partitions.partition().isOpen()).isFalse();
    store.makeAllDurable();
    partitions.run();
    assertThat(partitions.partition().isOpen()).isTrue();
    assertThat(partitions.partition().logEndOffset()).isEqualTo(1);
    assertThat(partitions.stream().closes).isEqualTo(1);
  }

  @Test
  void aNewEpochOfTheSameLeaderKeepsStateAndParksMeanwhile() {
    partitions.apply(partitions.metadata.topic("topic", Partitions.ID, 1));
    partitions.append(idempotent(9, 0, 0, "a"));
    partitions.apply(partitions.metadata.lead("topic", 0, 1, 3));
    Answer parked = partitions.append(idempotent(9, 0, 1, "b"));
    assertThat(partitions.partition().isOpen()).isFalse();
    store.makeAllDurable();
    partitions.run();
    store.makeAllDurable();
    assertThat(parked.told).containsExactly("appended at 1 time -1");
    assertThat(BatchHeader.leaderEpoch(partitions.stream().batches.get(1).payload())).isEqualTo(3);
    assertThat(partitions.leadership)
        .containsExactly("lead topic-0 epoch 0", "lead topic-0 epoch 3");
    assertThat(partitions.partition().endOfEpoch(0)).isEqualTo(new EpochEnd(0, 1));
    assertThat(partitions.partition().endOfEpoch(3)).isEqualTo(new EpochEnd(3, 2));
  }

  @Test
  void producerStateSurvivesARestartThroughCheckpointAndReplay_G5() {
    partitions.apply(partitions.metadata.topic("topic", Partitions.ID, 1));
    partitions.appendDurably(idempotent(9, 0, 0, "a"));
    partitions.append(idempotent(9, 0, 1, "never durable"));
    partitions.stream().upload();
    StateAt checkpoint = requireNonNull(partitions.stream().checkpoint);
    assertThat(checkpoint.offset()).as("P22: at the high watermark").isEqualTo(1);

    Partitions restarted = restart();
    restarted.appendDurably(idempotent(9, 0, 1, "b"));
    restarted.appendDurably(idempotent(7, 2, 5, "c"));
    Partitions again = restart();
    assertThat(again.append(idempotent(9, 0, 0, "a")).told)
        .containsExactly("appended at 0 time " + TestBatches.NOW_MS);
    assertThat(again.append(idempotent(7, 2, 5, "c")).told)
        .containsExactly("appended at 2 time " + TestBatches.NOW_MS);
    assertThat(again.append(idempotent(7, 2, 7, "x")).error)
        .isEqualTo(Errors.OUT_OF_ORDER_SEQUENCE_NUMBER);
    assertThat(store.openData).isZero();
  }

  @Test
  void producerStateSurvivesTheTrimOfWhatItWasReadFrom_P22() {
    partitions.apply(partitions.metadata.topic("topic", Partitions.ID, 1));
    partitions.appendDurably(plain("x"));
    assertThat(partitions.partition().deleteRecords(-1).join()).isEqualTo(1);
    assertThat(partitions.stream().checkpoint).as("nothing to keep").isNull();

    partitions.appendDurably(idempotent(9, 0, 0, "a"));
    partitions.appendDurably(idempotent(9, 0, 1, "b"));
    assertThat(partitions.partition().deleteRecords(-1).join()).isEqualTo(3);
    assertThat(restart().append(idempotent(9, 0, 1, "b")).told)
        .as("G5: known, though neither batch can be read any more")
        .containsExactly("appended at 2 time " + TestBatches.NOW_MS);
  }

  @Test
  void aDamagedCheckpointIsReplacedByReadingEverything() {
    partitions.apply(partitions.metadata.topic("topic", Partitions.ID, 1));
    partitions.appendDurably(idempotent(9, 0, 0, "a"));
    partitions.stream().checkpoint = new StateAt(1, ByteBuffer.allocate(40));
    assertThat(restart().append(idempotent(9, 0, 0, "a")).told)
        .containsExactly("appended at 0 time " + TestBatches.NOW_MS);
  }

  @Test
  void aStreamThatCannotBeReadFailsItsPartitionAndNoOther() {
    partitions.apply(partitions.metadata.topic("topic", Partitions.ID, 1));
    partitions.appendDurably(plain("a"));
    partitions.stream().readFailure = new StreamException.Corrupt("object x is damaged", null);
    Partitions restarted = restart();
    assertThat(restarted.append(plain("b")).error).isEqualTo(Errors.KAFKA_STORAGE_ERROR);
    restarted.apply(restarted.metadata.topic("other", new Uuid(8, 8), 1));
    BrokerPartition other = requireNonNull(restarted.manager.find(new TopicPartition("other", 0)));
    assertThat(other.isOpen()).isTrue();
  }

  @Test
  void aStoreThatCannotBeReachedIsAskedAgain() {
    partitions.apply(partitions.metadata.topic("topic", Partitions.ID, 1));
    partitions.appendDurably(plain("a"));
    partitions.stream().readFailure = new StreamException.Unavailable("bucket away", null);
    Partitions restarted = restart();
    assertThat(restarted.partition().isOpen()).isFalse();
    partitions.stream().readFailure = null;
    restarted.runForMs(250);
    assertThat(restarted.partition().isOpen()).isTrue();
  }

  @Test
  void aDeletedTopicsStreamsAreDeletedAtTheViewsOffset() {
    partitions.apply(partitions.metadata.topic("topic", Partitions.ID, 1, 1));
    partitions.apply(partitions.metadata.delete("topic"));
    assertThat(store.deletions).containsExactlyInAnyOrder("0@2", "1@2");
    assertThat(store.streams).isEmpty();
    assertThat(partitions.leadership).contains("deleted topic-0", "deleted topic-1");
  }

  @Test
  void aTopicMadeAnewUnderTheSameNameIsAnotherStream() {
    partitions.apply(partitions.metadata.topic("topic", Partitions.ID, 1));
    partitions.appendDurably(plain("a"));
    Uuid other = new Uuid(9, 9);
    partitions.apply(partitions.metadata.topic("topic", other, 1));
    assertThat(partitions.partition().topicId()).isEqualTo(other);
    assertThat(partitions.partition().logEndOffset()).isZero();
    assertThat(store.streams).containsOnlyKeys(PartitionManager.streamId(other, 0));
  }

  @Test
  void streamsWhoseTopicIsGoneAreDeletedAtTheFirstViewUnlessItLags() {
    store.stream(PartitionManager.streamId(new Uuid(5, 5), 0)).metadataOffset = 1;
    store.stream(PartitionManager.streamId(new Uuid(6, 6), 0)).metadataOffset = 100;
    partitions.apply(partitions.metadata.topic("topic", Partitions.ID, 1));
    assertThat(store.streams)
        .as("P20")
        .containsOnlyKeys(
            PartitionManager.streamId(new Uuid(6, 6), 0),
            PartitionManager.streamId(Partitions.ID, 0));
  }

  @Test
  void aThousandPartitionsOpenWithFewReplaysAtATime() {
    Integer[] leaders = Collections.nCopies(1000, 1).toArray(new Integer[0]);
    partitions.metadata.topic("topic", Partitions.ID, leaders);
    partitions.apply(new Changes(Set.of("topic"), Set.of(), Set.of(), false));
    assertThat(partitions.manager.partitions()).hasSize(1000);
    assertThat(partitions.leadership).hasSize(1000);
  }

  @Test
  void replaysAreBoundedAndNoneIsForgotten() {
    AsyncPermits permits = new AsyncPermits(2);
    List<java.util.concurrent.CompletableFuture<Integer>> running = new ArrayList<>();
    List<Integer> done = new ArrayList<>();
    for (int i = 0; i < 5; i++) {
      permits
          .run(
              () -> {
                java.util.concurrent.CompletableFuture<Integer> task =
                    new java.util.concurrent.CompletableFuture<>();
                running.add(task);
                return task;
              })
          .thenAccept(done::add);
    }
    for (int i = 0; i < 5; i++) {
      assertThat(running).hasSize(Math.min(5, i + 2));
      running.get(i).complete(i);
    }
    assertThat(done).containsExactly(0, 1, 2, 3, 4);
  }

  private Partitions restart() {
    store.restart();
    Partitions restarted = new Partitions(store, PartitionSettings.DEFAULTS);
    restarted.apply(restarted.metadata.topic("topic", Partitions.ID, 1));
    return restarted;
  }
}
