package io.spillway.partition;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.spillway.partition.ProducerStates.AppendedBatch;
import java.nio.ByteBuffer;
import java.util.HexFormat;
import java.util.Random;
import org.junit.jupiter.api.Test;

class ProducerStatesTest {

  /** Version 1: producer 7 with two batches, producer 9 with one; state at offset 30. */
  private static final String GOLDEN_V1 =
      "01000000000000001e000000020000000000000007000000000000138802000100000000"
          + "000000090000000000000000000000000000000a00000000000005dc00010000000a0000"
          + "001c000000000000000b000000000000001e000000000000064000000000000000090000"
          + "0000000013880100000000000500000005000000000000000a000000000000000bffffff"
          + "ffffffffff13f378c8";

  @Test
  void versionOneStaysAsItIs() {
    ByteBuffer encoded = sample().encode(30);
    assertThat(HexFormat.of().formatHex(bytesOf(encoded))).isEqualTo(GOLDEN_V1);
    ProducerStates decoded =
        ProducerStates.decode(ByteBuffer.wrap(HexFormat.of().parseHex(GOLDEN_V1)), 30);
    assertThat(decoded.active()).containsExactlyInAnyOrderElementsOf(durableSample().active());
    assertThat(decoded.encode(30)).isEqualTo(encoded);
  }

  @Test
  void anotherVersionOffsetOrAFlippedBitIsRefusedByName() {
    byte[] good = bytesOf(sample().encode(30));
    byte[] newer = good.clone();
    newer[0] = 2;
    assertThatThrownBy(() -> ProducerStates.decode(ByteBuffer.wrap(newer), 30))
        .hasMessageContaining("version 2");
    assertThatThrownBy(() -> ProducerStates.decode(ByteBuffer.wrap(good), 31))
        .hasMessageContaining("offset 30, expected 31");
    Random random = new Random(11);
    for (int i = 0; i < 200; i++) {
      byte[] damaged = good.clone();
      damaged[1 + random.nextInt(damaged.length - 1)] ^= (byte) (1 << random.nextInt(8));
      assertThatThrownBy(() -> ProducerStates.decode(ByteBuffer.wrap(damaged), 30))
          .isInstanceOf(IllegalArgumentException.class);
    }
    assertThatThrownBy(() -> ProducerStates.decode(ByteBuffer.wrap(good, 0, 10), 30))
        .hasMessageContaining("too short");
  }

  @Test
  void whatIsAboveTheHighWatermarkIsInNoCheckpointAndCanBeDropped() {
    ProducerStates states = sample();
    states.truncateTo(30);
    assertThat(states.active()).containsExactlyInAnyOrderElementsOf(durableSample().active());
    assertThat(states.encode(30)).isEqualTo(sample().encode(30));
  }

  @Test
  void manyBatchesInFlightDoNotPushOutDurableOnes() {
    ProducerStates states = new ProducerStates();
    for (int i = 0; i < 20; i++) {
      states.add(7, new AppendedBatch((short) 0, i, i, i, i + 1, 0), 0, Math.min(i, 3));
    }
    states.truncateTo(3);
    assertThat(states.check("t-0", 7, (short) 0, 2, 2)).isNotNull();
    assertThat(states.check("t-0", 7, (short) 0, 3, 3)).isNull();
  }

  private static byte[] bytesOf(ByteBuffer buffer) {
    byte[] bytes = new byte[buffer.remaining()];
    buffer.duplicate().get(bytes);
    return bytes;
  }

  /** As {@link #durableSample}, and what is in flight: a new epoch of 7, and producer 11. */
  private static ProducerStates sample() {
    ProducerStates states = durableSample();
    states.add(7, new AppendedBatch((short) 2, 0, 4, 30, 35, 1_700L), 5_000, 30);
    states.add(11, new AppendedBatch((short) 0, 0, 0, 35, 36, 1_700L), 5_000, 30);
    return states;
  }

  private static ProducerStates durableSample() {
    ProducerStates states = new ProducerStates();
    states.add(7, new AppendedBatch((short) 1, 0, 9, 0, 10, 1_500L), 5_000, 0);
    states.add(9, new AppendedBatch((short) 0, 5, 5, 10, 11, -1L), 5_000, 10);
    states.add(7, new AppendedBatch((short) 1, 10, 28, 11, 30, 1_600L), 5_000, 11);
    return states;
  }
}
