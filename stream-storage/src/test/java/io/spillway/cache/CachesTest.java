package io.spillway.cache;

import static org.assertj.core.api.Assertions.assertThat;

import io.spillway.wal.WalBlock;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;

class CachesTest {

  /** Counts its holders. */
  private static final class CountedBlock implements WalBlock {
    private final long position;
    private int holders = 1;

    CountedBlock(long position) {
      this.position = position;
    }

    @Override
    public long position() {
      return position;
    }

    @Override
    public int sizeBytes() {
      return 100;
    }

    @Override
    public void retain() {
      if (!tryRetain()) {
        throw new IllegalStateException("block at " + position + " was freed");
      }
    }

    @Override
    public boolean tryRetain() {
      if (holders == 0) {
        return false;
      }
      holders++;
      return true;
    }

    @Override
    public void release() {
      assertThat(holders).isPositive();
      holders--;
    }
  }

  @Test
  void tailCacheKeepsTheNewestBlocksWithinItsBudget() {
    TailCache tail = new TailCache(250);
    List<CountedBlock> blocks = new ArrayList<>();
    for (int i = 0; i < 5; i++) {
      CountedBlock block = new CountedBlock(i * 1000L);
      tail.add(block);
      tail.add(block); // a block of many frames comes once for each
      block.release(); // the WAL's own hold
      blocks.add(block);
    }

    assertThat(tail.bytes()).isEqualTo(200);
    assertThat(tail.cachedFrom()).isEqualTo(3000);
    assertThat(blocks).extracting(block -> block.holders).containsExactly(0, 0, 0, 1, 1);

    tail.close();
    assertThat(blocks).extracting(block -> block.holders).containsOnly(0);
    CountedBlock late = new CountedBlock(9000);
    tail.add(late);
    assertThat(late.holders).isEqualTo(1);
  }

  @Test
  void tailCacheWithoutBudgetHoldsNothing() {
    TailCache tail = new TailCache(0);
    CountedBlock block = new CountedBlock(0);
    tail.add(block);

    assertThat(block.holders).isEqualTo(1);
    assertThat(tail.cachedFrom()).isEqualTo(Long.MAX_VALUE);
  }

  @Test
  void budgetServesInOrderAndNeverMoreThanItHas() {
    ByteBudget budget = new ByteBudget(100);
    CompletableFuture<Void> first = budget.take(1, 60);
    CompletableFuture<Void> second = budget.take(1, 60);
    CompletableFuture<Void> third = budget.take(1, 10);

    assertThat(first).isDone();
    assertThat(second).isNotDone();
    assertThat(third).as("does not overtake").isNotDone();
    budget.give(60);
    assertThat(second).isDone();
    assertThat(third).isDone();
    CompletableFuture<Void> huge = budget.take(1, 1_000);
    budget.give(60);
    budget.give(10);
    assertThat(huge).isDone();
    budget.give(1_000);
    assertThat(budget.takenBytes()).isZero();
    assertThat(budget.waits()).isEqualTo(3);
  }

  /** One client's backlog of requests does not come before another's first. */
  @Test
  void budgetIsFairBetweenClients() {
    ByteBudget budget = new ByteBudget(1 << 20);
    budget.take(1, 1 << 20);
    List<String> served = new ArrayList<>();
    for (int i = 0; i < 16; i++) {
      budget.take(1, 1 << 20).thenRun(() -> served.add("backfill"));
    }
    budget.take(2, 1 << 20).thenRun(() -> served.add("other"));
    for (int i = 0; i < 3; i++) {
      budget.give(1 << 20);
    }

    assertThat(served).as("in turn").containsSequence("other").hasSize(3);
  }

  private record Asked(long client, long bytes, String name) implements FairQueue.Item {}

  @Test
  void fairQueueGivesEachClientAsManyBytesAsTheOthers() {
    FairQueue<Asked> queue = new FairQueue<>();
    for (int i = 0; i < 40; i++) {
      queue.add(new Asked(1, 4 << 20, "large"));
    }
    for (int i = 0; i < 400; i++) {
      queue.add(new Asked(2, 64 << 10, "small"));
    }
    long large = 0;
    long small = 0;
    for (int i = 0; i < 200; i++) {
      Asked next = queue.peek();
      if (next == null) {
        throw new AssertionError("nobody waits any more");
      }
      queue.remove(next);
      if (next.client == 1) {
        large += next.bytes;
      } else {
        small += next.bytes;
      }
    }

    assertThat(Math.abs(large - small)).as("%d, %d", large, small).isLessThanOrEqualTo(8L << 20);
    assertThat(large).isPositive();
  }
}
