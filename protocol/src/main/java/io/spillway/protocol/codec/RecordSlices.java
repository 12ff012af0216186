package io.spillway.protocol.codec;

import java.nio.ByteBuffer;
import java.util.List;
import org.apache.kafka.common.record.internal.BaseRecords;
import org.apache.kafka.common.record.internal.RecordsSend;

/**
 * Batches as they lie in memory, for a fetch response: the encoder takes the buffers as they are.
 * The buffers must stay valid until the response's release callback runs.
 */
public final class RecordSlices implements BaseRecords {

  /** No records: what a fetch answers that found nothing. */
  public static final RecordSlices EMPTY = new RecordSlices(List.of());

  private final List<ByteBuffer> buffers;
  private final int sizeInBytes;

  public RecordSlices(List<ByteBuffer> buffers) {
    this.buffers = List.copyOf(buffers);
    int size = 0;
    for (ByteBuffer buffer : buffers) {
      size = Math.addExact(size, buffer.remaining());
    }
    this.sizeInBytes = size;
  }

  public List<ByteBuffer> buffers() {
    return buffers;
  }

  @Override
  public int sizeInBytes() {
    return sizeInBytes;
  }

  /** Only Kafka's own network layer would ask; the encoder reads {@link #buffers}. */
  @Override
  public RecordsSend<? extends BaseRecords> toSend() {
    throw new UnsupportedOperationException("record slices are written by the response encoder");
  }
}
