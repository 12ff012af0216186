package io.spillway.kafka.transaction;

import static io.spillway.kafka.transaction.TransactionWorld.ORDERS;
import static org.assertj.core.api.Assertions.assertThat;

import io.spillway.partition.TransactionMarker;
import java.util.Map;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.protocol.Errors;
import org.apache.kafka.server.common.TransactionVersion;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class TransactionUpkeepTest {

  private static final TopicPartition FIRST = new TopicPartition(ORDERS, 0);

  private final TransactionWorld world =
      TransactionWorld.serving(
          Map.of(
              "transaction.abort.timed.out.transaction.cleanup.interval.ms", "1000",
              "transactional.id.expiration.ms", "100000",
              "transaction.remove.expired.transaction.cleanup.interval.ms", "10000"));
  private final FakeMarkers markers = world.fakeMarkers();
  private final TestProducer producer = new TestProducer(world, "tx");

  @AfterEach
  void close() {
    world.close();
  }

  @Test
  void anOpenTransactionIsAbortedAfterItsTimeout() {
    producer.timeoutMs = 5_000;
    producer.begun();
    world.advance(20_000);
    assertThat(producer.add(FIRST)).as("no transaction was open").isEqualTo(Errors.NONE);
    world.advance(4_000);
    assertThat(producer.state()).isEqualTo("Ongoing");
    world.advance(3_000);
    assertThat(producer.state()).isEqualTo("CompleteAbort");
    assertThat(markers.of(FIRST))
        .containsExactly(new TransactionMarker(1000, (short) 1, false, 0, (short) 2));
  }

  /** From version 2 on the abort is as if the producer had asked for it. */
  @Test
  void aProducerThatWasTimedOutMayAbortAndGoOn() {
    timedOut();
    TestProducer other = producer.copy();
    assertThat(producer.copy().add(FIRST)).isEqualTo(Errors.PRODUCER_FENCED);
    assertThat(other.end(true)).isEqualTo(Errors.INVALID_TXN_STATE);
    assertThat(producer.end(false)).isEqualTo(Errors.NONE);
    assertThat(producer.identity()).isEqualTo("1000/1");
    assertThat(producer.add(FIRST)).isEqualTo(Errors.NONE);
    assertThat(producer.end(true)).isEqualTo(Errors.NONE);
  }

  @Test
  void beforeVersion2AProducerThatWasTimedOutIsFenced() {
    world.cluster.feature(TransactionVersion.FEATURE_NAME, 1);
    timedOut();
    assertThat(producer.end(4, false)).isEqualTo(Errors.PRODUCER_FENCED);
    assertThat(producer.end(4, true)).isEqualTo(Errors.PRODUCER_FENCED);
    assertThat(producer.reinit()).isEqualTo(Errors.PRODUCER_FENCED);
    assertThat(markers.of(FIRST))
        .containsExactly(new TransactionMarker(1000, (short) 1, false, 0, (short) 0));
  }

  @Test
  void theTimeoutOfTheLastEpochGivesAnotherProducerId() {
    producer.timeoutMs = 5_000;
    producer.begun();
    while (producer.epoch < Transaction.LAST_CLIENT_EPOCH) {
      assertThat(producer.init()).isEqualTo(Errors.NONE);
    }
    assertThat(producer.add(FIRST)).isEqualTo(Errors.NONE);
    world.advance(7_000);
    assertThat(producer.state()).isEqualTo("CompleteAbort");
    assertThat(producer.known()).isEqualTo("1001/0");
    assertThat(producer.end(false)).isEqualTo(Errors.NONE);
    assertThat(producer.identity()).isEqualTo("1001/0");
  }

  @Test
  void timeoutsCountAcrossRestarts() {
    producer.timeoutMs = 5_000;
    producer.begun();
    assertThat(producer.add(FIRST)).isEqualTo(Errors.NONE);
    world.advance(4_000);
    world.restart();
    world.advance(3_000);
    assertThat(producer.state()).isEqualTo("CompleteAbort");
  }

  @Test
  void aDecisionIsNotTimedOut() {
    producer.timeoutMs = 5_000;
    producer.begun();
    assertThat(producer.add(FIRST)).isEqualTo(Errors.NONE);
    markers.hold(FIRST);
    assertThat(producer.end(true)).isEqualTo(Errors.NONE);
    world.advance(20_000);
    assertThat(producer.state()).isEqualTo("PrepareCommit");
    assertThat(markers.asked).as("and its markers are sent once").containsEntry(FIRST, 1);
    markers.release(FIRST);
    world.settle();
    assertThat(producer.state()).isEqualTo("CompleteCommit");
  }

  @Test
  void aTimeoutThatCannotBeWrittenIsTriedAgain() {
    producer.timeoutMs = 5_000;
    producer.begun();
    assertThat(producer.add(FIRST)).isEqualTo(Errors.NONE);
    world
        .logOf("tx")
        .failAppends(() -> new org.apache.kafka.common.errors.TimeoutException("no room"));
    world.advance(10_000);
    assertThat(producer.state()).isEqualTo("Ongoing");
    world.logOf("tx").failAppends(null);
    world.advance(2_000);
    assertThat(producer.state()).isEqualTo("CompleteAbort");
    assertThat(producer.known()).isEqualTo("1000/1");
  }

  @Test
  void manyTransactionsTimeOutAtOnce() {
    for (int i = 0; i < 50; i++) {
      TestProducer each = new TestProducer(world, "tx-" + i);
      each.timeoutMs = 5_000;
      each.begun();
      assertThat(each.add(new TopicPartition(ORDERS, i % 4))).isEqualTo(Errors.NONE);
    }
    world.advance(8_000);
    for (int i = 0; i < 50; i++) {
      assertThat(new TestProducer(world, "tx-" + i).state()).isEqualTo("CompleteAbort");
    }
  }

  // ---- ids that nobody uses

  @Test
  void anIdThatIsNotUsedIsForgottenForGood() {
    producer.begun();
    TestProducer open = new TestProducer(world, "open");
    open.timeoutMs = 900_000;
    open.begun();
    assertThat(open.add(FIRST)).isEqualTo(Errors.NONE);
    world.advance(90_000);
    assertThat(producer.state()).isEqualTo("Empty");
    TestProducer used = new TestProducer(world, "used").begun();
    world.advance(21_000);
    assertThat(producer.state()).isEqualTo("TRANSACTIONAL_ID_NOT_FOUND");
    assertThat(open.state()).isEqualTo("Ongoing");
    assertThat(used.state()).isEqualTo("Empty");
    world.restart();
    world.settle();
    assertThat(producer.state()).isEqualTo("TRANSACTIONAL_ID_NOT_FOUND");
    assertThat(producer.add(FIRST)).isEqualTo(Errors.INVALID_PRODUCER_ID_MAPPING);
    producer.begun();
    assertThat(producer.identity()).as("another producer id").isEqualTo("1003/0");
  }

  private void timedOut() {
    producer.timeoutMs = 5_000;
    producer.begun();
    assertThat(producer.add(FIRST)).isEqualTo(Errors.NONE);
    world.advance(7_000);
    assertThat(producer.state()).isEqualTo("CompleteAbort");
  }
}
