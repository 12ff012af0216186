package io.spillway.catalog;

import io.spillway.catalog.CatalogCommand.Checkpoint;
import io.spillway.catalog.CatalogCommand.Commit;
import io.spillway.catalog.CatalogCommand.Compacted;
import io.spillway.catalog.CatalogCommand.Extent;
import io.spillway.catalog.CatalogCommand.Merge;
import io.spillway.catalog.CatalogCommand.ObjectRef;
import io.spillway.catalog.CatalogCommand.Replace;
import io.spillway.catalog.CatalogCommand.Trim;
import io.spillway.catalog.StreamCatalog.Verdict;
import io.spillway.catalog.StreamCatalog.Verdict.Applied;
import io.spillway.catalog.StreamCatalog.WalState;
import io.spillway.wal.StreamId;
import io.spillway.wal.WriterIncarnation;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** What is committed, trimmed and replaced (P16-P19, P22). */
final class DataRules {

  private final CatalogState state;
  private final Writers writers;

  DataRules(CatalogState state, Writers writers) {
    this.state = state;
    this.writers = writers;
  }

  Verdict commit(Commit c) {
    String stale = writers.staleWriter(c.writer());
    if (stale != null) {
      return state.rejected(stale);
    }
    ObjectRef object = c.object().orElse(null);
    if (object != null) {
      String unusable = unusable(object);
      if (unusable != null) {
        return state.rejected(unusable);
      }
    }
    String malformed = malformed(c.ranges(), object == null ? "" : object.key());
    if (malformed != null) {
      return state.rejected(malformed);
    }
    List<Boolean> verdicts = new ArrayList<>(c.ranges().size());
    boolean trimmable = true;
    for (Extent range : c.ranges()) {
      RangeVerdict verdict = range(c.writer(), object, range);
      verdicts.add(verdict == RangeVerdict.APPLIED);
      trimmable &= verdict != RangeVerdict.MISPLACED;
    }
    for (Checkpoint checkpoint : c.checkpoints()) {
      checkpoint(c.writer(), checkpoint);
    }
    WalState wal = writers.requireWal(c.writer().walId());
    if (trimmable && c.walTrimPosition() > wal.trimPosition()) {
      state.wals.put(
          c.writer().walId(),
          new WalState(wal.writer(), wal.kind(), wal.phase(), c.walTrimPosition()));
    }
    return new Applied(state.position(), List.copyOf(verdicts));
  }

  /** Why nothing can be committed that is in the object, or null (P21). */
  private @Nullable String unusable(ObjectRef object) {
    if (object.birth() < state.orphanFloor) {
      return "object %s was born at %d, below the orphan floor %d (P21)"
          .formatted(object.key(), object.birth(), state.orphanFloor);
    }
    ObjectEntry known = state.references.object(object.key());
    return known == null || known.ref().equals(object)
        ? null
        : "object %s is known as %s".formatted(object, known.ref());
  }

  private enum RangeVerdict {
    APPLIED,
    /** Deleted, or another WAL's by now: the batches are void, here and in the WAL. */
    GIVEN_UP,
    /** The writer's own stream, but not its next range: the WAL must keep the batches. */
    MISPLACED
  }

  private RangeVerdict range(WriterIncarnation writer, @Nullable ObjectRef object, Extent range) {
    StreamEntry stream = state.streams.get(range.stream());
    if (stream == null || writers.unfit(range.stream(), stream, writer) != null) {
      return RangeVerdict.GIVEN_UP;
    }
    if (range.baseOffset() != stream.committedEndOffset) {
      return state.references.holds(stream, range) ? RangeVerdict.APPLIED : RangeVerdict.MISPLACED;
    }
    if (range.endOffset() <= stream.logStartOffset) {
      stream.committedEndOffset = range.endOffset();
      return RangeVerdict.APPLIED;
    }
    if (object == null) {
      return RangeVerdict.MISPLACED;
    }
    stream.committedEndOffset = range.endOffset();
    state.references.add(stream, object, range);
    return RangeVerdict.APPLIED;
  }

  private static @Nullable String malformed(List<Extent> extents, String objectKey) {
    for (Extent extent : extents) {
      if (extent.baseOffset() < 0
          || extent.endOffset() <= extent.baseOffset()
          || extent.position() < 0
          || extent.sizeBytes() < 0
          || !extent.objectKey().equals(objectKey)) {
        return "malformed range " + extent + " of object '" + objectKey + "'";
      }
    }
    return null;
  }

  private void checkpoint(WriterIncarnation writer, Checkpoint checkpoint) {
    StreamEntry stream = state.streams.get(checkpoint.stream());
    if (stream == null || writers.unfit(checkpoint.stream(), stream, writer) != null) {
      return;
    }
    Checkpoint newest = stream.checkpoint;
    boolean newer = newest == null || checkpoint.offset() > newest.offset();
    if (newer && checkpoint.offset() >= 0 && checkpoint.offset() <= stream.committedEndOffset) {
      stream.checkpoint = checkpoint;
    }
  }

  Verdict trim(Trim c) {
    StreamEntry stream = state.streams.get(c.stream());
    String unfit = writers.unfit(c.stream(), stream, c.writer());
    if (unfit != null || stream == null) {
      return state.rejected(String.valueOf(unfit));
    }
    if (c.newLogStartOffset() > stream.logStartOffset) {
      state.references.dropTo(stream, c.newLogStartOffset());
      stream.startAt(c.newLogStartOffset());
    }
    return state.applied();
  }

  Verdict replace(Replace c) {
    StreamEntry stream = state.streams.get(c.stream());
    String unfit = writers.unfit(c.stream(), stream, c.writer());
    if (unfit != null || stream == null) {
      return state.rejected(String.valueOf(unfit));
    }
    Map<String, ObjectRef> named = new HashMap<>();
    for (ObjectRef object : c.objects()) {
      String unusable = unusable(object);
      if (unusable != null) {
        return state.rejected(unusable);
      }
      named.put(object.key(), object);
    }
    String malformed = malformedReplacement(c.stream(), c.oldExtents(), c.newExtents(), named);
    if (malformed != null) {
      return state.rejected(malformed);
    }
    return replaceExtents(stream, c.oldExtents(), c.newExtents(), named)
        ? state.applied()
        : state.rejected(
            "stream %s no longer has the %d extents to replace"
                .formatted(c.stream(), c.oldExtents().size()));
  }

  Verdict merge(Merge c) {
    String stale = writers.staleWriter(c.writer());
    String unusable = stale != null ? stale : unusable(c.object());
    if (unusable != null) {
      return state.rejected(unusable);
    }
    if (state.ruleLevel < StreamCatalog.RULE_LEVEL_MERGE) {
      return state.rejected(
          "rule level %d has no merges, level %d does"
              .formatted(state.ruleLevel, StreamCatalog.RULE_LEVEL_MERGE));
    }
    Map<StreamId, List<Extent>> old = new HashMap<>();
    c.oldExtents().forEach(e -> old.computeIfAbsent(e.stream(), id -> new ArrayList<>()).add(e));
    Map<String, ObjectRef> named = Map.of(c.object().key(), c.object());
    Set<StreamId> seen = new HashSet<>();
    for (Extent extent : c.newExtents()) {
      String malformed =
          seen.add(extent.stream())
              ? malformedReplacement(
                  extent.stream(),
                  old.getOrDefault(extent.stream(), List.of()),
                  List.of(extent),
                  named)
              : "stream %s has two extents in object %s"
                  .formatted(extent.stream(), c.object().key());
      if (malformed != null) {
        return state.rejected(malformed);
      }
    }
    List<Boolean> verdicts = new ArrayList<>(c.newExtents().size());
    for (Extent extent : c.newExtents()) {
      StreamEntry stream = state.streams.get(extent.stream());
      verdicts.add(
          stream != null
              && writers.unfit(extent.stream(), stream, c.writer()) == null
              && replaceExtents(
                  stream,
                  Objects.requireNonNull(old.get(extent.stream())),
                  List.of(extent),
                  named));
    }
    return new Applied(state.position(), List.copyOf(verdicts));
  }

  Verdict compacted(Compacted c) {
    StreamEntry stream = state.streams.get(c.stream());
    String unfit = writers.unfit(c.stream(), stream, c.writer());
    if (unfit != null || stream == null) {
      return state.rejected(String.valueOf(unfit));
    }
    if (state.ruleLevel < StreamCatalog.RULE_LEVEL_COMPACTION) {
      return state.rejected(
          "rule level %d does not remember compaction, level %d does"
              .formatted(state.ruleLevel, StreamCatalog.RULE_LEVEL_COMPACTION));
    }
    if (c.compactedEndOffset() > stream.committedEndOffset) {
      return state.rejected(
          "stream %s is committed to %d, it cannot be compacted to %d"
              .formatted(c.stream(), stream.committedEndOffset, c.compactedEndOffset()));
    }
    stream.compactedEndOffset = Math.max(stream.compactedEndOffset, c.compactedEndOffset());
    return state.applied();
  }

  /**
   * False, and nothing has changed, unless the old extents, clipped at the log start, are there.
   */
  private boolean replaceExtents(
      StreamEntry stream, List<Extent> all, List<Extent> by, Map<String, ObjectRef> named) {
    List<Extent> old = aboveLogStart(all, stream);
    if (old.isEmpty()
        || !state.references.extents(stream, old.get(0).baseOffset(), old.size()).equals(old)) {
      return false;
    }
    state.references.replace(stream, old, aboveLogStart(by, stream), named);
    return true;
  }

  private static List<Extent> aboveLogStart(List<Extent> extents, StreamEntry stream) {
    return extents.stream().filter(e -> e.endOffset() > stream.logStartOffset).toList();
  }

  private static @Nullable String malformedReplacement(
      StreamId stream, List<Extent> old, List<Extent> by, Map<String, ObjectRef> named) {
    if (old.isEmpty()
        || by.isEmpty()
        || old.get(0).baseOffset() != by.get(0).baseOffset()
        || old.get(old.size() - 1).endOffset() != by.get(by.size() - 1).endOffset()) {
      return "old and new extents of stream " + stream + " do not cover the same offsets";
    }
    long expected = by.get(0).baseOffset();
    for (Extent extent : by) {
      if (extent.baseOffset() != expected
          || extent.endOffset() <= expected
          || extent.position() < 0
          || extent.sizeBytes() < 0
          || !extent.stream().equals(stream)
          || !named.containsKey(extent.objectKey())) {
        return "malformed extent " + extent + ", expected base offset " + expected;
      }
      expected = extent.endOffset();
    }
    return null;
  }
}
