package io.spillway.crash;

import static io.spillway.crash.HistoryChecker.FINAL_READER;
import static org.assertj.core.api.Assertions.assertThat;

import io.spillway.crash.History.Acked;
import io.spillway.crash.History.Committed;
import io.spillway.crash.History.Seen;
import io.spillway.crash.History.Unresolved;
import io.spillway.crash.HistoryChecker.Finding;
import io.spillway.crash.HistoryChecker.Kind;
import java.util.List;
import org.junit.jupiter.api.Test;

/** The checker finds each kind of fault in a history that has it, and none in a sound one. */
class HistoryCheckerTest {

  @Test
  void aSoundHistoryHasNoFindings() {
    assertThat(HistoryChecker.check(sound())).isEmpty();
  }

  @Test
  void findsALostRecord() {
    History history = sound();
    history.add(new Acked("a", 0, 3, 4));
    assertThat(kinds(history)).contains(Kind.LOST);
  }

  @Test
  void findsARecordThatMoved() {
    History history = sound();
    history.add(new Acked("a", 0, 0, 1));
    assertThat(kinds(history)).contains(Kind.LOST);
  }

  @Test
  void findsADuplicate() {
    History history = sound();
    history.add(new Seen(FINAL_READER, 0, 4, "a", 2));
    assertThat(kinds(history)).containsExactly(Kind.DUPLICATED);
  }

  @Test
  void findsAReorderedRecord() {
    History history = new History();
    history.add(new Acked("a", 0, 0, 1));
    history.add(new Acked("a", 0, 1, 0));
    history.add(new Seen(FINAL_READER, 0, 0, "a", 1));
    history.add(new Seen(FINAL_READER, 0, 1, "a", 0));
    assertThat(kinds(history)).containsExactly(Kind.REORDERED);
  }

  @Test
  void findsARecordNobodySent() {
    History history = sound();
    history.add(new Seen(FINAL_READER, 0, 4, "z", 0));
    assertThat(kinds(history)).containsExactly(Kind.INVENTED);
  }

  @Test
  void findsTwoReadersThatSawDifferentRecordsAtOneOffset() {
    History history = sound();
    history.add(new Seen("early", 0, 2, "b", 0));
    assertThat(kinds(history)).containsExactly(Kind.INCONSISTENT_OFFSET);
  }

  @Test
  void findsARecordThatWasSeenAndIsGone() {
    History history = sound();
    history.add(new Seen("early", 0, 4, "a", 3));
    assertThat(kinds(history)).containsExactly(Kind.INCONSISTENT_OFFSET);
  }

  @Test
  void findsAGapInTheOffsets() {
    History history = sound();
    history.add(new Unresolved("a", 0, 3));
    history.add(new Seen(FINAL_READER, 0, 5, "a", 3));
    assertThat(kinds(history)).containsExactly(Kind.OFFSET_GAP);
  }

  @Test
  void findsACommittedOffsetThatWentBack() {
    History history = sound();
    history.add(new Committed("g", 0, 3, false));
    history.add(new Committed("g", 0, 2, true));
    assertThat(kinds(history)).containsExactly(Kind.COMMITTED_OFFSET_WENT_BACK);
  }

  private static List<Kind> kinds(History history) {
    return HistoryChecker.check(history).stream().map(Finding::kind).distinct().toList();
  }

  /** Two producers, one unresolved record that made it, one that did not, an early reader. */
  private static History sound() {
    History history = new History();
    history.add(new Acked("a", 0, 0, 0));
    history.add(new Acked("b", 0, 0, 1));
    history.add(new Acked("a", 0, 1, 2));
    history.add(new Unresolved("a", 0, 2));
    history.add(new Unresolved("b", 0, 1));
    history.add(new Seen("early", 0, 0, "a", 0));
    history.add(new Seen("early", 0, 1, "b", 0));
    history.add(new Seen(FINAL_READER, 0, 0, "a", 0));
    history.add(new Seen(FINAL_READER, 0, 1, "b", 0));
    history.add(new Seen(FINAL_READER, 0, 2, "a", 1));
    history.add(new Seen(FINAL_READER, 0, 3, "a", 2));
    history.add(new Committed("g", 0, 1, false));
    history.add(new Committed("g", 0, 1, true));
    history.add(new Committed("g", 0, 2, false));
    return history;
  }
}
