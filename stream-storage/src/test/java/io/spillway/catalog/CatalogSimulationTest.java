package io.spillway.catalog;

import static org.assertj.core.api.Assertions.assertThat;

import io.spillway.catalog.CatalogCommand.Extent;
import io.spillway.catalog.LogStreamCatalog.Config;
import io.spillway.catalog.StreamCatalog.StreamState;
import io.spillway.catalog.StreamCatalog.Verdict;
import io.spillway.object.SimulatedBucket;
import io.spillway.object.SimulatedBucket.Faults;
import io.spillway.runtime.RandomSource;
import io.spillway.runtime.Scheduler;
import io.spillway.runtime.SimulatedThreads;
import io.spillway.sharedlog.ObjectSharedLog;
import io.spillway.wal.StreamId;
import io.spillway.wal.WriterIncarnation;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.TreeSet;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Random commands, good and bad: the rules against a naive model, and replicas against another. */
class CatalogSimulationTest {

  private static final int STREAMS = 4;
  private static final int NODES = 3;

  @ParameterizedTest
  @ValueSource(longs = {1, 1001, 2001})
  void theRulesKeepWhatTheNaiveModelKeeps(long firstSeed) {
    for (long seed = firstSeed; seed < firstSeed + 30; seed++) {
      RandomSource random = new SimulatedThreads(seed, 0).randomSource();
      CatalogState state = new CatalogState();
      NaiveCatalog model = new NaiveCatalog();
      RandomCommands commands = new RandomCommands(random);
      List<Long> records = new ArrayList<>();
      try {
        for (long position = 0; position < 400; position++) {
          CatalogCommand command = commands.next(state.streams.get(commands.nextStream()));
          model.after(command, state.apply(position, command));
          state.takeUnreferenced().forEach(object -> model.onFreed(object.key()));
          records.add(position);
          // The end of a WAL moves committed ends, which the model learns from the state.
          boolean endsWal =
              command instanceof CatalogCommand.SealWal
                  || command instanceof CatalogCommand.AbandonWal;
          if (endsWal || position % 7 == 0) {
            model.requireEqual(state);
          }
          if (random.nextInt(40) == 0) {
            state = CheckpointCodec.decode(position, join(CheckpointCodec.encode(state)));
          }
        }
        model.requireEqual(state);
      } catch (AssertionError e) {
        throw new AssertionError("seed " + seed + " after " + records.size() + " commands", e);
      }
    }
  }

  @ParameterizedTest
  @ValueSource(longs = {1, 501})
  void replicasOnABadNetworkAgreeAndForgetNothing(long firstSeed) {
    for (long seed = firstSeed; seed < firstSeed + 10; seed++) {
      new Run(seed).run();
    }
  }

  private static ByteBuffer join(List<ByteBuffer> parts) {
    ByteBuffer whole = ByteBuffer.allocate(parts.stream().mapToInt(ByteBuffer::remaining).sum());
    parts.forEach(part -> whole.put(part.duplicate()));
    return whole.flip();
  }

  /** Several replicas submit; the process of all of them crashes now and then. */
  private static final class Run {
    private final long seed;
    private final SimulatedThreads threads;
    private final RandomSource random;
    private final SimulatedBucket bucket;
    private final RandomCommands commands;
    private final List<LogStreamCatalog> replicas = new ArrayList<>();

    /** Commits that somebody was told are in force: stream, end offset. */
    private final List<Extent> promised = new ArrayList<>();

    Run(long seed) {
      this.seed = seed;
      this.threads = new SimulatedThreads(seed, 100_000);
      this.random = threads.randomSource();
      this.bucket = new SimulatedBucket(threads, Faults.many());
      this.commands = new RandomCommands(random);
    }

    void run() {
      for (int life = 0; life < 3; life++) {
        replicas.clear();
        for (int i = 0; i < NODES; i++) {
          replicas.add(open(i));
        }
        for (int i = 0; i < 60; i++) {
          LogStreamCatalog replica = replicas.get(random.nextInt(NODES));
          StreamId stream = commands.nextStream();
          CatalogCommand command = commands.next(replica.stream(stream), stream);
          replica.submit(command).thenAccept(verdict -> onVerdict(replica, command, verdict));
          steps(random.nextInt(40));
        }
        if (life < 2) {
          threads.crash();
        }
      }
      List<CompletableFuture<Long>> refreshed = new ArrayList<>();
      steps(20_000);
      replicas.forEach(replica -> refreshed.add(replica.refresh()));
      for (CompletableFuture<Long> each : refreshed) {
        while (!each.isDone() && threads.step()) {
          // Runs the simulation.
        }
        assertThat(each).as("seed %d", seed).isCompleted();
      }
      assertThat(threads.faults()).as("seed %d", seed).isEmpty();
      for (LogStreamCatalog replica : replicas) {
        assertThat(join(replica.encodedState()))
            .as("seed %d", seed)
            .isEqualTo(join(replicas.get(0).encodedState()));
        for (Extent extent : promised) {
          StreamState stream = replica.stream(extent.stream()).orElseThrow();
          assertThat(
                  stream.phase() == StreamCatalog.Phase.DELETED
                      ? Long.MAX_VALUE
                      : stream.committedEndOffset())
              .as("seed %d, %s", seed, extent)
              .isGreaterThanOrEqualTo(extent.endOffset());
        }
      }
      assertThat(promised).as("seed %d: something was committed", seed).isNotEmpty();
    }

    private void onVerdict(LogStreamCatalog replica, CatalogCommand command, Verdict verdict) {
      if (command instanceof CatalogCommand.Commit commit
          && verdict instanceof Verdict.Applied applied) {
        assertThat(replica.position()).isGreaterThanOrEqualTo(applied.position());
        for (int i = 0; i < commit.ranges().size(); i++) {
          if (applied.appliedRanges().get(i)) {
            promised.add(commit.ranges().get(i));
          }
        }
      }
    }

    private LogStreamCatalog open(int node) {
      Scheduler scheduler = threads.newScheduler("catalog" + node);
      ObjectSharedLog log =
          new ObjectSharedLog(
              bucket.connect("node" + node), "c", Optional.of(new UUID(3, 3)), scheduler, random);
      LogStreamCatalog catalog =
          new LogStreamCatalog(log, scheduler, random, new Config(3, 12, true));
      CompletableFuture<Void> opened = catalog.open();
      while (!opened.isDone() && threads.step()) {
        // Runs the simulation.
      }
      assertThat(opened).as("seed %d", seed).isCompleted();
      return catalog;
    }

    private void steps(int count) {
      for (int i = 0; i < count && threads.step(); i++) {
        // Runs the simulation.
      }
    }
  }

  /** Commands that are mostly sensible, and often not. */
  private static final class RandomCommands {
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
          past.isEmpty() ? say.level(StreamCatalog.RULE_LEVEL_MERGE) : fresh(stream, id);
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
}
