package io.spillway.catalog;

import io.spillway.catalog.CatalogCommand.Claim;
import io.spillway.catalog.CatalogCommand.Close;
import io.spillway.catalog.CatalogCommand.Commit;
import io.spillway.catalog.CatalogCommand.Compacted;
import io.spillway.catalog.CatalogCommand.DeleteStream;
import io.spillway.catalog.CatalogCommand.Extent;
import io.spillway.catalog.CatalogCommand.Merge;
import io.spillway.catalog.CatalogCommand.OpenWal;
import io.spillway.catalog.CatalogCommand.Trim;
import io.spillway.catalog.StreamCatalog.Phase;
import io.spillway.catalog.StreamCatalog.StreamState;
import io.spillway.catalog.StreamCatalog.Verdict;
import io.spillway.wal.StreamId;
import io.spillway.wal.WriterIncarnation;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * What must hold whatever is done to a catalog, kept in the simplest way: the batches that were
 * promised to be in objects, by offset, per stream. Looks at commands and verdicts only, never at
 * how the state is held.
 */
final class NaiveCatalog {

  /** Per stream: offset → key of the object that holds it. */
  private final Map<StreamId, TreeMap<Long, String>> held = new HashMap<>();

  private final Map<StreamId, Long> logStart = new HashMap<>();
  private final Map<StreamId, Long> committedEnd = new HashMap<>();
  private final Map<StreamId, Integer> epoch = new HashMap<>();
  private final Map<UUID, Long> incarnation = new HashMap<>();
  private final Map<StreamId, Long> compactedEnd = new HashMap<>();
  private final Set<StreamId> deleted = new HashSet<>();
  private final Set<String> freed = new HashSet<>();

  /** Learns what a command did; complains when it must not have. */
  void after(CatalogCommand command, Verdict verdict) {
    if (!(verdict instanceof Verdict.Applied) && !(verdict instanceof Verdict.MustDrain)) {
      return;
    }
    if (command instanceof OpenWal c) {
      Long before = incarnation.put(c.writer().walId(), c.writer().incarnation());
      check(before == null || before < c.writer().incarnation(), command, "incarnation");
    } else if (command instanceof Claim c) {
      check(!deleted.contains(c.stream()), command, "deleted");
      requireCurrent(command, c.writer());
      int newest = epoch.getOrDefault(c.stream(), -1);
      check(c.token().leaderEpoch() >= newest, command, "an older epoch than " + newest);
      epoch.put(c.stream(), c.token().leaderEpoch());
    } else if (command instanceof Commit c && verdict instanceof Verdict.Applied applied) {
      requireCurrent(command, c.writer());
      for (int i = 0; i < c.ranges().size(); i++) {
        if (applied.appliedRanges().get(i)) {
          commit(command, c.ranges().get(i));
        }
      }
    } else if (command instanceof Merge c && verdict instanceof Verdict.Applied applied) {
      requireCurrent(command, c.writer());
      for (int i = 0; i < c.newExtents().size(); i++) {
        if (applied.appliedRanges().get(i)) {
          merge(command, c.oldExtents(), c.newExtents().get(i));
        }
      }
    } else if (command instanceof Compacted c) {
      requireCurrent(command, c.writer());
      check(c.compactedEndOffset() <= end(c.stream()), command, "committed to " + end(c.stream()));
      compactedEnd.merge(c.stream(), c.compactedEndOffset(), Math::max);
    } else if (command instanceof Trim c) {
      requireCurrent(command, c.writer());
      logStart.merge(c.stream(), c.newLogStartOffset(), Math::max);
      held.getOrDefault(c.stream(), new TreeMap<>()).headMap(start(c.stream())).clear();
    } else if (command instanceof Close c) {
      requireCurrent(command, c.writer());
      check(c.endOffset() == end(c.stream()), command, "committed to " + end(c.stream()));
    } else if (command instanceof DeleteStream c) {
      deleted.add(c.stream());
      held.remove(c.stream());
    }
  }

  private void commit(CatalogCommand command, Extent range) {
    StreamId stream = range.stream();
    check(!deleted.contains(stream), command, "deleted");
    if (range.endOffset() <= end(stream)) {
      return; // a repeat
    }
    check(range.baseOffset() == end(stream), command, "committed to " + end(stream));
    committedEnd.put(stream, range.endOffset());
    for (long offset = range.baseOffset(); offset < range.endOffset(); offset++) {
      if (offset >= start(stream)) {
        held.computeIfAbsent(stream, id -> new TreeMap<>()).put(offset, range.objectKey());
      }
    }
  }

  private void merge(CatalogCommand command, List<Extent> old, Extent by) {
    check(!deleted.contains(by.stream()), command, "deleted");
    TreeMap<Long, String> offsets = held.getOrDefault(by.stream(), new TreeMap<>());
    check(by.endOffset() > start(by.stream()), command, "trimmed through");
    for (Extent extent : old) {
      if (extent.stream().equals(by.stream())) {
        for (long o = extent.baseOffset(); o < extent.endOffset(); o++) {
          if (o >= start(by.stream())) {
            check(extent.objectKey().equals(offsets.get(o)), command, "another holds " + o);
            offsets.put(o, by.objectKey());
          }
        }
      }
    }
  }

  private void requireCurrent(CatalogCommand command, WriterIncarnation writer) {
    check(
        incarnation.getOrDefault(writer.walId(), -1L) == writer.incarnation(),
        command,
        "a fenced writer");
  }

  /** An object the catalog calls unreferenced. */
  void onFreed(String key) {
    freed.add(key);
  }

  /** Compares everything. */
  void requireEqual(CatalogState state) {
    Set<String> needed = new TreeSet<>();
    held.values().forEach(offsets -> needed.addAll(offsets.values()));
    Map<String, ObjectEntry> objects = state.references.objects();
    check(objects.keySet().containsAll(needed), null, "objects " + needed);
    for (String key : freed) {
      check(!objects.containsKey(key), null, "freed and known: " + key);
    }
    for (StreamEntry entry : state.streams.values()) {
      StreamState found = entry.snapshot();
      List<Extent> extents = new ArrayList<>();
      state.references.extents(entry, extents::add);
      check(extents.size() == entry.extentCount(), null, found.id() + " counts its extents");
      if (found.phase() == Phase.DELETED) {
        check(extents.isEmpty(), null, "extents of a deleted stream");
        continue;
      }
      StreamId id = found.id();
      check(
          found.compactedEndOffset() == compactedEnd.getOrDefault(id, 0L),
          null,
          id + " is compacted to " + compactedEnd.get(id));
      check(found.logStartOffset() == start(id), null, id + " starts at " + start(id));
      // Abandoning moves the committed end up to the log start.
      check(
          found.committedEndOffset() == end(id)
              || found.committedEndOffset() == found.logStartOffset(),
          null,
          id + " ends at " + end(id));
      committedEnd.put(id, found.committedEndOffset());
      TreeMap<Long, String> offsets = new TreeMap<>();
      long size = 0;
      List<Long> bases = new ArrayList<>();
      for (Extent extent : extents) {
        bases.add(extent.baseOffset());
        size += extent.sizeBytes();
        for (long o = extent.baseOffset(); o < extent.endOffset(); o++) {
          if (o >= start(id)) {
            check(offsets.put(o, extent.objectKey()) == null, null, "offset twice: " + o);
          }
        }
      }
      check(bases.equals(bases.stream().sorted().toList()), null, "order");
      check(offsets.equals(held.getOrDefault(id, new TreeMap<>())), null, id + " holds");
      check(size == found.sizeBytes(), null, id + " has " + size + " bytes");
      for (int i = 1; i < found.epochs().size(); i++) {
        check(
            found.epochs().get(i - 1).leaderEpoch() < found.epochs().get(i).leaderEpoch()
                && found.epochs().get(i - 1).startOffset() < found.epochs().get(i).startOffset(),
            null,
            "epochs ascend: " + found.epochs());
      }
    }
    objects.values().forEach(o -> check(o.references() > 0, null, "an unreferenced object"));
  }

  private long start(StreamId stream) {
    return logStart.getOrDefault(stream, 0L);
  }

  private long end(StreamId stream) {
    return committedEnd.getOrDefault(stream, 0L);
  }

  private static void check(boolean holds, @Nullable CatalogCommand command, String what) {
    if (!holds) {
      throw new AssertionError(what + (command == null ? "" : ": " + command));
    }
  }
}
