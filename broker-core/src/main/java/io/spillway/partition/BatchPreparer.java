package io.spillway.partition;

import io.spillway.metadata.TopicConfig;
import io.spillway.partition.ProduceCallback.RecordError;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import org.apache.kafka.common.InvalidRecordException;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.compress.Compression;
import org.apache.kafka.common.errors.CorruptRecordException;
import org.apache.kafka.common.protocol.Errors;
import org.apache.kafka.common.record.TimestampType;
import org.apache.kafka.common.record.internal.CompressionType;
import org.apache.kafka.common.record.internal.DefaultRecordBatch;
import org.apache.kafka.common.record.internal.MemoryRecords;
import org.apache.kafka.common.record.internal.MemoryRecordsBuilder;
import org.apache.kafka.common.record.internal.Record;
import org.apache.kafka.common.record.internal.RecordBatch;
import org.apache.kafka.common.utils.internals.BufferSupplier;
import org.apache.kafka.common.utils.internals.ByteBufferOutputStream;
import org.apache.kafka.common.utils.internals.CloseableIterator;
import org.jspecify.annotations.Nullable;

/**
 * Validates a client's batch before it is given offsets, outside the partition's lock. By default
 * the header only; the body is read where the topic demands it: compacted topics need keys, a bound
 * on how old a record may be, another codec than the producer's, or {@code
 * broker.validate.records}; and where the header's timestamps contradict each other. Error codes
 * and their order are those of Apache Kafka 4.4's broker.
 */
final class BatchPreparer {

  /** What a batch that must be rewritten may decompress to; more is refused, not tried. */
  private static final long MAX_UNCOMPRESSED_BYTES = 256L << 20;

  private static final int SHOWN_RECORD_ERRORS = 3;
  private static final short FIRST_VERSION_WITH_ZSTD = 7;

  private final boolean validateRecords;

  BatchPreparer(boolean validateRecords) {
    this.validateRecords = validateRecords;
  }

  /**
   * The header checks.
   *
   * @param records what the request holds for the partition
   * @param version of the produce request
   * @return a view of exactly one batch
   * @throws BatchRefusedException when it is not acceptable
   */
  ByteBuffer requireValidHeader(@Nullable ByteBuffer records, short version, TopicConfig config) {
    ByteBuffer batch = requireOneBatch(records, version);
    if (BatchHeader.codec(batch) == CompressionType.ZSTD.id && version < FIRST_VERSION_WITH_ZSTD) {
      throw new BatchRefusedException(
          Errors.UNSUPPORTED_COMPRESSION_TYPE,
          "Produce requests with version "
              + version
              + " are not allowed to use ZStandard compression");
    }
    if (BatchHeader.codec(batch) > CompressionType.ZSTD.id) {
      throw new BatchRefusedException(
          Errors.UNSUPPORTED_COMPRESSION_TYPE,
          "Unknown compression type id: " + BatchHeader.codec(batch));
    }
    if (BatchHeader.baseOffset(batch) != 0) {
      throw invalid(
          "The baseOffset of the record batch should be 0, but it is "
              + BatchHeader.baseOffset(batch));
    }
    requireFits(batch, config);
    if (!BatchHeader.isCrcValid(batch)) {
      throw corrupt("Record batch is corrupt: its CRC32C does not match its bytes");
    }
    requireConsistentHeader(batch);
    return batch;
  }

  private static ByteBuffer requireOneBatch(@Nullable ByteBuffer records, short version) {
    String prefix = "Produce requests with version " + version + " ";
    String none = prefix + "must have at least one record batch per partition";
    if (records == null || records.remaining() < BatchHeader.LOG_OVERHEAD_BYTES) {
      throw invalid(none);
    }
    int length = BatchHeader.length(records);
    if (length < BatchHeader.MIN_LENGTH) {
      throw corrupt(
          "Record size %d is less than the minimum record overhead (%d)"
              .formatted(length, BatchHeader.MIN_LENGTH));
    }
    int remaining = records.remaining() - BatchHeader.LOG_OVERHEAD_BYTES;
    if (length > remaining) {
      throw invalid(none);
    }
    if (BatchHeader.magic(records) != RecordBatch.MAGIC_VALUE_V2) {
      throw invalid(prefix + "are only allowed to contain record batches with magic version 2");
    }
    if (BatchHeader.sizeBytes(records) < BatchHeader.SIZE_BYTES) {
      throw corrupt(
          "Record batch is corrupt: its size "
              + BatchHeader.sizeBytes(records)
              + " is smaller than a batch's header");
    }
    if (remaining - length >= BatchHeader.LOG_OVERHEAD_BYTES + BatchHeader.MIN_LENGTH) {
      throw invalid(prefix + "are only allowed to contain exactly one record batch per partition");
    }
    ByteBuffer batch = records.duplicate();
    batch.limit(batch.position() + BatchHeader.LOG_OVERHEAD_BYTES + length);
    return batch;
  }

  private static void requireFits(ByteBuffer batch, TopicConfig config) {
    if (batch.remaining() > config.maxMessageBytes()) {
      throw new BatchRefusedException(
          Errors.MESSAGE_TOO_LARGE,
          "The record batch size is %d bytes, which exceeds the maximum configured value of %d"
              .formatted(batch.remaining(), config.maxMessageBytes()));
    }
  }

  private static void requireConsistentHeader(ByteBuffer batch) {
    int lastOffsetDelta = BatchHeader.lastOffsetDelta(batch);
    int count = BatchHeader.recordCount(batch);
    if (lastOffsetDelta < 0) {
      throw invalid("Batch has an invalid offset range: [0, " + lastOffsetDelta + "]");
    }
    if (count <= 0) {
      throw invalid("Invalid reported count for record batch: " + count);
    }
    if (count != lastOffsetDelta + 1L) {
      throw invalid(
          "Inconsistent batch offset range [0, %d] and count of records %d"
              .formatted(lastOffsetDelta, count));
    }
    if (BatchHeader.isControl(batch)) {
      throw invalid("Clients are not allowed to write control records");
    }
    if (BatchHeader.producerId(batch) >= 0 && BatchHeader.baseSequence(batch) < 0) {
      throw invalid(
          "Invalid sequence number %d in record batch with producerId %d"
              .formatted(BatchHeader.baseSequence(batch), BatchHeader.producerId(batch)));
    }
    if (BatchHeader.isLogAppendTime(batch)) {
      throw new BatchRefusedException(
          Errors.INVALID_TIMESTAMP,
          "Invalid timestamp type: a producer should not set the timestamp type to LogAppendTime");
    }
  }

  /** Whether {@link #finish} reads the body: compressed, that is work for another thread. */
  boolean needsBody(ByteBuffer batch, TopicConfig config, long nowMs) {
    return validateRecords
        || config.compacts()
        || needsRewrite(batch, config)
        || hasSuspectTimestamps(batch, config, nowMs);
  }

  static boolean isCompressed(ByteBuffer batch) {
    return BatchHeader.codec(batch) != CompressionType.NONE.id;
  }

  /** Whether the codec must change. */
  static boolean needsRewrite(ByteBuffer batch, TopicConfig config) {
    CompressionType target = targetCodec(config);
    return target != null && target.id != BatchHeader.codec(batch);
  }

  /** The rest of the checks, and the stamping and rewriting that the topic wants. */
  PreparedBatch finish(ByteBuffer batch, TopicConfig config, long nowMs) {
    if (needsBody(batch, config, nowMs)) {
      long maxTimestampMs = requireValidBody(batch, config, nowMs);
      if (maxTimestampMs != BatchHeader.maxTimestamp(batch)) {
        BatchHeader.setMaxTimestamp(batch, maxTimestampMs);
      }
    }
    boolean stamped = config.timestampType() == TimestampType.LOG_APPEND_TIME;
    long logAppendTimeMs = stamped ? nowMs : PreparedBatch.NO_TIMESTAMP;
    if (needsRewrite(batch, config)) {
      ByteBuffer rewritten = rewrite(batch, config, nowMs);
      requireFits(rewritten, config);
      return PreparedBatch.of(rewritten, logAppendTimeMs);
    }
    if (stamped) {
      BatchHeader.stampLogAppendTime(batch, nowMs);
    }
    return PreparedBatch.of(batch, logAppendTimeMs);
  }

  /** Whether only the records can tell their times: what the header says is no or no likely one. */
  private static boolean hasSuspectTimestamps(ByteBuffer batch, TopicConfig config, long nowMs) {
    if (config.timestampType() != TimestampType.CREATE_TIME) {
      return false;
    }
    long maxTimestampMs = BatchHeader.maxTimestamp(batch);
    return config.timestampBeforeMaxMs() != Long.MAX_VALUE
        || maxTimestampMs < 0
        || maxTimestampMs < BatchHeader.baseTimestamp(batch)
        || (maxTimestampMs >= 0 && maxTimestampMs - nowMs > config.timestampAfterMaxMs());
  }

  /** The largest timestamp of its records. */
  private long requireValidBody(ByteBuffer batch, TopicConfig config, long nowMs) {
    List<RecordError> errors = new ArrayList<>(0);
    boolean anyTimestampError = false;
    long uncompressedBytes = 0;
    long maxTimestampMs = RecordBatch.NO_TIMESTAMP;
    int index = 0;
    try (CloseableIterator<Record> records =
        batchOf(batch).skipKeyValueIterator(BufferSupplier.NO_CACHING)) {
      while (records.hasNext()) {
        Record record = records.next();
        uncompressedBytes += record.sizeInBytes();
        if (uncompressedBytes > MAX_UNCOMPRESSED_BYTES) {
          throw new BatchRefusedException(
              Errors.MESSAGE_TOO_LARGE,
              "The record batch holds more than " + MAX_UNCOMPRESSED_BYTES + " uncompressed bytes");
        }
        maxTimestampMs = Math.max(maxTimestampMs, record.timestamp());
        if (validateRecords && record.offset() != index) {
          throw invalid(
              "Record %d of the batch has offset %d, expected %d"
                  .formatted(index, record.offset(), index));
        }
        if (config.compacts() && !record.hasKey()) {
          errors.add(new RecordError(index, "Compacted topic cannot accept message without key"));
        } else if (isOutOfRange(record.timestamp(), config, nowMs)) {
          anyTimestampError = true;
          errors.add(new RecordError(index, outOfRange(record, config, nowMs)));
        }
        index++;
      }
    } catch (InvalidRecordException e) {
      throw invalid(String.valueOf(e.getMessage()));
    } catch (CorruptRecordException e) {
      throw corrupt(String.valueOf(e.getMessage()));
    } catch (KafkaException | IllegalArgumentException e) {
      throw corrupt("Record batch is corrupt: " + e.getMessage());
    }
    if (!errors.isEmpty()) {
      throw refusal(errors, anyTimestampError);
    }
    return maxTimestampMs;
  }

  private static BatchRefusedException refusal(List<RecordError> errors, boolean anyTimestamp) {
    if (anyTimestamp) {
      return new BatchRefusedException(
          Errors.INVALID_TIMESTAMP,
          "One or more records have been rejected due to invalid timestamp",
          errors);
    }
    return new BatchRefusedException(
        Errors.INVALID_RECORD,
        "One or more records have been rejected due to %d record errors in total, and only showing the first three errors at most: %s"
            .formatted(
                errors.size(), errors.subList(0, Math.min(errors.size(), SHOWN_RECORD_ERRORS))),
        errors);
  }

  private static boolean isOutOfRange(long timestampMs, TopicConfig config, long nowMs) {
    if (config.timestampType() != TimestampType.CREATE_TIME
        || timestampMs == RecordBatch.NO_TIMESTAMP) {
      return false;
    }
    long ageMs = nowMs - timestampMs;
    return ageMs > config.timestampBeforeMaxMs() || -ageMs > config.timestampAfterMaxMs();
  }

  private static String outOfRange(Record record, TopicConfig config, long nowMs) {
    return "Timestamp %d of message with offset %d is out of range. The timestamp should be within [%d, %d]"
        .formatted(
            record.timestamp(),
            record.offset(),
            nowMs - config.timestampBeforeMaxMs(),
            nowMs + config.timestampAfterMaxMs());
  }

  private static ByteBuffer rewrite(ByteBuffer batch, TopicConfig config, long nowMs) {
    int writeLimit = Math.max(batch.remaining(), BatchHeader.SIZE_BYTES) * 2;
    try (MemoryRecordsBuilder builder =
            new MemoryRecordsBuilder(
                new ByteBufferOutputStream(writeLimit),
                RecordBatch.MAGIC_VALUE_V2,
                compression(config),
                config.timestampType(),
                0L,
                nowMs,
                BatchHeader.producerId(batch),
                BatchHeader.producerEpoch(batch),
                BatchHeader.baseSequence(batch),
                BatchHeader.isTransactional(batch),
                false,
                RecordBatch.NO_PARTITION_LEADER_EPOCH,
                writeLimit);
        CloseableIterator<Record> records =
            batchOf(batch).streamingIterator(BufferSupplier.NO_CACHING)) {
      for (long offset = 0; records.hasNext(); offset++) {
        builder.appendWithOffset(offset, records.next());
      }
      return builder.build().buffer();
    } catch (InvalidRecordException e) {
      throw invalid(String.valueOf(e.getMessage()));
    } catch (KafkaException | IllegalArgumentException e) {
      throw corrupt("Record batch is corrupt: " + e.getMessage());
    }
  }

  private static @Nullable CompressionType targetCodec(TopicConfig config) {
    return switch (config.compressionType()) {
      case "producer" -> null;
      case "uncompressed" -> CompressionType.NONE;
      default -> CompressionType.forName(config.compressionType());
    };
  }

  private static Compression compression(TopicConfig config) {
    return switch (config.compressionType()) {
      case "gzip" -> Compression.gzip().level(config.gzipLevel()).build();
      case "lz4" -> Compression.lz4().level(config.lz4Level()).build();
      case "zstd" -> Compression.zstd().level(config.zstdLevel()).build();
      case "snappy" -> Compression.snappy().build();
      default -> Compression.NONE;
    };
  }

  private static DefaultRecordBatch batchOf(ByteBuffer batch) {
    Iterator<? extends RecordBatch> batches =
        MemoryRecords.readableRecords(batch.duplicate()).batches().iterator();
    return (DefaultRecordBatch) batches.next();
  }

  private static BatchRefusedException invalid(String message) {
    return new BatchRefusedException(Errors.INVALID_RECORD, message);
  }

  private static BatchRefusedException corrupt(String message) {
    return new BatchRefusedException(Errors.CORRUPT_MESSAGE, message);
  }
}
