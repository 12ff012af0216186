package io.spillway.catalog;

import static org.assertj.core.api.Assertions.assertThat;

import io.spillway.catalog.CatalogCommand.Extent;
import io.spillway.catalog.StreamCatalog.Verdict;
import io.spillway.catalog.index.RocksIndexHome;
import io.spillway.runtime.RandomSource;
import io.spillway.runtime.SimulatedThreads;
import io.spillway.wal.StreamId;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.function.Function;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * The same random commands to a catalog in memory and to one over an index: the same verdicts, the
 * same checkpoints and the same answers, whenever the index is written and whatever a crash took.
 */
class CatalogLayersTest {

  private static final int COMMANDS = 600;

  @TempDir private Path directory;

  @Test
  void inSortedMemory() {
    int crashes = 0;
    int merges = 0;
    for (long seed = 1; seed <= 60; seed++) {
      Run run = new Run(seed, random -> new LayeredCatalog(new MemoryIndexHome(), random));
      run.run();
      crashes += run.crashes;
      merges += run.merges;
    }
    assertThat(crashes).isGreaterThan(100);
    assertThat(merges).isGreaterThan(100);
  }

  @Test
  void inRocksDb() {
    for (long seed = 1001; seed <= 1004; seed++) {
      Path home = directory.resolve("index" + seed);
      new Run(seed, random -> new LayeredCatalog(new RocksIndexHome(home), random)).run();
    }
  }

  private static final class Run {
    private final long seed;
    private final RandomSource random;
    private final LayeredCatalog layered;
    private final CatalogState inMemory = new CatalogState();
    private final RandomCommands commands;
    private final List<CatalogCommand> log = new ArrayList<>();
    private int crashes;
    private int merges;

    Run(long seed, Function<RandomSource, LayeredCatalog> catalog) {
      this.seed = seed;
      this.random = new SimulatedThreads(seed, 0).randomSource();
      this.layered = catalog.apply(new SimulatedThreads(seed + 7, 0).randomSource());
      this.commands = new RandomCommands(random);
    }

    void run() {
      try (layered) {
        for (int i = 0; i < COMMANDS; i++) {
          step();
          if (random.nextInt(10) == 0) {
            ask();
          }
          if (random.nextInt(60) == 0) {
            assertThat(layered.checkpointFromIndex()).isEqualTo(CheckpointCodec.encode(inMemory));
          }
          if (random.nextInt(50) == 0) {
            crash();
          }
        }
        assertThat(CheckpointCodec.encode(layered.state()))
            .isEqualTo(CheckpointCodec.encode(inMemory));
      } catch (AssertionError | RuntimeException e) {
        throw new AssertionError("seed " + seed + " after " + log.size() + " commands", e);
      }
    }

    private void step() {
      CatalogCommand command = next();
      log.add(command);
      long position = log.size() - 1L;
      Verdict expected = inMemory.apply(position, command);
      assertThat(layered.apply(position, command)).isEqualTo(expected);
      assertThat(layered.state().references.takeUnreferenced())
          .isEqualTo(inMemory.references.takeUnreferenced());
      if (command instanceof CatalogCommand.Replace && expected instanceof Verdict.Applied) {
        merges++;
      }
    }

    private CatalogCommand next() {
      StreamEntry stream = inMemory.streams.get(commands.nextStream());
      if (stream != null && stream.extentCount() > 0 && random.nextInt(5) == 0) {
        return commands.replace(stream, inMemory.references.extents(stream, 0, 1_000));
      }
      return commands.next(stream);
    }

    private void crash() {
      long position = layered.restart();
      crashes += position >= 0 ? 1 : 0;
      for (long number = position + 1; number < log.size(); number++) {
        layered.apply(number, log.get((int) number));
      }
      layered.state().references.takeUnreferenced();
      List<ByteBuffer> found = CheckpointCodec.encode(layered.state());
      assertThat(found).isEqualTo(CheckpointCodec.encode(inMemory));
    }

    private void ask() {
      StreamId id = commands.nextStream();
      StreamEntry stream = inMemory.streams.get(id);
      if (stream == null) {
        return;
      }
      long offset = random.nextInt(1 + (int) Math.min(10_000, stream.committedEndOffset + 3));
      int limit = 1 + random.nextInt(6);
      assertThat(layered.extents(id, offset, limit))
          .isEqualTo(inMemory.references.extents(stream, offset, limit));
      long timestampMs = random.nextInt(1 + (int) Math.min(100_000, offset * 11 + 5));
      List<Extent> all = inMemory.references.extents(stream, 0, Integer.MAX_VALUE);
      Optional<Extent> expected =
          all.stream().filter(extent -> extent.maxTimestampMs() >= timestampMs).findFirst();
      assertThat(layered.firstAtOrAfter(id, timestampMs)).isEqualTo(expected);
      assertThat(LayeredCatalog.firstAtOrAfter(inMemory, id, timestampMs)).isEqualTo(expected);
      for (Extent extent : all) {
        ObjectEntry found = layered.state().references.object(extent.objectKey());
        ObjectEntry known = inMemory.references.object(extent.objectKey());
        assertThat(found).isNotNull();
        assertThat(Objects.requireNonNull(found).ref())
            .isEqualTo(Objects.requireNonNull(known).ref());
        assertThat(found.references()).isEqualTo(known.references());
      }
    }
  }
}
