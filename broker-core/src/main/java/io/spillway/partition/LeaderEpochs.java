package io.spillway.partition;

import io.spillway.catalog.StreamCatalog.EpochStart;
import java.util.ArrayList;
import java.util.List;

/**
 * A partition's leader epochs with their start offsets (KIP-101, KIP-320), as Kafka would see them:
 * epochs without a record are left out, and what lies below the log start counts from there.
 */
final class LeaderEpochs {

  private final List<EpochStart> entries;

  /**
   * @param history ascending
   */
  LeaderEpochs(List<EpochStart> history, long logStartOffset) {
    List<EpochStart> kept = new ArrayList<>(history.size());
    for (EpochStart next : history) {
      long startOffset = Math.max(next.startOffset(), logStartOffset);
      while (!kept.isEmpty() && kept.get(kept.size() - 1).startOffset() >= startOffset) {
        kept.remove(kept.size() - 1);
      }
      kept.add(new EpochStart(next.leaderEpoch(), startOffset));
    }
    this.entries = kept;
  }

  /**
   * The largest epoch not above the requested one, and where it ends; {@code endOffset} ends the
   * newest. Undefined for an epoch nobody heard of.
   */
  EpochEnd endOf(int requestedEpoch, long endOffset) {
    if (requestedEpoch == EpochEnd.UNDEFINED_EPOCH || entries.isEmpty()) {
      return EpochEnd.UNDEFINED;
    }
    EpochStart newest = entries.get(entries.size() - 1);
    if (requestedEpoch == newest.leaderEpoch()) {
      return new EpochEnd(requestedEpoch, endOffset);
    }
    if (requestedEpoch > newest.leaderEpoch()) {
      return EpochEnd.UNDEFINED;
    }
    int higher = 0;
    while (entries.get(higher).leaderEpoch() <= requestedEpoch) {
      higher++;
    }
    long end = entries.get(higher).startOffset();
    return higher == 0
        ? new EpochEnd(requestedEpoch, end)
        : new EpochEnd(entries.get(higher - 1).leaderEpoch(), end);
  }

  /** The epoch that wrote the offset, or would have; undefined when there is none. */
  int epochOf(long offset) {
    for (int i = entries.size() - 1; i >= 0; i--) {
      if (entries.get(i).startOffset() <= offset) {
        return entries.get(i).leaderEpoch();
      }
    }
    return EpochEnd.UNDEFINED_EPOCH;
  }
}
