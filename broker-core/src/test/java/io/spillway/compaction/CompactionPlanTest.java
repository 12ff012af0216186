package io.spillway.compaction;

import static org.assertj.core.api.Assertions.assertThat;

import io.spillway.metadata.TopicConfig;
import io.spillway.stream.StreamHandle.Part;
import io.spillway.stream.StreamRewriter.Standing;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class CompactionPlanTest {

  private static final long MIB = 1 << 20;
  private static final long NOW_MS = 100_000;

  /** Clean up to 20; uploaded up to 50. */
  private static final Standing STANDING = new Standing(0, 50, 20);

  private static final List<Part> PARTS =
      List.of(
          new Part(0, 20, 6 * MIB, 10_000),
          new Part(20, 30, 5 * MIB, 20_000),
          new Part(30, 40, 5 * MIB, 90_000),
          new Part(40, 50, 5 * MIB, 95_000));

  @Test
  void theDirtyRatioIsOfWhatMayBeCompacted() {
    assertThat(plan(Map.of(), 50))
        .hasValueSatisfying(
            plan -> {
              assertThat(plan.parts()).isEqualTo(PARTS);
              assertThat(plan.dirtyParts()).isEqualTo(PARTS.subList(1, 4));
              assertThat(plan.dirtyRatio()).isEqualTo(15.0 / 21);
              assertThat(plan.isOverdue()).isFalse();
            });
    assertThat(plan(Map.of(), 39)).as("5 of 11 MiB are dirty").isEmpty();
    assertThat(plan(Map.of("min.cleanable.dirty.ratio", "0.4"), 39)).isPresent();
    assertThat(plan(Map.of("min.cleanable.dirty.ratio", "0"), 29)).as("nothing dirty").isEmpty();
  }

  @Test
  void whatIsYoungerThanTheMinimumLagStaysAndAllBehindIt() {
    Optional<CompactionPlan> plan = plan(Map.of("min.compaction.lag.ms", "9000"), 50);
    assertThat(plan.orElseThrow().parts()).isEqualTo(PARTS.subList(0, 3));
    assertThat(plan(Map.of("min.compaction.lag.ms", "90000"), 50)).isEmpty();
  }

  @Test
  void theMaximumLagCountsMoreThanTheRatio() {
    Map<String, String> settings =
        Map.of("min.cleanable.dirty.ratio", "1", "max.compaction.lag.ms", "80000");
    assertThat(plan(settings, 50)).as("80,000 ms old").isEmpty();
    Map<String, String> sooner = new HashMap<>(settings);
    sooner.put("max.compaction.lag.ms", "79999");
    assertThat(plan(sooner, 50)).hasValueSatisfying(p -> assertThat(p.isOverdue()).isTrue());
  }

  @Test
  void littleDirtOfALogIsNotWorthAPassUntilItIsOld() {
    List<Part> little = List.of(new Part(0, 20, 100, 1_000), new Part(20, 50, 5_000, 99_000));
    assertThat(plan(little, Map.of())).isEmpty();
    assertThat(plan(little, Map.of("segment.bytes", "5000"))).isPresent();
    assertThat(plan(little, Map.of("segment.ms", "1001"))).isEmpty();
    assertThat(plan(little, Map.of("segment.ms", "1000"))).isPresent();
  }

  @Test
  void whatWasTrimmedAwayIsNotDirty() {
    Standing trimmed = new Standing(30, 50, 20);
    Optional<CompactionPlan> plan =
        CompactionPlan.of(
            trimmed, PARTS.subList(2, 4), TopicConfig.of(Map.of()), 50, NOW_MS, NOW_MS);
    assertThat(plan.orElseThrow().dirtyFromOffset()).isEqualTo(30);
  }

  private static Optional<CompactionPlan> plan(Map<String, String> settings, long cleanableEnd) {
    return CompactionPlan.of(
        STANDING, PARTS, TopicConfig.of(settings), cleanableEnd, NOW_MS, NOW_MS);
  }

  private static Optional<CompactionPlan> plan(List<Part> parts, Map<String, String> settings) {
    return CompactionPlan.of(STANDING, parts, TopicConfig.of(settings), 50, NOW_MS, NOW_MS);
  }
}
