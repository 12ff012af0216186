package io.spillway.kafka.transaction;

import static org.assertj.core.api.Assertions.assertThat;

import io.spillway.kafka.transaction.MarkerSender.Marker;
import io.spillway.kafka.transaction.MarkerSender.Result;
import io.spillway.partition.TransactionMarker;
import io.spillway.runtime.SimulatedThreads;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.protocol.Errors;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class MarkerSenderTest {

  private static final TopicPartition COORDINATOR = new TopicPartition("__transaction_state", 0);
  private static final TopicPartition TARGET = new TopicPartition("orders", 0);
  private static final TransactionMarker MARKER =
      new TransactionMarker(9, (short) 1, true, 0, (short) 2);

  private final SimulatedThreads sim = new SimulatedThreads(1, 0);
  private final FakeMarkers partitions = new FakeMarkers(sim.newPool("disk", 1));
  private final Set<TopicPartition> deleted = new HashSet<>();
  private final MarkerSender sender =
      new MarkerSender(partitions, tp -> !deleted.contains(tp), sim.newScheduler("markers"));
  private final TestLoad load = new TestLoad();
  private final List<Result> results = new ArrayList<>();

  private static final class TestLoad implements MarkerSender.Load {
    private boolean over;

    @Override
    public TopicPartition partition() {
      return COORDINATOR;
    }

    @Override
    public boolean isOver() {
      return over;
    }
  }

  @AfterEach
  void noFaults() {
    assertThat(sim.faults()).isEmpty();
  }

  @ParameterizedTest
  @EnumSource(
      value = Errors.class,
      names = {
        "UNKNOWN_TOPIC_OR_PARTITION",
        "NOT_LEADER_OR_FOLLOWER",
        "NOT_ENOUGH_REPLICAS",
        "REQUEST_TIMED_OUT",
        "KAFKA_STORAGE_ERROR",
        "NOT_COORDINATOR",
        "COORDINATOR_LOAD_IN_PROGRESS",
        "COORDINATOR_NOT_AVAILABLE",
        "UNKNOWN_SERVER_ERROR"
      })
  void aPartitionThatCannotNowIsAskedAgain(Errors error) {
    partitions.refuse(TARGET, error, error, error);
    send(load);
    sim.runFor(TimeUnit.SECONDS.toNanos(1));
    assertThat(results).containsExactly(Result.DONE);
    assertThat(partitions.of(TARGET)).containsExactly(MARKER);
    assertThat(partitions.asked).containsEntry(TARGET, 4);
  }

  @Test
  void retriesBackOff() {
    Errors[] many = new Errors[100];
    java.util.Arrays.fill(many, Errors.NOT_LEADER_OR_FOLLOWER);
    partitions.refuse(TARGET, many);
    send(load);
    sim.runFor(TimeUnit.SECONDS.toNanos(60));
    assertThat(partitions.asked.get(TARGET)).isBetween(40, 60);
  }

  @ParameterizedTest
  @EnumSource(
      value = Errors.class,
      names = {"UNKNOWN_TOPIC_OR_PARTITION", "NOT_LEADER_OR_FOLLOWER"})
  void aPartitionThatIsDeletedGetsNone(Errors error) {
    deleted.add(TARGET);
    partitions.refuse(TARGET, error);
    send(load);
    sim.runFor(TimeUnit.SECONDS.toNanos(1));
    assertThat(results).containsExactly(Result.DONE);
    assertThat(partitions.written).isEmpty();
  }

  @ParameterizedTest
  @EnumSource(
      value = Errors.class,
      names = {"INVALID_PRODUCER_EPOCH", "TRANSACTION_COORDINATOR_FENCED"})
  void aPartitionThatHasSeenANewerOneIsLeftAlone(Errors error) {
    partitions.refuse(TARGET, error);
    send(load);
    sim.runFor(TimeUnit.SECONDS.toNanos(10));
    assertThat(results).containsExactly(Result.REFUSED);
    assertThat(partitions.asked).containsEntry(TARGET, 1);
  }

  @Test
  void onlySoManyAreOnTheirWayAtOnceAndEachArrives() {
    for (int i = 0; i < 5_000; i++) {
      send(load, new TopicPartition("orders", i));
    }
    sim.runFor(TimeUnit.SECONDS.toNanos(1));
    assertThat(partitions.maxPending).isLessThanOrEqualTo(512);
    assertThat(results).hasSize(5_000).containsOnly(Result.DONE);
  }

  @Test
  void aLoadThatIsOverSendsNothingAndHearsNothing() {
    partitions.refuse(TARGET, Errors.NOT_LEADER_OR_FOLLOWER);
    send(load);
    sim.runFor(TimeUnit.MILLISECONDS.toNanos(1));
    load.over = true;
    sim.runFor(TimeUnit.SECONDS.toNanos(10));
    assertThat(partitions.asked).containsEntry(TARGET, 1);
    assertThat(results).isEmpty();
  }

  @Test
  void theNextLoadOfThePartitionWaitsForWhatIsOnItsWay() {
    TestLoad next = new TestLoad();
    TopicPartition other = new TopicPartition("orders", 1);
    partitions.hold(TARGET);
    send(load);
    sim.runFor(1);
    load.over = true;
    send(next, other);
    sim.runFor(TimeUnit.SECONDS.toNanos(1));
    assertThat(partitions.asked).doesNotContainKey(other);
    partitions.release(TARGET);
    sim.runFor(TimeUnit.SECONDS.toNanos(1));
    assertThat(partitions.of(other)).hasSize(1);
    assertThat(results).containsExactly(Result.DONE);
  }

  private void send(TestLoad from) {
    send(from, TARGET);
  }

  private void send(TestLoad from, TopicPartition to) {
    sender.send(new Marker(from, to, MARKER, results::add));
  }
}
