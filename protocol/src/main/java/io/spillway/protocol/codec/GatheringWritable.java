package io.spillway.protocol.codec;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufAllocator;
import io.netty.buffer.Unpooled;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.apache.kafka.common.protocol.Writable;
import org.apache.kafka.common.record.internal.BaseRecords;
import org.apache.kafka.common.record.internal.MemoryRecords;
import org.apache.kafka.common.record.internal.UnalignedMemoryRecords;

/**
 * Where kafka-clients' messages write themselves: fields go into one pooled buffer, records stay
 * where they are, and {@link #finish} lists both in order. Records of a few bytes are copied: that
 * is cheaper than a buffer object and an entry in the write vector.
 *
 * <p>The pieces of the field buffer are cut at the end only, since it may move while it grows.
 */
final class GatheringWritable implements Writable {

  private static final int COPY_UP_TO_BYTES = 512;
  private static final int VARINT_BITS = 7;
  private static final int VARINT_MASK = 0x7f;
  private static final int VARINT_MORE = 0x80;

  private final ByteBuf fields;
  private final List<ByteBuffer> spliced = new ArrayList<>(2);
  private int[] splicedAt = new int[2];

  GatheringWritable(ByteBufAllocator allocator, int fieldBytes) {
    this.fields = allocator.directBuffer(fieldBytes);
  }

  /** The message in order; each part is the caller's to release. This writer is spent. */
  List<ByteBuf> finish() {
    if (spliced.isEmpty()) {
      return List.of(fields);
    }
    List<ByteBuf> parts = new ArrayList<>(2 * spliced.size() + 1);
    int from = 0;
    for (int i = 0; i < spliced.size(); i++) {
      if (splicedAt[i] > from) {
        parts.add(fields.retainedSlice(from, splicedAt[i] - from));
        from = splicedAt[i];
      }
      parts.add(Unpooled.wrappedBuffer(spliced.get(i)));
    }
    if (fields.writerIndex() > from) {
      parts.add(fields.retainedSlice(from, fields.writerIndex() - from));
    }
    fields.release();
    return parts;
  }

  /** Gives back the memory of a message that could not be written. */
  void abandon() {
    fields.release();
  }

  @Override
  public void writeByte(byte value) {
    fields.writeByte(value);
  }

  @Override
  public void writeShort(short value) {
    fields.writeShort(value);
  }

  @Override
  public void writeInt(int value) {
    fields.writeInt(value);
  }

  @Override
  public void writeLong(long value) {
    fields.writeLong(value);
  }

  @Override
  public void writeDouble(double value) {
    fields.writeDouble(value);
  }

  @Override
  public void writeByteArray(byte[] value) {
    fields.writeBytes(value);
  }

  @Override
  public void writeUnsignedVarint(int value) {
    int rest = value;
    while ((rest & ~VARINT_MASK) != 0) {
      fields.writeByte((rest & VARINT_MASK) | VARINT_MORE);
      rest >>>= VARINT_BITS;
    }
    fields.writeByte(rest);
  }

  @Override
  public void writeVarint(int value) {
    writeUnsignedVarint((value << 1) ^ (value >> (Integer.SIZE - 1)));
  }

  @Override
  public void writeVarlong(long value) {
    long rest = (value << 1) ^ (value >> (Long.SIZE - 1));
    while ((rest & ~(long) VARINT_MASK) != 0) {
      fields.writeByte((int) (rest & VARINT_MASK) | VARINT_MORE);
      rest >>>= VARINT_BITS;
    }
    fields.writeByte((int) rest);
  }

  @Override
  public void writeByteBuffer(ByteBuffer value) {
    splice(value);
  }

  @Override
  public void writeRecords(BaseRecords records) {
    if (records instanceof RecordSlices slices) {
      for (ByteBuffer buffer : slices.buffers()) {
        splice(buffer);
      }
    } else if (records instanceof MemoryRecords inMemory) {
      splice(inMemory.buffer());
    } else if (records instanceof UnalignedMemoryRecords unaligned) {
      splice(unaligned.buffer());
    } else {
      throw new IllegalArgumentException("records of type " + records.getClass().getName());
    }
  }

  private void splice(ByteBuffer buffer) {
    int size = buffer.remaining();
    if (size <= COPY_UP_TO_BYTES) {
      fields.writeBytes(buffer.duplicate());
      return;
    }
    int index = spliced.size();
    if (index == splicedAt.length) {
      splicedAt = Arrays.copyOf(splicedAt, 2 * index);
    }
    splicedAt[index] = fields.writerIndex();
    spliced.add(buffer);
  }
}
