package io.spillway.partition;

import java.nio.ByteBuffer;
import java.util.List;
import java.util.function.Consumer;

/** Walks over the batches in fetched buffers, whole or cut between two buffers. */
final class BatchReader {

  private BatchReader() {}

  /**
   * Shows each batch whole: position to limit is at least the batch. The buffer is valid during the
   * call.
   *
   * @throws IllegalArgumentException when what is there are no batches
   */
  static void forEachBatch(List<ByteBuffer> buffers, Consumer<ByteBuffer> visitor) {
    Cursor cursor = new Cursor(buffers);
    while (cursor.hasRemaining()) {
      ByteBuffer head = cursor.peek(BatchHeader.LOG_OVERHEAD_BYTES);
      int sizeBytes = BatchHeader.sizeBytes(head);
      if (BatchHeader.length(head) < BatchHeader.SIZE_BYTES - BatchHeader.LOG_OVERHEAD_BYTES) {
        throw new IllegalArgumentException("not a batch: its size is " + sizeBytes + " bytes");
      }
      visitor.accept(cursor.peek(sizeBytes));
      cursor.skip(sizeBytes);
    }
  }

  private static final class Cursor {
    private final List<ByteBuffer> buffers;
    private int index;
    private ByteBuffer current = ByteBuffer.allocate(0);

    Cursor(List<ByteBuffer> buffers) {
      this.buffers = buffers;
      advance();
    }

    boolean hasRemaining() {
      return current.hasRemaining();
    }

    /** At least {@code bytes} from here on, copied only where they are cut. */
    ByteBuffer peek(int bytes) {
      if (current.remaining() >= bytes) {
        return current.duplicate();
      }
      ByteBuffer copy = ByteBuffer.allocate(bytes);
      ByteBuffer part = current.duplicate();
      int next = index;
      while (true) {
        part.limit(Math.min(part.limit(), part.position() + copy.remaining()));
        copy.put(part);
        if (!copy.hasRemaining()) {
          return copy.flip();
        }
        if (next == buffers.size()) {
          throw new IllegalArgumentException(
              "a batch is cut short by " + copy.remaining() + " bytes");
        }
        part = buffers.get(next++).duplicate();
      }
    }

    void skip(int bytes) {
      int left = bytes;
      while (left > 0) {
        if (!current.hasRemaining()) {
          throw new IllegalArgumentException("a batch is cut short by " + left + " bytes");
        }
        int step = Math.min(left, current.remaining());
        current.position(current.position() + step);
        left -= step;
        advance();
      }
    }

    private void advance() {
      while (!current.hasRemaining() && index < buffers.size()) {
        current = buffers.get(index++).duplicate();
      }
    }
  }
}
