package io.spillway.objectwal;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class PutPacerTest {

  private static final long MS = TimeUnit.MILLISECONDS.toNanos(1);
  private static final long SECOND = TimeUnit.SECONDS.toNanos(1);
  private static final int BATCH_BYTES = 256 << 10;

  private final ObjectWalConfig config = ObjectWalConfig.of(4L << 30, 256L << 20);

  @ParameterizedTest
  @ValueSource(longs = {1, 2, 3, 4, 5, 6, 7, 8})
  void overAnyTimeFiveRequestsASecondAndOneSecondsWorthMore(long seed) {
    List<Long> sent = new Line(new Random(seed)).run(200 * SECOND);

    assertThat(sent).as("seed " + seed).hasSizeGreaterThan(200);
    for (int first = 0; first < sent.size(); first++) {
      for (int last = first; last < sent.size(); last++) {
        double seconds = (double) (sent.get(last) - sent.get(first)) / SECOND;
        assertThat(last - first + 1.0)
            .as("requests within %.3f s, seed %d", seconds, seed)
            .isLessThanOrEqualTo(5 * seconds + 5);
      }
    }
  }

  @Test
  void afterAnIdleTimeFourAnswersInARowWaitForNothingButTheirRequest() {
    PutPacer pacer = new PutPacer(config, 0);
    long now = 10 * SECOND;
    for (int i = 0; i < 4; i++) {
      assertThat(pacer.decide(now, BATCH_BYTES, now, 0, false)).isEqualTo(PutPacer.NOW);
      now += 20 * MS;
    }
    long linger = 250 * MS;
    assertThat(pacer.decide(now, BATCH_BYTES, now, 0, false)).isEqualTo(now + linger);
    assertThat(pacer.decide(now + linger, BATCH_BYTES, now, 0, false)).isEqualTo(PutPacer.NOW);
  }

  /** Batches that come at times from a seed, in bursts and pauses, and requests that take time. */
  private final class Line {
    private final Random random;
    private final PutPacer pacer = new PutPacer(config, 0);
    private final List<Long> endsOfRequests = new ArrayList<>();
    private final List<Long> sent = new ArrayList<>();
    private long waitingBytes;
    private long waitingSince;

    Line(Random random) {
      this.random = random;
    }

    List<Long> run(long forNanos) {
      long restUntil = 0;
      for (long now = 0; now < forNanos; now += MS) {
        long at = now;
        endsOfRequests.removeIf(end -> end <= at);
        if (now >= restUntil) {
          offer(now, 1 + random.nextInt(4));
          restUntil = random.nextInt(2_000) == 0 ? now + random.nextInt(8) * SECOND : now;
        }
        if (waitingBytes > 0
            && pacer.decide(now, waitingBytes, waitingSince, endsOfRequests.size(), false)
                == PutPacer.NOW) {
          sent.add(now);
          endsOfRequests.add(now + 1 + random.nextInt(40) * MS);
          waitingBytes = 0;
        }
      }
      return sent;
    }

    private void offer(long now, int batches) {
      waitingSince = waitingBytes == 0 ? now : waitingSince;
      waitingBytes += (long) batches * BATCH_BYTES;
    }
  }
}
