package io.spillway.catalog;

import io.spillway.catalog.CatalogCommand.Checkpoint;
import io.spillway.catalog.CatalogCommand.Extent;
import io.spillway.catalog.CatalogCommand.StreamToken;
import io.spillway.catalog.StreamCatalog.EpochStart;
import io.spillway.catalog.StreamCatalog.Phase;
import io.spillway.catalog.StreamCatalog.StreamState;
import io.spillway.wal.StreamId;
import io.spillway.wal.WriterIncarnation;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * One stream as the replay changes it, without its extents, of which it has the sum. Touched by one
 * thread at a time: the catalog's lock.
 */
final class StreamEntry {

  final StreamId id;
  Phase phase;
  StreamToken token;

  /** Who may commit; while CLOSING the unresolved writer; in other phases the last one. */
  WriterIncarnation writer;

  /** While CLOSING, both are there. */
  @Nullable StreamToken claimant;

  @Nullable WriterIncarnation claimantWriter;
  long logStartOffset;
  long committedEndOffset;

  /** P19: everything below was compacted once. */
  long compactedEndOffset;

  long metadataOffset;

  /** Immutable, replaced when it changes. */
  List<EpochStart> epochs = List.of();

  @Nullable Checkpoint checkpoint;

  /** Of the extents in {@link References}, which alone changes them. */
  TimeSegments segments = new TimeSegments();

  private int extentCount;
  private long sizeBytes;

  StreamEntry(StreamId id, Phase phase, StreamToken token, WriterIncarnation writer) {
    this.id = id;
    this.phase = phase;
    this.token = token;
    this.writer = writer;
  }

  StreamState snapshot() {
    return new StreamState(
        id,
        phase,
        token,
        writer,
        Optional.ofNullable(claimant),
        logStartOffset,
        committedEndOffset,
        compactedEndOffset,
        metadataOffset,
        epochs,
        Optional.ofNullable(checkpoint),
        sizeBytes);
  }

  /** KIP-101: entries that the new one contradicts go; an epoch that has begun keeps its start. */
  void startEpoch(int leaderEpoch, long startOffset) {
    List<EpochStart> kept = new ArrayList<>(epochs.size() + 1);
    for (EpochStart epoch : epochs) {
      if (epoch.startOffset() < startOffset
          || (epoch.leaderEpoch() == leaderEpoch && epoch.startOffset() == startOffset)) {
        kept.add(epoch);
      }
    }
    if (kept.isEmpty() || kept.get(kept.size() - 1).leaderEpoch() < leaderEpoch) {
      kept.add(new EpochStart(leaderEpoch, startOffset));
    }
    epochs = List.copyOf(kept);
  }

  /** Moves the log start; its extents below have been dropped. */
  void startAt(long newLogStartOffset) {
    logStartOffset = newLogStartOffset;
    trimEpochs();
  }

  private void trimEpochs() {
    int first = 0;
    while (first + 1 < epochs.size() && epochs.get(first + 1).startOffset() <= logStartOffset) {
      first++;
    }
    if (epochs.isEmpty() || epochs.get(0).startOffset() >= logStartOffset) {
      return;
    }
    List<EpochStart> kept = new ArrayList<>(epochs.subList(first, epochs.size()));
    EpochStart oldest = kept.get(0);
    if (oldest.startOffset() < logStartOffset) {
      kept.set(0, new EpochStart(oldest.leaderEpoch(), logStartOffset));
    }
    epochs = List.copyOf(kept);
  }

  /** One extent more, or one less. */
  void count(Extent extent, int sign) {
    extentCount += sign;
    sizeBytes += sign * extent.sizeBytes();
  }

  int extentCount() {
    return extentCount;
  }

  long sizeBytes() {
    return sizeBytes;
  }

  /** As it was written down. */
  void restoreSums(int extents, long bytes, TimeSegments runs) {
    extentCount = extents;
    sizeBytes = bytes;
    segments = runs;
  }
}
