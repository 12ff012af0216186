package io.spillway.request.data;

import static org.assertj.core.api.Assertions.assertThat;

import io.spillway.runtime.SimulatedThreads;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.message.FetchRequestData;
import org.apache.kafka.common.message.FetchResponseData.PartitionData;
import org.apache.kafka.common.protocol.Errors;
import org.junit.jupiter.api.Test;

class FetchSessionsTest {

  private final SimulatedThreads threads = new SimulatedThreads(3, 0);
  private final FetchSessions sessions =
      new FetchSessions(2, 120_000, threads.clock(), threads.randomSource());

  @Test
  void aFullCacheKeepsWhatIsInUse() {
    create(1);
    create(1);
    assertThat(sessions.create(5, true)).as("both are young").isEmpty();
    assertThat(sessions.size()).isEqualTo(2);
  }

  @Test
  void theOneUnusedForLongestGoesFirst() {
    FetchSession used = create(1);
    FetchSession unused = create(9);
    threads.runFor(TimeUnit.MILLISECONDS.toNanos(120_001));
    touch(used);
    assertThat(sessions.create(1, true)).isPresent();
    assertThat(errorOf(unused)).isEqualTo(Errors.FETCH_SESSION_ID_NOT_FOUND);
    assertThat(errorOf(used)).isEqualTo(Errors.NONE);
  }

  @Test
  void aLargerOneTakesThePlaceOfASmallerThatLivedLongEnough() {
    FetchSession small = create(1);
    FetchSession large = create(9);
    threads.runFor(TimeUnit.MILLISECONDS.toNanos(120_001));
    touch(small);
    touch(large);
    assertThat(sessions.create(1, true)).as("not larger").isEmpty();
    assertThat(sessions.create(5, true)).isPresent();
    assertThat(errorOf(small)).isEqualTo(Errors.FETCH_SESSION_ID_NOT_FOUND);
    assertThat(errorOf(large)).isEqualTo(Errors.NONE);
  }

  @Test
  void epochsWrapToOne() {
    assertThat(FetchSession.epochAfter(1)).isEqualTo(2);
    assertThat(FetchSession.epochAfter(Integer.MAX_VALUE)).isEqualTo(1);
  }

  private FetchSession create(int size) {
    Optional<FetchSession> session = sessions.create(size, true);
    assertThat(session).isPresent();
    for (int i = 0; i < size; i++) {
      session
          .get()
          .follow(
              new FetchTarget(new Uuid(1, 1), "", i, 0, 1, -1, -1),
              new PartitionData().setPartitionIndex(i));
    }
    return session.get();
  }

  private void touch(FetchSession session) {
    assertThat(errorOf(session)).isEqualTo(Errors.NONE);
  }

  private Errors errorOf(FetchSession session) {
    FetchRequestData request =
        new FetchRequestData()
            .setSessionId(session.id())
            .setSessionEpoch(session.epoch())
            .setTopics(List.of());
    return sessions.plan(request, (short) 13).error();
  }
}
