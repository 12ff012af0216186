package io.spillway.format.v1;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.spillway.catalog.CatalogCommand.Extent;
import io.spillway.format.v1.ObjectIndex.Block;
import io.spillway.format.v1.ObjectIndex.Range;
import io.spillway.stream.StreamException;
import io.spillway.wal.StreamId;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Random;
import java.util.UUID;
import org.junit.jupiter.api.Test;

class ObjectFormatTest {

  private static final String KEY = "data/00/object";

  @SuppressWarnings("ArrayRecordComponent") // compared by what describe() makes of it
  record Written(StreamId stream, long base, long end, long maxMs, int flags, byte[] payload) {}

  @SuppressWarnings("ArrayRecordComponent") // never compared
  record Built(byte[] object, ObjectWriter.Finished finished) {
    ByteBuffer tail() {
      int at = (int) finished.indexPosition();
      return ByteBuffer.wrap(object, at, object.length - at);
    }
  }

  @Test
  void readsBackWhatWasWritten() {
    for (long seed = 0; seed < 20; seed++) {
      List<Written> batches = randomBatches(new Random(seed));
      Built built = build(batches, 1 + (int) seed * 300);

      ObjectIndex index = ObjectIndex.parse(KEY, built.finished().indexPosition(), built.tail());

      assertThat(readAll(index, built.object())).as("seed %d", seed).isEqualTo(describe(batches));
    }
  }

  @Test
  void extentsSayWhereEachStreamIs() {
    List<Written> batches = randomBatches(new Random(7));
    Built built = build(batches, 4096);
    ObjectIndex index = ObjectIndex.parse(KEY, built.finished().indexPosition(), built.tail());

    for (Extent extent : built.finished().extents()) {
      Range range = requireRange(index, extent.stream());
      assertThat(range.baseOffset()).isEqualTo(extent.baseOffset());
      assertThat(range.endOffset()).isEqualTo(extent.endOffset());
      assertThat(range.position()).isEqualTo(extent.position());
      assertThat(range.sizeBytes()).isEqualTo(extent.sizeBytes());
      assertThat(range.maxTimestampMs()).isEqualTo(extent.maxTimestampMs());
      assertThat(range.blocks().stream().mapToInt(Block::batchCount).sum())
          .isEqualTo(extent.batchCount());
    }
  }

  @Test
  void keepsOffsetsAndHolesBeyond32Bits() {
    StreamId stream = stream(1);
    List<Written> batches =
        List.of(
            new Written(stream, 5, 6, -1, 0, new byte[] {1}),
            new Written(stream, 1L << 40, (1L << 40) + 1, 10, 1, new byte[] {2}),
            new Written(
                stream, Long.MAX_VALUE - 2, Long.MAX_VALUE, Long.MAX_VALUE, 3, new byte[3]));
    Built built = build(batches, 1 << 20);

    ObjectIndex index = ObjectIndex.parse(KEY, built.finished().indexPosition(), built.tail());

    assertThat(readAll(index, built.object())).isEqualTo(describe(batches));
    BatchTable table = requireRange(index, stream).blocks().get(0).batches();
    assertThat(table.firstEndingAbove(6)).isEqualTo(1);
    assertThat(table.firstEndingAbove(1L << 40)).isEqualTo(1);
    assertThat(table.firstEndingAbove((1L << 40) + 1)).isEqualTo(2);
  }

  @Test
  void everyFlippedBitIsNoticed() {
    Built built = build(randomBatches(new Random(3)).subList(0, 5), 200);
    List<String> expected = readAll(parse(built), built.object());
    for (int bit = 0; bit < built.object().length * 8; bit++) {
      byte[] damaged = built.object().clone();
      damaged[bit / 8] ^= (byte) (1 << (bit % 8));
      Built flipped = new Built(damaged, built.finished());
      int at = bit;
      assertThatThrownBy(() -> readAll(parse(flipped), damaged))
          .as("bit %d of %d, contents %s", at, damaged.length * 8, expected.size())
          .isInstanceOf(StreamException.Corrupt.class)
          .hasMessageContaining(KEY)
          .hasMessageContaining("position");
    }
  }

  @Test
  void garbageAndTruncationAreCorrupt() {
    Random random = new Random(11);
    Built built = build(randomBatches(random), 1000);
    ByteBuffer tail = built.tail();
    for (int cut = 0; cut < tail.remaining(); cut += 7) {
      ByteBuffer shorter = tail.slice(tail.position(), cut);
      assertThatThrownBy(() -> ObjectIndex.parse(KEY, built.finished().indexPosition(), shorter))
          .isInstanceOf(StreamException.Corrupt.class);
    }
    for (int round = 0; round < 500; round++) {
      byte[] garbage = new byte[random.nextInt(300)];
      random.nextBytes(garbage);
      assertThatThrownBy(() -> ObjectIndex.parse(KEY, 0, ByteBuffer.wrap(garbage)))
          .isInstanceOf(StreamException.Corrupt.class);
    }
  }

  /** A valid CRC over a nonsensical index must not get further either. */
  @Test
  void indexThatContradictsItselfIsCorrupt() {
    Random random = new Random(5);
    Built built = build(randomBatches(random).subList(0, 20), 300);
    int indexBytes = built.tail().remaining() - ObjectLayout.FOOTER_BYTES;
    for (int round = 0; round < 3000; round++) {
      byte[] object = built.object().clone();
      int at = (int) built.finished().indexPosition();
      object[at + random.nextInt(indexBytes)] = (byte) random.nextInt();
      resealed(object, at, indexBytes, ObjectLayout.VERSION);
      try {
        readAll(ObjectIndex.parse(KEY, at, new Built(object, built.finished()).tail()), object);
      } catch (StreamException.Corrupt expected) {
        assertThat(expected).hasMessageContaining(KEY);
      }
    }
  }

  @Test
  void newerVersionIsRefusedByName() {
    Built built = build(randomBatches(new Random(2)), 1000);
    byte[] object = built.object().clone();
    int at = (int) built.finished().indexPosition();
    resealed(object, at, built.tail().remaining() - ObjectLayout.FOOTER_BYTES, 2);

    assertThatThrownBy(() -> parse(new Built(object, built.finished())))
        .isInstanceOf(StreamException.Corrupt.class)
        .hasMessageContaining("format version 2")
        .hasMessageContaining("reads version 1")
        .hasMessageContaining(KEY);
  }

  @Test
  void goldenFileStaysReadable() throws IOException {
    byte[] golden;
    try (InputStream file = ObjectFormatTest.class.getResourceAsStream("object-v1.hex")) {
      assertThat(file).as("golden file").isNotNull();
      golden = HexFormat.of().parseHex(new String(file.readAllBytes(), US_ASCII).strip());
    }
    Built built = build(goldenBatches(), 64);

    assertThat(HexFormat.of().formatHex(built.object()))
        .as("what is written today")
        .isEqualTo(HexFormat.of().formatHex(golden));
    assertThat(readAll(parse(built), golden)).isEqualTo(describe(goldenBatches()));
  }

  @Test
  void refusesBatchesOutOfOrder() {
    ObjectWriter writer = new ObjectWriter(100);
    writer.append(stream(2), 10, 20, 0, 0, ByteBuffer.allocate(1));

    assertThatThrownBy(() -> writer.append(stream(2), 19, 21, 0, 0, ByteBuffer.allocate(1)))
        .isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> writer.append(stream(1), 0, 1, 0, 0, ByteBuffer.allocate(1)))
        .isInstanceOf(IllegalArgumentException.class);
  }

  private static ObjectIndex parse(Built built) {
    return ObjectIndex.parse(KEY, built.finished().indexPosition(), built.tail());
  }

  private static Range requireRange(ObjectIndex index, StreamId stream) {
    Range range = index.range(stream);
    if (range == null) {
      throw new AssertionError("no range of " + stream);
    }
    return range;
  }

  private static void resealed(byte[] object, int indexAt, int indexBytes, int version) {
    java.util.zip.CRC32C crc = new java.util.zip.CRC32C();
    crc.update(object, indexAt, indexBytes);
    int footerAt = indexAt + indexBytes;
    ByteBuffer footer = ByteBuffer.wrap(object, footerAt, ObjectLayout.FOOTER_BYTES).slice();
    footer.putInt(12, (int) crc.getValue()).putInt(16, version);
    crc.reset();
    crc.update(object, footerAt, ObjectLayout.FOOTER_CRC_COVER_BYTES);
    footer.putInt(20, (int) crc.getValue());
  }

  private static StreamId stream(int i) {
    return new StreamId(new UUID(0x1234, i), i % 3);
  }

  private static List<Written> goldenBatches() {
    return List.of(
        new Written(stream(1), 0, 3, 1_700_000_000_000L, 0, "first batch".getBytes(US_ASCII)),
        new Written(stream(1), 3, 4, -1, 1, new byte[60]),
        new Written(stream(1), 90, 100, 1_700_000_000_500L, 3, "after a hole".getBytes(US_ASCII)),
        new Written(
            stream(2), 1L << 33, (1L << 33) + 7, 5, 2, "another stream".getBytes(US_ASCII)));
  }

  private static List<Written> randomBatches(Random random) {
    List<Written> batches = new ArrayList<>();
    for (int i = 0; i < 3; i++) {
      long next = random.nextInt(1000);
      for (int j = 0; j < 10 + random.nextInt(30); j++) {
        long base = next + (random.nextInt(10) == 0 ? random.nextInt(1000) : 0);
        next = base + 1 + random.nextInt(100);
        byte[] payload = new byte[1 + random.nextInt(400)];
        random.nextBytes(payload);
        batches.add(
            new Written(
                stream(i), base, next, random.nextInt(1000) - 1, random.nextInt(4), payload));
      }
    }
    return batches;
  }

  private static Built build(List<Written> batches, int blockBytes) {
    ObjectWriter writer = new ObjectWriter(blockBytes);
    ByteArrayOutputStream object = new ByteArrayOutputStream();
    for (Written batch : batches) {
      ByteBuffer payload = ByteBuffer.wrap(batch.payload());
      writer.append(
          batch.stream(), batch.base(), batch.end(), batch.maxMs(), batch.flags(), payload);
      object.writeBytes(batch.payload());
    }
    ObjectWriter.Finished finished = writer.finish(KEY);
    byte[] tail = new byte[finished.tail().remaining()];
    finished.tail().duplicate().get(tail);
    object.writeBytes(tail);
    assertThat(object.size()).isEqualTo(finished.objectBytes());
    return new Built(object.toByteArray(), finished);
  }

  private static List<String> describe(List<Written> batches) {
    return batches.stream()
        .map(b -> describe(b.stream(), b.base(), b.end(), b.maxMs(), b.flags(), b.payload()))
        .toList();
  }

  private static String describe(
      StreamId stream, long base, long end, long maxMs, int flags, byte[] payload) {
    return "%s [%d, %d) %d %d %s"
        .formatted(stream, base, end, maxMs, flags, HexFormat.of().formatHex(payload));
  }

  private static List<String> readAll(ObjectIndex index, byte[] object) {
    List<String> found = new ArrayList<>();
    for (Range range : index.ranges()) {
      for (Block block : range.blocks()) {
        int at = (int) block.position();
        ByteBuffer bytes = ByteBuffer.wrap(object, at, block.sizeBytes()).slice();
        block.requireIntact(bytes);
        BatchTable batches = block.batches();
        for (int i = 0; i < batches.count(); i++) {
          byte[] payload = new byte[batches.sizeBytes(i)];
          bytes.get(batches.position(i), payload);
          found.add(
              describe(
                  range.stream(),
                  batches.baseOffset(i),
                  batches.endOffset(i),
                  batches.maxTimestampMs(i),
                  batches.flags(i),
                  payload));
        }
      }
    }
    return found;
  }
}
