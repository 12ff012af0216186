package io.spillway.catalog;

import static io.spillway.catalog.TestCommands.S1;
import static io.spillway.catalog.TestCommands.S2;
import static io.spillway.catalog.TestCommands.extent;
import static io.spillway.catalog.TestCommands.object;
import static io.spillway.catalog.TestCommands.token;
import static io.spillway.catalog.TestCommands.writer;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.spillway.catalog.CatalogCommand.ObjectRef;
import io.spillway.catalog.StreamCatalog.EpochStart;
import io.spillway.catalog.StreamCatalog.Phase;
import io.spillway.catalog.StreamCatalog.StreamState;
import io.spillway.catalog.StreamCatalog.Verdict;
import io.spillway.catalog.StreamCatalog.Verdict.AlreadyApplied;
import io.spillway.catalog.StreamCatalog.Verdict.Applied;
import io.spillway.catalog.StreamCatalog.Verdict.MustDrain;
import io.spillway.catalog.StreamCatalog.Verdict.Rejected;
import io.spillway.catalog.StreamCatalog.WalPhase;
import io.spillway.wal.StreamId;
import io.spillway.wal.WriterIncarnation;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.Test;

class CatalogStateTest {

  private static final WriterIncarnation A1 = writer(1, 1, 1);
  private static final WriterIncarnation A2 = writer(1, 1, 2);
  private static final WriterIncarnation B1 = writer(2, 2, 1);

  private final TestCommands say = new TestCommands();
  private final CatalogState state = new CatalogState();
  private long position;

  // P2, P3

  @Test
  void aNodeHasOneOpenWal() {
    applied(say.open(A1));
    rejected(say.open(writer(1, 7, 1)), "0000-000000000001", "0000-000000000007");
    applied(say.open(B1));
    applied(say.seal(A1));
    applied(say.open(writer(1, 7, 1)));
    rejected(say.open(A2), "neither sealed nor abandoned");
  }

  @Test
  void aWalIsOpenedAgainByANewerIncarnationOnly_P2() {
    applied(say.open(A2));
    again(say.open(A2));
    rejected(say.open(A1), "incarnation 1 is not newer");
    rejected(say.open(writer(2, 1, 3)), "not LOCAL of node 2");
    applied(say.commit(A2, "o", 0, 77));
    applied(say.open(writer(1, 1, 3)));
    assertThat(wal(A2).trimPosition()).isEqualTo(77);
    rejected(say.seal(A2), "is fenced");
    applied(say.seal(writer(1, 1, 3)));
    applied(say.open(writer(1, 1, 4)));
  }

  @Test
  void anAbandonedWalNeverComesBack() {
    applied(say.open(A1));
    applied(say.claim(S1, 1, A1));
    applied(say.commit(A1, "o", extent(S1, "o", 0, 10)));
    applied(say.abandon(A1));
    again(say.abandon(A1));
    assertThat(wal(A1).phase()).isEqualTo(WalPhase.ABANDONED);
    assertThat(stream(S1).phase()).isEqualTo(Phase.CLOSED);
    rejected(say.open(A2), "was abandoned");
    rejected(say.commit(A1, "p", extent(S1, "p", 10, 20)), "is fenced");
    rejected(say.abandon(writer(1, 9, 1)), "there is no WAL");
  }

  @Test
  void aSealedWalHasNothingToAbandonAndLeavesItsStreamsClosed() {
    applied(say.open(A1));
    applied(say.claim(S1, 1, A1));
    applied(say.seal(A1));
    again(say.seal(A1));
    rejected(say.abandon(A1), "is sealed");
    assertThat(stream(S1).phase()).isEqualTo(Phase.CLOSED);
  }

  // P9-P11

  @Test
  void aNewStreamIsOpenAtOnce() {
    rejected(say.claim(S1, 1, A1), "was never opened");
    applied(say.open(A1));
    applied(say.claim(S1, 3, A1));
    assertThat(stream(S1).phase()).isEqualTo(Phase.OPEN);
    assertThat(stream(S1).epochs()).containsExactly(new EpochStart(3, 0));
  }

  @Test
  void aClaimIsNewerByEpochOrByIncarnationOfTheSameNode_P1_P9() {
    applied(say.open(A1));
    applied(say.open(B1));
    applied(say.claim(S1, 3, A1));
    again(say.claim(S1, 3, A1));
    rejected(say.claim(S1, 2, A1), "is not newer");
    rejected(say.claim(S1, 3, B1), "is not newer");
    applied(say.open(A2));
    rejected(say.claim(S1, 4, A1), "is fenced");
    assertThat(apply(say.claim(S1, 3, A2))).isEqualTo(new MustDrain(position, A1));
  }

  @Test
  void theSameWriterGoesOnInANewEpochWithNothingToDrain() {
    applied(say.open(A1));
    applied(say.claim(S1, 3, A1));
    applied(say.claim(S1, 4, A1, 9, 25));
    assertThat(stream(S1).epochs()).containsExactly(new EpochStart(3, 0), new EpochStart(4, 25));
    assertThat(stream(S1).metadataOffset()).isEqualTo(9);
  }

  @Test
  void anotherNodeWaitsUntilTheWriterCloses_P10_P11() {
    twoNodes();
    assertThat(apply(say.claim(S1, 2, B1))).isEqualTo(new MustDrain(position, A1));
    assertThat(stream(S1).phase()).isEqualTo(Phase.CLOSING);
    rejected(say.commit(B1, "b", extent(S2, "b", 5, 6)), "");
    assertThat(((Applied) apply(say.commit(B1, "b", extent(S1, "b", 0, 5)))).appliedRanges())
        .containsExactly(false);
    applied(say.commit(A1, "a", extent(S1, "a", 0, 5)));
    rejected(say.close(S1, A1, 4), "cannot end at 4", "committed to 5");
    rejected(say.recovered(S1, token(2, B1), 5), "not fenced");
    applied(say.close(S1, A1, 5));
    assertThat(stream(S1).phase()).isEqualTo(Phase.OPEN);
    assertThat(stream(S1).token()).isEqualTo(token(2, B1));
    assertThat(stream(S1).epochs()).containsExactly(new EpochStart(1, 0), new EpochStart(2, 5));
    rejected(say.close(S1, A1, 5), "its writer is");
  }

  @Test
  void whatAFencedChainHeldIsRecoveredByTheClaimantFromTheLevelThatKnowsHow() {
    applied(say.openInBucket(A1));
    applied(say.openInBucket(B1));
    applied(say.claim(S1, 1, A1));
    assertThat(apply(say.claim(S1, 2, B1))).isEqualTo(new MustDrain(position, A1));
    applied(say.commit(A1, "on its behalf", extent(S1, "on its behalf", 0, 5)));
    rejected(say.recovered(S1, token(2, B1), 5), "not fenced");
    applied(say.level(2));
    rejected(say.recovered(S1, token(2, B1), 4), "cannot end at 4", "committed to 5");
    rejected(say.recovered(S1, token(3, B1), 5), "not claimed by");
    applied(say.recovered(S1, token(2, B1), 5));
    assertThat(stream(S1).writer()).isEqualTo(B1);
    assertThat(ranges(say.commit(A1, "late", extent(S1, "late", 5, 6)))).containsExactly(false);
  }

  @Test
  void aClaimWhileClosingReplacesOnlyTheClaimant() {
    twoNodes();
    WriterIncarnation c1 = writer(3, 3, 1);
    applied(say.open(c1));
    apply(say.claim(S1, 2, B1));
    assertThat(apply(say.claim(S1, 4, c1))).isEqualTo(new MustDrain(position, A1));
    rejected(say.claim(S1, 3, B1), "is not newer");
    applied(say.close(S1, A1, 0));
    assertThat(stream(S1).token()).isEqualTo(token(4, c1));
  }

  @Test
  void aRestartedNodeRecoversWhatItsOlderIncarnationLeft() {
    twoNodes();
    applied(say.open(A2));
    rejected(say.commit(A1, "late", extent(S1, "late", 0, 5)), "is fenced");
    assertThat(apply(say.claim(S1, 2, A2))).isInstanceOf(MustDrain.class);
    applied(say.commit(A2, "a", extent(S1, "a", 0, 5)));
    applied(say.recovered(S1, token(2, A2), 5));
    again(say.recovered(S1, token(2, A2), 5));
    assertThat(stream(S1).writer()).isEqualTo(A2);
    assertThat(stream(S1).phase()).isEqualTo(Phase.OPEN);
  }

  @Test
  void aLaterIncarnationThatRecoveredBatchesGoesOnWhereItsWalEnds_P3_P9_P11() {
    twoNodes();
    applied(say.level(StreamCatalog.RULE_LEVEL_RECOVERED_END));
    applied(say.open(A2));
    applied(say.claim(S1, 2, A2, 2, 25));
    assertThat(stream(S1).phase()).isEqualTo(Phase.OPEN);
    assertThat(stream(S1).writer()).isEqualTo(A2);
    assertThat(stream(S1).epochs()).containsExactly(new EpochStart(1, 0), new EpochStart(2, 25));
    rejected(say.commit(A1, "late", extent(S1, "late", 0, 5)), "is fenced");
    applied(say.commit(A2, "a", extent(S1, "a", 0, 25)));
    assertThat(stream(S1).committedEndOffset()).isEqualTo(25);
  }

  @Test
  void byTheRulesOfALowerLevelItWaitsForItself_P8() {
    twoNodes();
    applied(say.level(StreamCatalog.RULE_LEVEL_TAKEOVER));
    applied(say.open(A2));
    assertThat(apply(say.claim(S1, 2, A2, 2, 25))).isEqualTo(new MustDrain(position, A1));
  }

  @Test
  void abandoningHandsTheStreamToWhoeverWaits() {
    twoNodes();
    applied(say.trim(S1, A1, 30));
    apply(say.claim(S1, 2, B1));
    applied(say.abandon(A1));
    assertThat(stream(S1).phase()).isEqualTo(Phase.OPEN);
    assertThat(stream(S1).writer()).isEqualTo(B1);
    // Offsets below the log start may have been seen.
    assertThat(stream(S1).committedEndOffset()).isEqualTo(30);
    assertThat(stream(S1).epochs()).containsExactly(new EpochStart(2, 30));
  }

  @Test
  void aClaimantThatIsGoneLeavesTheStreamClosed() {
    twoNodes();
    apply(say.claim(S1, 2, B1));
    applied(say.seal(B1));
    applied(say.close(S1, A1, 0));
    assertThat(stream(S1).phase()).isEqualTo(Phase.CLOSED);
    rejected(say.claim(S1, 1, A1), "is not newer");
    applied(say.claim(S1, 3, A1));
  }

  /** Found by simulation: an incarnation that has ended never closes what it is given. */
  @Test
  void aClaimantThatHasRestartedSinceLeavesTheStreamClosed() {
    twoNodes();
    apply(say.claim(S1, 2, B1));
    applied(say.open(writer(2, 2, 2)));
    applied(say.close(S1, A1, 0));
    assertThat(stream(S1).phase()).isEqualTo(Phase.CLOSED);
    applied(say.claim(S1, 3, A1));
  }

  // P8

  @Test
  void aRepeatedCommandIsKnownByItsId() {
    twoNodes();
    CatalogCommand commit = say.commit(A1, "a", extent(S1, "a", 0, 5), extent(S2, "a", 3, 4));
    assertThat(apply(commit)).isEqualTo(new Applied(position, List.of(true, false)));
    long first = position;
    assertThat(apply(commit)).isEqualTo(new AlreadyApplied(first, List.of(true, false)));
  }

  @Test
  void aVoidCommandMayComeTrueLater() {
    CatalogCommand claim = say.claim(S1, 1, A1);
    rejected(claim, "was never opened");
    applied(say.open(A1));
    applied(claim);
  }

  @Test
  void rulesOfAHigherLevelStopTheReplay() {
    applied(say.level(1));
    applied(say.level(2));
    applied(say.level(4));
    applied(say.level(5));
    assertThatThrownBy(() -> apply(say.level(6)))
        .isInstanceOf(CatalogException.TooNew.class)
        .hasMessageContaining("level 6");
  }

  // P16, P17

  @Test
  void rangesFollowOneAnother_P16() {
    twoNodes();
    assertThat(ranges(say.commit(A1, "a", extent(S1, "a", 0, 5), extent(S1, "a", 5, 8))))
        .containsExactly(true, true);
    assertThat(ranges(say.commit(A1, "b", extent(S1, "b", 9, 10)))).containsExactly(false);
    assertThat(ranges(say.commit(A1, "b", extent(S1, "b", 7, 10)))).containsExactly(false);
    assertThat(state.references.objects()).containsOnlyKeys("a");
    // Another command that names the same: what is there is there.
    assertThat(ranges(say.commit(A1, "a", extent(S1, "a", 5, 8)))).containsExactly(true);
    assertThat(stream(S1).committedEndOffset()).isEqualTo(8);
    assertThat(stream(S1).sizeBytes()).isEqualTo(8);
  }

  @Test
  void aDeletedTopicDoesNotVoidTheOthers_P16() {
    twoNodes();
    applied(say.claim(S2, 1, A1));
    applied(say.delete(S1, 9));
    assertThat(ranges(say.commit(A1, "a", 0, 100, extent(S1, "a", 0, 5), extent(S2, "a", 0, 7))))
        .containsExactly(false, true);
    assertThat(wal(A1).trimPosition()).isEqualTo(100);
  }

  @Test
  void theWalKeepsWhatAMisplacedRangeWouldHaveFreed_P17() {
    twoNodes();
    applied(say.claim(S2, 1, A1));
    assertThat(ranges(say.commit(A1, "a", 0, 100, extent(S1, "a", 3, 5), extent(S2, "a", 0, 7))))
        .containsExactly(false, true);
    assertThat(wal(A1).trimPosition()).isZero();
  }

  @Test
  void malformedRangesAreVoid() {
    twoNodes();
    rejected(say.commit(A1, "a", extent(S1, "b", 0, 5)), "malformed");
    rejected(say.commit(A1, "a", extent(S1, "a", 0, 0)), "malformed");
    applied(say.commit(A1, "a", 1, 0, extent(S1, "a", 0, 5)));
    rejected(say.commit(A1, "a", 2, 0, extent(S1, "a", 5, 6)), "is known as");
  }

  // P18

  @Test
  void trimDropsWholeExtentsAndFreesObjects() {
    twoNodes();
    applied(say.commit(A1, "a", extent(S1, "a", 0, 5)));
    applied(say.commit(A1, "b", extent(S1, "b", 5, 9)));
    applied(say.trim(S1, A1, 5));
    assertThat(state.references.takeUnreferenced()).containsExactly(object("a", 0));
    applied(say.trim(S1, A1, 7));
    applied(say.trim(S1, A1, 2));
    assertThat(stream(S1).logStartOffset()).isEqualTo(7);
    assertThat(stream(S1).sizeBytes()).isEqualTo(4);
    assertThat(stream(S1).epochs()).containsExactly(new EpochStart(1, 7));
    rejected(say.trim(S1, B1, 9), "its writer is");
  }

  @Test
  void whatArrivesBelowTheLogStartIsDropped_P18() {
    twoNodes();
    applied(say.trim(S1, A1, 20));
    assertThat(ranges(say.commit(A1, "a", extent(S1, "a", 0, 10)))).containsExactly(true);
    assertThat(state.references.objects()).isEmpty();
    assertThat(
            ranges(
                new CatalogCommand.Commit(
                    say.id(),
                    A1,
                    java.util.Optional.empty(),
                    List.of(extent(S1, "", 10, 20)),
                    List.of(),
                    50)))
        .containsExactly(true);
    assertThat(stream(S1).committedEndOffset()).isEqualTo(20);
    assertThat(wal(A1).trimPosition()).isEqualTo(50);
    applied(say.commit(A1, "b", extent(S1, "b", 20, 25)));
    assertThat(state.references.objects()).containsOnlyKeys("b");
  }

  // P19

  @Test
  void aReplacementCountsOnlyIfNothingHasChanged() {
    twoNodes();
    applied(say.commit(A1, "a", extent(S1, "a", 0, 5)));
    applied(say.commit(A1, "b", extent(S1, "b", 5, 9)));
    applied(say.commit(A1, "c", extent(S1, "c", 9, 12)));
    List<CatalogCommand.Extent> old = List.of(extent(S1, "a", 0, 5), extent(S1, "b", 5, 9));
    List<ObjectRef> merged = List.of(object("m", 0));
    List<CatalogCommand.Extent> by = List.of(extent(S1, "m", 0, 9));
    rejected(say.replace(S1, A1, merged, old, List.of(extent(S1, "m", 0, 8))), "same offsets");
    rejected(say.replace(S1, B1, merged, old, by), "its writer is");
    applied(say.trim(S1, A1, 5));
    assertThat(state.references.takeUnreferenced()).containsExactly(object("a", 0));
    applied(say.replace(S1, A1, merged, old, by));
    assertThat(state.references.takeUnreferenced()).containsExactly(object("b", 0));
    assertThat(state.references.objects()).containsOnlyKeys("c", "m");
    rejected(
        say.replace(S1, A1, List.of(object("n", 0)), old, List.of(extent(S1, "n", 0, 9))),
        "no longer");
    assertThat(stream(S1).sizeBytes()).isEqualTo(12);
  }

  @Test
  void aMergeHasAVerdictForEachOfItsStreams() {
    twoStreamsInTwoObjects();
    applied(say.trim(S2, A1, 4));
    assertThat(merged(say.merge(A1, "m", 0, oldExtents(), newExtents("m"))))
        .as("S2 was trimmed through")
        .containsExactly(true, false);
    assertThat(state.references.takeUnreferenced()).containsExactly(object("a", 0), object("b", 0));
    assertThat(Objects.requireNonNull(state.references.object("m")).references()).isEqualTo(1);
    assertThat(extents(S1)).containsExactly(extent(S1, "m", 0, 9));
    assertThat(extents(S2)).isEmpty();
    assertThat(merged(say.merge(A1, "n", 0, oldExtents(), newExtents("n"))))
        .as("what is replaced is replaced once")
        .containsExactly(false, false);
    assertThat(state.references.objects()).containsOnlyKeys("m");
  }

  @Test
  void aMergeIsClippedAtTheLogStart() {
    twoStreamsInTwoObjects();
    applied(say.trim(S1, A1, 5)); // its part of a is gone
    assertThat(merged(say.merge(A1, "m", 0, oldExtents(), newExtents("m"))))
        .containsExactly(true, true);
    assertThat(state.references.takeUnreferenced()).containsExactly(object("a", 0), object("b", 0));
    assertThat(Objects.requireNonNull(state.references.object("m")).references()).isEqualTo(2);
    applied(say.trim(S1, A1, 9));
    assertThat(state.references.takeUnreferenced()).isEmpty();
    applied(say.delete(S2, 99));
    assertThat(state.references.takeUnreferenced()).containsExactly(object("m", 0));
  }

  @Test
  void aMergeIsOfTheWritersStreamsOnly() {
    twoStreamsInTwoObjects();
    applied(say.close(S2, A1, 4));
    applied(say.claim(S2, 2, B1));
    assertThat(merged(say.merge(A1, "m", 0, oldExtents(), newExtents("m"))))
        .containsExactly(true, false);
    assertThat(state.references.takeUnreferenced()).as("S2 still has both").isEmpty();
    applied(say.open(A2));
    rejected(say.merge(A1, "n", 0, oldExtents(), newExtents("n")), "fenced");
  }

  @Test
  void aMergeIsVoidBelowItsRuleLevelOrTheFloorAndWhenItMakesNoSense() {
    twoNodes();
    applied(say.commit(A1, "a", extent(S1, "a", 0, 5)));
    applied(say.commit(A1, "b", extent(S1, "b", 5, 9)));
    List<CatalogCommand.Extent> old = List.of(extent(S1, "a", 0, 5), extent(S1, "b", 5, 9));
    List<CatalogCommand.Extent> by = List.of(extent(S1, "m", 0, 9));
    rejected(say.merge(A1, "m", 0, old, by), "rule level 0 has no merges");
    applied(say.level(StreamCatalog.RULE_LEVEL_MERGE));
    rejected(say.merge(A1, "m", 0, old, List.of(extent(S1, "m", 0, 8))), "same offsets");
    rejected(say.merge(A1, "m", 0, old, List.of(extent(S1, "x", 0, 9))), "malformed");
    rejected(
        say.merge(A1, "m", 0, old, List.of(extent(S1, "m", 0, 9), extent(S1, "m", 0, 9))),
        "two extents");
    rejected(say.merge(A1, "m", 0, List.of(), by), "same offsets");
    position = 50;
    applied(say.raise(20));
    rejected(say.merge(A1, "m", 19, old, by), "below the orphan floor 20");
    CatalogCommand good = say.merge(A1, "m", 20, old, by);
    applied(good);
    again(good);
  }

  @Test
  void howFarAStreamIsCompactedMovesForwardWithinWhatIsCommitted() {
    twoNodes();
    applied(say.commit(A1, "a", extent(S1, "a", 0, 5)));
    rejected(say.compacted(S1, A1, 5), "rule level 0 does not remember compaction");
    applied(say.level(StreamCatalog.RULE_LEVEL_COMPACTION));
    rejected(say.compacted(S1, A1, 6), "committed to 5");
    rejected(say.compacted(S1, B1, 5), "its writer is");
    applied(say.compacted(S1, A1, 5));
    applied(say.compacted(S1, A1, 3));
    assertThat(stream(S1).compactedEndOffset()).isEqualTo(5);
    applied(say.delete(S1, 99));
    assertThat(stream(S1).compactedEndOffset()).isZero();
  }

  private void twoStreamsInTwoObjects() {
    twoNodes();
    applied(say.level(StreamCatalog.RULE_LEVEL_MERGE));
    applied(say.claim(S2, 1, A1));
    applied(say.commit(A1, "a", extent(S1, "a", 0, 5), extent(S2, "a", 0, 3)));
    applied(say.commit(A1, "b", extent(S1, "b", 5, 9), extent(S2, "b", 3, 4)));
  }

  private static List<CatalogCommand.Extent> oldExtents() {
    return List.of(
        extent(S1, "a", 0, 5), extent(S1, "b", 5, 9), extent(S2, "a", 0, 3), extent(S2, "b", 3, 4));
  }

  private static List<CatalogCommand.Extent> newExtents(String key) {
    return List.of(extent(S1, key, 0, 9), extent(S2, key, 0, 4));
  }

  private List<CatalogCommand.Extent> extents(StreamId id) {
    return state.references.extents(Objects.requireNonNull(state.streams.get(id)), 0, 100);
  }

  private List<Boolean> merged(CatalogCommand command) {
    return ((Applied) apply(command)).appliedRanges();
  }

  // P20

  @Test
  void aLaggingImageDeletesNothing() {
    twoNodes();
    applied(say.claim(S1, 2, A1, 40, 0));
    applied(say.commit(A1, "a", extent(S1, "a", 0, 5)));
    rejected(say.delete(S1, 39), "from metadata offset 40", "at 39");
    applied(say.delete(S1, 40));
    again(say.delete(S1, 41));
    assertThat(state.references.takeUnreferenced()).containsExactly(object("a", 0));
    assertThat(stream(S1).phase()).isEqualTo(Phase.DELETED);
    rejected(say.claim(S1, 99, A1), "is deleted");
    applied(say.delete(S2, 1));
    rejected(say.claim(S2, 1, A1), "is deleted");
  }

  // P21

  @Test
  void objectsBornBelowTheFloorComeTooLate() {
    twoNodes();
    position = 50;
    rejected(say.raise(99), "beyond the log's end");
    applied(say.raise(20));
    applied(say.raise(10));
    assertThat(state.orphanFloor).isEqualTo(20);
    rejected(say.commit(A1, "a", 19, 0, extent(S1, "a", 0, 5)), "born at 19", "floor 20");
    applied(say.commit(A1, "b", 20, 0, extent(S1, "b", 0, 5)));
  }

  // P22

  @Test
  void theNewestCheckpointIsKeptAndNeverAheadOfTheData() {
    twoNodes();
    applied(say.commit(A1, "a", extent(S1, "a", 0, 50)));
    applied(say.checkpoint(A1, S1, 51, "ahead"));
    assertThat(stream(S1).checkpoint()).isEmpty();
    applied(say.checkpoint(A1, S1, 30, "thirty"));
    applied(say.checkpoint(A1, S1, 20, "older"));
    applied(say.checkpoint(B1, S1, 40, "another's"));
    applied(say.trim(S1, A1, 50));
    assertThat(stream(S1).checkpoint().orElseThrow().offset()).isEqualTo(30);
  }

  private void twoNodes() {
    applied(say.open(A1));
    applied(say.open(B1));
    applied(say.claim(S1, 1, A1));
  }

  private Verdict apply(CatalogCommand command) {
    return state.apply(++position, command);
  }

  private void applied(CatalogCommand command) {
    assertThat(apply(command)).isInstanceOf(Applied.class);
  }

  private void again(CatalogCommand command) {
    assertThat(apply(command)).isInstanceOf(AlreadyApplied.class);
  }

  private void rejected(CatalogCommand command, String... reasons) {
    if (reasons.length == 1 && reasons[0].isEmpty()) {
      assertThat(ranges(command)).containsOnly(false);
      return;
    }
    Verdict verdict = apply(command);
    assertThat(verdict).isInstanceOf(Rejected.class);
    assertThat(((Rejected) verdict).reason()).contains(reasons);
  }

  private List<Boolean> ranges(CatalogCommand command) {
    return ((Applied) apply(command)).appliedRanges();
  }

  private StreamState stream(StreamId id) {
    return Objects.requireNonNull(state.streams.get(id)).snapshot();
  }

  private StreamCatalog.WalState wal(WriterIncarnation writer) {
    return Objects.requireNonNull(state.wals.get(writer.walId()));
  }
}
