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
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Random commands, good and bad: the rules against a naive model, and replicas against another. */
class CatalogSimulationTest {

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
          state.references.takeUnreferenced().forEach(object -> model.onFreed(object.key()));
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
    int promises = 0;
    int indexes = 0;
    for (long seed = firstSeed; seed < firstSeed + 10; seed++) {
      Run run = new Run(seed);
      run.run();
      promises += run.promised.size();
      indexes += run.homes.stream().mapToInt(MemoryIndexHome::created).sum();
    }
    assertThat(promises).as("extents that were committed").isGreaterThan(20);
    assertThat(indexes).as("indexes that were made").isGreaterThan(10);
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

    /** All but the first replica have an index from the first extents on. */
    private final List<MemoryIndexHome> homes = new ArrayList<>();

    /** Commits that somebody was told are in force: stream, end offset. */
    private final List<Extent> promised = new ArrayList<>();

    Run(long seed) {
      this.seed = seed;
      this.threads = new SimulatedThreads(seed, 100_000);
      this.random = threads.randomSource();
      this.bucket = new SimulatedBucket(threads, Faults.many());
      this.commands = new RandomCommands(random);
      for (int i = 0; i < RandomCommands.NODES; i++) {
        homes.add(new MemoryIndexHome());
      }
    }

    void run() {
      for (int life = 0; life < 3; life++) {
        replicas.clear();
        for (int i = 0; i < RandomCommands.NODES; i++) {
          replicas.add(open(i));
        }
        for (int i = 0; i < 60; i++) {
          LogStreamCatalog replica = replicas.get(random.nextInt(RandomCommands.NODES));
          StreamId stream = commands.nextStream();
          CatalogCommand command = commands.next(replica.stream(stream), stream);
          replica.submit(command).thenAccept(verdict -> onVerdict(replica, command, verdict));
          steps(random.nextInt(40));
        }
        if (life < 2) {
          threads.crash();
          homes.forEach(home -> home.crash(random::nextInt));
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
          new LogStreamCatalog(log, scheduler, random, new Config(3, 12, true), indexing(node));
      CompletableFuture<Void> opened = catalog.open();
      while (!opened.isDone() && threads.step()) {
        // Runs the simulation.
      }
      assertThat(opened).as("seed %d", seed).isCompleted();
      return catalog;
    }

    private Optional<Indexing> indexing(int node) {
      return node == 0
          ? Optional.empty()
          : Optional.of(new Indexing(homes.get(node), threads.newScheduler("index" + node), 0, 3));
    }

    private void steps(int count) {
      for (int i = 0; i < count && threads.step(); i++) {
        // Runs the simulation.
      }
    }
  }
}
