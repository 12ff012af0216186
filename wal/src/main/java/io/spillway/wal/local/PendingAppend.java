package io.spillway.wal.local;

import io.spillway.wal.AppendListener;
import io.spillway.wal.Batch;
import io.spillway.wal.format.FrameHeader;

/** A batch on its way into a block. Only the owner touches it after it was queued. */
final class PendingAppend {

  final Batch batch;
  final long weightKey;
  final AppendListener listener;
  final long reservedBytes;
  final int openBytes;
  final int frameBytes;

  /** Order of arrival at the owner. */
  long arrival;

  /** Where in its block the payload is. */
  int payloadOffset;

  PendingAppend(
      Batch batch, long weightKey, AppendListener listener, long reservedBytes, int openBytes) {
    this.batch = batch;
    this.weightKey = weightKey;
    this.listener = listener;
    this.reservedBytes = reservedBytes;
    this.openBytes = openBytes;
    this.frameBytes = Math.toIntExact(FrameHeader.frameBytes(batch.sizeBytes()));
  }
}
