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
  void lruCacheLetsTheLeastUsedGo() {
    LruCache<String, String> cache = new LruCache<>(6, String::length);
    cache.put("a", "11");
    cache.put("b", "22");
    cache.put("c", "33");
    assertThat(cache.get("a")).isEqualTo("11");
    cache.put("d", "44");
    cache.put("e", "too large");

    assertThat(cache.get("b")).isNull();
    assertThat(cache.get("a")).isEqualTo("11");
    assertThat(cache.get("e")).isNull();
    assertThat(cache.weight()).isEqualTo(6);
    cache.put("a", "1");
    cache.remove("c");
    assertThat(cache.weight()).isEqualTo(3);
  }

  @Test
  void readAheadGrowsForWhoGoesOnAndForNobodyElse() {
    ReadAhead readAhead = new ReadAhead(100, 1000);
    assertThat(readAhead.windowBytes(0)).isEqualTo(100);
    readAhead.onRead(0, 10);
    readAhead.onRead(500, 510); // another reader
    readAhead.onRead(10, 20);
    readAhead.onRead(20, 30);

    assertThat(readAhead.windowBytes(30)).isEqualTo(400);
    assertThat(readAhead.windowBytes(510)).isEqualTo(100);
    assertThat(readAhead.windowBytes(31)).isEqualTo(100);
    readAhead.onRead(30, 40);
    readAhead.onRead(40, 50);
    assertThat(readAhead.windowBytes(50)).isEqualTo(1000);
  }

  @Test
  void budgetServesInOrderAndNeverMoreThanItHas() {
    ByteBudget budget = new ByteBudget(100);
    CompletableFuture<Void> first = budget.take(60);
    CompletableFuture<Void> second = budget.take(60);
    CompletableFuture<Void> third = budget.take(10);

    assertThat(first).isDone();
    assertThat(second).isNotDone();
    assertThat(third).as("does not overtake").isNotDone();
    budget.give(60);
    assertThat(second).isDone();
    assertThat(third).isDone();
    CompletableFuture<Void> huge = budget.take(1_000);
    budget.give(60);
    budget.give(10);
    assertThat(huge).isDone();
    budget.give(1_000);
    assertThat(budget.takenBytes()).isZero();
  }
}
