package io.spillway.catalog;

import static org.assertj.core.api.Assertions.assertThat;

import io.spillway.catalog.CatalogCommand.Claim;
import io.spillway.catalog.CatalogCommand.Commit;
import io.spillway.catalog.CatalogCommand.Extent;
import io.spillway.catalog.LogStreamCatalog.Config;
import io.spillway.catalog.StreamCatalog.Verdict;
import io.spillway.catalog.index.RocksIndexHome;
import io.spillway.object.ForwardingObjectStore;
import io.spillway.object.MemoryObjectStore;
import io.spillway.object.ObjectStore;
import io.spillway.runtime.SystemClock;
import io.spillway.runtime.SystemRandom;
import io.spillway.runtime.SystemThreads;
import io.spillway.sharedlog.ObjectSharedLog;
import io.spillway.wal.StreamId;
import io.spillway.wal.WriterIncarnation;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentLinkedQueue;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The benchmark of a large catalog in small: what is where, not how long it takes. */
class CatalogScaleTest {

  private static final int STREAMS = 200;
  private static final int EXTENTS = 20_000;
  private static final int MIN_EXTENTS = 1_000;
  private static final int CHANGES_PER_WRITE = 1_500;
  private static final WriterIncarnation A1 = TestCommands.writer(1, 1, 1);

  @TempDir private Path directory;

  private final MemoryObjectStore bucket = new MemoryObjectStore();
  private final TestCommands say = new TestCommands();
  private final ConcurrentLinkedQueue<Throwable> faults = new ConcurrentLinkedQueue<>();

  @Test
  void aLargeCatalogIsOnTheDiskAndItsStartReadsWhatIsNew() {
    List<ByteBuffer> expected = fill();
    assertThat(directory.resolve("index")).isDirectory();

    try (Opened fromIndex = new Opened("index", bucket)) {
      assertThat(fromIndex.reads("catalog/checkpoint/")).isZero();
      assertStructure(fromIndex.catalog);
      assertThat(fromIndex.catalog.encodedState()).isEqualTo(expected);
    }
    try (Opened fromCheckpoint = new Opened("other", bucket)) {
      assertThat(fromCheckpoint.reads("catalog/checkpoint/")).isPositive();
      assertStructure(fromCheckpoint.catalog);
      assertThat(fromCheckpoint.catalog.encodedState()).isEqualTo(expected);
    }
    assertThat(faults).isEmpty();
    assertThat(Files.isDirectory(directory.resolve("other"))).isTrue();
  }

  private List<ByteBuffer> fill() {
    try (Opened opened = new Opened("index", bucket)) {
      opened.submit(say.open(A1));
      for (int i = 0; i < STREAMS; i++) {
        opened.submit(new Claim(say.id(), stream(i), TestCommands.token(1, A1), A1, 1, -1));
      }
      for (int from = 0; from < EXTENTS; from += STREAMS) {
        List<Extent> ranges = new ArrayList<>();
        for (int i = 0; i < STREAMS; i++) {
          long base = 10L * (from / STREAMS);
          ranges.add(TestCommands.extent(stream(i), "o" + from, base, base + 10));
        }
        opened.submit(
            new Commit(
                say.id(),
                A1,
                Optional.of(TestCommands.object("o" + from, 0)),
                ranges,
                List.of(),
                0));
      }
      return opened.catalog.encodedState();
    }
  }

  /** Few extents are in memory, all can be found, and a search by time looks at few. */
  private static void assertStructure(LogStreamCatalog catalog) {
    int few = 2 * CHANGES_PER_WRITE;
    for (int i = 0; i < 10_000 && catalog.extentsInMemory() > few; i++) {
      catalog.refresh().join(); // the index is written meanwhile
    }
    assertThat(catalog.extentsInMemory()).isLessThanOrEqualTo(few);
    int perStream = EXTENTS / STREAMS;
    for (int i = 0; i < STREAMS; i += 17) {
      assertThat(catalog.extents(stream(i), 0, Integer.MAX_VALUE)).hasSize(perStream);
      long last = 10L * (perStream - 1);
      assertThat(catalog.extents(stream(i), last + 3, 5))
          .extracting(Extent::baseOffset)
          .containsExactly(last);
      assertThat(catalog.firstExtentAtOrAfter(stream(i), last * 10 - 5))
          .map(Extent::baseOffset)
          .contains(last);
      assertThat(catalog.firstExtentAtOrAfter(stream(i), last * 10 + 1)).isEmpty();
    }
    assertThat(catalog.objects()).hasSize(perStream);
  }

  private static StreamId stream(int number) {
    return new StreamId(new UUID(5, 5), number);
  }

  private final class Opened implements AutoCloseable {
    private final SystemThreads threads =
        new SystemThreads("test", new SystemClock(), (component, cause) -> faults.add(cause));
    private final ReadKeys store;
    private final LogStreamCatalog catalog;

    Opened(String index, ObjectStore bucket) {
      SystemRandom random = new SystemRandom();
      store = new ReadKeys(bucket);
      Indexing indexing =
          new Indexing(
              new RocksIndexHome(directory.resolve(index)),
              threads.newScheduler("index"),
              MIN_EXTENTS,
              CHANGES_PER_WRITE);
      catalog =
          new LogStreamCatalog(
              new ObjectSharedLog(
                  store, "catalog", Optional.empty(), threads.newScheduler("log"), random),
              threads.newScheduler("catalog"),
              random,
              new Config(20, 30, true),
              Optional.of(indexing));
      catalog.open().join();
    }

    void submit(CatalogCommand command) {
      assertThat(catalog.submit(command).join()).isInstanceOf(Verdict.Applied.class);
    }

    long reads(String prefix) {
      return store.keys.stream().filter(key -> key.startsWith(prefix)).count();
    }

    @Override
    public void close() {
      catalog.close();
      threads.close();
    }
  }

  /** Remembers what was read. */
  private static final class ReadKeys extends ForwardingObjectStore {
    private final ConcurrentLinkedQueue<String> keys = new ConcurrentLinkedQueue<>();

    ReadKeys(ObjectStore store) {
      super(store);
    }

    @Override
    public CompletableFuture<ByteBuffer> getRange(String key, long position, int length) {
      keys.add(key);
      return super.getRange(key, position, length);
    }
  }
}
