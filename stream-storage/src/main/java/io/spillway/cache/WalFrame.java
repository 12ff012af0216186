package io.spillway.cache;

import io.spillway.wal.WalSlice;
import org.jspecify.annotations.Nullable;

/**
 * A durable batch in the WAL.
 *
 * @param endOffset exclusive
 * @param position of its payload in the WAL
 * @param maxTimestampMs largest record timestamp, or -1
 * @param slice its payload in memory, retained for whoever was handed the frame; null when it is no
 *     longer in memory
 */
public record WalFrame(
    long baseOffset,
    long endOffset,
    long position,
    int sizeBytes,
    long maxTimestampMs,
    int flags,
    @Nullable WalSlice slice) {

  /** Gives the memory back, if any. Once. */
  public void release() {
    WalSlice held = slice;
    if (held != null) {
      held.block().release();
    }
  }
}
