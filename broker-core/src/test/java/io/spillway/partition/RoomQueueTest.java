package io.spillway.partition;

import static org.assertj.core.api.Assertions.assertThat;

import io.spillway.runtime.SimulatedThreads;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

class RoomQueueTest {

  private final SimulatedThreads threads = new SimulatedThreads(5, 0);
  private final RoomQueue queue = new RoomQueue(threads.newScheduler("room"));
  private final List<String> taken = new ArrayList<>();
  private int room;

  @Test
  void eachClientHasItsTurnHoweverMuchAnotherHasQueued() {
    for (int i = 0; i < 5; i++) {
      new Partition("burst" + i, 1, 1).append();
    }
    new Partition("steady", 2, 1).append();

    room = 2;
    pass();
    assertThat(taken).containsExactly("burst0", "steady");
    room = 100;
    pass();
    assertThat(taken).endsWith("burst1", "burst2", "burst3", "burst4");
  }

  @Test
  void whoComesLaterDoesNotTakeTheRoomOfThoseWhoWait() {
    new Partition("first", 1, 1).append();
    room = 1;
    new Partition("late", 2, 1).append();
    assertThat(taken).isEmpty();

    pass();

    assertThat(taken).containsExactly("first");
    room = 1;
    pass();
    assertThat(taken).containsExactly("first", "late");
    room = 1;
    new Partition("nobody waits", 3, 1).append();
    assertThat(taken).hasSize(3);
  }

  @Test
  void whatStandsBehindAHeadWaitsForAnotherTurn() {
    new Partition("long", 1, 3).append();
    new Partition("short", 2, 1).append();
    room = 3;
    pass();

    assertThat(taken).containsExactly("long", "short", "long");
  }

  @Test
  void whoNoLongerWantsRoomIsPassedOver() {
    Partition gone = new Partition("gone", 1, 1);
    gone.append();
    gone.batches = 0;
    new Partition("next", 2, 1).append();
    room = 1;
    pass();

    assertThat(taken).containsExactly("next");
  }

  private void pass() {
    threads.runFor(TimeUnit.MILLISECONDS.toNanos(25));
  }

  /** As a partition's queue does: its heads one after the other, until one has to wait. */
  private final class Partition implements RoomQueue.Waiter {
    private final String name;
    private final long client;
    private int batches;

    Partition(String name, long client, int batches) {
      this.name = name;
      this.client = client;
      this.batches = batches;
    }

    void append() {
      while (batches > 0) {
        if (!queue.mayTry(this) || room == 0) {
          queue.await(client, this);
          return;
        }
        room--;
        queue.onTaken(this);
        batches--;
        taken.add(name);
      }
    }

    @Override
    public void onTurn() {
      append();
    }
  }
}
