package io.spillway.catalog;

import static io.spillway.catalog.TestCommands.S1;
import static io.spillway.catalog.TestCommands.S2;
import static io.spillway.catalog.TestCommands.extent;
import static io.spillway.catalog.TestCommands.object;
import static io.spillway.catalog.TestCommands.writer;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.spillway.catalog.CatalogCommand.Extent;
import io.spillway.catalog.LogStreamCatalog.Config;
import io.spillway.catalog.StreamCatalog.Verdict.Applied;
import io.spillway.object.MemoryObjectStore;
import io.spillway.object.MeteredObjectStore;
import io.spillway.object.ObjectStore;
import io.spillway.runtime.Scheduler;
import io.spillway.runtime.SimulatedThreads;
import io.spillway.sharedlog.ObjectSharedLog;
import io.spillway.wal.WriterIncarnation;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;

/** The catalog over an index: when it is made, used, left behind, thrown away. */
class LogStreamCatalogIndexTest {

  private static final Config RARE_CHECKPOINTS = new Config(1_000, 1_000, true);
  private static final WriterIncarnation A1 = writer(1, 1, 1);

  private final SimulatedThreads threads = new SimulatedThreads(29, 1_000);
  private final MemoryObjectStore bucket = new MemoryObjectStore();
  private final MemoryIndexHome home = new MemoryIndexHome();
  private final TestCommands say = new TestCommands();

  @Test
  void aSmallCatalogMakesNoIndex() {
    LogStreamCatalog catalog = filled(10, 10, RARE_CHECKPOINTS);
    assertThat(home.created()).isZero();
    commit(catalog, 10);
    assertThat(home.created()).isEqualTo(1);
    assertSameAsInMemory(catalog);
  }

  @Test
  void aCommitReadsNothingFromTheIndex() {
    LogStreamCatalog catalog = filled(100, 10, RARE_CHECKPOINTS);
    settle();
    long before = home.last().reads();
    commit(catalog, 100);
    assertThat(home.last().reads()).isEqualTo(before);
    assertThat(catalog.extents(S1, 3, 2)).containsExactly(of(0), of(1));
    assertThat(home.last().reads()).isGreaterThan(before);
  }

  @Test
  void theNextStartReplaysFromTheIndexOn() {
    LogStreamCatalog catalog = filled(100, 10, RARE_CHECKPOINTS);
    settle();
    threads.crash();
    MeteredObjectStore metered = new MeteredObjectStore(bucket);
    LogStreamCatalog again = opened(metered, RARE_CHECKPOINTS, 10);
    assertThat(again.position()).isEqualTo(catalog.position());
    assertThat(metered.requests().toString()).isNotEmpty();
    assertThat(home.created()).isEqualTo(1);
    // At most so many changes had to be read again; each of these records has two.
    assertThat(home.last().isClosed()).isFalse();
    assertSameAsInMemory(again);
    commit(again, 100);
    assertSameAsInMemory(again);
  }

  @Test
  void aNewerCheckpointIsLoadedInThePlaceOfTheIndex() {
    filled(40, 10, RARE_CHECKPOINTS);
    settle();
    threads.crash();
    MemoryIndexHome none = new MemoryIndexHome();
    LogStreamCatalog other = opened(bucket, new Config(1, 1, true), none, 10);
    commit(other, 40);
    settle();
    assertThat(bucket.list("catalog/checkpoint/", "", 10).join()).isNotEmpty();
    threads.crash();
    LogStreamCatalog again = opened(bucket, RARE_CHECKPOINTS, 10);
    assertThat(home.created()).isEqualTo(2);
    assertThat(home.indexes()).hasSize(1);
    assertSameAsInMemory(again);
  }

  @Test
  void checkpointsAreMadeOfTheIndexWhileTheLogGoesOn() {
    LogStreamCatalog catalog = filled(60, 10, new Config(5, 10, true));
    settle();
    assertThat(bucket.list("catalog/checkpoint/", "", 10).join()).hasSize(2);
    LogStreamCatalog inMemory = opened(bucket, RARE_CHECKPOINTS, new MemoryIndexHome(), 1_000);
    assertThat(inMemory.encodedState()).isEqualTo(catalog.encodedState());
  }

  @Test
  void aDamagedIndexIsBuiltAgainAtTheStart() {
    filled(40, 10, RARE_CHECKPOINTS);
    settle();
    threads.crash();
    home.last().entries().replaceAll((key, value) -> new byte[] {1});
    LogStreamCatalog again = opened(bucket, RARE_CHECKPOINTS, 10);
    assertThat(home.indexes()).hasSize(1);
    assertSameAsInMemory(again);
  }

  @Test
  void anIndexOfAnotherVersionIsBuiltAgain() {
    filled(40, 10, RARE_CHECKPOINTS);
    settle();
    threads.crash();
    home.last().entries().computeIfPresent(IndexFormat.headKey(), (key, value) -> newer(value));
    assertThatThrownBy(() -> IndexFormat.Head.of(Objects.requireNonNull(home.newest())))
        .isInstanceOf(IndexException.class)
        .hasMessageContaining("has version 9, this build uses version 1");
    assertSameAsInMemory(opened(bucket, RARE_CHECKPOINTS, 10));
  }

  private static byte[] newer(byte[] head) {
    byte[] changed = head.clone();
    changed[1] = 9;
    return changed;
  }

  @Test
  void anUnfinishedIndexIsBuiltAgain() {
    filled(40, 10, RARE_CHECKPOINTS);
    settle();
    threads.crash();
    home.last().entries().remove(IndexFormat.headKey());
    assertSameAsInMemory(opened(bucket, RARE_CHECKPOINTS, 10));
  }

  @Test
  void anIndexOfAnotherClusterIsNotUsed() {
    filled(40, 10, RARE_CHECKPOINTS);
    settle();
    threads.crash();
    MemoryObjectStore other = new MemoryObjectStore();
    LogStreamCatalog catalog = opened(other, RARE_CHECKPOINTS, 10);
    assertThat(catalog.streams()).isEmpty();
    assertThat(catalog.objects()).isEmpty();
    assertThat(home.indexes()).isEmpty();
  }

  @Test
  void anIndexAheadOfTheLogIsNotUsed() {
    LogStreamCatalog catalog = filled(40, 10, RARE_CHECKPOINTS);
    UUID cluster = catalog.clusterId();
    settle();
    threads.crash();
    bucket
        .list("catalog/log/", "", 100)
        .join()
        .forEach(
            info -> {
              if (info.key().compareTo("catalog/log/00000000000000000020") >= 0) {
                bucket.delete(info.key()).join();
              }
            });
    LogStreamCatalog again = opened(bucket, RARE_CHECKPOINTS, 10);
    assertThat(again.clusterId()).isEqualTo(cluster);
    assertThat(again.position()).isEqualTo(19);
    assertSameAsInMemory(again);
  }

  @Test
  void anIndexOfAPastThatWasUndoneIsNotUsed() {
    filled(40, 10, RARE_CHECKPOINTS);
    settle();
    threads.crash();
    List<String> late =
        bucket.list("catalog/log/", "", 100).join().stream()
            .map(info -> info.key())
            .filter(key -> key.compareTo("catalog/log/00000000000000000020") >= 0)
            .toList();
    late.forEach(key -> bucket.delete(key).join());
    LogStreamCatalog other =
        opened(bucket, RARE_CHECKPOINTS, new MemoryIndexHome(), Integer.MAX_VALUE);
    for (int i = 0; i < 60; i++) {
      applied(other, say.raise(0)); // other records at the same numbers
    }
    threads.crash();
    LogStreamCatalog again = opened(bucket, RARE_CHECKPOINTS, 10);
    assertThat(again.position()).isEqualTo(other.position());
    assertSameAsInMemory(again);
  }

  @Test
  void anIndexThatFailsIsBuiltAgainAndNothingGoesBack() {
    LogStreamCatalog catalog = filled(60, 10, new Config(5, 10, true));
    settle();
    home.last().damage();
    long position = catalog.position();
    assertThatThrownBy(() -> catalog.extents(S1, 0, 1))
        .isInstanceOf(CatalogException.Rebuilding.class);
    long end = catalog.stream(S1).orElseThrow().committedEndOffset();
    while (threads.step()) {
      assertThat(catalog.position()).isGreaterThanOrEqualTo(position);
      assertThat(catalog.stream(S1).orElseThrow().committedEndOffset()).isEqualTo(end);
    }
    assertThat(home.created()).isEqualTo(2);
    assertThat(catalog.extents(S1, 0, 1)).containsExactly(of(0));
    commit(catalog, 60);
    assertSameAsInMemory(catalog);
  }

  @Test
  void aCommandWhoseIndexFailsGetsItsVerdictAllTheSame() {
    LogStreamCatalog catalog = filled(60, 10, RARE_CHECKPOINTS);
    settle();
    List<CatalogCommand.ObjectRef> gone = new ArrayList<>();
    catalog.onUnreferenced(gone::add);
    home.last().damage();
    applied(catalog, say.trim(S1, A1, of(20).baseOffset()));
    assertThat(gone).hasSize(20).contains(object("o0", 0), object("o19", 0));
    assertThat(home.created()).isEqualTo(2);
    assertSameAsInMemory(catalog);
  }

  @Test
  void aHomeThatTakesNothingLeavesTheCatalogInMemory() {
    home.refuse();
    LogStreamCatalog catalog = filled(60, 10, new Config(5, 10, true));
    settle();
    assertThat(home.indexes()).isEmpty();
    commit(catalog, 60);
    assertSameAsInMemory(catalog);
    LogStreamCatalog again = opened(bucket, RARE_CHECKPOINTS, 10);
    assertThat(again.encodedState()).isEqualTo(catalog.encodedState());
  }

  @Test
  void aCatalogThatShrankGoesBackIntoMemoryAtTheNextStart() {
    LogStreamCatalog catalog = filled(60, 10, new Config(5, 10, true));
    applied(catalog, say.trim(S1, A1, of(57).baseOffset()));
    for (int i = 0; i < 20; i++) {
      applied(catalog, say.raise(0));
      settle();
    }
    threads.crash();
    LogStreamCatalog again = opened(bucket, RARE_CHECKPOINTS, 10);
    assertThat(home.indexes()).isEmpty();
    assertSameAsInMemory(again);
  }

  @Test
  void closingClosesTheIndex() {
    LogStreamCatalog catalog = filled(60, 10, RARE_CHECKPOINTS);
    settle();
    MemoryIndex index = home.last();
    assertThat(index.isClosed()).isFalse();
    catalog.close();
    settle();
    assertThat(index.isClosed()).isTrue();
  }

  /** So many extents of S1, and a stream of which nothing is left. */
  private LogStreamCatalog filled(int extents, int minExtents, Config config) {
    LogStreamCatalog catalog = opened(bucket, config, minExtents);
    applied(catalog, say.open(A1));
    applied(catalog, say.claim(S1, 1, A1));
    applied(catalog, say.claim(S2, 1, A1));
    for (int i = 0; i < extents; i++) {
      commit(catalog, i);
    }
    return catalog;
  }

  private static Extent of(int number) {
    return extent(S1, "o" + number, number * 10L, number * 10L + 10);
  }

  private void commit(LogStreamCatalog catalog, int number) {
    applied(catalog, say.commit(A1, "o" + number, of(number)));
    threads.runFor(1_000_000);
  }

  /** What memory alone makes of the same log. */
  private void assertSameAsInMemory(LogStreamCatalog catalog) {
    LogStreamCatalog inMemory =
        opened(bucket, RARE_CHECKPOINTS, new MemoryIndexHome(), Integer.MAX_VALUE);
    await(catalog.refresh());
    assertThat(catalog.encodedState()).isEqualTo(inMemory.encodedState());
    assertThat(catalog.objects()).isEqualTo(inMemory.objects());
    for (long offset = 0; offset < 700; offset += 35) {
      assertThat(catalog.extents(S1, offset, 3)).isEqualTo(inMemory.extents(S1, offset, 3));
      assertThat(catalog.firstExtentAtOrAfter(S1, offset * 10))
          .isEqualTo(inMemory.firstExtentAtOrAfter(S1, offset * 10));
    }
    inMemory.close();
  }

  private LogStreamCatalog opened(ObjectStore store, Config config, int minExtents) {
    return opened(store, config, home, minExtents);
  }

  private LogStreamCatalog opened(
      ObjectStore store, Config config, MemoryIndexHome in, int minExtents) {
    Scheduler scheduler = threads.newScheduler("catalog");
    Indexing indexing = new Indexing(in, threads.newScheduler("index"), minExtents, 10);
    LogStreamCatalog catalog =
        new LogStreamCatalog(
            new ObjectSharedLog(
                store, "catalog", Optional.empty(), scheduler, threads.randomSource()),
            scheduler,
            threads.randomSource(),
            config,
            Optional.of(indexing));
    await(catalog.open());
    settle();
    return catalog;
  }

  private void settle() {
    threads.runFor(1_000_000_000L);
  }

  private void applied(StreamCatalog catalog, CatalogCommand command) {
    assertThat(await(catalog.submit(command))).isInstanceOf(Applied.class);
  }

  private <T> T await(CompletableFuture<T> request) {
    while (!request.isDone() && threads.step()) {
      // Runs the simulation.
    }
    assertThat(request).as("what is awaited").isDone();
    return request.join();
  }
}
