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

  /** Moves the bytes into the buffers, one after the other; how many there were. */
  static int fill(List<ByteBuffer> into, ByteBuffer bytes) {
    int count = bytes.remaining();
    for (ByteBuffer buffer : into) {
      int length = Math.min(buffer.remaining(), bytes.remaining());
      buffer.put(bytes.slice(bytes.position(), length));
      bytes.position(bytes.position() + length);
    }
    return count;
  }
}
