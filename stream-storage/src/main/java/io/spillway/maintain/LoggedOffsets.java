package io.spillway.maintain;

import io.spillway.catalog.CatalogView;
import io.spillway.catalog.StreamCatalog.StreamState;
import io.spillway.wal.StreamId;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.TreeMap;
import java.util.function.Predicate;

/**
 * What a write-ahead log holds of each stream, to be held against a catalog: every offset from a
 * stream's committed end on, up to the last one in the log, has to be in the log.
 */
final class LoggedOffsets {

  private final NavigableMap<StreamId, List<Run>> runs = new TreeMap<>();
  private final List<Frame> frames = new ArrayList<>();

  /** Offsets without a gap. */
  private static final class Run {
    final long baseOffset;
    long endOffset;

    Run(long baseOffset, long endOffset) {
      this.baseOffset = baseOffset;
      this.endOffset = endOffset;
    }
  }

  private record Frame(StreamId stream, long endOffset, int sizeBytes) {}

  /**
   * What the log alone holds.
   *
   * @param bytes of batches
   */
  record Uncommitted(long frames, long bytes) {}

  /** The next frame of the log. */
  void add(StreamId stream, long baseOffset, long endOffset, int sizeBytes) {
    frames.add(new Frame(stream, endOffset, sizeBytes));
    List<Run> of = runs.computeIfAbsent(stream, id -> new ArrayList<>());
    Run last = of.isEmpty() ? null : of.get(of.size() - 1);
    if (last != null && baseOffset <= last.endOffset) {
      last.endOffset = Math.max(last.endOffset, endOffset);
    } else {
      of.add(new Run(baseOffset, endOffset));
    }
  }

  /**
   * Offsets that are nowhere, one line each.
   *
   * @param catalog read after the log
   * @param of which streams are looked at
   * @param durableEnds where the log reached at least when it was read, for streams of which that
   *     is known otherwise
   */
  List<String> missing(
      CatalogView catalog, Predicate<StreamState> of, Map<StreamId, Long> durableEnds) {
    List<String> missing = new ArrayList<>();
    for (StreamState stream : catalog.streams()) {
      if (of.test(stream)) {
        long covered = stream.committedEndOffset();
        for (Run run : runs.getOrDefault(stream.id(), List.of())) {
          requireCovered(stream.id(), covered, run.baseOffset, missing);
          covered = Math.max(covered, run.endOffset);
        }
        requireCovered(
            stream.id(), covered, durableEnds.getOrDefault(stream.id(), covered), missing);
      }
    }
    return missing;
  }

  private static void requireCovered(
      StreamId stream, long covered, long baseOffset, List<String> missing) {
    if (baseOffset > covered) {
      missing.add(
          "MISSING  [%d, %d) of stream %s is neither in an object nor in the WAL"
              .formatted(covered, baseOffset, stream));
    }
  }

  Uncommitted uncommitted(CatalogView catalog, Predicate<StreamState> of) {
    Map<StreamId, Long> committed = new HashMap<>();
    for (StreamState stream : catalog.streams()) {
      if (of.test(stream)) {
        committed.put(stream.id(), stream.committedEndOffset());
      }
    }
    long count = 0;
    long bytes = 0;
    for (Frame frame : frames) {
      if (frame.endOffset() > committed.getOrDefault(frame.stream(), Long.MAX_VALUE)) {
        count++;
        bytes += frame.sizeBytes();
      }
    }
    return new Uncommitted(count, bytes);
  }
}
