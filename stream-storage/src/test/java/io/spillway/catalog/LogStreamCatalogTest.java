package io.spillway.catalog;

import static io.spillway.catalog.TestCommands.S1;
import static io.spillway.catalog.TestCommands.S2;
import static io.spillway.catalog.TestCommands.extent;
import static io.spillway.catalog.TestCommands.object;
import static io.spillway.catalog.TestCommands.writer;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.spillway.catalog.CatalogCommand.ObjectRef;
import io.spillway.catalog.LogStreamCatalog.Config;
import io.spillway.catalog.StreamCatalog.Verdict;
import io.spillway.catalog.StreamCatalog.Verdict.Applied;
import io.spillway.object.MemoryObjectStore;
import io.spillway.object.MeteredObjectStore;
import io.spillway.object.ObjectStore;
import io.spillway.runtime.Scheduler;
import io.spillway.runtime.SimulatedThreads;
import io.spillway.sharedlog.ClusterIds;
import io.spillway.sharedlog.ObjectSharedLog;
import io.spillway.sharedlog.SharedLogException;
import io.spillway.wal.WriterIncarnation;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;

class LogStreamCatalogTest {

  private static final Config ANY = new Config(5, 20, true);
  private static final WriterIncarnation A1 = writer(1, 1, 1);

  private final SimulatedThreads threads = new SimulatedThreads(23, 1_000);
  private final MemoryObjectStore bucket = new MemoryObjectStore();
  private final MeteredObjectStore metered = new MeteredObjectStore(bucket);
  private final TestCommands say = new TestCommands();

  @Test
  void aNewCatalogHasAClusterAndKeepsIt() {
    LogStreamCatalog first = opened(Optional.empty(), ANY);
    assertThat(first.position()).isZero();
    LogStreamCatalog second = opened(Optional.empty(), ANY);
    assertThat(second.clusterId()).isEqualTo(first.clusterId());
    assertThatThrownBy(() -> opened(Optional.of(new UUID(4, 4)), ANY))
        .hasRootCauseInstanceOf(SharedLogException.Foreign.class)
        .hasMessageContaining(ClusterIds.text(first.clusterId()))
        .hasMessageContaining(ClusterIds.text(new UUID(4, 4)));
  }

  @Test
  void anEmptyBucketIsNotWhereAnOldBrokersDataIs() {
    UUID cluster = new UUID(4, 4);
    assertThatThrownBy(() -> opened(Optional.of(cluster), Config.standard(false)))
        .hasRootCauseInstanceOf(CatalogException.Missing.class)
        .hasMessageContaining(ClusterIds.text(cluster));
    assertThat(bucket.list("", "", 10).join()).isEmpty();
  }

  @Test
  void whatWasSubmittedIsSeenAtOnceAndAfterAReopening() {
    LogStreamCatalog catalog = opened(Optional.empty(), ANY);
    applied(catalog, say.open(A1));
    applied(catalog, say.claim(S1, 1, A1));
    for (int i = 0; i < 30; i++) {
      applied(catalog, say.commit(A1, "o" + i, extent(S1, "o" + i, i * 10L, i * 10L + 10)));
    }
    assertThat(catalog.extents(S1, 95, 3))
        .containsExactly(
            extent(S1, "o9", 90, 100), extent(S1, "o10", 100, 110), extent(S1, "o11", 110, 120));
    assertThat(catalog.extents(S1, 300, 3)).isEmpty();
    assertThat(catalog.firstExtentAtOrAfter(S1, 101)).contains(extent(S1, "o2", 20, 30));
    assertThat(catalog.object("o7")).contains(object("o7", 0));
    assertThat(catalog.objects()).hasSize(30);
    assertThat(catalog.streams()).containsExactly(S1);
    LogStreamCatalog again = opened(Optional.empty(), ANY);
    assertThat(again.position()).isEqualTo(catalog.position());
    assertThat(again.encodedState()).isEqualTo(catalog.encodedState());
  }

  @Test
  void commandsThatWaitShareARecord() {
    LogStreamCatalog catalog = opened(Optional.empty(), ANY);
    long before = catalog.position();
    List<CompletableFuture<Verdict>> verdicts = new ArrayList<>();
    verdicts.add(catalog.submit(say.open(A1)));
    for (int epoch = 1; epoch <= 50; epoch++) {
      verdicts.add(catalog.submit(say.claim(S1, epoch, A1)));
    }
    for (CompletableFuture<Verdict> verdict : verdicts) {
      assertThat(await(verdict)).isInstanceOf(Applied.class);
    }
    assertThat(catalog.position() - before).isLessThanOrEqualTo(2);
  }

  @Test
  void twoReplicasDecideAlike() {
    LogStreamCatalog one = opened(Optional.empty(), ANY);
    LogStreamCatalog two = opened(Optional.empty(), ANY);
    WriterIncarnation b1 = writer(2, 2, 1);
    applied(one, say.open(A1));
    applied(two, say.open(b1));
    applied(one, say.claim(S1, 1, A1));
    applied(two, say.claim(S2, 1, b1));
    await(one.refresh());
    assertThat(one.stream(S2)).isEqualTo(two.stream(S2));
    assertThat(await(two.submit(say.claim(S1, 2, b1)))).isInstanceOf(Verdict.MustDrain.class);
    applied(one, say.close(S1, A1, 0));
    await(two.refresh());
    assertThat(two.stream(S1).orElseThrow().token()).isEqualTo(TestCommands.token(2, b1));
    assertThat(one.encodedState()).isEqualTo(two.encodedState());
  }

  @Test
  void aReplicaThatACheckpointOvertookLoadsItAndGoesOn() {
    LogStreamCatalog slow = opened(Optional.empty(), new Config(1_000, 1_000, true));
    List<ObjectRef> gone = new ArrayList<>();
    slow.onUnreferenced(gone::add);
    applied(slow, say.open(A1));
    applied(slow, say.claim(S1, 1, A1));
    applied(slow, say.commit(A1, "o", extent(S1, "o", 0, 10)));
    LogStreamCatalog fast = opened(Optional.empty(), new Config(1, 1, true));
    applied(fast, say.trim(S1, A1, 10));
    applied(fast, say.open(writer(2, 2, 1)));
    threads.runFor(1_000_000_000L);
    applied(slow, say.claim(S2, 1, A1));
    assertThat(gone).containsExactly(object("o", 0));
    await(fast.refresh());
    assertThat(slow.encodedState()).isEqualTo(fast.encodedState());
  }

  @Test
  void checkpointsBoundTheLog() {
    LogStreamCatalog catalog = opened(Optional.empty(), new Config(5, 10, true));
    for (int i = 0; i < 100; i++) {
      applied(catalog, say.raise(0));
    }
    threads.runFor(1_000_000_000L);
    assertThat(bucket.list("catalog/checkpoint/", "", 100).join()).hasSize(2);
    assertThat(bucket.list("catalog/log/", "", 100).join()).hasSizeLessThan(30);
  }

  @Test
  void anIdleCatalogAsksTheStoreNothing() {
    opened(Optional.empty(), ANY);
    var before = metered.requests();
    threads.runFor(3_600_000_000_000L);
    assertThat(metered.requests()).isEqualTo(before);
  }

  @Test
  void aDamagedRecordStopsTheCatalogAndIsNamed() {
    LogStreamCatalog catalog = opened(Optional.empty(), ANY);
    applied(catalog, say.open(A1));
    String key = "catalog/log/00000000000000000001";
    ByteBuffer bytes = bucket.getRange(key, 0, 1 << 20).join();
    bytes.put(70, (byte) ~bytes.get(70));
    bucket.put(key, List.of(bytes)).join();
    assertThatThrownBy(() -> opened(Optional.empty(), ANY))
        .hasRootCauseInstanceOf(SharedLogException.Corrupt.class)
        .hasMessageContaining(key);
    List<String> lines = new ArrayList<>();
    assertThat(CatalogInspector.inspect(bucket, "catalog", lines::add)).isFalse();
    assertThat(lines).anyMatch(line -> line.startsWith("DAMAGED  " + key + ": "));
  }

  @Test
  void anInspectionShowsCommandsVerdictsAndTheState() {
    LogStreamCatalog catalog = opened(Optional.empty(), Config.standard(true));
    applied(catalog, say.open(A1));
    applied(catalog, say.claim(S1, 1, A1));
    applied(catalog, say.commit(A1, "o", extent(S1, "o", 0, 10)));
    await(catalog.submit(say.open(writer(1, 8, 1))));
    List<String> lines = new ArrayList<>();
    assertThat(CatalogInspector.inspect(bucket, "catalog", lines::add)).isTrue();
    assertThat(lines)
        .anyMatch(line -> line.contains("Commit[") && line.contains("objectKey=o"))
        .anyMatch(line -> line.contains("void: node 1 cannot open WAL"))
        .anyMatch(line -> line.contains("OPEN  epoch 1 of node 1  [0, 10)  1 extents  10 bytes"))
        .anyMatch(line -> line.startsWith("object o  born 0"));
  }

  @Test
  void closingFailsWhatWaits() {
    LogStreamCatalog catalog = opened(Optional.empty(), ANY);
    CompletableFuture<Verdict> submitted = catalog.submit(say.open(A1));
    catalog.close();
    assertThatThrownBy(() -> await(submitted)).hasRootCauseInstanceOf(RuntimeException.class);
    assertThatThrownBy(() -> await(catalog.submit(say.open(A1))))
        .hasRootCauseInstanceOf(CatalogException.Closed.class);
    assertThatThrownBy(() -> await(catalog.refresh()))
        .hasRootCauseInstanceOf(CatalogException.Closed.class);
  }

  private LogStreamCatalog opened(Optional<UUID> cluster, Config config) {
    LogStreamCatalog catalog = catalog(metered, cluster, config);
    await(catalog.open());
    return catalog;
  }

  private LogStreamCatalog catalog(ObjectStore store, Optional<UUID> cluster, Config config) {
    Scheduler scheduler = threads.newScheduler("catalog");
    return new LogStreamCatalog(
        new ObjectSharedLog(store, "catalog", cluster, scheduler, threads.randomSource()),
        scheduler,
        threads.randomSource(),
        config);
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
