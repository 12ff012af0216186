package io.spillway.wal.commit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.spillway.wal.device.AlignedMemory;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class BlockPoolTest {

  @Test
  void aClassWastesAQuarterAtMost() {
    for (int bytes = 1; bytes < 8 << 20; bytes += 1777) {
      int size = BlockPool.sizeClass(bytes);
      assertThat(size).isGreaterThanOrEqualTo(bytes);
      assertThat(size % 4096).isZero();
      assertThat(size).isLessThanOrEqualTo(Math.max(4096, bytes + bytes / 4 + 4096));
      assertThat(BlockPool.sizeClass(size)).isEqualTo(size);
    }
  }

  @Test
  void idleMemoryIsBoundedAndReused() {
    BlockPool pool = new BlockPool(false, 100_000);
    List<AlignedMemory> taken = new ArrayList<>();
    for (int i = 0; i < 20; i++) {
      taken.add(pool.acquire(16_384));
    }
    assertThat(pool.memoryBytes()).isEqualTo(20 * 16_384);
    taken.forEach(pool::release);
    assertThat(pool.memoryBytes()).isEqualTo(6 * 16_384);
    AlignedMemory again = pool.acquire(16_000);
    assertThat(taken).contains(again);
    pool.close();
    assertThat(pool.memoryBytes()).isEqualTo(16_384);
    pool.release(again);
    assertThat(pool.memoryBytes()).isZero();
  }

  @Test
  void releasingABlockTwiceIsAnErrorAndNotADoubleFree() {
    BlockPool pool = new BlockPool(true, 0);
    MemoryBlock block = new MemoryBlock(pool, pool.acquire(1), 4096);
    block.retain();
    block.release();
    block.release();
    assertThat(pool.memoryBytes()).isZero();
    assertThatThrownBy(block::release)
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("4096");
    assertThatThrownBy(block::retain).isInstanceOf(IllegalStateException.class);
  }
}
