package io.spillway.read;

import io.spillway.stream.CatchUpStats;
import java.util.concurrent.atomic.LongAdder;

/** What reads of objects have done since start. Safe for any thread. */
final class CatchUpCounters {
  final LongAdder segmentHits = new LongAdder();
  final LongAdder segmentMisses = new LongAdder();
  final LongAdder indexHits = new LongAdder();
  final LongAdder indexMisses = new LongAdder();
  final LongAdder aheadUsedBytes = new LongAdder();
  final LongAdder aheadWastedBytes = new LongAdder();
  final LongAdder budgetWaits = new LongAdder();
  final LongAdder mergedReads = new LongAdder();
  final LongAdder checkedBlocks = new LongAdder();

  CatchUpStats snapshot(long indexCacheBytes, long readBufferBytes, long otherWaits) {
    return new CatchUpStats(
        segmentHits.sum(),
        segmentMisses.sum(),
        indexHits.sum(),
        indexMisses.sum(),
        indexCacheBytes,
        readBufferBytes,
        aheadUsedBytes.sum(),
        aheadWastedBytes.sum(),
        mergedReads.sum(),
        budgetWaits.sum() + otherWaits,
        checkedBlocks.sum());
  }
}
