package io.spillway.cache;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

class FrameIndexTest {

  private record Frame(long base, long end, long position, int size, long timestampMs) {}

  @Test
  void behavesAsAListWould() {
    for (long seed = 0; seed < 50; seed++) {
      Random random = new Random(seed);
      FrameIndex index = new FrameIndex();
      List<Frame> model = new ArrayList<>();
      long offset = 0;
      long position = 0;
      for (int step = 0; step < 500; step++) {
        if (random.nextInt(3) > 0) {
          Frame frame =
              new Frame(
                  offset,
                  offset + 1 + random.nextInt(9),
                  position + 1 + random.nextInt(99),
                  random.nextInt(1000),
                  random.nextLong());
          index.add(frame.base, frame.end, frame.position, frame.size, frame.timestampMs, 0, null);
          model.add(frame);
          offset = frame.end;
          position = frame.position;
        } else {
          int drop = random.nextInt(model.size() + 1) / (1 + random.nextInt(4));
          index.dropFirst(drop);
          model.subList(0, drop).clear();
        }
        assertThat(index.count()).as("seed %d", seed).isEqualTo(model.size());
        if (!model.isEmpty()) {
          int i = random.nextInt(model.size());
          WalFrame frame = index.frame(i);
          assertThat(
                  new Frame(
                      frame.baseOffset(),
                      frame.endOffset(),
                      frame.position(),
                      frame.sizeBytes(),
                      frame.maxTimestampMs()))
              .as("seed %d", seed)
              .isEqualTo(model.get(i));
        }
        long wanted = random.nextInt((int) offset + 2);
        int expected = 0;
        while (expected < model.size() && model.get(expected).end <= wanted) {
          expected++;
        }
        assertThat(index.firstEndingAbove(wanted)).as("seed %d", seed).isEqualTo(expected);
      }
    }
  }

  @Test
  void refusesFramesOutOfOrder() {
    FrameIndex index = new FrameIndex();
    index.add(10, 20, 100, 5, -1, 0, null);

    assertThatThrownBy(() -> index.add(19, 25, 200, 5, -1, 0, null))
        .isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> index.add(20, 25, 100, 5, -1, 0, null))
        .isInstanceOf(IllegalArgumentException.class);
  }
}
