package io.spillway.partition;

import static org.assertj.core.api.Assertions.assertThat;

import io.spillway.runtime.SimulatedThreads;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

class RoomQueueTest {

  private static final int TURN = RoomQueue.QUANTUM_BYTES;

  private final SimulatedThreads threads = new SimulatedThreads(5, 0);
  private final RoomQueue queue = new RoomQueue(threads.newScheduler("room"));
  private final List<String> taken = new ArrayList<>();
  private final Map<Long, Long> takenBytes = new HashMap<>();
  private long room;

  @Test
  void eachClientHasItsTurnHoweverMuchAnotherHasQueued() {
    for (int i = 0; i < 5; i++) {
      new Partition("burst" + i, 1, 1).append();
    }
    new Partition("steady", 2, 1).append();

    free(2);
    pass();
    assertThat(taken).containsExactly("burst0", "steady");
    free(100);
    pass();
    assertThat(taken).endsWith("burst1", "burst2", "burst3", "burst4");
  }

  @Test
  void whoComesLaterDoesNotTakeTheRoomOfThoseWhoWait() {
    new Partition("first", 1, 1).append();
    free(1);
    new Partition("late", 2, 1).append();
    assertThat(taken).isEmpty();

    pass();

    assertThat(taken).containsExactly("first");
    free(1);
    pass();
    assertThat(taken).containsExactly("first", "late");
    free(1);
    new Partition("nobody waits", 3, 1).append();
    assertThat(taken).hasSize(3);
  }

  @Test
  void whatStandsBehindAHeadWaitsForAnotherTurn() {
    new Partition("long", 1, 3).append();
    new Partition("short", 2, 1).append();
    free(3);
    pass();

    assertThat(taken).containsExactly("long", "short", "long");
  }

  @Test
  void whoNoLongerWantsRoomIsPassedOver() {
    Partition gone = new Partition("gone", 1, 1);
    gone.append();
    gone.batches = 0;
    new Partition("next", 2, 1).append();
    free(1);
    pass();

    assertThat(taken).containsExactly("next");
  }

  /**
   * G7: not in batches, of which a burst has large ones, and not in partitions, of which it has
   * many.
   */
  @Test
  void whileBothWaitEachClientGetsAsManyBytesAsTheOther_G7() {
    for (int i = 0; i < 40; i++) {
      new Partition("burst" + i, 1, 10, 10 * TURN).append();
    }
    new Partition("steady", 2, 20_000, TURN / 50).append();
    for (int i = 0; i < 500; i++) {
      room += TURN;
      pass();
    }

    assertThat(takenBytes.get(2L)).isBetween(200L * TURN, 300L * TURN);
    assertThat(takenBytes.get(1L)).isBetween(200L * TURN, 300L * TURN);
  }

  /**
   * What a client that sends now and then waits for is a turn of the others, not a round of all.
   */
  @Test
  void whoComesAnewIsServedInItsFirstTurn() {
    for (int client = 1; client <= 5; client++) {
      new Partition("busy" + client, client, 100, TURN).append();
    }
    free(7);
    pass();
    new Partition("steady", 9, 1).append();
    free(6);
    pass();

    assertThat(taken.subList(0, 7)).doesNotContain("steady");
    assertThat(taken.subList(7, 13)).contains("steady");
  }

  private void free(int turns) {
    room = (long) turns * TURN;
  }

  private void pass() {
    threads.runFor(TimeUnit.MILLISECONDS.toNanos(25));
  }

  /** As a partition's queue does: its heads one after the other, until one has to wait. */
  private final class Partition implements RoomQueue.Waiter {
    private final String name;
    private final long client;
    private final int batchBytes;
    private int batches;

    Partition(String name, long client, int batches) {
      this(name, client, batches, TURN);
    }

    Partition(String name, long client, int batches, int batchBytes) {
      this.name = name;
      this.client = client;
      this.batches = batches;
      this.batchBytes = batchBytes;
    }

    void append() {
      while (batches > 0) {
        if (!queue.mayTry(this) || room < batchBytes) {
          queue.await(client, batchBytes, this);
          return;
        }
        room -= batchBytes;
        queue.onTaken(this);
        batches--;
        taken.add(name);
        takenBytes.merge(client, (long) batchBytes, Long::sum);
      }
    }

    @Override
    public void onTurn() {
      append();
    }
  }
}
