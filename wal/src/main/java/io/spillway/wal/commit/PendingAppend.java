package io.spillway.wal.commit;

import io.spillway.wal.AppendListener;
import io.spillway.wal.Batch;
import io.spillway.wal.format.FrameHeader;

/** A batch on its way into a block. Only the owner touches it after it was queued. */
public final class PendingAppend {

  public final Batch batch;
  public final long weightKey;
  public final AppendListener listener;
  public final long reservedBytes;
  public final int openBytes;
  public final int frameBytes;

  /** Order of arrival at the owner. */
  public long arrival;

  /** Where in its block the payload is. */
  public int payloadOffset;

  /**
   * @param openBytes of the payload, as {@link io.spillway.wal.PayloadVerifier} says
   */
  public PendingAppend(
      Batch batch, long weightKey, AppendListener listener, long reservedBytes, int openBytes) {
    this.batch = batch;
    this.weightKey = weightKey;
    this.listener = listener;
    this.reservedBytes = reservedBytes;
    this.openBytes = openBytes;
    this.frameBytes = Math.toIntExact(FrameHeader.frameBytes(batch.sizeBytes()));
  }
}
