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

/** One stream as the replay changes it. Touched by one thread at a time: the catalog's lock. */
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
  long metadataOffset;

  /** Immutable, replaced when it changes. */
  List<EpochStart> epochs = List.of();

  @Nullable Checkpoint checkpoint;

  /** In offset order, without gaps; all end above the log start. */
  private final ArrayList<Extent> extents = new ArrayList<>();

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

  /** Moves the log start; returns the extents that are now wholly below it. */
  List<Extent> trimTo(long newLogStartOffset) {
    logStartOffset = newLogStartOffset;
    int dropped = firstEndingAfter(newLogStartOffset);
    List<Extent> gone = List.copyOf(extents.subList(0, dropped));
    extents.subList(0, dropped).clear();
    gone.forEach(extent -> sizeBytes -= extent.sizeBytes());
    trimEpochs();
    return gone;
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

  void addExtent(Extent extent) {
    extents.add(extent);
    sizeBytes += extent.sizeBytes();
  }

  /** All extents go; returns them. */
  List<Extent> clearExtents() {
    List<Extent> gone = List.copyOf(extents);
    extents.clear();
    sizeBytes = 0;
    return gone;
  }

  /** Puts extents in the place of {@code count} others. */
  void replaceExtents(int from, int count, List<Extent> by) {
    List<Extent> range = extents.subList(from, from + count);
    range.forEach(extent -> sizeBytes -= extent.sizeBytes());
    range.clear();
    extents.addAll(from, by);
    by.forEach(extent -> sizeBytes += extent.sizeBytes());
  }

  /** A live view. */
  List<Extent> extents() {
    return extents;
  }

  /** Index of the first extent that holds the offset or lies beyond it. */
  int firstEndingAfter(long offset) {
    int low = 0;
    int high = extents.size();
    while (low < high) {
      int middle = (low + high) >>> 1;
      if (extents.get(middle).endOffset() > offset) {
        high = middle;
      } else {
        low = middle + 1;
      }
    }
    return low;
  }

  boolean holds(Extent extent) {
    int index = firstEndingAfter(extent.baseOffset());
    return index < extents.size() && extents.get(index).equals(extent);
  }
}
