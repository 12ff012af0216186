package io.spillway.catalog;

import io.spillway.catalog.CatalogCommand.Extent;
import io.spillway.catalog.StreamCatalog.StreamState;
import io.spillway.runtime.RandomSource;
import io.spillway.wal.StreamId;
import io.spillway.wal.WriterIncarnation;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.TreeSet;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/** Commands that are mostly sensible, and often not. */
final class RandomCommands {

  static final int STREAMS = 4;
  static final int NODES = 3;

  private final RandomSource random;
  private final TestCommands say = new TestCommands();
  private final long[] incarnations = new long[NODES];
  private final List<CatalogCommand> past = new ArrayList<>();
  private final List<Extent> ranges = new ArrayList<>();
  private int objects;

  RandomCommands(RandomSource random) {
    this.random = random;
  }

  StreamId nextStream() {
    return new StreamId(new UUID(5, 5), random.nextInt(STREAMS));
  }

  CatalogCommand next(@Nullable StreamEntry stream) {
    return next(
        Optional.ofNullable(stream).map(StreamEntry::snapshot),
        stream == null ? nextStream() : stream.id);
  }

  CatalogCommand next(Optional<StreamState> stream, StreamId id) {
    if (!past.isEmpty() && random.nextInt(12) == 0) {
      return past.get(random.nextInt(past.size()));
    }
    CatalogCommand command =
        past.isEmpty() ? say.level(StreamCatalog.RULE_LEVEL_COMPACTION) : fresh(stream, id);
    past.add(command);
    if (command instanceof CatalogCommand.Commit commit) {
      ranges.addAll(commit.ranges());
    } else if (command instanceof CatalogCommand.Merge merge) {
      ranges.addAll(merge.newExtents());
    }
    return command;
  }

  private CatalogCommand fresh(Optional<StreamState> stream, StreamId id) {
    WriterIncarnation writer = stream.map(StreamState::writer).orElse(anyWriter());
    if (random.nextInt(4) == 0) {
      writer = anyWriter();
    }
    int epoch = stream.map(s -> s.token().leaderEpoch()).orElse(0);
    long end = stream.map(StreamState::committedEndOffset).orElse(0L);
    long start = stream.map(StreamState::logStartOffset).orElse(0L);
    int what = random.nextInt(100);
    if (what < 10) {
      int node = random.nextInt(NODES);
      incarnations[node] += random.nextInt(3);
      return say.open(TestCommands.writer(node, node, incarnations[node]));
    } else if (what < 30) {
      return say.claim(id, epoch + random.nextInt(3), writer, random.nextInt(50), end);
    } else if (what < 38) {
      return say.close(id, writer, end + (random.nextInt(5) == 0 ? 1 : 0));
    } else if (what < 42) {
      return stream
          .flatMap(StreamState::claimant)
          .<CatalogCommand>map(claimant -> say.recovered(id, claimant, end))
          .orElseGet(() -> say.raise(random.nextInt(20)));
    } else if (what < 75) {
      String key = "o" + objects++;
      long base = end + (random.nextInt(8) == 0 ? random.nextInt(5) - 2 : 0);
      base = Math.max(0, base);
      Extent first = TestCommands.extent(id, key, base, base + 1 + random.nextInt(9));
      Extent second = TestCommands.extent(nextStream(), key, 0, 1 + random.nextInt(4));
      return random.nextInt(3) == 0
          ? say.commit(writer, key, 1_000, random.nextInt(1_000), first, second)
          : say.commit(writer, key, 1_000, random.nextInt(1_000), first);
    } else if (what < 81) {
      return merge(writer, id);
    } else if (what < 83) {
      return say.compacted(id, writer, Math.max(0, end - 3 + random.nextInt(5)));
    } else if (what < 90) {
      return say.trim(id, writer, start + random.nextInt(12));
    } else if (what < 94) {
      return say.checkpoint(writer, id, random.nextInt(60), "state");
    } else if (what < 96) {
      return random.nextInt(6) == 0 ? say.delete(id, random.nextInt(60)) : say.raise(3);
    } else if (what < 98) {
      return say.seal(writer);
    }
    return random.nextInt(4) == 0 ? say.abandon(writer) : say.seal(writer);
  }

  /** A replacement of some of the stream's extents, now and then a wrong one. */
  CatalogCommand replace(StreamEntry stream, List<Extent> extents) {
    int from = random.nextInt(extents.size());
    int count = 1 + random.nextInt(Math.min(6, extents.size() - from));
    List<Extent> old = extents.subList(from, from + count);
    String key = "m" + objects++;
    long base = old.get(0).baseOffset();
    long end = old.get(count - 1).endOffset() + (random.nextInt(10) == 0 ? 1 : 0);
    long middle = base + 1 + random.nextInt((int) Math.max(1, end - base - 1));
    List<Extent> by = new ArrayList<>();
    if (random.nextInt(2) == 0 && middle < end) {
      by.add(TestCommands.extent(stream.id, key, base, middle));
      by.add(TestCommands.extent(stream.id, key, middle, end));
    } else {
      by.add(TestCommands.extent(stream.id, key, base, end));
    }
    return say.replace(
        stream.id, stream.writer, List.of(TestCommands.object(key, 1_000)), List.copyOf(old), by);
  }

  /** What was ever put there of the stream and of another, adjacent where it is so. */
  private CatalogCommand merge(WriterIncarnation writer, StreamId id) {
    String key = "m" + objects++;
    List<Extent> old = new ArrayList<>();
    List<Extent> by = new ArrayList<>();
    for (StreamId each : new TreeSet<>(List.of(id, nextStream()))) {
      List<Extent> run = new ArrayList<>();
      int newest = ranges.size() - 1 - random.nextInt(4);
      for (int i = newest; i >= 0 && run.size() < 4; i--) {
        Extent range = ranges.get(i);
        boolean joins = run.isEmpty() || range.endOffset() == run.get(0).baseOffset();
        if (range.stream().equals(each) && joins) {
          run.add(0, range);
        }
      }
      if (!run.isEmpty()) {
        old.addAll(run);
        by.add(
            TestCommands.extent(
                each, key, run.get(0).baseOffset(), run.get(run.size() - 1).endOffset()));
      }
    }
    return say.merge(writer, key, 1_000, old, by);
  }

  private WriterIncarnation anyWriter() {
    int node = random.nextInt(NODES);
    return TestCommands.writer(node, node, incarnations[node]);
  }
}
