package io.spillway.wal.commit;

import static org.assertj.core.api.Assertions.assertThat;

import io.spillway.wal.AppendListener;
import io.spillway.wal.Batch;
import io.spillway.wal.DurableFrame;
import io.spillway.wal.StreamId;
import io.spillway.wal.WalException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.UUID;
import org.junit.jupiter.api.Test;

class FairQueueTest {

  private final FairQueue queue = new FairQueue();
  private long arrivals;

  @Test
  void aLightClientWaitsForOneTurnOfAHeavyOneOnly() {
    for (int i = 0; i < 1000; i++) {
      queue.add(append(1, 1, i, 16_000));
    }
    queue.add(append(2, 2, 0, 100));
    long before = 0;
    while (queue.peek().weightKey == 1) {
      before += queue.poll().frameBytes;
    }
    assertThat(before).isLessThanOrEqualTo(FairQueue.QUANTUM_BYTES);
  }

  @Test
  void busyClientsGetTheSameBytesWhateverTheirBatchSizes() {
    Random random = new Random(5);
    int[] sizes = {500, 16_000, 200_000};
    for (int client = 0; client < sizes.length; client++) {
      for (long bytes = 0; bytes < 12_000_000; bytes += sizes[client]) {
        queue.add(append(client, client, bytes, 1 + random.nextInt(2 * sizes[client])));
      }
    }
    long[] sent = new long[sizes.length];
    while (sent[0] + sent[1] + sent[2] < 15_000_000) {
      PendingAppend next = queue.poll();
      sent[(int) next.weightKey] += next.frameBytes;
    }
    for (long bytes : sent) {
      assertThat(bytes).isBetween(4_500_000L, 5_500_000L);
    }
  }

  @Test
  void batchesOfAStreamKeepTheirOrderWhoeverSendsThem() {
    for (long seed = 0; seed < 100; seed++) {
      Random random = new Random(seed);
      Map<StreamId, Long> next = new HashMap<>();
      int waiting = 0;
      long[] offsets = new long[4];
      for (int i = 0; i < 300; i++) {
        if (random.nextInt(3) > 0) {
          int stream = random.nextInt(4);
          queue.add(append(random.nextInt(5), stream, offsets[stream]++, random.nextInt(100_000)));
          waiting++;
        } else if (waiting > 0) {
          Batch batch = queue.poll().batch;
          waiting--;
          assertThat(batch.baseOffset())
              .as("seed %d", seed)
              .isEqualTo(next.getOrDefault(batch.stream(), 0L));
          next.put(batch.stream(), batch.endOffset());
        }
      }
      assertThat(queue.drain()).hasSize(waiting);
      assertThat(queue.isEmpty()).isTrue();
    }
  }

  @Test
  void drainingGivesTheOrderOfArrival() {
    for (int i = 0; i < 50; i++) {
      queue.add(append(i % 7, i % 3, i / 3, 1000));
    }
    List<Long> order = new ArrayList<>();
    queue.drain().forEach(append -> order.add(append.arrival));
    assertThat(order).hasSize(50).isSorted();
  }

  private PendingAppend append(long client, int stream, long offset, int sizeBytes) {
    Batch batch =
        new Batch(
            new StreamId(new UUID(0, 0), stream),
            offset,
            offset + 1,
            0,
            0,
            ByteBuffer.allocate(sizeBytes));
    PendingAppend append = new PendingAppend(batch, client, new Ignoring(), 0, 0);
    append.arrival = arrivals++;
    return append;
  }

  private static final class Ignoring implements AppendListener {
    @Override
    public void onDurable(DurableFrame frame) {}

    @Override
    public void onFailure(WalException cause) {}
  }
}
