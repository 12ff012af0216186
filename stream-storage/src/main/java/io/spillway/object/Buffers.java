package io.spillway.object;

import java.nio.ByteBuffer;
import java.util.List;

/** Lists of buffers as one body. */
final class Buffers {

  private Buffers() {}

  static long size(List<ByteBuffer> body) {
    long size = 0;
    for (ByteBuffer buffer : body) {
      size += buffer.remaining();
    }
    return size;
  }

  /** A copy of the bytes; the buffers are left as they were. */
  static byte[] copy(List<ByteBuffer> body) {
    byte[] bytes = new byte[Math.toIntExact(size(body))];
    int position = 0;
    for (ByteBuffer buffer : body) {
      int length = buffer.remaining();
      buffer.get(buffer.position(), bytes, position, length);
      position += length;
    }
    return bytes;
  }
}
