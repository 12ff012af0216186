package io.spillway.kafka.controller;

import io.spillway.sharedlog.SharedLogException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Optional;
import org.apache.kafka.common.record.internal.MemoryRecords;
import org.apache.kafka.common.record.internal.Records;
import org.apache.kafka.common.record.internal.UnalignedMemoryRecords;
import org.apache.kafka.common.record.internal.UnalignedRecords;
import org.apache.kafka.common.utils.internals.BufferSupplier;
import org.apache.kafka.common.utils.internals.LogContext;
import org.apache.kafka.image.MetadataImage;
import org.apache.kafka.image.writer.ImageWriterOptions;
import org.apache.kafka.image.writer.RaftSnapshotWriter;
import org.apache.kafka.metadata.MetadataRecordSerde;
import org.apache.kafka.raft.Batch;
import org.apache.kafka.server.common.ApiMessageAndVersion;
import org.apache.kafka.server.common.KRaftVersion;
import org.apache.kafka.server.common.OffsetAndEpoch;
import org.apache.kafka.snapshot.RawSnapshotReader;
import org.apache.kafka.snapshot.RawSnapshotWriter;
import org.apache.kafka.snapshot.RecordsSnapshotReader;
import org.apache.kafka.snapshot.RecordsSnapshotWriter;
import org.apache.kafka.snapshot.SnapshotReader;

/** Images to Kafka's snapshot format and back, in memory: a checkpoint is one object. */
public final class SnapshotCodec {

  private static final int MAX_BATCH_BYTES = 8 * 1024 * 1024;
  private static final int RECORDS_PER_BATCH = 1024;

  private SnapshotCodec() {}

  /** The image's records, between a header and a footer. */
  public static List<ByteBuffer> encode(MetadataImage image, ClockTime time) {
    Collecting out = new Collecting(image.provenance().snapshotId());
    RaftSnapshotWriter writer =
        new RaftSnapshotWriter(
            new RecordsSnapshotWriter.Builder()
                .setTime(time)
                .setLastContainedLogTimestamp(image.provenance().lastContainedLogTimeMs())
                .setMaxBatchSizeBytes(MAX_BATCH_BYTES)
                .setKraftVersion(KRaftVersion.KRAFT_VERSION_0)
                .setRawSnapshotWriter(out)
                .build(MetadataRecordSerde.INSTANCE),
            RECORDS_PER_BATCH);
    image.write(writer, new ImageWriterOptions.Builder(image).build());
    writer.close(true);
    return out.buffers;
  }

  /** Reads a snapshot once; every listener gets a reader of its own over the result. */
  static Decoded decode(ByteBuffer snapshot, long endOffset, int epoch) {
    OffsetAndEpoch id = new OffsetAndEpoch(endOffset, epoch);
    List<Batch<ApiMessageAndVersion>> batches = new ArrayList<>();
    try (RecordsSnapshotReader<ApiMessageAndVersion> reader =
        RecordsSnapshotReader.of(
            new InMemory(id, snapshot),
            MetadataRecordSerde.INSTANCE,
            BufferSupplier.NO_CACHING,
            MetadataLogFormat.MAX_BATCH_BYTES,
            true,
            new LogContext())) {
      long timestampMs = reader.lastContainedLogTimestamp();
      while (reader.hasNext()) {
        batches.add(reader.next());
      }
      return new Decoded(id, timestampMs, batches);
    } catch (RuntimeException e) {
      SharedLogException.Corrupt corrupt =
          new SharedLogException.Corrupt("metadata checkpoint " + id + " does not decode: " + e);
      corrupt.initCause(e);
      throw corrupt;
    }
  }

  /**
   * @param id the end offset and the epoch of the state
   */
  record Decoded(OffsetAndEpoch id, long timestampMs, List<Batch<ApiMessageAndVersion>> batches) {

    SnapshotReader<ApiMessageAndVersion> reader() {
      Iterator<Batch<ApiMessageAndVersion>> iterator = batches.iterator();
      return new SnapshotReader<>() {
        @Override
        public OffsetAndEpoch snapshotId() {
          return id;
        }

        @Override
        public long lastContainedLogOffset() {
          return id.offset() - 1;
        }

        @Override
        public int lastContainedLogEpoch() {
          return id.epoch();
        }

        @Override
        public long lastContainedLogTimestamp() {
          return timestampMs;
        }

        @Override
        public boolean hasNext() {
          return iterator.hasNext();
        }

        @Override
        public Batch<ApiMessageAndVersion> next() {
          return iterator.next();
        }

        @Override
        public void close() {}
      };
    }
  }

  private static final class Collecting implements RawSnapshotWriter {
    private final OffsetAndEpoch id;
    private final List<ByteBuffer> buffers = new ArrayList<>();
    private long sizeBytes;
    private boolean frozen;

    Collecting(OffsetAndEpoch id) {
      this.id = id;
    }

    @Override
    public OffsetAndEpoch snapshotId() {
      return id;
    }

    @Override
    public long sizeInBytes() {
      return sizeBytes;
    }

    @Override
    public void append(MemoryRecords records) {
      copy(records.buffer());
    }

    @Override
    public void append(UnalignedMemoryRecords records) {
      copy(records.buffer());
    }

    /** The writer recycles its buffers. */
    private void copy(ByteBuffer source) {
      ByteBuffer copy = ByteBuffer.allocate(source.remaining());
      copy.put(source.duplicate()).flip();
      sizeBytes += copy.remaining();
      buffers.add(copy);
    }

    @Override
    public boolean isFrozen() {
      return frozen;
    }

    @Override
    public void freeze() {
      frozen = true;
    }

    @Override
    public void close() {}
  }

  private record InMemory(OffsetAndEpoch snapshotId, ByteBuffer bytes)
      implements RawSnapshotReader {

    @Override
    public long sizeInBytes() {
      return bytes.remaining();
    }

    @Override
    public UnalignedRecords slice(long position, int size) {
      throw new UnsupportedOperationException("nobody is sent parts of a snapshot");
    }

    @Override
    public Records records() {
      return MemoryRecords.readableRecords(bytes.duplicate());
    }
  }

  /** What takes the state for a checkpoint; called on the log's thread. */
  @FunctionalInterface
  public interface Source {

    /** The state that results from everything below {@code endOffset}; empty when in between. */
    Optional<List<ByteBuffer>> stateAt(long endOffset);
  }
}
