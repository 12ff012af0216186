package io.spillway.partition;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.spillway.partition.ProducerStates.AppendedBatch;
import java.nio.ByteBuffer;
import java.util.HexFormat;
import java.util.Random;
import org.junit.jupiter.api.Test;

class ProducerCheckpointTest {

  /** Version 1: producer 7 with two batches, producer 9 with one; state at offset 30. */
  private static final String GOLDEN_V1 =
      "01000000000000001e000000020000000000000007000000000000138802000100000000"
          + "000000090000000000000000000000000000000a00000000000005dc00010000000a0000"
          + "001c000000000000000b000000000000001e000000000000064000000000000000090000"
          + "0000000013880100000000000500000005000000000000000a000000000000000bffffff"
          + "ffffffffff13f378c8";

  /** Version 2: as version 1, and what {@link #transactions} has; state at offset 60. */
  private static final String GOLDEN_V2 =
      "02000000000000003c00000005000000000000000700000000000013880001ffffffffff"
          + "ffffffffffffff0000000000000640020000000000000009000000000000000000000000"
          + "0000000a00000000000005dc0000000a0000001c000000000000000b000000000000001e"
          + "0000000000000640000000000000000900000000000013880000ffffffffffffffffffff"
          + "ffffffffffffffffffff010000000500000005000000000000000a000000000000000bff"
          + "ffffffffffffff000000000000000d0000000000001388000500000003ffffffffffffff"
          + "ff000000000000070800000000000000000f0000000000001388000000000003ffffffff"
          + "ffffffff000000000000076c02000000070000000a000000000000002400000000000000"
          + "2800000000000006a40000000b000000120000000000000034000000000000003c000000"
          + "000000076c000000000000001100000000000013880000ffffffff000000000000002800"
          + "000000000006a40100000000000000090000000000000028000000000000003200000000"
          + "000006a4000000021a641e1e04021e18b10c337a";

  @Test
  void versionOneIsStillRead() {
    ProducerStates decoded = ProducerCheckpoint.decode(bytes(GOLDEN_V1), 30);
    assertThat(decoded.active()).containsExactlyInAnyOrderElementsOf(idempotent().active());
    assertThat(ProducerCheckpoint.encode(decoded, 30))
        .isEqualTo(ProducerCheckpoint.encode(idempotent(), 30));
  }

  @Test
  void versionTwoStaysAsItIs() {
    ByteBuffer encoded = ProducerCheckpoint.encode(transactions(), 60);
    assertThat(HexFormat.of().formatHex(bytesOf(encoded))).isEqualTo(GOLDEN_V2);
    ProducerStates decoded = ProducerCheckpoint.decode(bytes(GOLDEN_V2), 60);
    assertThat(decoded.active()).containsExactlyInAnyOrderElementsOf(transactions().active());
    assertThat(decoded.firstUnstableOffset()).isEqualTo(40);
    assertThat(decoded.abortedWithin(0, 60))
        .containsExactly(
            new AbortedTransaction(13, 35, 50, 36), new AbortedTransaction(15, 36, 51, 40));
    assertThat(ProducerCheckpoint.encode(decoded, 60)).isEqualTo(encoded);
  }

  @Test
  void anotherVersionOffsetOrAFlippedBitIsRefusedByName() {
    byte[] good = bytesOf(ProducerCheckpoint.encode(transactions(), 60));
    byte[] newer = good.clone();
    newer[0] = 3;
    assertThatThrownBy(() -> ProducerCheckpoint.decode(ByteBuffer.wrap(newer), 60))
        .hasMessageContaining("version 3");
    assertThatThrownBy(() -> ProducerCheckpoint.decode(ByteBuffer.wrap(good), 61))
        .hasMessageContaining("offset 60, expected 61");
    Random random = new Random(11);
    for (int i = 0; i < 200; i++) {
      byte[] damaged = good.clone();
      damaged[1 + random.nextInt(damaged.length - 1)] ^= (byte) (1 << random.nextInt(8));
      assertThatThrownBy(() -> ProducerCheckpoint.decode(ByteBuffer.wrap(damaged), 60))
          .isInstanceOf(IllegalArgumentException.class);
    }
    assertThatThrownBy(() -> ProducerCheckpoint.decode(ByteBuffer.wrap(good, 0, 10), 60))
        .hasMessageContaining("too short");
  }

  @Test
  void whatIsAboveTheHighWatermarkIsInNoCheckpointAndCanBeDropped() {
    ProducerStates states = transactions();
    addInFlight(states);
    assertThat(ProducerCheckpoint.encode(states, 60))
        .isEqualTo(ProducerCheckpoint.encode(transactions(), 60));
    states.truncateTo(60);
    assertThat(states.active()).containsExactlyInAnyOrderElementsOf(transactions().active());
    assertThat(states.firstUnstableOffset()).isEqualTo(40);
    assertThat(ProducerCheckpoint.encode(states, 60))
        .isEqualTo(ProducerCheckpoint.encode(transactions(), 60));
  }

  @Test
  void manyBatchesInFlightDoNotPushOutDurableOnes() {
    ProducerStates states = new ProducerStates();
    for (int i = 0; i < 20; i++) {
      states.add(7, new AppendedBatch((short) 0, i, i, i, i + 1, 0), false, 0, Math.min(i, 3));
    }
    states.truncateTo(3);
    assertThat(states.findRepeated(7, (short) 0, 2, 2)).isNotNull();
    assertThat(states.findRepeated(7, (short) 0, 3, 3)).isNull();
  }

  /** What a crash-looping application costs: a few bytes for each aborted transaction. */
  @Test
  void anAbortedTransactionTakesAFewBytes() {
    ProducerStates states = new ProducerStates();
    int count = 10_000;
    for (int i = 0; i < count; i++) {
      long first = 1L << 40 | i * 101L;
      short epoch = (short) (i % 30_000);
      states.add(7, new AppendedBatch(epoch, 0, 99, first, first + 100, 0), true, 0, first);
      states.addMarker(marker(7, epoch, false), first + 100, 0, 0, first);
    }
    assertThat(ProducerCheckpoint.encode(states, 1L << 50).remaining() / count)
        .isLessThanOrEqualTo(6);
  }

  private static TransactionMarker marker(long producerId, int epoch, boolean committed) {
    return new TransactionMarker(producerId, (short) epoch, committed, 3, (short) 2);
  }

  private static ByteBuffer bytes(String hex) {
    return ByteBuffer.wrap(HexFormat.of().parseHex(hex));
  }

  private static byte[] bytesOf(ByteBuffer buffer) {
    byte[] bytes = new byte[buffer.remaining()];
    buffer.duplicate().get(bytes);
    return bytes;
  }

  private static ProducerStates idempotent() {
    ProducerStates states = new ProducerStates();
    states.add(7, new AppendedBatch((short) 1, 0, 9, 0, 10, 1_500L), false, 5_000, 0);
    states.add(9, new AppendedBatch((short) 0, 5, 5, 10, 11, -1L), false, 5_000, 10);
    states.add(7, new AppendedBatch((short) 1, 10, 28, 11, 30, 1_600L), false, 5_000, 11);
    return states;
  }

  /** 13 and 15 aborted, with and without an epoch of their own; 17 open since 40. */
  private static ProducerStates transactions() {
    ProducerStates states = idempotent();
    states.add(13, new AppendedBatch((short) 4, 0, 0, 35, 36, 1_700L), true, 5_000, 30);
    states.add(15, new AppendedBatch((short) 0, 7, 10, 36, 40, 1_700L), true, 5_000, 36);
    states.add(17, new AppendedBatch((short) 0, 0, 9, 40, 50, 1_700L), true, 5_000, 40);
    states.addMarker(marker(13, 5, false), 50, 1_800L, 5_000, 50);
    states.addMarker(marker(15, 0, false), 51, 1_800L, 5_000, 51);
    states.add(15, new AppendedBatch((short) 0, 11, 18, 52, 60, 1_900L), false, 5_000, 52);
    states.onDurable(60);
    return states;
  }

  /** The end of 17's transaction, another of 13, a new epoch of 7, a new producer. */
  private static void addInFlight(ProducerStates states) {
    states.addMarker(marker(17, 1, false), 60, 1_900L, 5_000, 60);
    states.add(13, new AppendedBatch((short) 5, 0, 0, 61, 62, 1_900L), true, 5_000, 60);
    states.add(7, new AppendedBatch((short) 2, 0, 4, 62, 67, 1_900L), false, 5_000, 60);
    states.add(11, new AppendedBatch((short) 0, 0, 0, 67, 68, 1_900L), false, 5_000, 60);
  }
}
