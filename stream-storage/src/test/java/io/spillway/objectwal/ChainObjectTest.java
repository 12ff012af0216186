package io.spillway.objectwal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.spillway.objectwal.ChainObject.Kind;
import io.spillway.wal.Batch;
import io.spillway.wal.PayloadVerifier;
import io.spillway.wal.StreamId;
import io.spillway.wal.WalException;
import io.spillway.wal.WriterIncarnation;
import io.spillway.wal.format.FrameHeader;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Objects;
import java.util.Random;
import java.util.UUID;
import java.util.zip.CRC32C;
import org.junit.jupiter.api.Test;

/** Bytes of blocks and fences are frozen; what is not theirs is refused by name. */
class ChainObjectTest {

  private static final UUID CHAIN = new UUID(0x1111222233334444L, 0x8555666677778888L);
  private static final WriterIncarnation WRITER = new WriterIncarnation(7, CHAIN, 3);
  private static final WriterIncarnation OTHER =
      new WriterIncarnation(8, new UUID(0xAAAA_BBBBL, 0x9CCCL), 12);
  private static final StreamId STREAM = new StreamId(new UUID(5, 6), 9);

  @Test
  void blocksAndFencesAreThoseOfTheGoldenFile() throws IOException {
    List<String> golden = golden();
    assertThat(HexFormat.of().formatHex(block().array())).isEqualTo(golden.get(0));
    assertThat(HexFormat.of().formatHex(fence().array())).isEqualTo(golden.get(1));
    ByteBuffer block = ByteBuffer.wrap(HexFormat.of().parseHex(golden.get(0)));
    ChainObject header = ChainObject.read(CHAIN, 17, block);
    assertThat(header.maker()).isEqualTo(WRITER);
    assertThat(header.isFence()).isFalse();
    List<Long> positions = new ArrayList<>();
    header.forEachFrame(
        block,
        PayloadVerifier.NONE,
        (position, batch) -> {
          positions.add(position);
          assertThat(batch.stream()).isEqualTo(STREAM);
          assertThat(batch.flags()).isEqualTo(Batch.FLAG_TRANSACTIONAL);
        });
    assertThat(positions).containsExactly((17L << 32) + 128 + 80, (17L << 32) + 128 + 88 + 80);
    ChainObject read =
        ChainObject.read(CHAIN, 18, ByteBuffer.wrap(HexFormat.of().parseHex(golden.get(1))));
    assertThat(read.isFence()).isTrue();
    assertThat(read.maker()).isEqualTo(OTHER);
  }

  @Test
  void aNewerVersionIsRefusedByName() {
    ByteBuffer newer = block();
    newer.putShort(4, (short) 2);
    CRC32C crc = new CRC32C();
    crc.update(newer.slice(0, 124));
    newer.putInt(124, (int) crc.getValue());
    assertThatThrownBy(() -> ChainObject.read(CHAIN, 17, newer))
        .isInstanceOf(WalException.NewerFormat.class)
        .hasMessageContaining("wal/" + CHAIN + "/00000000000000000017")
        .hasMessageContaining("version 2");
  }

  @Test
  void anotherObjectsBytesAreRefused() {
    assertThatThrownBy(() -> ChainObject.read(CHAIN, 18, block()))
        .isInstanceOf(WalException.Corrupt.class)
        .hasMessageContaining("states number 17");
    assertThatThrownBy(() -> ChainObject.read(OTHER.walId(), 17, block()))
        .isInstanceOf(WalException.Corrupt.class);
  }

  @Test
  void anyDamageIsFoundAndNamed() {
    Random random = new Random(5);
    for (int i = 0; i < 5_000; i++) {
      ByteBuffer damaged = block();
      int at = random.nextInt(damaged.capacity());
      damaged.put(at, (byte) (damaged.get(at) ^ (1 << random.nextInt(8))));
      if (random.nextInt(10) == 0) {
        damaged.limit(random.nextInt(damaged.capacity()));
      }
      assertThatThrownBy(
              () ->
                  ChainObject.read(CHAIN, 17, damaged)
                      .forEachFrame(damaged, PayloadVerifier.NONE, (position, batch) -> {}))
          .as("byte %d of %d", at, damaged.limit())
          .isInstanceOf(WalException.class)
          .hasMessageContaining("00000000000000000017");
    }
  }

  private static ByteBuffer block() {
    byte[] payload = "12345678".getBytes(StandardCharsets.US_ASCII);
    int frame = (int) FrameHeader.frameBytes(payload.length);
    int length = ChainObject.HEADER_BYTES + 2 * frame;
    ByteBuffer bytes = ByteBuffer.allocate(length);
    for (int i = 0; i < 2; i++) {
      int at = ChainObject.HEADER_BYTES + i * frame;
      FrameHeader.write(
          bytes,
          at,
          ChainPosition.of(17, at),
          WRITER.incarnation(),
          new Batch(
              STREAM,
              100 + i,
              101 + i,
              1_700_000_000_000L,
              Batch.FLAG_TRANSACTIONAL,
              ByteBuffer.wrap(payload)),
          payload.length,
          new CRC32C());
    }
    new ChainObject(Kind.BLOCK, CHAIN, WRITER, 17, new UUID(3, 4), 2, 1_700_000_000_123L, length)
        .write(bytes, new CRC32C());
    return bytes;
  }

  private static ByteBuffer fence() {
    ByteBuffer bytes = ByteBuffer.allocate(ChainObject.HEADER_BYTES);
    new ChainObject(
            Kind.FENCE, CHAIN, OTHER, 18, new UUID(5, 6), 0, 1_700_000_000_456L, bytes.capacity())
        .write(bytes, new CRC32C());
    return bytes;
  }

  private static List<String> golden() throws IOException {
    try (InputStream file =
        Objects.requireNonNull(ChainObjectTest.class.getResourceAsStream("chain-v1.hex"))) {
      return new String(file.readAllBytes(), StandardCharsets.US_ASCII).lines().toList();
    }
  }
}
