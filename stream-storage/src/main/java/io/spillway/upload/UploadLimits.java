package io.spillway.upload;

/**
 * @param triggerBytes an upload begins when as many bytes wait
 * @param intervalNanos or when the oldest has waited as long
 * @param walFillPercent or when the WAL is as full
 * @param walCapacityBytes what the WAL can hold
 * @param bufferBytes memory an upload may hold
 * @param minPartBytes the store takes no smaller part of an object but the last
 * @param blockBytes of a block in an object
 */
public record UploadLimits(
    long triggerBytes,
    long intervalNanos,
    int walFillPercent,
    long walCapacityBytes,
    long bufferBytes,
    int minPartBytes,
    int blockBytes) {

  private static final long MIB = 1024 * 1024;

  /** A stream with as much waiting gets objects of its own; smaller ones share. */
  static final long OWN_OBJECT_BYTES = 64 * MIB;

  /** Bounds the index of an object of tiny batches. */
  static final int MAX_OBJECT_BATCHES = 1 << 20;

  private static final int WAL_STEPS = 8;

  private static final long MAX_PART_BYTES = 64 * MIB;

  /** Two parts are in memory at a time: one on its way, one being filled. */
  long partBytes() {
    return Math.max(minPartBytes, Math.min(MAX_PART_BYTES, bufferBytes / 2));
  }

  /** Large, since requests cost; but the room of a small WAL comes back in small steps. */
  long maxObjectBytes() {
    return Math.max(triggerBytes, Math.min(OWN_OBJECT_BYTES, walCapacityBytes / WAL_STEPS));
  }
}
