package io.spillway.kafka.transaction;

import static io.spillway.kafka.transaction.TransactionWorld.ORDERS;
import static org.assertj.core.api.Assertions.assertThat;

import io.spillway.partition.TransactionVerifier.Question;
import java.util.concurrent.CompletableFuture;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.protocol.Errors;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class PartitionVerifierTest {

  private static final TopicPartition FIRST = new TopicPartition(ORDERS, 0);
  private static final TopicPartition SECOND = new TopicPartition(ORDERS, 1);

  private final TransactionWorld world = TransactionWorld.serving();
  private final TestProducer producer = new TestProducer(world, "tx");

  @AfterEach
  void close() {
    world.close();
  }

  @Test
  void whatTheClientHasAddedIsKnown() {
    producer.begun();
    assertThat(producer.add(FIRST)).isEqualTo(Errors.NONE);
    assertThat(ask(producer, FIRST, Question.IS_ADDED)).isEqualTo(Errors.NONE);
    assertThat(ask(producer, SECOND, Question.IS_ADDED)).isEqualTo(Errors.TRANSACTION_ABORTABLE);
    assertThat(producer.describe().topics().find(ORDERS).partitions()).containsExactly(0);
  }

  @Test
  void aPartitionIsAddedForTheClient() {
    producer.begun();
    assertThat(ask(producer, FIRST, Question.ADD)).isEqualTo(Errors.NONE);
    assertThat(ask(producer, FIRST, Question.ADD)).isEqualTo(Errors.NONE);
    assertThat(producer.state()).isEqualTo("Ongoing");
    assertThat(producer.end(true)).isEqualTo(Errors.NONE);
    world.settle();
    assertThat(world.fakeMarkers().of(FIRST)).hasSize(1);
  }

  @Test
  void whoIsFencedHearsItInTheTermsOfProducing() {
    producer.begun();
    producer.sibling().begun();
    assertThat(ask(producer, FIRST, Question.ADD)).isEqualTo(Errors.INVALID_PRODUCER_EPOCH);
    assertThat(ask(producer, FIRST, Question.IS_ADDED)).isEqualTo(Errors.INVALID_PRODUCER_EPOCH);
    producer.id++;
    assertThat(ask(producer, FIRST, Question.ADD)).isEqualTo(Errors.INVALID_PRODUCER_ID_MAPPING);
    assertThat(ask(producer, FIRST, Question.IS_ADDED))
        .isEqualTo(Errors.INVALID_PRODUCER_ID_MAPPING);
  }

  /** The first batch of a transaction while the one before is being ended. */
  @Test
  void theNextTransactionWaitsForAMoment() {
    producer.begun();
    assertThat(producer.add(FIRST)).isEqualTo(Errors.NONE);
    world.fakeMarkers().hold(FIRST);
    assertThat(producer.end(true)).isEqualTo(Errors.NONE);
    CompletableFuture<Errors> added = askLater(producer, SECOND, Question.ADD);
    world.advance(50);
    assertThat(added).isNotDone();
    world.fakeMarkers().release(FIRST);
    assertThat(world.await(added)).isEqualTo(Errors.NONE);
  }

  @Test
  void butNotForLong() {
    producer.begun();
    assertThat(producer.add(FIRST)).isEqualTo(Errors.NONE);
    world.fakeMarkers().hold(FIRST);
    TestProducer before2 = producer.copy();
    assertThat(producer.end(4, true)).isEqualTo(Errors.NONE);
    long startMs = world.nowMs();
    assertThat(ask(producer, SECOND, Question.ADD)).isEqualTo(Errors.CONCURRENT_TRANSACTIONS);
    assertThat(world.nowMs() - startMs).isBetween(100L, 130L);
    assertThat(ask(before2, FIRST, Question.IS_ADDED))
        .as("older clients take it for final")
        .isEqualTo(Errors.NOT_ENOUGH_REPLICAS);
  }

  @Test
  void aCoordinatorThatCannotSayMakesTheClientSendAgain() {
    producer.begun();
    for (Question question : Question.values()) {
      world
          .logOf("tx")
          .failAppends(() -> new org.apache.kafka.common.errors.TimeoutException("full"));
      if (question == Question.ADD) {
        assertThat(ask(producer, FIRST, question)).isEqualTo(Errors.NOT_ENOUGH_REPLICAS);
      }
      world.logOf("tx").failAppends(null);
      var log = world.logOf("tx");
      world.partitions.resign(log.topicPartition(), false);
      world.settle();
      assertThat(ask(producer, FIRST, question)).isEqualTo(Errors.NOT_ENOUGH_REPLICAS);
      world.partitions.lead(log.nextLeadership());
      assertThat(ask(producer, FIRST, question)).isEqualTo(Errors.NOT_ENOUGH_REPLICAS);
      world.settle();
    }
    assertThat(ask(producer, FIRST, Question.ADD)).isEqualTo(Errors.NONE);
  }

  @Test
  void withoutATopicThereIsNoCoordinator() {
    try (TransactionWorld empty = new TransactionWorld(java.util.Map.of())) {
      TestProducer nobody = new TestProducer(empty, "tx");
      CompletableFuture<Errors> asked =
          empty
              .transactions
              .verifier()
              .verify("tx", 1, (short) 0, FIRST, Question.ADD)
              .toCompletableFuture();
      assertThat(empty.await(asked)).isEqualTo(Errors.NOT_ENOUGH_REPLICAS);
      assertThat(nobody.init()).isEqualTo(Errors.NOT_COORDINATOR);
      assertThat(nobody.state()).isEqualTo("NOT_COORDINATOR");
    }
  }

  private Errors ask(TestProducer as, TopicPartition tp, Question question) {
    return world.await(askLater(as, tp, question));
  }

  private CompletableFuture<Errors> askLater(
      TestProducer as, TopicPartition tp, Question question) {
    return world
        .transactions
        .verifier()
        .verify(as.transactionalId, as.id, as.epoch, tp, question)
        .toCompletableFuture();
  }
}
