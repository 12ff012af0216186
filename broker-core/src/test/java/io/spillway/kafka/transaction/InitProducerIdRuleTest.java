package io.spillway.kafka.transaction;

import static org.assertj.core.api.Assertions.assertThat;

import io.spillway.kafka.transaction.Decision.Change;
import io.spillway.kafka.transaction.Decision.NeedsProducerId;
import io.spillway.kafka.transaction.InitProducerIdRule.Claim;
import io.spillway.request.transaction.ProducerOutcome;
import java.util.Optional;
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
import org.junit.jupiter.params.provider.EnumSource;

class InitProducerIdRuleTest {

  private static final long ID = 9;
  private static final long BEFORE = 4;
  private static final short EPOCH = 5;
  private static final short LAST = 4;
  private static final long NOW = 700;

  @Test
  void anIdThatIsNotKnownGetsAFreshProducerIdWhateverItClaims() {
    for (Claim claim : new Claim[] {null, new Claim(3, (short) 8)}) {
      Rule rule = rule(claim);
      assertThat(rule.decide(null, OptionalLong.empty())).isInstanceOf(NeedsProducerId.class);
      Change change = (Change) rule.decide(null, OptionalLong.of(77));
      assertThat(change.outcome()).isEqualTo(ProducerOutcome.identity(77, (short) 0));
      assertThat(change.next().state()).isEqualTo(TransactionState.EMPTY);
      assertThat(change.next().timeoutMs()).isEqualTo(30_000);
      assertThat(change.next().lastUpdateMs()).isEqualTo(NOW);
    }
  }

  @ParameterizedTest
  @EnumSource(
      value = TransactionState.class,
      names = {"EMPTY", "COMPLETE_COMMIT", "COMPLETE_ABORT"})
  void aNewSessionFencesTheOneBefore(TransactionState state) {
    Change change = (Change) rule(null).decide(in(state, EPOCH), OptionalLong.empty());
    assertThat(change.outcome()).isEqualTo(ProducerOutcome.identity(ID, (short) (EPOCH + 1)));
    assertThat(change.next().lastProducerEpoch()).as("nobody goes on").isEqualTo((short) -1);
    assertThat(change.next().startMs()).isEqualTo(-1);
  }

  /** KIP-360. */
  @ParameterizedTest
  @CsvSource({
    "9, 5, NONE, 6", // who it is
    "9, 4, NONE, 5", // the repeat of a request that was done
    "9, 3, PRODUCER_FENCED, ",
    "9, 6, PRODUCER_FENCED, ",
    "8, 5, PRODUCER_FENCED, ",
    "4, 5, PRODUCER_FENCED, ", // who it was, but nothing was used up
    "4, 32765, PRODUCER_FENCED, "
  })
  void aProducerGoesOnIfItIsWhoItSays(long id, short epoch, Errors error, @Nullable Short told) {
    Decision decision =
        rule(new Claim(id, epoch))
            .decide(in(TransactionState.COMPLETE_ABORT, EPOCH), OptionalLong.empty());
    assertThat(decision.outcome().error()).isEqualTo(error);
    if (told != null) {
      assertThat(decision.outcome()).isEqualTo(ProducerOutcome.identity(ID, told));
    }
  }

  @Test
  void theRepeatOfARequestThatWasAnsweredWithAnotherIdIsToldThatId() {
    Transaction renamed =
        in(TransactionState.EMPTY, Transaction.LAST_CLIENT_EPOCH)
            .renamed(77, Transaction.LAST_CLIENT_EPOCH, 30_000, NOW);
    assertThat(
            rule(new Claim(ID, Transaction.LAST_CLIENT_EPOCH))
                .decide(renamed, OptionalLong.empty())
                .outcome())
        .isEqualTo(ProducerOutcome.identity(77, (short) 0));
    assertThat(
            rule(new Claim(ID, (short) (Transaction.LAST_CLIENT_EPOCH - 1)))
                .decide(renamed, OptionalLong.empty())
                .outcome()
                .error())
        .isEqualTo(Errors.PRODUCER_FENCED);
  }

  @ParameterizedTest
  @CsvSource({"32766, ", "32767, ", "32766, 32766"})
  void usedUpEpochsAreFollowedByAFreshProducerId(short epoch, @Nullable Short claimed) {
    Transaction current = in(TransactionState.EMPTY, epoch);
    Rule rule = rule(claimed == null ? null : new Claim(ID, claimed));
    assertThat(rule.decide(current, OptionalLong.empty())).isInstanceOf(NeedsProducerId.class);
    Change change = (Change) rule.decide(current, OptionalLong.of(77));
    assertThat(change.outcome()).isEqualTo(ProducerOutcome.identity(77, (short) 0));
    assertThat(change.next().previousProducerId()).isEqualTo(ID);
    assertThat(change.next().lastProducerEpoch()).isEqualTo(claimed == null ? (short) -1 : claimed);
  }

  @ParameterizedTest
  @EnumSource(
      value = TransactionState.class,
      names = {"PREPARE_COMMIT", "PREPARE_ABORT"})
  void whatIsBeingEndedIsWaitedFor(TransactionState state) {
    for (Claim claim : new Claim[] {null, new Claim(ID, EPOCH), new Claim(ID + 1, EPOCH)}) {
      Decision decision = rule(claim).decide(in(state, EPOCH), OptionalLong.empty());
      assertThat(decision).isEqualTo(Decision.refuse(Errors.CONCURRENT_TRANSACTIONS));
    }
  }

  @ParameterizedTest
  @CsvSource({"TV_0, -1", "TV_1, -1", "TV_2, 5"})
  void anOpenTransactionIsAbortedFirst(TransactionVersion version, short lastEpoch) {
    Decision decision =
        new InitProducerIdRule(30_000, Optional.empty(), version, NOW)
            .decide(in(TransactionState.ONGOING, EPOCH), OptionalLong.empty());
    assertThat(decision.outcome())
        .isEqualTo(ProducerOutcome.refused(Errors.CONCURRENT_TRANSACTIONS));
    Transaction next = ((Change) decision).next();
    assertThat(next.state()).isEqualTo(TransactionState.PREPARE_ABORT);
    assertThat(next.producerEpoch()).as("one bump").isEqualTo((short) (EPOCH + 1));
    assertThat(next.lastProducerEpoch()).isEqualTo(lastEpoch);
    assertThat(next.partitions()).hasSize(1);
    assertThat(next.clientVersion().supportsEpochBump()).isEqualTo(version.supportsEpochBump());
  }

  @Test
  void anOpenTransactionAtTheLastEpochIsAbortedWithTheOneKeptBack() {
    Transaction open = in(TransactionState.ONGOING, Transaction.LAST_CLIENT_EPOCH);
    Change old =
        (Change)
            new InitProducerIdRule(30_000, Optional.empty(), TransactionVersion.TV_0, NOW)
                .decide(open, OptionalLong.empty());
    assertThat(old.next().producerEpoch()).isEqualTo(Short.MAX_VALUE);
    assertThat(old.next().nextProducerId()).isEqualTo(-1);

    assertThat(rule(null).decide(open, OptionalLong.empty())).isInstanceOf(NeedsProducerId.class);
    Change change = (Change) rule(null).decide(open, OptionalLong.of(77));
    assertThat(change.next().producerEpoch()).isEqualTo(Short.MAX_VALUE);
    assertThat(change.next().nextProducerId()).isEqualTo(77);
    assertThat(change.outcome().error()).isEqualTo(Errors.CONCURRENT_TRANSACTIONS);
  }

  private static Rule rule(@Nullable Claim claim) {
    return new InitProducerIdRule(30_000, Optional.ofNullable(claim), TransactionVersion.TV_2, NOW);
  }

  private static Transaction in(TransactionState state, short epoch) {
    boolean touches =
        state == TransactionState.ONGOING
            || state == TransactionState.PREPARE_COMMIT
            || state == TransactionState.PREPARE_ABORT;
    return new Transaction(
        ID,
        BEFORE,
        -1,
        epoch,
        LAST,
        60_000,
        state,
        touches ? Set.of(new TopicPartition("orders", 0)) : Set.of(),
        100,
        200,
        TransactionVersion.TV_0);
  }
}
