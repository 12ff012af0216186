package io.spillway.partition;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

class BatchReaderTest {

  @Test
  void batchesAreFoundHoweverTheBytesAreCut() {
    ByteBuffer all = ByteBuffer.allocate(4096);
    for (int i = 0; i < 10; i++) {
      ByteBuffer batch = TestBatches.plain("v".repeat(i * 7 + 1));
      BatchHeader.assign(batch, i, 1);
      all.put(batch);
    }
    all.flip();
    for (long seed = 0; seed < 50; seed++) {
      Random random = new Random(seed);
      List<ByteBuffer> pieces = new ArrayList<>();
      ByteBuffer rest = all.duplicate();
      while (rest.hasRemaining()) {
        int size = Math.min(rest.remaining(), random.nextInt(150));
        pieces.add(rest.slice(rest.position(), size).asReadOnlyBuffer());
        rest.position(rest.position() + size);
      }
      List<Long> offsets = new ArrayList<>();
      BatchReader.forEachBatch(pieces, batch -> offsets.add(BatchHeader.baseOffset(batch)));
      assertThat(offsets)
          .as("seed %d", seed)
          .containsExactly(0L, 1L, 2L, 3L, 4L, 5L, 6L, 7L, 8L, 9L);
      List<Boolean> valid = new ArrayList<>();
      BatchReader.forEachBatch(pieces, batch -> valid.add(BatchHeader.isCrcValid(batch)));
      assertThat(valid).as("seed %d", seed).hasSize(10).doesNotContain(false);
    }
  }

  @Test
  void bytesThatAreNoBatchesAreAnErrorNotALoop() {
    assertThatThrownBy(
            () -> BatchReader.forEachBatch(List.of(ByteBuffer.allocate(100)), batch -> {}))
        .isInstanceOf(IllegalArgumentException.class);
    ByteBuffer cut = TestBatches.plain("a");
    cut.limit(cut.limit() - 1);
    assertThatThrownBy(() -> BatchReader.forEachBatch(List.of(cut), batch -> {}))
        .isInstanceOf(IllegalArgumentException.class);
  }
}
