package io.spillway.wal.local;

import io.spillway.wal.device.WalFile;
import io.spillway.wal.format.ScannedSegment;

/**
 * A segment file in its place in the WAL. The file of a recycled segment lives on in another one.
 */
final class LocalSegment {

  final long base;
  final WalFile file;

  /**
   * Bytes from the start that writes need no metadata for. The owner's thread only. Nothing above
   * it is written but zeros.
   */
  long preparedBytes;

  LocalSegment(long base, WalFile file, long preparedBytes) {
    this.base = base;
    this.file = file;
    this.preparedBytes = preparedBytes;
  }

  long sizeBytes() {
    return file.sizeBytes();
  }

  long endPosition() {
    return base + file.sizeBytes();
  }

  ScannedSegment scanned() {
    return new ScannedSegment(base, file);
  }
}
