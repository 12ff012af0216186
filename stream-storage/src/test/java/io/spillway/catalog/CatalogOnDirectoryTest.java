package io.spillway.catalog;

import static org.assertj.core.api.Assertions.assertThat;

import io.spillway.catalog.CatalogCommand.Extent;
import io.spillway.catalog.LogStreamCatalog.Config;
import io.spillway.catalog.StreamCatalog.Verdict;
import io.spillway.object.DirectoryObjectStore;
import io.spillway.object.ObjectStore;
import io.spillway.runtime.Scheduler;
import io.spillway.runtime.SystemClock;
import io.spillway.runtime.SystemRandom;
import io.spillway.runtime.SystemThreads;
import io.spillway.sharedlog.ObjectSharedLog;
import io.spillway.wal.StreamId;
import io.spillway.wal.WriterIncarnation;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.Executor;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Real threads, real files: two brokers race on one directory. */
class CatalogOnDirectoryTest {

  private static final int COMMITS = 60;

  private final ConcurrentLinkedQueue<Throwable> faults = new ConcurrentLinkedQueue<>();

  @TempDir Path root = Path.of("");

  @Test
  void twoBrokersRaceAndBothSeeEveryCommit() {
    try (SystemThreads threads =
        new SystemThreads("test", new SystemClock(), (component, cause) -> faults.add(cause))) {
      List<LogStreamCatalog> catalogs = List.of(open(threads), open(threads));
      List<CompletableFuture<?>> brokers = new ArrayList<>();
      Executor pool = threads.newPool("brokers", 2);
      for (int node = 0; node < 2; node++) {
        int n = node;
        brokers.add(CompletableFuture.runAsync(() -> broker(catalogs.get(n), n), pool));
      }
      brokers.forEach(CatalogOnDirectoryTest::await);
      for (LogStreamCatalog catalog : catalogs) {
        await(catalog.refresh());
        for (int node = 0; node < 2; node++) {
          assertThat(catalog.extents(stream(node), 0, 1_000)).hasSize(COMMITS);
        }
      }
      assertThat(catalogs.get(0).encodedState()).isEqualTo(catalogs.get(1).encodedState());
      LogStreamCatalog later = open(threads);
      assertThat(later.encodedState()).isEqualTo(catalogs.get(0).encodedState());
      catalogs.forEach(LogStreamCatalog::close);
      later.close();
    }
    assertThat(faults).isEmpty();
  }

  private static void broker(StreamCatalog catalog, int node) {
    WriterIncarnation writer = TestCommands.writer(node, node, 1);
    TestCommands say = new TestCommands(1_000_000L * (node + 1)); // ids that nobody else uses
    List<CompletableFuture<Verdict>> verdicts = new ArrayList<>();
    verdicts.add(catalog.submit(say.open(writer)));
    verdicts.add(catalog.submit(say.claim(stream(node), 1, writer)));
    for (int i = 0; i < COMMITS; i++) {
      String key = "o" + node + "-" + i;
      Extent extent = TestCommands.extent(stream(node), key, i, i + 1L);
      verdicts.add(catalog.submit(say.commit(writer, key, extent)));
      if (i % 5 == 0) {
        await(verdicts.get(verdicts.size() - 1));
      }
    }
    assertThat(verdicts).allSatisfy(v -> assertThat(await(v)).isInstanceOf(Verdict.Applied.class));
  }

  private LogStreamCatalog open(SystemThreads threads) {
    ObjectStore store = DirectoryObjectStore.open(root.resolve("bucket"), threads);
    Scheduler scheduler = threads.newScheduler("catalog");
    SystemRandom random = new SystemRandom();
    LogStreamCatalog catalog =
        new LogStreamCatalog(
            new ObjectSharedLog(store, "catalog", Optional.of(new UUID(2, 3)), scheduler, random),
            scheduler,
            random,
            new Config(10, 50, true));
    await(catalog.open());
    return catalog;
  }

  private static StreamId stream(int node) {
    return new StreamId(new UUID(6, node), 0);
  }

  private static <T> T await(CompletableFuture<T> request) {
    return request.orTimeout(60, TimeUnit.SECONDS).join();
  }
}
