package io.spillway.read;

import static org.assertj.core.api.Assertions.assertThat;

import io.spillway.read.ReadQueue.Get;
import io.spillway.read.Request.Load;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class ReadQueueTest {

  private static final int SEGMENT = 100;

  private final ArrayDeque<Runnable> tasks = new ArrayDeque<>();
  private final List<Get> sent = new ArrayList<>();
  private final CatchUpCounters counters = new CatchUpCounters();
  private long reclaimable;

  private ReadQueue queue(long totalBytes, int maxRequests) {
    ReadQueue[] made = new ReadQueue[1];
    made[0] =
        new ReadQueue(
            totalBytes,
            maxRequests,
            1_600,
            SEGMENT,
            tasks::add,
            new ReadQueue.Sender() {
              @Override
              public void send(Get get) {
                sent.add(get);
              }

              @Override
              public boolean reclaim(long bytes) {
                long given = Math.min(reclaimable, bytes);
                reclaimable -= given;
                if (given > 0) {
                  made[0].returnAhead(9, given);
                }
                return given > 0;
              }
            },
            counters);
    return made[0];
  }

  private static Load load(long client, String key, int first, int last) {
    List<Coming> segments = new ArrayList<>();
    for (int number = first; number <= last; number++) {
      segments.add(new Coming(new SegmentKey(key, number), SEGMENT));
    }
    return new Load(key, segments, client, (long) SEGMENT * segments.size());
  }

  private void runTasks() {
    while (!tasks.isEmpty()) {
      tasks.removeFirst().run();
    }
  }

  private void end(ReadQueue queue, int i) {
    queue.onAnswered(sent.get(i).isAhead());
    queue.onDelivered(sent.get(i).heldBytes());
  }

  @Test
  void neighboursBecomeOneGetWhoeverAsked() {
    ReadQueue queue = queue(10_000, 4);
    queue.submit(load(1, "a", 4, 5));
    queue.submit(load(2, "a", 0, 1)); // two away: not a neighbour yet
    queue.submit(load(3, "b", 6, 6));
    queue.submit(load(4, "a", 3, 3));
    runTasks();

    assertThat(sent).hasSize(2);
    assertThat(sent.get(0)).extracting(Get::first, Get::last).containsExactly(0, 5);
    assertThat(sent.get(0).loads()).hasSize(3);
    assertThat(sent.get(0).heldBytes()).as("the gap is paid for").isEqualTo(600);
    assertThat(counters.mergedReads.sum()).isEqualTo(2);
    assertThat(queue.takenBytes()).isEqualTo(700);
    end(queue, 0);
    end(queue, 1);
    assertThat(queue.takenBytes()).isZero();
  }

  @Test
  void largeGapsAndLargeGetsAreNotMerged() {
    ReadQueue queue = queue(100_000, 9);
    queue.submit(load(1, "a", 0, 0));
    queue.submit(load(1, "a", 3, 3)); // two segments between
    queue.submit(load(1, "b", 0, 9));
    queue.submit(load(1, "b", 10, 19)); // together more than one GET may get
    runTasks();

    assertThat(sent).hasSize(4);
  }

  @Test
  void whatIsWaitedForGoesBeforeWhatIsAhead() {
    ReadQueue queue = queue(10_000, 2);
    Load one = load(7, "a", 0, 1);
    Load two = load(7, "b", 0, 1);
    assertThat(queue.takeAhead(7, 400)).isTrue();
    queue.submitAhead(one);
    queue.submitAhead(two);
    queue.submit(load(7, "c", 0, 1));
    runTasks();

    assertThat(sent)
        .extracting(Get::objectKey)
        .as("half of the requests")
        .containsExactly("c", "a");
    queue.submit(load(7, "d", 0, 1));
    runTasks();
    end(queue, 0);
    assertThat(sent).last().extracting(Get::objectKey).isEqualTo("d");
  }

  @Test
  void aReaderThatComesToWhatIsAheadPutsItInItsTurn() {
    ReadQueue queue = queue(10_000, 2);
    Load ahead = load(7, "a", 0, 1);
    assertThat(queue.takeAhead(7, 200)).isTrue();
    queue.submitAhead(ahead);
    queue.promote(ahead);
    assertThat(queue.takenBytes()).as("its room is given back").isZero();
    runTasks();

    assertThat(sent).hasSize(1);
    assertThat(sent.get(0).isAhead()).isFalse();
    assertThat(sent.get(0).heldBytes()).isEqualTo(200);
  }

  @Test
  void whatIsAheadHasAShareOfTheBytesAndEachClientAShareOfThat() {
    ReadQueue queue = queue(4_000, 4);
    assertThat(queue.takeAhead(1, 3_000)).as("three quarters").isTrue();
    assertThat(queue.takeAhead(1, 100)).isFalse();
    queue.giveAhead(1, 1_500);
    assertThat(queue.takeAhead(2, 1_600)).as("more than half of that, with two").isFalse();
    assertThat(queue.takeAhead(2, 1_500)).isTrue();
    assertThat(queue.takeAhead(1, 100)).isFalse();
  }

  @Test
  void aReaderThatFindsNoRoomHasWhatIsAheadGivenUp() {
    ReadQueue queue = queue(1_000, 4);
    assertThat(queue.takeAhead(9, 700)).isTrue();
    reclaimable = 700;
    queue.submit(load(1, "a", 0, 4));
    runTasks();

    assertThat(sent).hasSize(1);
    assertThat(reclaimable).as("no more than is needed").isEqualTo(500);
    assertThat(queue.takenBytes()).isEqualTo(1_000);
  }

  @Test
  void whatIsQueuedAheadAndHasTheRoomIsFetchedWhenNothingElseCanGiveWay() {
    ReadQueue queue = queue(1_000, 2);
    assertThat(queue.takeAhead(7, 700)).isTrue();
    queue.submitAhead(load(7, "a", 0, 3));
    queue.submitAhead(load(7, "b", 0, 2));
    runTasks();
    queue.submit(load(1, "c", 0, 4));
    runTasks();
    assertThat(sent).extracting(Get::objectKey).containsExactly("a");
    end(queue, 0);
    assertThat(sent).extracting(Get::objectKey).as("no room for c").containsExactly("a", "b");

    reclaimable = 700; // both have come
    end(queue, 1);
    assertThat(sent).extracting(Get::objectKey).containsExactly("a", "b", "c");
  }

  @Test
  void moreThanTheBudgetGoesAlone() {
    ReadQueue queue = queue(300, 4);
    queue.submit(load(1, "a", 0, 0));
    queue.submit(load(1, "b", 0, 9));
    runTasks();
    assertThat(sent).hasSize(1);
    end(queue, 0);

    assertThat(sent).hasSize(2);
    assertThat(counters.budgetWaits.sum()).isEqualTo(1);
  }

  @Test
  void closedItTakesNothingAndGivesBackWhatWaits() {
    ReadQueue queue = queue(1_000, 1);
    queue.submit(load(1, "a", 0, 0));
    queue.submit(load(1, "b", 0, 0));
    runTasks();

    assertThat(queue.close()).hasSize(1);
    assertThat(queue.submit(load(1, "c", 0, 0))).isFalse();
    end(queue, 0);
    assertThat(sent).hasSize(1);
    assertThat(queue.takenBytes()).isZero();
  }
}
