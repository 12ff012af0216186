package io.spillway.wal.device;

import io.spillway.wal.device.WalDevice.Completion;
import java.io.IOException;
import java.nio.ByteBuffer;

/**
 * One segment file. Offsets and lengths are multiples of 4 KiB; buffers are as {@link
 * WalDevice#needsDirectBuffers} says, and their position to limit is what is read or written.
 */
public interface WalFile extends ReadableFile {

  /**
   * Writes the block so that it is durable when the completion says so. The block must not change
   * until then; its position and limit are left as they are. Several writes, of ranges that do not
   * overlap, may be under way and end in any order. After a failure the range may hold anything.
   */
  void write(long offset, ByteBuffer block, Completion completion);

  /**
   * Writes zeros durably, so that later writes to the range need no metadata. As {@link #write},
   * but where there is no space for them ({@link WalDevice#isOutOfSpace}) they may be tried again.
   */
  void zero(long offset, int lengthBytes, Completion completion);

  /** As {@link #write}, but blocks; durable on return. */
  void writeNow(long offset, ByteBuffer block) throws IOException;

  /** Makes durable whatever was written to this file by anybody. Blocks. */
  void force() throws IOException;
}
