package io.spillway.wal.device;

import java.io.IOException;
import java.nio.ByteBuffer;

/** A segment file for those who only look. Blocks; safe for any thread. */
public interface ReadableFile {

  String name();

  long sizeBytes();

  /**
   * Fills the buffer from its position to its limit; the offset and the length are multiples of 4
   * KiB and the buffer is as {@link WalDevice#needsDirectBuffers} says.
   *
   * @throws java.io.EOFException past the end of the file
   */
  void read(long offset, ByteBuffer target) throws IOException;
}
