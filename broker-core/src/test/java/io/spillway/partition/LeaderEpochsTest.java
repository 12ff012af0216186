package io.spillway.partition;

import static org.assertj.core.api.Assertions.assertThat;

import io.spillway.catalog.StreamCatalog.EpochStart;
import java.util.List;
import org.junit.jupiter.api.Test;

class LeaderEpochsTest {

  private final List<EpochStart> history =
      List.of(new EpochStart(2, 0), new EpochStart(5, 10), new EpochStart(9, 30));

  @Test
  void anEpochEndsWhereTheNextOneStarts() {
    LeaderEpochs epochs = new LeaderEpochs(history, 0);
    assertThat(epochs.endOf(9, 44)).isEqualTo(new EpochEnd(9, 44));
    assertThat(epochs.endOf(5, 44)).isEqualTo(new EpochEnd(5, 30));
    assertThat(epochs.endOf(7, 44)).as("the largest not above").isEqualTo(new EpochEnd(5, 30));
    assertThat(epochs.endOf(1, 44)).as("below all").isEqualTo(new EpochEnd(1, 0));
    assertThat(epochs.endOf(10, 44)).as("above all").isEqualTo(EpochEnd.UNDEFINED);
    assertThat(epochs.endOf(-1, 44)).isEqualTo(EpochEnd.UNDEFINED);
  }

  @Test
  void whatIsBelowTheLogStartCountsFromThere() {
    LeaderEpochs epochs = new LeaderEpochs(history, 20);
    assertThat(epochs.endOf(2, 44)).isEqualTo(new EpochEnd(2, 20));
    assertThat(epochs.endOf(5, 44)).isEqualTo(new EpochEnd(5, 30));
    assertThat(epochs.epochOf(20)).isEqualTo(5);
    assertThat(epochs.epochOf(19)).isEqualTo(-1);
    assertThat(epochs.epochOf(99)).isEqualTo(9);
  }

  @Test
  void epochsWithoutARecordAreLeftOut() {
    LeaderEpochs epochs =
        new LeaderEpochs(
            List.of(new EpochStart(0, 0), new EpochStart(1, 0), new EpochStart(2, 7)), 0);
    assertThat(epochs.endOf(0, 9)).isEqualTo(new EpochEnd(0, 0));
    assertThat(epochs.endOf(1, 9)).isEqualTo(new EpochEnd(1, 7));
  }
}
