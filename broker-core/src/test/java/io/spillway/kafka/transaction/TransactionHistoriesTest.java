package io.spillway.kafka.transaction;

import static org.assertj.core.api.Assertions.assertThat;

import io.spillway.kafka.coordinator.FakePartition;
import io.spillway.kafka.transaction.ModelPartitions.Outcome;
import io.spillway.kafka.transaction.RandomProducer.Attempt;
import io.spillway.request.coordinator.CoordinatorTopic;
import io.spillway.request.transaction.TransactionService;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.TreeSet;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.TimeoutException;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Concurrent producers of several ids, versions and sessions over kills, truncations, moving
 * leadership, refused appends, refused and unanswered markers, and timeouts. Whatever happens, a
 * transaction ends the same everywhere, as its producer was told, and none stays open.
 */
class TransactionHistoriesTest {

  private static final int SEEDS = 60;
  private static final int ROUNDS = 1_500;

  static List<Long> seeds() {
    List<Long> seeds = new ArrayList<>();
    for (long seed = 1; seed <= SEEDS; seed++) {
      seeds.add(seed);
    }
    return seeds;
  }

  @ParameterizedTest
  @MethodSource("seeds")
  void transactionsEndTheSameEverywhere(long seed) {
    Random random = new Random(seed);
    ModelPartitions partitions = new ModelPartitions(random);
    TransactionWorld world =
        new TransactionWorld(
            seed,
            2_000_000,
            Map.of("transaction.abort.timed.out.transaction.cleanup.interval.ms", "2000"),
            partitions);
    world.createTopics();
    List<RandomProducer> producers = new ArrayList<>();
    for (int i = 0; i < 4; i++) {
      short version =
          i % 2 == 0
              ? TransactionService.VERSION_WITH_EPOCHS
              : TransactionService.VERSION_WITHOUT_EPOCHS;
      producers.add(new RandomProducer(world, partitions, random, "tx-" + i, version));
    }
    partitions.refusals = 0.1;
    partitions.losses = 0.05;
    for (int round = 0; round < ROUNDS; round++) {
      producers.get(random.nextInt(producers.size())).step(false);
      world.sim.runAll(random.nextInt(12));
      disturb(world, producers, random);
    }
    finish(world, partitions, producers);
    check(partitions, producers);
    assertThat(world.sim.faults()).isEmpty();
  }

  private static void disturb(
      TransactionWorld world, List<RandomProducer> producers, Random random) {
    FakePartition log = anyLog(world, random);
    switch (random.nextInt(150)) {
      case 0 -> {
        world.restart();
        producers.forEach(RandomProducer::onCrash);
      }
      case 1 -> log.truncateToHighWatermark();
      case 2 -> {
        world.partitions.resign(log.topicPartition(), false);
        world.partitions.lead(log.nextLeadership());
      }
      case 3 -> log.failAppends(() -> new TimeoutException("no room"));
      case 4, 5, 6 -> log.failAppends(null);
      case 7 -> log.holdDurability();
      case 8, 9, 10 -> log.releaseDurability();
      case 11 -> world.advance(random.nextInt(5_000));
      case 12 -> world.advance(random.nextInt(40_000));
      case 13, 14 -> producers.get(random.nextInt(producers.size())).newSession();
      default -> {}
    }
  }

  private static FakePartition anyLog(TransactionWorld world, Random random) {
    return world.partitions.get(
        new TopicPartition(
            CoordinatorTopic.TRANSACTIONS, random.nextInt(TransactionWorld.PARTITIONS)));
  }

  /** All is well again; whoever is the last session of an id ends what it has. */
  private static void finish(
      TransactionWorld world, ModelPartitions partitions, List<RandomProducer> producers) {
    partitions.refusals = 0;
    partitions.losses = 0;
    for (int i = 0; i < TransactionWorld.PARTITIONS; i++) {
      FakePartition log =
          world.partitions.get(new TopicPartition(CoordinatorTopic.TRANSACTIONS, i));
      log.failAppends(null);
      log.releaseDurability();
    }
    producers.forEach(RandomProducer::newSession);
    for (int i = 0; i < 2_000 && !producers.stream().allMatch(RandomProducer::isIdle); i++) {
      producers.forEach(producer -> producer.step(true));
      world.advance(30);
    }
    world.advance(5_000);
    assertThat(producers).allMatch(RandomProducer::isIdle);
  }

  private static void check(ModelPartitions partitions, List<RandomProducer> producers) {
    assertThat(partitions.open()).isEmpty();
    Map<String, Set<Boolean>> ends = new HashMap<>();
    for (Outcome outcome : partitions.outcomes) {
      ends.computeIfAbsent(outcome.transaction(), name -> new TreeSet<>()).add(outcome.committed());
    }
    int committed = 0;
    for (RandomProducer producer : producers) {
      for (Attempt attempt : producer.attempts) {
        Set<Boolean> end = ends.getOrDefault(attempt.name, Set.of());
        assertThat(end).as("%s is not torn", attempt.name).hasSizeLessThan(2);
        if (attempt.appended.isEmpty()) {
          continue;
        }
        assertThat(end).as("%s has ended", attempt.name).hasSize(1);
        boolean commit = end.contains(true);
        if (attempt.commitAcked) {
          assertThat(commit).as("%s was committed, they said", attempt.name).isTrue();
          committed++;
        }
        if (attempt.abortAcked || !attempt.commitSent) {
          assertThat(commit).as("%s was not to be committed", attempt.name).isFalse();
        }
      }
    }
    assertThat(committed).as("something happened").isPositive();
  }
}
