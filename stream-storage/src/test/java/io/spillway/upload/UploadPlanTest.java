package io.spillway.upload;

import static org.assertj.core.api.Assertions.assertThat;

import io.spillway.cache.WalFrame;
import io.spillway.runtime.SimulatedThreads;
import io.spillway.stream.StreamStore.StateAt;
import io.spillway.wal.StreamId;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import org.junit.jupiter.api.Test;

class UploadPlanTest {

  private static final long MIB = 1024 * 1024;

  @Test
  void aLargeStreamGetsAnObjectOfItsOwnTheRestShare() {
    UploadPlan.Range small = range(1, 10 * MIB);
    UploadPlan.Range large = range(2, 64 * MIB);
    UploadPlan.Range other = range(3, 20 * MIB);

    assertThat(UploadPlan.nextObject(List.of(other, large, small), 256 * MIB))
        .containsExactly(large);
    assertThat(UploadPlan.nextObject(List.of(other, small), 256 * MIB))
        .as("ascending by stream")
        .containsExactly(small, other);
    assertThat(UploadPlan.nextObject(List.of(), 256 * MIB)).isEmpty();
  }

  @Test
  void sharedObjectsAreBounded() {
    List<UploadPlan.Range> waiting =
        List.of(range(1, 50 * MIB), range(2, 50 * MIB), range(3, 50 * MIB), range(4, MIB));

    assertThat(UploadPlan.nextObject(waiting, 101 * MIB))
        .extracting(range -> range.source().id().partition())
        .containsExactly(1, 2, 4);
    assertThat(UploadPlan.nextObject(waiting, 1)).as("at least one").hasSize(1);
  }

  @Test
  void keysTellTheirBirth() {
    String key = DataKeys.next(42, new SimulatedThreads(1, 0).randomSource());

    assertThat(key).matches("data/[0-9a-f]{2}/00000000000000000042-[0-9a-f]{32}");
    assertThat(DataKeys.birth(key)).hasValue(42);
    assertThat(DataKeys.birth("data/zz/00000000000000000042-0")).isEmpty();
    assertThat(DataKeys.birth("catalog/17")).isEmpty();
  }

  private static UploadPlan.Range range(int partition, long bytes) {
    return new UploadPlan.Range(new Waiting(new StreamId(new UUID(0, 0), partition)), 0, 1, bytes);
  }

  private record Waiting(StreamId id) implements UploadSource {
    @Override
    public long committedEndOffset() {
      return 0;
    }

    @Override
    public long durableEndOffset() {
      return 1;
    }

    @Override
    public long durableEndOffsetUpTo(long walPosition) {
      return durableEndOffset();
    }

    @Override
    public long pendingBytesBelow(long endOffset) {
      return pendingBytes();
    }

    @Override
    public long pendingBytes() {
      return 1;
    }

    @Override
    public List<WalFrame> frames(long from, long end, long maxBytes, int maxFrames) {
      return List.of();
    }

    @Override
    public long firstPositionAbove(long offset) {
      return Long.MAX_VALUE;
    }

    @Override
    public Optional<StateAt> captureCheckpoint() {
      return Optional.empty();
    }

    @Override
    public long onCommitted(long endOffset) {
      return 0;
    }

    @Override
    public long onLost(String reason) {
      return 0;
    }
  }
}
