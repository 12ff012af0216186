package io.spillway.merge;

import io.spillway.catalog.CatalogCommand.Extent;
import io.spillway.catalog.CatalogCommand.ObjectRef;
import io.spillway.wal.StreamId;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * What to merge next. Pure: the same view gives the same plan.
 *
 * <p>An upload puts a little of many streams into one object, so that streams come to consist of
 * many small extents (each costs a read a request, and the catalog an entry), and the bucket of
 * many small objects. A plan looks at both. With L the size of a large extent, F the fan-in, and T
 * the tiers below L (size classes, each F times as large as the one before):
 *
 * <ul>
 *   <li><b>Large extents stay.</b> They cut a stream into regions of small ones. The last region is
 *       open: the next upload adds to it.
 *   <li><b>A closed region</b> becomes one extent: nothing will ever be added to it.
 *   <li><b>In the open region</b>, F or more adjacent extents of one tier become one; those that
 *       lie between two of a higher tier count as of that tier. So a stream has less than F of each
 *       tier: at most {@code 2·bytes/L + 1 + (F-1)·T} extents, however small uploads are.
 *   <li><b>Small objects</b> (less than L of them is referred to) are merged F or more of a tier at
 *       a time, with whatever streams they hold: many tiny streams share one larger object instead
 *       of having one each. So there are at most {@code (F-1)·T} small objects with open regions,
 *       one for each closed region at most, and no more than {@code bytes/L} others.
 *   <li><b>A wasted object</b>, of which less than a quarter is referred to, loses what is left of
 *       it. Only then does a large extent move. Bytes that moves write are less than a third of
 *       those that were let go in the object.
 * </ul>
 *
 * <p>Each merge of tiers lifts what it writes by a tier, as a rule; a byte can besides be caught
 * between others that are merged, once for each tier below its own, and once when its region
 * closes. So a byte is written about T times, 2·T + 1 at worst for streams of even sizes.
 *
 * <p>A run of L or more gets an object of its own, which ends the sharing; smaller ones share
 * objects of up to F·L, ascending by stream, so that a stream's next run is likely to share with
 * the same neighbours. An object holds one range of a stream (its format), so several runs of a
 * stream go to several objects.
 *
 * <p>What a stream has been compacted to, if it is, is a boundary: its two sides are as two
 * streams.
 *
 * <p>It ends: each task leaves fewer extents, or at most half as many objects, or less waste. Where
 * a task would do nothing of it, small objects stay, more than the bound says: with indexes so
 * large that no two objects can be read at a time.
 *
 * <p>A task replaces at most {@link MergeLimits#MAX_EXTENTS} extents, so where more streams than
 * that share small objects there are as many times more objects as it takes.
 *
 * <p>A plan is bounded: it leaves the rest to the next one, which begins where it stopped. Memory
 * is one stream's extents, a few numbers for each object, and the plan.
 */
final class MergePlanner {

  private static final int PAGE = 1024;
  private static final int MAX_PLAN_EXTENTS = 20_000;
  private static final int MAX_PLAN_OBJECTS = 4;
  private static final int OPEN_BINS = 16;

  private final MergeView view;
  private final MergeLimits limits;

  MergePlanner(MergeView view, MergeLimits limits) {
    this.view = view;
    this.limits = limits;
  }

  /**
   * @param tasks cheapest relief first; they do not overlap
   * @param stoppedAt the stream up to which it looked, when it became too long
   */
  record Plan(List<MergeTask> tasks, Optional<StreamId> stoppedAt) {}

  /**
   * @param startAfter where the plan before stopped
   */
  Plan plan(Optional<StreamId> startAfter) {
    ObjectSurvey survey = new ObjectSurvey();
    for (StreamId stream : view.streams()) {
      survey(stream, survey);
    }
    Set<String> crowded = survey.crowded(view, limits);
    Set<String> wasted = survey.wasted(view);
    List<MergeRun> runs = new ArrayList<>();
    Optional<StreamId> stoppedAt = Optional.empty();
    long bytes = 0;
    long extents = 0;
    for (StreamId stream : rotated(view.streams(), startAfter)) {
      if (view.isMine(stream)) {
        for (StreamLayout layout : layouts(stream)) {
          for (MergeRun run : layout.runs(crowded, wasted)) {
            runs.add(run);
            bytes += run.bytes();
            extents += run.extents().size();
          }
        }
        if (bytes >= MAX_PLAN_OBJECTS * limits.maxObjectBytes() || extents >= MAX_PLAN_EXTENTS) {
          stoppedAt = Optional.of(stream);
          break;
        }
      }
    }
    return new Plan(tasks(runs, wasted), stoppedAt);
  }

  private void survey(StreamId stream, ObjectSurvey survey) {
    boolean isMine = view.isMine(stream);
    eachPage(stream, page -> page.forEach(extent -> survey.onExtent(extent, isMine)));
    if (isMine) {
      layouts(stream).forEach(layout -> layout.open().forEach(survey::onOpenExtent));
    }
  }

  /** One, or one for each side of where the stream is compacted to. */
  private List<StreamLayout> layouts(StreamId stream) {
    List<Extent> all = new ArrayList<>();
    eachPage(stream, all::addAll);
    long compactedEndOffset = view.compactedEndOffset(stream);
    int boundary = 0;
    while (boundary < all.size() && all.get(boundary).endOffset() <= compactedEndOffset) {
      boundary++;
    }
    List<StreamLayout> layouts = new ArrayList<>(2);
    for (List<Extent> side : List.of(all.subList(0, boundary), all.subList(boundary, all.size()))) {
      if (!side.isEmpty()) {
        layouts.add(new StreamLayout(side, view, limits));
      }
    }
    return layouts;
  }

  private void eachPage(StreamId stream, Consumer<List<Extent>> then) {
    long from = 0;
    List<Extent> page;
    do {
      page = view.extents(stream, from, PAGE);
      then.accept(page);
      from = page.isEmpty() ? from : page.get(page.size() - 1).endOffset();
    } while (page.size() == PAGE);
  }

  private static List<StreamId> rotated(List<StreamId> streams, Optional<StreamId> startAfter) {
    if (startAfter.isEmpty()) {
      return streams;
    }
    List<StreamId> rotated = new ArrayList<>(streams.size());
    StreamId after = startAfter.get();
    streams.stream().filter(stream -> stream.compareTo(after) > 0).forEach(rotated::add);
    streams.stream().filter(stream -> stream.compareTo(after) <= 0).forEach(rotated::add);
    return rotated;
  }

  private List<MergeTask> tasks(List<MergeRun> runs, Set<String> wasted) {
    runs.sort(
        Comparator.comparing(MergeRun::stream)
            .thenComparingLong(run -> run.extents().get(0).baseOffset()));
    List<Bin> bins = new ArrayList<>();
    for (MergeRun run : runs) {
      boolean isOwn = limits.isLarge(run.bytes());
      Bin bin = isOwn ? null : binFor(run, bins);
      if (bin == null) {
        bin = new Bin(isOwn);
        bins.add(bin);
      }
      bin.add(run);
    }
    List<MergeTask> tasks = new ArrayList<>(bins.stream().map(Bin::task).toList());
    dropIdleMoves(tasks, wasted);
    tasks.sort(Comparator.comparingLong(task -> task.bytes() / (task.relief() + 1)));
    return tasks;
  }

  /**
   * Moving extents as they are is worth it only where it leaves at most half as many objects: not,
   * for example, where indexes are too large for two objects to be read at a time. Or it would go
   * on for ever.
   */
  private static void dropIdleMoves(List<MergeTask> tasks, Set<String> wasted) {
    List<MergeTask> moves = new ArrayList<>();
    Set<String> emptied = new HashSet<>();
    for (MergeTask task : tasks) {
      Set<String> sources = task.sources();
      if (task.relief() == 0 && sources.stream().noneMatch(wasted::contains)) {
        moves.add(task);
        emptied.addAll(sources);
      }
    }
    if (2 * moves.size() > emptied.size()) {
      tasks.removeAll(moves);
    }
  }

  private @Nullable Bin binFor(MergeRun run, List<Bin> bins) {
    for (int i = Math.max(0, bins.size() - OPEN_BINS); i < bins.size(); i++) {
      if (bins.get(i).fits(run)) {
        return bins.get(i);
      }
    }
    return null;
  }

  /** A task that grows. */
  private final class Bin {
    private final boolean isOwn;
    private final List<MergeRun> runs = new ArrayList<>();
    private final Set<String> sources = new HashSet<>();
    private int extents;
    private long bytes;
    private long batches;
    private long indexBytes;

    Bin(boolean isOwn) {
      this.isOwn = isOwn;
    }

    boolean fits(MergeRun run) {
      if (isOwn
          || runs.get(runs.size() - 1).stream().equals(run.stream())
          || extents + run.extents().size() > MergeLimits.MAX_EXTENTS
          || bytes + run.bytes() > limits.maxObjectBytes()
          || batches + run.batches() > MergeLimits.MAX_BATCHES) {
        return false;
      }
      Set<String> more = newSources(run);
      return sources.size() + more.size() <= MergeLimits.MAX_SOURCES
          && indexBytes + indexBytes(more) <= limits.indexBytes();
    }

    void add(MergeRun run) {
      Set<String> more = newSources(run);
      indexBytes += indexBytes(more);
      sources.addAll(more);
      extents += run.extents().size();
      bytes += run.bytes();
      batches += run.batches();
      runs.add(run);
    }

    private Set<String> newSources(MergeRun run) {
      Set<String> keys = new HashSet<>();
      for (Extent extent : run.extents()) {
        if (!sources.contains(extent.objectKey())) {
          keys.add(extent.objectKey());
        }
      }
      return keys;
    }

    private long indexBytes(Set<String> keys) {
      long sum = 0;
      for (String key : keys) {
        sum += view.object(key).map(ObjectRef::indexBytes).orElse(0L);
      }
      return sum;
    }

    MergeTask task() {
      return new MergeTask(List.copyOf(runs));
    }
  }
}
