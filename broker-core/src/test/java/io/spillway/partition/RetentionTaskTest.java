package io.spillway.partition;

import static org.assertj.core.api.Assertions.assertThat;

import io.spillway.metadata.TopicConfig;
import io.spillway.stream.StreamHandle.Part;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class RetentionTaskTest {

  private static final List<Part> PARTS =
      List.of(
          new Part(0, 10, 100, 1_000),
          new Part(10, 20, 100, 3_000),
          new Part(20, 30, 100, 2_000),
          new Part(30, 40, 100, 9_000));

  @Test
  void partsGoFromTheStartWhenAllOfThemMay() {
    record Case(String name, Map<String, String> settings, long committed, long expected) {}
    List<Case> cases =
        List.of(
            new Case("nothing is old", Map.of("retention.ms", "9000"), 40, 0),
            new Case("one is", Map.of("retention.ms", "8000"), 40, 10),
            new Case("an older one behind a newer one", Map.of("retention.ms", "7500"), 40, 10),
            new Case("three are", Map.of("retention.ms", "5000"), 40, 30),
            new Case("all are, the last in the WAL", Map.of("retention.ms", "0"), 30, 30),
            new Case("no limit in time", Map.of("retention.ms", "-1"), 40, 0),
            new Case("too many bytes", size("250"), 40, 10),
            new Case("a part may not be cut", size("301"), 40, 0),
            new Case("keep nothing", size("0"), 30, 30),
            new Case(
                "only compacted", Map.of("cleanup.policy", "compact", "retention.ms", "1"), 40, 0),
            new Case(
                "compacted and deleted",
                Map.of("cleanup.policy", "compact,delete", "retention.ms", "8000"),
                40,
                10));
    for (Case each : cases) {
      assertThat(
              RetentionTask.newLogStart(
                  PARTS, 0, each.committed, 400, TopicConfig.of(each.settings), 10_000))
          .as(each.name)
          .isEqualTo(each.expected);
    }
  }

  /** What compaction emptied has no time of its own. */
  @Test
  void aPartWithoutTimestampsGoesWithTheOneBehindIt() {
    List<Part> parts =
        List.of(
            new Part(0, 10, 60, -1), new Part(10, 20, 100, 2_000), new Part(20, 30, 100, 9_000));
    TopicConfig config =
        TopicConfig.of(Map.of("cleanup.policy", "compact,delete", "retention.ms", "5000"));
    assertThat(RetentionTask.newLogStart(parts, 0, 30, 260, config, 10_000)).isEqualTo(20);
    assertThat(RetentionTask.newLogStart(parts, 0, 30, 260, config, 6_000)).isZero();
  }

  private static Map<String, String> size(String bytes) {
    return Map.of("retention.ms", "-1", "retention.bytes", bytes);
  }

  @Test
  void theTaskRunsAtItsIntervalAndStopsWhenClosed() {
    Partitions partitions = Partitions.open();
    partitions.appendDurably(TestBatches.at(1_000, "a"));
    partitions.appendDurably(TestBatches.plain("b"));
    FakeStore.FakeStream stream = partitions.stream();
    stream.committedEndOffset = 2;
    stream.parts.add(new Part(0, 1, 70, 1_000));
    stream.parts.add(new Part(1, 2, 70, TestBatches.NOW_MS));
    RetentionTask task =
        new RetentionTask(
            partitions.manager,
            partitions.threads.clock(),
            partitions.threads.newScheduler("retention"),
            Duration.ofMillis(500));
    task.start();
    partitions.runForMs(499);
    assertThat(stream.logStartOffset).isZero();
    partitions.runForMs(1);
    assertThat(stream.logStartOffset).isEqualTo(1);
    task.close();
    stream.parts.clear();
    stream.parts.add(new Part(1, 2, 70, 1_000));
    partitions.runForMs(5_000);
    assertThat(stream.logStartOffset).isEqualTo(1);
  }
}
