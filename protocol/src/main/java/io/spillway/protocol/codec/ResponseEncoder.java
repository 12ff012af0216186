package io.spillway.protocol.codec;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufAllocator;
import java.util.List;
import org.apache.kafka.common.message.ResponseHeaderData;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.protocol.ApiMessage;
import org.apache.kafka.common.protocol.MessageSizeAccumulator;
import org.apache.kafka.common.protocol.ObjectSerializationCache;

/** Responses to bytes; records go out as the buffers they lie in. */
public final class ResponseEncoder {

  private final ByteBufAllocator allocator;

  public ResponseEncoder(ByteBufAllocator allocator) {
    this.allocator = allocator;
  }

  /**
   * Encodes a response with its length prefix and header.
   *
   * @return the bytes in order; the caller owns the buffers. The memory of records is not owned by
   *     them: it must stay valid until they have been written
   * @throws RuntimeException when the response cannot be expressed in the version; nothing is left
   *     allocated
   */
  public List<ByteBuf> encode(ApiKeys api, short version, int correlationId, ApiMessage response) {
    short headerVersion = api.responseHeaderVersion(version);
    ResponseHeaderData header = new ResponseHeaderData().setCorrelationId(correlationId);
    ObjectSerializationCache cache = new ObjectSerializationCache();
    MessageSizeAccumulator size = new MessageSizeAccumulator();
    header.addSize(size, cache, headerVersion);
    response.addSize(size, cache, version);
    GatheringWritable out =
        new GatheringWritable(allocator, Integer.BYTES + size.sizeExcludingZeroCopy());
    try {
      out.writeInt(size.totalSize());
      header.write(out, cache, headerVersion);
      response.write(out, cache, version);
    } catch (RuntimeException e) {
      out.abandon();
      throw e;
    }
    List<ByteBuf> parts = out.finish();
    requireSize(parts, Integer.BYTES + size.totalSize());
    return parts;
  }

  /** A response that is not as long as it says would garble every later one. */
  private static void requireSize(List<ByteBuf> parts, int announcedBytes) {
    long actualBytes = 0;
    for (ByteBuf part : parts) {
      actualBytes += part.readableBytes();
    }
    if (actualBytes != announcedBytes) {
      parts.forEach(ByteBuf::release);
      throw new IllegalStateException(
          "response announced as " + announcedBytes + " bytes, written as " + actualBytes);
    }
  }
}
