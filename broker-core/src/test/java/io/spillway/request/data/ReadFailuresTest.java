package io.spillway.request.data;

import static org.assertj.core.api.Assertions.assertThat;

import io.spillway.partition.Partitions;
import io.spillway.runtime.SimulatedThreads;
import io.spillway.stream.StreamException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletionException;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.common.errors.OffsetOutOfRangeException;
import org.apache.kafka.common.protocol.Errors;
import org.junit.jupiter.api.Test;

class ReadFailuresTest {

  private final SimulatedThreads threads = new SimulatedThreads(1, 0);
  private final List<String> heard = new ArrayList<>();
  private final ReadFailures failures =
      new ReadFailures(
          threads.clock(),
          (tp, cause, held) -> heard.add(tp + " " + cause.getMessage() + " +" + held));

  private Errors fail(Throwable failure) {
    return failures.errorOf(Partitions.TP, new CompletionException(failure));
  }

  private static StreamException.Corrupt damage(String place) {
    return new StreamException.Corrupt(place, null);
  }

  private void passSeconds(long seconds) {
    threads.runFor(TimeUnit.SECONDS.toNanos(seconds));
  }

  @Test
  void damageIsReportedOncePerPlace() {
    for (int i = 0; i < 5; i++) {
      assertThat(fail(damage("object a position 7"))).isEqualTo(Errors.CORRUPT_MESSAGE);
      passSeconds(60);
    }
    fail(damage("object b position 8"));
    assertThat(heard)
        .containsExactly("topic-0 object a position 7 +0", "topic-0 object b position 8 +0");
  }

  @Test
  void aPlaceThatIsHeldBackIsReportedWhenItIsReadAgain() {
    fail(damage("a"));
    fail(damage("b"));
    fail(damage("c"));
    assertThat(heard).containsExactly("topic-0 a +0");
    passSeconds(1);
    fail(damage("c"));
    passSeconds(1);
    fail(damage("b"));
    assertThat(heard).containsExactly("topic-0 a +0", "topic-0 c +2", "topic-0 b +0");
  }

  @Test
  void whatIsUnexpectedIsReportedAndWhatIsOrdinaryIsNot() {
    assertThat(fail(new OffsetOutOfRangeException("x"))).isEqualTo(Errors.OFFSET_OUT_OF_RANGE);
    assertThat(fail(new StreamException.OutOfRange("x"))).isEqualTo(Errors.OFFSET_OUT_OF_RANGE);
    assertThat(fail(new StreamException.Fenced("x"))).isEqualTo(Errors.NOT_LEADER_OR_FOLLOWER);
    assertThat(fail(new StreamException.Closed("x"))).isEqualTo(Errors.NOT_LEADER_OR_FOLLOWER);
    assertThat(fail(new StreamException.Unavailable("x", null)))
        .isEqualTo(Errors.KAFKA_STORAGE_ERROR);
    assertThat(heard).isEmpty();
    assertThat(fail(new IllegalStateException("defect"))).isEqualTo(Errors.UNKNOWN_SERVER_ERROR);
    assertThat(heard).containsExactly("topic-0 defect +0");
  }
}
