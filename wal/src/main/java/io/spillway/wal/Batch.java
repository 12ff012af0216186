package io.spillway.wal;

import java.nio.ByteBuffer;

/**
 * One batch of records as storage sees it: opaque bytes with their place in the stream.
 *
 * @param stream whose batch it is
 * @param baseOffset offset of the first record
 * @param endOffset offset after the last record, {@code > baseOffset}
 * @param maxTimestampMs the largest record timestamp, or -1
 * @param flags bits for the layer above, kept with the batch: see {@link #FLAG_TRANSACTIONAL} and
 *     {@link #FLAG_CONTROL}
 * @param payload position to limit is the batch; the receiver of a batch must not change its
 *     position, limit or bytes, and must say in its own contract how long it reads them
 */
public record Batch(
    StreamId stream,
    long baseOffset,
    long endOffset,
    long maxTimestampMs,
    int flags,
    ByteBuffer payload) {

  public static final int FLAG_TRANSACTIONAL = 1;
  public static final int FLAG_CONTROL = 2;

  public Batch {
    if (baseOffset < 0 || endOffset <= baseOffset) {
      throw new IllegalArgumentException(
          "batch of stream " + stream + " has offsets [" + baseOffset + ", " + endOffset + ")");
    }
  }

  /** Bytes of the payload. */
  public int sizeBytes() {
    return payload.remaining();
  }
}
