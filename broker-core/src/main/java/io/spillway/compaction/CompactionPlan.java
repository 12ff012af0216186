package io.spillway.compaction;

import io.spillway.metadata.TopicConfig;
import io.spillway.stream.StreamHandle.Part;
import io.spillway.stream.StreamRewriter.Standing;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * What of a partition may be compacted, and whether it is time. Pure.
 *
 * <p>Time is when Kafka's dirty ratio is passed, or {@code max.compaction.lag.ms}. There is no
 * active segment that would hold a ratio back, and uploads are small, so that a nearly empty
 * partition would be compacted at each; therefore the ratio counts only once {@code segment.bytes}
 * are dirty, or {@value #SOON_BYTES} bytes if that is less, or what is dirty is {@code segment.ms}
 * old.
 *
 * @param parts from the log start on, adjacent, all that may be compacted
 * @param dirtyFromOffset what is below is clean
 * @param dirtyRatio dirty bytes of all, 0 to 1
 * @param isOverdue the maximum lag has passed
 */
record CompactionPlan(
    List<Part> parts, long dirtyFromOffset, double dirtyRatio, boolean isOverdue) {

  /** Dirty bytes that are worth a pass, however large segments are. */
  static final long SOON_BYTES = 4L << 20;

  /**
   * @param standing of the stream
   * @param all its parts in objects, from the log start on
   * @param cleanableEndOffset nothing that ends above it is touched
   * @param dirtySinceMs when something dirty was seen first
   * @return empty when there is nothing to do yet
   */
  static Optional<CompactionPlan> of(
      Standing standing,
      List<Part> all,
      TopicConfig config,
      long cleanableEndOffset,
      long dirtySinceMs,
      long nowMs) {
    long dirtyFrom = Math.max(standing.compactedEndOffset(), standing.logStartOffset());
    List<Part> parts = new ArrayList<>();
    long cleanBytes = 0;
    long dirtyBytes = 0;
    long oldestMs = dirtySinceMs;
    for (Part part : all) {
      boolean isDirty = part.endOffset() > dirtyFrom;
      boolean isTooYoung =
          config.minCompactionLagMs() > 0
              && nowMs - part.maxTimestampMs() < config.minCompactionLagMs();
      if (part.endOffset() > cleanableEndOffset || (isDirty && isTooYoung)) {
        break;
      }
      if (isDirty && dirtyBytes == 0 && part.maxTimestampMs() >= 0) {
        oldestMs = Math.min(oldestMs, part.maxTimestampMs());
      }
      cleanBytes += isDirty ? 0 : part.sizeBytes();
      dirtyBytes += isDirty ? part.sizeBytes() : 0;
      parts.add(part);
    }
    if (dirtyBytes == 0) {
      return Optional.empty();
    }
    double ratio = (double) dirtyBytes / (dirtyBytes + cleanBytes);
    long dirtyMs = nowMs - oldestMs;
    boolean isOverdue = dirtyMs > config.maxCompactionLagMs();
    boolean isWorthIt =
        dirtyBytes >= Math.min(config.segmentBytes(), SOON_BYTES) || dirtyMs >= config.segmentMs();
    return isOverdue || (ratio > config.minCleanableDirtyRatio() && isWorthIt)
        ? Optional.of(new CompactionPlan(List.copyOf(parts), dirtyFrom, ratio, isOverdue))
        : Optional.empty();
  }

  /** Overdue ones come first, then the dirtiest. */
  boolean isBefore(CompactionPlan other) {
    return isOverdue == other.isOverdue ? dirtyRatio > other.dirtyRatio : isOverdue;
  }

  /** What is dirty and may be compacted. */
  List<Part> dirtyParts() {
    return parts.stream().filter(part -> part.endOffset() > dirtyFromOffset).toList();
  }
}
