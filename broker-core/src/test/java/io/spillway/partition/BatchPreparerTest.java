package io.spillway.partition;

import static io.spillway.partition.TestBatches.NOW_MS;
import static io.spillway.partition.TestBatches.at;
import static io.spillway.partition.TestBatches.plain;
import static org.assertj.core.api.Assertions.assertThat;

import io.spillway.partition.Partitions.Answer;
import io.spillway.partition.ProduceCallback.RecordError;
import io.spillway.wal.Batch;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.UnaryOperator;
import org.apache.kafka.common.compress.Compression;
import org.apache.kafka.common.protocol.Errors;
import org.apache.kafka.common.record.internal.CompressionType;
import org.apache.kafka.common.record.internal.MemoryRecords;
import org.apache.kafka.common.record.internal.Record;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

class BatchPreparerTest {

  private final Partitions partitions = Partitions.open();

  @Test
  void whatKafkaRefusesChangesNothingAndGetsKafkasError_G6() {
    record Case(String name, UnaryOperator<ByteBuffer> damage, Errors expected) {}
    List<Case> cases =
        List.of(
            new Case(
                "a flipped bit", b -> b.put(70, (byte) (b.get(70) ^ 1)), Errors.CORRUPT_MESSAGE),
            new Case("magic 1", b -> b.put(16, (byte) 1), Errors.INVALID_RECORD),
            new Case("magic 0", b -> b.put(16, (byte) 0), Errors.INVALID_RECORD),
            new Case("cut short", b -> b.limit(b.limit() - 1), Errors.INVALID_RECORD),
            new Case("nothing", b -> b.limit(0), Errors.INVALID_RECORD),
            new Case("a tiny length", b -> b.putInt(8, 3), Errors.CORRUPT_MESSAGE),
            new Case("a length below a header", b -> b.putInt(8, 20), Errors.CORRUPT_MESSAGE),
            new Case("a negative length", b -> b.putInt(8, -5), Errors.CORRUPT_MESSAGE),
            new Case("a giant length", b -> b.putInt(8, Integer.MAX_VALUE), Errors.INVALID_RECORD),
            new Case("two batches", b -> twice(b), Errors.INVALID_RECORD),
            new Case("a base offset", b -> b.putLong(0, 5), Errors.INVALID_RECORD),
            new Case("a wrong count", b -> sealed(b.putInt(57, 7)), Errors.INVALID_RECORD),
            new Case("no records", b -> sealed(b.putInt(57, 0)), Errors.INVALID_RECORD),
            new Case("a wrong range", b -> sealed(b.putInt(23, -1)), Errors.INVALID_RECORD),
            new Case(
                "a control batch",
                b -> sealed(b.putShort(21, (short) 0x20)),
                Errors.INVALID_RECORD),
            new Case("no sequence", b -> sealed(b.putLong(43, 9)), Errors.INVALID_RECORD),
            new Case(
                "LogAppendTime", b -> sealed(b.putShort(21, (short) 8)), Errors.INVALID_TIMESTAMP),
            new Case(
                "an unknown codec",
                b -> sealed(b.putShort(21, (short) 6)),
                Errors.UNSUPPORTED_COMPRESSION_TYPE));
    for (Case each : cases) {
      Answer answer = partitions.append(each.damage.apply(plain("a", "b")));
      assertThat(answer.error).as(each.name).isEqualTo(each.expected);
      assertThat(answer.told).as(each.name).hasSize(1);
    }
    assertThat(partitions.append(TestBatches.transactional(9, 0, 0, "a")).error)
        .isEqualTo(Errors.TRANSACTIONAL_ID_AUTHORIZATION_FAILED);
    assertThat(partitions.partition().logEndOffset()).isZero();
    assertThat(partitions.store.pendingAppends()).isZero();
    assertThat(partitions.store.openReservations).isZero();
  }

  @Test
  void zstdNeedsProduceVersionSeven() {
    Answer answer = new Answer();
    ByteBuffer zstd = TestBatches.compressed(Compression.zstd().build(), "a");
    partitions.partition().append(new ProduceBatch(zstd, (short) 6, null, "client", 1, answer));
    assertThat(answer.error).isEqualTo(Errors.UNSUPPORTED_COMPRESSION_TYPE);
  }

  @Test
  void batchesAboveTheTopicsLimitAreTooLarge() {
    config("max.message.bytes", "100");
    assertThat(partitions.append(plain("x".repeat(100))).error).isEqualTo(Errors.MESSAGE_TOO_LARGE);
    assertThat(partitions.appendDurably(plain("x")).error).isEqualTo(Errors.NONE);
  }

  @Test
  void compactedTopicsNeedKeysAndNameTheRecordsWithout() {
    config("cleanup.policy", "compact");
    for (Compression compression :
        List.of(Compression.NONE, Compression.gzip().build(), Compression.lz4().build())) {
      Answer answer = partitions.appendDurably(TestBatches.withoutKeys(compression, "a", "b"));
      assertThat(answer.error).isEqualTo(Errors.INVALID_RECORD);
      assertThat(answer.recordErrors)
          .containsExactly(
              new RecordError(0, "Compacted topic cannot accept message without key"),
              new RecordError(1, "Compacted topic cannot accept message without key"));
      assertThat(partitions.appendDurably(TestBatches.compressed(compression, "a")).error)
          .isEqualTo(Errors.NONE);
    }
  }

  @Test
  void timestampsOutOfBoundsAreRefusedRecordByRecord() {
    config("message.timestamp.before.max.ms", "1000", "message.timestamp.after.max.ms", "2000");
    assertThat(partitions.appendDurably(at(NOW_MS - 1000, "a")).error).isEqualTo(Errors.NONE);
    assertThat(partitions.appendDurably(at(NOW_MS + 2000, "a")).error).isEqualTo(Errors.NONE);
    Answer old = partitions.appendDurably(at(NOW_MS - 1001, "a", "b"));
    assertThat(old.error).isEqualTo(Errors.INVALID_TIMESTAMP);
    assertThat(old.recordErrors).extracting(RecordError::batchIndex).containsExactly(0);
    Answer early = partitions.appendDurably(at(NOW_MS + 2000, "a", "b"));
    assertThat(early.recordErrors).extracting(RecordError::batchIndex).containsExactly(1);
  }

  @Test
  void byDefaultATimestampMoreThanAnHourAheadIsRefusedAndAnOldOneIsNot() {
    assertThat(partitions.appendDurably(at(0, "a")).error).isEqualTo(Errors.NONE);
    assertThat(partitions.appendDurably(at(NOW_MS + 3_600_001, "a")).error)
        .isEqualTo(Errors.INVALID_TIMESTAMP);
  }

  @Test
  void aLargestTimestampThatCannotBeIsCorrectedFromTheRecords() {
    record Case(String name, Compression compression, long saidMs) {}
    List<Case> cases =
        List.of(
            new Case("none", Compression.NONE, -1),
            new Case("none, compressed", Compression.gzip().build(), -1),
            new Case("no time at all", Compression.NONE, -7),
            new Case("below the first record's", Compression.NONE, NOW_MS - 1),
            new Case("too far ahead, unlike the records", Compression.NONE, NOW_MS + 3_600_002));
    for (Case each : cases) {
      Partitions fresh = Partitions.open();
      ByteBuffer sent = TestBatches.compressed(each.compression, "a", "b");
      BatchHeader.setMaxTimestamp(sent, each.saidMs);
      assertThat(fresh.appendDurably(sent).error).as(each.name).isEqualTo(Errors.NONE);
      Batch stored = fresh.stream().batches.get(0);
      assertThat(stored.maxTimestampMs()).as(each.name).isEqualTo(NOW_MS + 1);
      assertThat(BatchHeader.maxTimestamp(stored.payload())).as(each.name).isEqualTo(NOW_MS + 1);
      assertThat(BatchHeader.isCrcValid(stored.payload())).as(each.name).isTrue();
    }
  }

  @Test
  void aHeaderWithoutTimestampHidesNoRecordThatIsTooEarlyForItsTime() {
    ByteBuffer hiding = at(NOW_MS + 3_600_001, "a");
    BatchHeader.setMaxTimestamp(hiding, -1);
    Answer refused = partitions.appendDurably(hiding);
    assertThat(refused.error).isEqualTo(Errors.INVALID_TIMESTAMP);
    assertThat(refused.recordErrors).extracting(RecordError::batchIndex).containsExactly(0);
    assertThat(partitions.appendDurably(at(-1, "untimed")).error).isEqualTo(Errors.NONE);
    assertThat(partitions.stream().batches.get(0).maxTimestampMs()).isEqualTo(-1);
  }

  @Test
  void logAppendTimeIsStampedAndTheCrcMadeAnew() {
    config("message.timestamp.type", "LogAppendTime");
    Answer answer = partitions.appendDurably(at(5, "a"));
    assertThat(answer.told).containsExactly("appended at 0 time " + NOW_MS);
    ByteBuffer stored = partitions.stream().batches.get(0).payload();
    assertThat(BatchHeader.isLogAppendTime(stored)).isTrue();
    assertThat(BatchHeader.maxTimestamp(stored)).isEqualTo(NOW_MS);
    assertThat(BatchHeader.isCrcValid(stored)).isTrue();
  }

  @Test
  void theTopicsCodecReplacesTheProducersOffTheCallersThread() {
    for (String codec : List.of("gzip", "snappy", "lz4", "zstd", "uncompressed")) {
      Partitions fresh = Partitions.open();
      fresh.configs.put("topic", Map.of("compression.type", codec));
      ByteBuffer sent =
          codec.equals("uncompressed")
              ? TestBatches.compressed(Compression.gzip().build(), "a", "b")
              : TestBatches.idempotent(3, 1, 4, "a", "b");
      Answer answer = fresh.append(sent);
      assertThat(fresh.store.pendingAppends()).as("not in the call").isZero();
      Answer next = fresh.append(TestBatches.plain("c"));
      fresh.run();
      fresh.store.makeAllDurable();
      assertThat(answer.told).containsExactly("appended at 0 time -1");
      assertThat(next.told).as("order is kept").containsExactly("appended at 2 time -1");
      ByteBuffer stored = fresh.stream().batches.get(0).payload();
      CompressionType expected =
          codec.equals("uncompressed") ? CompressionType.NONE : CompressionType.forName(codec);
      assertThat(BatchHeader.codec(stored)).isEqualTo((int) expected.id);
      assertThat(BatchHeader.isCrcValid(stored)).isTrue();
      assertThat(BatchHeader.producerId(stored)).isEqualTo(BatchHeader.producerId(sent));
      assertThat(BatchHeader.baseSequence(stored)).isEqualTo(BatchHeader.baseSequence(sent));
      assertThat(valuesOf(stored)).containsExactly("a", "b");
    }
  }

  @Test
  void aBodyThatIsNoRecordsIsFoundOnlyWhenItIsRead() {
    assertThat(partitions.appendDurably(garbledBody()).error).isEqualTo(Errors.NONE);
    PartitionSettings strict = new PartitionSettings(true, 1000, 1 << 20, 1000, 1);
    Partitions careful = new Partitions(new FakeStore(), strict);
    careful.apply(careful.metadata.topic("topic", Partitions.ID, 1));
    assertThat(careful.appendDurably(garbledBody()).error)
        .isIn(Errors.INVALID_RECORD, Errors.CORRUPT_MESSAGE);
    ByteBuffer lying = plain("a", "b");
    sealed(lying.putLong(35, NOW_MS + 500));
    assertThat(careful.appendDurably(lying).error).isEqualTo(Errors.NONE);
    assertThat(BatchHeader.maxTimestamp(careful.stream().batches.get(0).payload()))
        .isEqualTo(NOW_MS + 1);
  }

  private static ByteBuffer garbledBody() {
    ByteBuffer batch = plain("a", "b");
    for (int i = BatchHeader.SIZE_BYTES; i < batch.limit(); i++) {
      batch.put(i, (byte) 0xff);
    }
    return sealed(batch);
  }

  private static List<String> valuesOf(ByteBuffer batch) {
    List<String> values = new ArrayList<>();
    for (Record record : MemoryRecords.readableRecords(batch.duplicate()).records()) {
      @Nullable ByteBuffer value = record.value();
      values.add(
          value == null
              ? "null"
              : java.nio.charset.StandardCharsets.UTF_8.decode(value).toString());
    }
    return values;
  }

  /** Makes the CRC fit again. */
  private static ByteBuffer sealed(ByteBuffer batch) {
    BatchHeader.setMaxTimestamp(batch, BatchHeader.maxTimestamp(batch));
    return batch;
  }

  private static ByteBuffer twice(ByteBuffer batch) {
    return ByteBuffer.allocate(batch.remaining() * 2)
        .put(batch.duplicate())
        .put(batch.duplicate())
        .flip();
  }

  private void config(String... namesAndValues) {
    Map<String, String> settings = new java.util.HashMap<>();
    for (int i = 0; i < namesAndValues.length; i += 2) {
      settings.put(namesAndValues[i], namesAndValues[i + 1]);
    }
    partitions.configs.put("topic", settings);
  }
}
