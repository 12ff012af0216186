package io.spillway.upload;

/**
 * @param triggerBytes an upload begins when as many bytes wait
 * @param intervalNanos or when the oldest has waited as long
 * @param walFillPercent or when the WAL is as full
 * @param bufferBytes memory an upload may hold
 * @param minPartBytes the store takes no smaller part of an object but the last
 * @param blockBytes of a block in an object
 */
public record UploadLimits(
    long triggerBytes,
    long intervalNanos,
    int walFillPercent,
    long bufferBytes,
    int minPartBytes,
    int blockBytes) {

  private static final long MIB = 1024 * 1024;

  /** A stream with as much waiting gets objects of its own; smaller ones share. */
  static final long OWN_OBJECT_BYTES = 64 * MIB;

  /** Bounds the index of an object of tiny batches. */
  static final int MAX_OBJECT_BATCHES = 1 << 20;

  private static final long MAX_PART_BYTES = 64 * MIB;

  /** Two parts are in memory at a time: one on its way, one being filled. */
  long partBytes() {
    return Math.max(minPartBytes, Math.min(MAX_PART_BYTES, bufferBytes / 2));
  }

  long maxObjectBytes() {
    return Math.max(triggerBytes, OWN_OBJECT_BYTES);
  }
}
