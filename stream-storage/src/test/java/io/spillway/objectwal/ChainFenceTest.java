package io.spillway.objectwal;

import static org.assertj.core.api.Assertions.assertThat;

import io.spillway.catalog.CatalogCommand.Commit;
import io.spillway.catalog.CatalogCommand.OpenWal;
import io.spillway.catalog.CatalogCommand.SealWal;
import io.spillway.catalog.CatalogCommand.WalKind;
import io.spillway.catalog.LogStreamCatalog;
import io.spillway.object.ForwardingObjectStore;
import io.spillway.object.ObjectStore;
import io.spillway.object.SimulatedBucket;
import io.spillway.object.SimulatedBucket.Faults;
import io.spillway.objectwal.ChainFence.Fenced;
import io.spillway.runtime.Scheduler;
import io.spillway.runtime.SimulatedThreads;
import io.spillway.sharedlog.ObjectSharedLog;
import io.spillway.wal.WriterIncarnation;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.zip.CRC32C;
import org.junit.jupiter.api.Test;

/** P24. */
class ChainFenceTest {

  private static final UUID CHAIN = new UUID(0x1000, 0x8001);
  private static final WriterIncarnation WRITER = new WriterIncarnation(1, CHAIN, 5);
  private static final WriterIncarnation BY = new WriterIncarnation(2, new UUID(0, 2), 9);

  private final SimulatedThreads threads = new SimulatedThreads(3, 10_000);
  private final SimulatedBucket bucket = new SimulatedBucket(threads, Faults.many());
  private final LogStreamCatalog catalog = catalog("fencer");

  private LogStreamCatalog catalog(String client) {
    Scheduler scheduler = threads.newScheduler("catalog");
    LogStreamCatalog made =
        new LogStreamCatalog(
            new ObjectSharedLog(
                bucket.connect(client),
                "catalog",
                Optional.empty(),
                scheduler,
                threads.randomSource()),
            scheduler,
            threads.randomSource(),
            LogStreamCatalog.Config.standard(true));
    await(made.open());
    return made;
  }

  private ChainFence fence(ObjectStore store) {
    return new ChainFence(
        store,
        catalog,
        threads.newScheduler("fence"),
        threads.clock(),
        threads.randomSource(),
        () -> false);
  }

  private <T> T await(CompletableFuture<T> future) {
    while (!future.isDone()) {
      assertThat(threads.step()).isTrue();
    }
    return future.join();
  }

  private UUID id() {
    return new UUID(threads.randomSource().nextLong(), threads.randomSource().nextLong());
  }

  private void block(long number) {
    ByteBuffer bytes = ByteBuffer.allocate(200);
    new ChainObject(ChainObject.Kind.BLOCK, CHAIN, WRITER, number, id(), 0, 0, 200)
        .write(bytes, new CRC32C());
    bucket.contents().put(ChainKeys.key(CHAIN, number), List.of(bytes)).join();
  }

  private void trimTo(LogStreamCatalog by, long number) {
    await(
        by.submit(
            new Commit(
                id(),
                WRITER,
                Optional.empty(),
                List.of(),
                List.of(),
                ChainPosition.of(number, 200))));
    for (long i = 0; i < number; i++) {
      bucket.contents().delete(ChainKeys.key(CHAIN, i)).join();
    }
  }

  @Test
  void aFenceTakesTheFirstMissingNumberAndWhatLiesAboveIsVoid() {
    await(catalog.submit(new OpenWal(id(), WRITER, WalKind.OBJECT)));
    for (long number : new long[] {0, 1, 2, 3, 5, 6}) {
      block(number);
    }
    Optional<Fenced> fenced = await(fence(bucket.connect("f")).fence(CHAIN, BY));
    assertThat(fenced).contains(new Fenced(WRITER, 0, 4, BY));
    WriterIncarnation other = new WriterIncarnation(3, new UUID(0, 3), 1);
    assertThat(await(fence(bucket.connect("g")).fence(CHAIN, other)))
        .as("the first fence is everybody's")
        .contains(new Fenced(WRITER, 0, 4, BY));
  }

  @Test
  void anEmptyChainIsFencedAtItsStart() {
    await(catalog.submit(new OpenWal(id(), WRITER, WalKind.OBJECT)));
    assertThat(await(fence(bucket.connect("f")).fence(CHAIN, BY)))
        .contains(new Fenced(WRITER, 0, 0, BY));
  }

  @Test
  void severalFencersAgree_P24() {
    await(catalog.submit(new OpenWal(id(), WRITER, WalKind.OBJECT)));
    for (long number = 0; number < 7; number++) {
      block(number);
    }
    List<CompletableFuture<Optional<Fenced>>> fencers =
        List.of("a", "b", "c", "d").stream()
            .map(name -> fence(bucket.connect(name)).fence(CHAIN, BY))
            .toList();
    for (CompletableFuture<Optional<Fenced>> fencer : fencers) {
      assertThat(await(fencer).orElseThrow().endNumber()).isEqualTo(7);
    }
  }

  @Test
  void aFenceBelowTheTrimPositionProvesNothingAndTheSearchBeginsAnew_P24() {
    LogStreamCatalog writers = catalog("writer");
    await(writers.submit(new OpenWal(id(), WRITER, WalKind.OBJECT)));
    for (long number = 0; number < 20; number++) {
      block(number);
    }
    boolean[] trimmed = {false};
    ObjectStore slow =
        new ForwardingObjectStore(bucket.connect("f")) {
          @Override
          public CompletableFuture<List<ObjectInfo>> list(
              String prefix, String startAfter, int limit) {
            if (prefix.startsWith("wal/") && !trimmed[0]) {
              trimmed[0] = true;
              trimTo(writers, 15); // the old writer lives, uploads and trims right now
            }
            return super.list(prefix, startAfter, limit);
          }
        };
    Fenced fenced = await(fence(slow).fence(CHAIN, BY)).orElseThrow();
    assertThat(trimmed[0]).isTrue();
    assertThat(fenced.firstNumber()).isEqualTo(15);
    assertThat(fenced.endNumber()).isEqualTo(20);
    assertThat(bucket.contents().head(ChainKeys.key(CHAIN, 0)).join())
        .as("the fence that proved nothing")
        .isPresent();
  }

  @Test
  void aSealedChainNeedsNoFence() {
    await(catalog.submit(new OpenWal(id(), WRITER, WalKind.OBJECT)));
    await(catalog.submit(new SealWal(id(), WRITER)));
    assertThat(await(fence(bucket.connect("f")).fence(CHAIN, BY))).isEmpty();
    assertThat(bucket.contents().list("wal/", "", 10).join()).isEmpty();
  }
}
