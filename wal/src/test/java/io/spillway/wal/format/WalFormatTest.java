package io.spillway.wal.format;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.spillway.wal.Batch;
import io.spillway.wal.PayloadVerifier;
import io.spillway.wal.StreamId;
import io.spillway.wal.WalException;
import io.spillway.wal.device.ReadableFile;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.zip.CRC32C;
import org.junit.jupiter.api.Test;

/** The format of version 1, against a file that a build of version 1 wrote. */
class WalFormatTest {

  private static final String GOLDEN = "wal-v1.bin";
  private static final UUID WAL_ID = new UUID(0x1122334455667788L, 0x99AABBCCDDEEFF00L);
  private static final StreamId STREAM = new StreamId(new UUID(1, 2), 3);
  private static final int PAGE = 4096;

  @Test
  void writesTheGoldenBytes_P26() throws IOException {
    assertThat(written()).isEqualTo(golden());
  }

  @Test
  void readsTheGoldenFile() throws IOException {
    BlockScanner scanner = scanner(golden());
    List<Batch> batches = new ArrayList<>();
    List<Long> positions = new ArrayList<>();
    List<BlockHeader> headers = new ArrayList<>();
    while (scanner.next()) {
      headers.add(scanner.header());
      scanner.forEachFrame(
          (position, batch) -> {
            positions.add(position);
            assertThat(text(batch.payload())).startsWith("payload");
            batches.add(batch);
          });
    }
    assertThat(headers).isEqualTo(headers());
    assertThat(batches).hasSize(2);
    assertThat(positions).containsExactly((long) PAGE + 128 + 80, PAGE + 128 + 80 + 16L + 80);
    Batch second = batches.get(1);
    assertThat(second.stream()).isEqualTo(STREAM);
    assertThat(second.baseOffset()).isEqualTo(1L << 40);
    assertThat(second.endOffset()).isEqualTo((1L << 40) + 7);
    assertThat(second.maxTimestampMs()).isEqualTo(-1);
    assertThat(second.flags()).isEqualTo(Batch.FLAG_CONTROL);
    assertThat(scanner.endPosition()).isEqualTo(2 * PAGE);
    assertThat(scanner.findDamage()).isEmpty();
  }

  @Test
  void aNewerVersionIsRefusedByName() throws IOException {
    byte[] bytes = golden();
    ByteBuffer second = ByteBuffer.wrap(bytes, PAGE, PAGE).slice();
    second.putShort(4, (short) 2);
    CRC32C crc = new CRC32C();
    crc.update(second.slice(0, 124));
    second.putInt(124, (int) crc.getValue());
    BlockScanner scanner = scanner(bytes);
    assertThat(scanner.next()).isTrue();
    assertThatThrownBy(scanner::next)
        .isInstanceOf(WalException.NewerFormat.class)
        .hasMessageContaining("version 2")
        .hasMessageContaining("up to 1")
        .hasMessageContaining("at byte 4096");
  }

  @Test
  void aBlockInAPayloadIsNoBlock() throws IOException {
    byte[] bytes = new byte[4 * PAGE];
    System.arraycopy(golden(), 0, bytes, 0, 2 * PAGE);
    System.arraycopy(golden(), 0, bytes, 2 * PAGE, 2 * PAGE);
    BlockScanner scanner = scanner(bytes);
    while (scanner.next()) {
      assertThat(scanner.header().position()).isLessThan(2 * PAGE);
    }
    assertThat(scanner.endPosition()).isEqualTo(2 * PAGE);
    assertThat(scanner.findDamage()).isEmpty();
  }

  @Test
  void namesSortAsPositionsDo() {
    assertThat(ScannedSegment.nameOf(67108864)).isEqualTo("00000000000067108864.wal");
    assertThat(ScannedSegment.baseOf("00000000000067108864.wal")).hasValue(67108864);
    for (String other :
        List.of(
            "wal.lock", "67108864.wal", "000000000000671o8864.wal", "-0000000000000000001.wal")) {
      assertThat(ScannedSegment.baseOf(other)).as(other).isEmpty();
    }
  }

  private static List<BlockHeader> headers() {
    return List.of(
        new BlockHeader(1, 7, 0, WAL_ID, 5, 0, 0, 0, 0, 1_700_000_000_000L, PAGE, 128),
        new BlockHeader(
            0, 7, 2, WAL_ID, 5, PAGE, PAGE, PAGE, 17, 1_700_000_000_001L, PAGE, 128 + 96 + 104));
  }

  /** What this build writes for the golden content. */
  static byte[] written() {
    ByteBuffer file = ByteBuffer.allocate(2 * PAGE);
    CRC32C crc = new CRC32C();
    headers().get(0).write(file.slice(0, PAGE), crc);
    ByteBuffer block = file.slice(PAGE, PAGE);
    Batch first = new Batch(STREAM, 0, 3, 12345, Batch.FLAG_TRANSACTIONAL, payload("payload 1"));
    Batch second =
        new Batch(
            STREAM,
            1L << 40,
            (1L << 40) + 7,
            -1,
            Batch.FLAG_CONTROL,
            payload("payload 2, a bit longer"));
    FrameHeader.write(block, 128, PAGE + 128, 5, first, first.sizeBytes(), crc);
    int at = 128 + (int) FrameHeader.frameBytes(first.sizeBytes());
    FrameHeader.write(block, at, PAGE + at, 5, second, second.sizeBytes(), crc);
    headers().get(1).write(block, crc);
    return file.array();
  }

  private static ByteBuffer payload(String text) {
    return ByteBuffer.wrap(text.getBytes(StandardCharsets.US_ASCII));
  }

  private static String text(ByteBuffer payload) {
    return StandardCharsets.US_ASCII.decode(payload.duplicate()).toString();
  }

  private static BlockScanner scanner(byte[] bytes) {
    return new BlockScanner(
        List.of(new ScannedSegment(0, new BytesFile(bytes))),
        WAL_ID,
        PayloadVerifier.NONE,
        new BlockWindow(false));
  }

  private static byte[] golden() throws IOException {
    try (InputStream in = WalFormatTest.class.getResourceAsStream(GOLDEN)) {
      if (in == null) {
        throw new IOException("no resource " + GOLDEN);
      }
      return in.readAllBytes();
    }
  }

  private static final class BytesFile implements ReadableFile {
    private final byte[] bytes;

    BytesFile(byte[] bytes) {
      this.bytes = bytes;
    }

    @Override
    public String name() {
      return ScannedSegment.nameOf(0);
    }

    @Override
    public long sizeBytes() {
      return bytes.length;
    }

    @Override
    public void read(long offset, ByteBuffer target) {
      target.put(bytes, (int) offset, target.remaining());
    }
  }
}
