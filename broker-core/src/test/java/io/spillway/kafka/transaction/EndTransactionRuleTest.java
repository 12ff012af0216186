package io.spillway.kafka.transaction;

import static org.assertj.core.api.Assertions.assertThat;

import io.spillway.kafka.transaction.Decision.Change;
import io.spillway.kafka.transaction.Decision.Keep;
import io.spillway.kafka.transaction.Decision.NeedsProducerId;
import io.spillway.request.transaction.ProducerOutcome;
import java.util.OptionalLong;
import java.util.Set;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.protocol.Errors;
import org.apache.kafka.coordinator.transaction.TransactionState;
import org.apache.kafka.server.common.TransactionVersion;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class EndTransactionRuleTest {

  private static final long ID = 9;
  private static final short EPOCH = 5;
  private static final long NOW = 700;
  private static final Set<TopicPartition> TOUCHED = Set.of(new TopicPartition("orders", 0));

  /**
   * The answer, and the state it leads to; "kept" where nothing changes. Epochs are told relative
   * to the present one.
   */
  @ParameterizedTest
  @CsvSource({
    // state, commit?, epoch of the request, answer, next state
    "EMPTY,           true,  -2, PRODUCER_FENCED,         kept",
    "EMPTY,           true,  -1, PRODUCER_FENCED,         kept",
    "EMPTY,           true,   0, INVALID_TXN_STATE,       kept",
    "EMPTY,           true,   1, PRODUCER_FENCED,         kept",
    "EMPTY,           false, -1, PRODUCER_FENCED,         kept",
    "EMPTY,           false,  0, NONE +1,                 PREPARE_ABORT",
    "ONGOING,         true,  -1, PRODUCER_FENCED,         kept",
    "ONGOING,         true,   0, NONE +1,                 PREPARE_COMMIT",
    "ONGOING,         true,   1, PRODUCER_FENCED,         kept",
    "ONGOING,         false, -1, PRODUCER_FENCED,         kept",
    "ONGOING,         false,  0, NONE +1,                 PREPARE_ABORT",
    "PREPARE_COMMIT,  true,  -2, CONCURRENT_TRANSACTIONS, kept",
    "PREPARE_COMMIT,  true,  -1, CONCURRENT_TRANSACTIONS, kept",
    "PREPARE_COMMIT,  true,   0, CONCURRENT_TRANSACTIONS, kept",
    "PREPARE_COMMIT,  true,   1, CONCURRENT_TRANSACTIONS, kept",
    "PREPARE_COMMIT,  false, -2, CONCURRENT_TRANSACTIONS, kept",
    "PREPARE_COMMIT,  false, -1, CONCURRENT_TRANSACTIONS, kept",
    "PREPARE_COMMIT,  false,  0, CONCURRENT_TRANSACTIONS, kept",
    "PREPARE_COMMIT,  false,  1, CONCURRENT_TRANSACTIONS, kept",
    "PREPARE_ABORT,   true,  -2, CONCURRENT_TRANSACTIONS, kept",
    "PREPARE_ABORT,   true,  -1, CONCURRENT_TRANSACTIONS, kept",
    "PREPARE_ABORT,   true,   0, CONCURRENT_TRANSACTIONS, kept",
    "PREPARE_ABORT,   true,   1, CONCURRENT_TRANSACTIONS, kept",
    "PREPARE_ABORT,   false, -2, CONCURRENT_TRANSACTIONS, kept",
    "PREPARE_ABORT,   false, -1, CONCURRENT_TRANSACTIONS, kept",
    "PREPARE_ABORT,   false,  0, CONCURRENT_TRANSACTIONS, kept",
    "PREPARE_ABORT,   false,  1, CONCURRENT_TRANSACTIONS, kept",
    "COMPLETE_COMMIT, true,  -2, PRODUCER_FENCED,         kept",
    "COMPLETE_COMMIT, true,  -1, NONE +0,                 kept",
    "COMPLETE_COMMIT, true,   0, INVALID_TXN_STATE,       kept",
    "COMPLETE_COMMIT, true,   1, PRODUCER_FENCED,         kept",
    "COMPLETE_COMMIT, false, -1, INVALID_TXN_STATE,       kept",
    "COMPLETE_COMMIT, false,  0, NONE +1,                 PREPARE_ABORT",
    "COMPLETE_ABORT,  true,  -1, INVALID_TXN_STATE,       kept",
    "COMPLETE_ABORT,  true,   0, INVALID_TXN_STATE,       kept",
    "COMPLETE_ABORT,  false, -1, NONE +0,                 kept",
    "COMPLETE_ABORT,  false,  0, NONE +1,                 PREPARE_ABORT",
    "COMPLETE_ABORT,  false,  1, PRODUCER_FENCED,         kept",
  })
  void withEpochs(
      TransactionState state, boolean commit, int relativeEpoch, String answer, String next) {
    Transaction current = in(state);
    Decision decision =
        rule(EPOCH + relativeEpoch, commit, TransactionVersion.TV_2)
            .decide(current, OptionalLong.empty());
    assertThat(told(decision)).isEqualTo(answer);
    assertThat(next(decision)).isEqualTo(next);
    if (decision instanceof Change change) {
      assertThat(change.next().producerEpoch()).isEqualTo((short) (EPOCH + 1));
      assertThat(change.next().lastProducerEpoch()).isEqualTo(EPOCH);
      assertThat(change.next().clientVersion()).isEqualTo(TransactionVersion.TV_2);
      assertThat(change.next().partitions()).isEqualTo(current.partitions());
    }
  }

  /** Before version 2 the epoch must be the present one, which stays. */
  @ParameterizedTest
  @CsvSource({
    "EMPTY,           true,   0, INVALID_TXN_STATE,       kept",
    "EMPTY,           false,  0, INVALID_TXN_STATE,       kept",
    "ONGOING,         true,   0, NONE,                    PREPARE_COMMIT",
    "ONGOING,         false,  0, NONE,                    PREPARE_ABORT",
    "ONGOING,         true,  -1, PRODUCER_FENCED,         kept",
    "ONGOING,         true,   1, PRODUCER_FENCED,         kept",
    "PREPARE_COMMIT,  true,   0, CONCURRENT_TRANSACTIONS, kept",
    "PREPARE_COMMIT,  true,  -1, PRODUCER_FENCED,         kept",
    "PREPARE_COMMIT,  false,  0, CONCURRENT_TRANSACTIONS, kept",
    "PREPARE_ABORT,   true,   0, CONCURRENT_TRANSACTIONS, kept",
    "PREPARE_ABORT,   false,  0, CONCURRENT_TRANSACTIONS, kept",
    "COMPLETE_COMMIT, true,   0, NONE,                    kept",
    "COMPLETE_COMMIT, true,  -1, PRODUCER_FENCED,         kept",
    "COMPLETE_COMMIT, false,  0, INVALID_TXN_STATE,       kept",
    "COMPLETE_ABORT,  true,   0, INVALID_TXN_STATE,       kept",
    "COMPLETE_ABORT,  false,  0, NONE,                    kept",
  })
  void byStateAlone(
      TransactionState state, boolean commit, int relativeEpoch, String answer, String next) {
    Transaction current = in(state);
    Decision decision =
        rule(EPOCH + relativeEpoch, commit, TransactionVersion.TV_0)
            .decide(current, OptionalLong.empty());
    assertThat(told(decision)).isEqualTo(answer);
    assertThat(next(decision)).isEqualTo(next);
    if (decision instanceof Change change) {
      assertThat(change.next().producerEpoch()).isEqualTo(EPOCH);
      assertThat(change.next().clientVersion()).isEqualTo(TransactionVersion.TV_0);
    }
  }

  @ParameterizedTest
  @CsvSource({"TV_0", "TV_2"})
  void anotherProducerIdOrAnUnknownOneIsNoMatchForTheId(TransactionVersion version) {
    Rule stranger = new EndTransactionRule(ID + 1, EPOCH, true, version, NOW);
    assertThat(told(stranger.decide(in(TransactionState.ONGOING), OptionalLong.empty())))
        .isEqualTo("INVALID_PRODUCER_ID_MAPPING");
    assertThat(told(rule(EPOCH, true, version).decide(null, OptionalLong.empty())))
        .isEqualTo("INVALID_PRODUCER_ID_MAPPING");
  }

  /** It has been told who it is after the end, and comes before that is so. */
  @Test
  void aProducerWithItsNextIdentityWaits() {
    Transaction last = in(TransactionState.ONGOING, Transaction.LAST_CLIENT_EPOCH);
    Change change =
        (Change)
            rule(Transaction.LAST_CLIENT_EPOCH, true, TransactionVersion.TV_2)
                .decide(last, OptionalLong.of(77));
    Rule next = new EndTransactionRule(77, (short) 0, false, TransactionVersion.TV_2, NOW);
    assertThat(told(next.decide(change.next(), OptionalLong.empty())))
        .isEqualTo("CONCURRENT_TRANSACTIONS");
    assertThat(
            told(
                new PartitionsRule(77, (short) 0, TOUCHED, TransactionVersion.TV_2, NOW)
                    .decide(change.next(), OptionalLong.empty())))
        .isEqualTo("CONCURRENT_TRANSACTIONS");
  }

  @Test
  void theLastEpochIsFollowedByAnotherProducerId() {
    Transaction last = in(TransactionState.ONGOING, Transaction.LAST_CLIENT_EPOCH);
    Rule commit = rule(Transaction.LAST_CLIENT_EPOCH, true, TransactionVersion.TV_2);
    assertThat(commit.decide(last, OptionalLong.empty())).isInstanceOf(NeedsProducerId.class);

    Change change = (Change) commit.decide(last, OptionalLong.of(77));
    assertThat(change.outcome()).isEqualTo(ProducerOutcome.identity(77, (short) 0));
    Transaction ending = change.next();
    assertThat(ending.producerId()).as("the markers' id").isEqualTo(ID);
    assertThat(ending.producerEpoch()).as("the markers' epoch").isEqualTo(Short.MAX_VALUE);
    assertThat(ending.nextProducerId()).isEqualTo(77);
    Transaction complete = ending.complete(NOW);
    assertThat(complete.producerId()).isEqualTo(77);
    assertThat(complete.producerEpoch()).isZero();
    assertThat(complete.previousProducerId()).isEqualTo(ID);

    assertThat(commit.decide(complete, OptionalLong.empty()))
        .as("a repeat names the id before")
        .isEqualTo(new Keep(ProducerOutcome.identity(77, (short) 0)));
    assertThat(
            told(
                rule(Transaction.LAST_CLIENT_EPOCH, false, TransactionVersion.TV_2)
                    .decide(complete, OptionalLong.empty())))
        .isEqualTo("INVALID_TXN_STATE");
    assertThat(
            told(
                rule(Transaction.LAST_CLIENT_EPOCH - 1, true, TransactionVersion.TV_2)
                    .decide(complete, OptionalLong.empty())))
        .isEqualTo("INVALID_PRODUCER_ID_MAPPING");
  }

  @Test
  void anEpochOfNobodyIsNoRepeatUnderTheSameId() {
    Transaction fresh = in(TransactionState.COMPLETE_COMMIT, (short) 0);
    assertThat(
            told(
                rule(Transaction.LAST_CLIENT_EPOCH, true, TransactionVersion.TV_2)
                    .decide(fresh, OptionalLong.empty())))
        .isEqualTo("PRODUCER_FENCED");
  }

  private static EndTransactionRule rule(int epoch, boolean commit, TransactionVersion version) {
    return new EndTransactionRule(ID, (short) epoch, commit, version, NOW);
  }

  private static Transaction in(TransactionState state) {
    return in(state, EPOCH);
  }

  private static Transaction in(TransactionState state, short epoch) {
    boolean touches =
        state == TransactionState.ONGOING
            || state == TransactionState.PREPARE_COMMIT
            || state == TransactionState.PREPARE_ABORT;
    return new Transaction(
        ID,
        ID,
        -1,
        epoch,
        (short) -1,
        60_000,
        state,
        touches ? TOUCHED : Set.of(),
        100,
        200,
        TransactionVersion.TV_2);
  }

  static String told(Decision decision) {
    ProducerOutcome outcome = decision.outcome();
    if (outcome.error() != Errors.NONE || outcome.producerId() == -1) {
      return outcome.error().name();
    }
    return "NONE +" + (outcome.producerEpoch() - EPOCH);
  }

  private static @Nullable String next(Decision decision) {
    return decision instanceof Change change ? change.next().state().name() : "kept";
  }
}
