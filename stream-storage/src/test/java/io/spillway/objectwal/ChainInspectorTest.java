package io.spillway.objectwal;

import static org.assertj.core.api.Assertions.assertThat;

import io.spillway.object.MemoryObjectStore;
import io.spillway.object.ObjectStore;
import io.spillway.objectwal.ChainInspector.FrameInfo;
import io.spillway.objectwal.ChainInspector.Summary;
import io.spillway.runtime.SimulatedThreads;
import io.spillway.wal.AppendListener;
import io.spillway.wal.Batch;
import io.spillway.wal.DurableFrame;
import io.spillway.wal.PayloadVerifier;
import io.spillway.wal.StreamId;
import io.spillway.wal.WalException;
import io.spillway.wal.WriterIncarnation;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import java.util.zip.CRC32C;
import org.junit.jupiter.api.Test;

class ChainInspectorTest {

  private final SimulatedThreads threads = new SimulatedThreads(9, 0);
  private final ObjectStore store = new MemoryObjectStore();
  private final List<Long> objects = new ArrayList<>();
  private final List<FrameInfo> frames = new ArrayList<>();
  private final List<String> damage = new ArrayList<>();

  @Test
  void showsWhatIsThereWhereItEndsAndWhatIsDamaged() {
    UUID walId = chainOf(6);
    assertThat(ChainInspector.chains(store)).containsExactly(walId);
    Summary whole = inspect(walId);
    assertThat(whole.writer()).map(WriterIncarnation::incarnation).contains(4L);
    assertThat(whole.endNumber()).isEqualTo(6);
    assertThat(whole.frames()).isEqualTo(6);
    assertThat(whole.fencedBy()).isEmpty();
    assertThat(frames).extracting(FrameInfo::baseOffset).containsExactly(0L, 1L, 2L, 3L, 4L, 5L);

    fence(walId, 6);
    store.put(ChainKeys.key(walId, 8), List.of(ByteBuffer.allocate(300))).join();
    store.delete(ChainKeys.key(walId, 0)).join();
    String damaged = ChainKeys.key(walId, 2);
    ByteBuffer bytes = store.getRange(damaged, 0, 1 << 20).join();
    bytes.put(200, (byte) (bytes.get(200) ^ 1));
    store.put(damaged, List.of(bytes)).join();

    Summary after = inspect(walId);
    assertThat(after.firstNumber()).isEqualTo(1);
    assertThat(after.endNumber()).isEqualTo(6);
    assertThat(after.fencedBy()).map(WriterIncarnation::nodeId).contains(2);
    assertThat(after.voidObjects()).isEqualTo(1);
    assertThat(after.damagedObjects()).isEqualTo(1);
    assertThat(damage).singleElement().asString().contains(damaged);
    assertThat(objects).containsExactly(1L, 2L, 3L, 4L, 5L, 6L);
  }

  private Summary inspect(UUID walId) {
    objects.clear();
    frames.clear();
    return ChainInspector.inspect(
        store,
        walId,
        PayloadVerifier.NONE,
        new ChainInspector.Visitor() {
          @Override
          public void onObject(ChainObject object) {
            objects.add(object.number());
          }

          @Override
          public void onFrame(FrameInfo frame) {
            frames.add(frame);
          }

          @Override
          public void onDamage(String what) {
            damage.add(what);
          }
        });
  }

  private UUID chainOf(int blocks) {
    ObjectWal wal =
        new ObjectWal(
            ObjectWalConfig.of(1 << 20, 1 << 20).onHeap(),
            1,
            () -> 4,
            store,
            threads,
            threads.randomSource(),
            (component, cause) -> {
              throw new AssertionError(cause);
            },
            PayloadVerifier.NONE);
    wal.recover((position, batch) -> {});
    for (int i = 0; i < blocks; i++) {
      wal.append(
          wal.reserve(100, false),
          new Batch(
              new StreamId(new UUID(1, 1), 0), i, i + 1, 0, 0, ByteBuffer.wrap(new byte[100])),
          1,
          new AppendListener() {
            @Override
            public void onDurable(DurableFrame frame) {}

            @Override
            public void onFailure(WalException cause) {
              throw new AssertionError(cause);
            }
          });
      threads.runFor(TimeUnit.SECONDS.toNanos(1));
    }
    return wal.walId();
  }

  private void fence(UUID walId, long number) {
    ByteBuffer bytes = ByteBuffer.allocate(ChainObject.HEADER_BYTES);
    new ChainObject(
            ChainObject.Kind.FENCE,
            walId,
            new WriterIncarnation(2, new UUID(9, 9), 4),
            number,
            new UUID(8, 8),
            0,
            0,
            ChainObject.HEADER_BYTES)
        .write(bytes, new CRC32C());
    store.put(ChainKeys.key(walId, number), List.of(bytes)).join();
  }
}
