package io.spillway.embed;

import io.spillway.cache.caffeine.CaffeineCaches;
import io.spillway.catalog.Indexing;
import io.spillway.catalog.LogStreamCatalog;
import io.spillway.catalog.StreamCatalog;
import io.spillway.catalog.index.RocksIndexHome;
import io.spillway.config.BrokerConfig;
import io.spillway.config.BudgetConfig;
import io.spillway.config.CompactionConfig;
import io.spillway.config.HostPort;
import io.spillway.config.MergingConfig;
import io.spillway.config.StartRefusedException;
import io.spillway.config.StorageConfig;
import io.spillway.engine.EngineConfig;
import io.spillway.engine.StorageEngine;
import io.spillway.merge.MergeConfig;
import io.spillway.object.ObjectStore;
import io.spillway.partition.KafkaBatchVerifier;
import io.spillway.presence.Presence;
import io.spillway.presence.PresenceBeacon;
import io.spillway.presence.PresenceProbe;
import io.spillway.rewrite.RewriteConfig;
import io.spillway.rewrite.RewritePace;
import io.spillway.runtime.FaultHandler;
import io.spillway.runtime.RandomSource;
import io.spillway.runtime.Scheduler;
import io.spillway.runtime.Threads;
import io.spillway.sharedlog.ClusterIds;
import io.spillway.sharedlog.ObjectSharedLog;
import io.spillway.sharedlog.SharedLog;
import io.spillway.stream.StreamStore;
import io.spillway.wal.StreamId;
import io.spillway.wal.WriteAheadLog;
import io.spillway.wal.local.LocalWal;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.function.Consumer;
import java.util.function.UnaryOperator;

/**
 * The storage of one broker, recovered: bucket, catalog, WAL and engine.
 *
 * @param engine what partitions stand on
 * @param catalog what it is built on
 * @param metadataLog Kafka's metadata log in the same bucket
 * @param clusterId of the bucket
 */
record Storage(StorageEngine engine, StreamCatalog catalog, SharedLog metadataLog, UUID clusterId) {

  private static final String CATALOG = "catalog";
  private static final String METADATA = "metadata";

  StreamStore streams() {
    return engine;
  }

  /**
   * Refuses when the metadata log is not the one that the catalog's streams were made under: it
   * would name none of their topics, and streams without a topic are deleted (P20).
   *
   * @param metadataOffset of the newest view
   */
  void requireMetadataAsNewAsStreams(long metadataOffset) {
    for (StreamId id : catalog.streams()) {
      long known = catalog.stream(id).map(StreamCatalog.StreamState::metadataOffset).orElse(-1L);
      if (known > metadataOffset) {
        throw new StartRefusedException(
            "the metadata log in the bucket ends at offset "
                + metadataOffset
                + ", but stream "
                + id
                + " was opened at offset "
                + known
                + ": metadata/ was lost or replaced; restore it together with catalog/");
      }
    }
  }

  /**
   * Opens and recovers; waits for the bucket as long as it takes.
   *
   * @param addresses where this broker will serve
   * @param storeWrapper what stands before the object store
   * @param starting told what the start waits for
   */
  static Storage open(
      BrokerConfig config,
      List<HostPort> addresses,
      UnaryOperator<ObjectStore> storeWrapper,
      Threads threads,
      RandomSource random,
      FaultHandler faults,
      Closables closables,
      Consumer<String> starting) {
    StorageConfig settings = config.storage();
    Scheduler retries = threads.newScheduler("store-retry");
    ObjectStore store =
        closables.add(
            "object store",
            ProbedStore.open(settings.objects(), storeWrapper, threads, retries, random, starting));
    Path dataDir = config.node().dataDir();
    Optional<DirectoryNote> note = DirectoryNote.read(dataDir);
    boolean isNew =
        note.isEmpty() && (settings.walInBucket() || LocalWal.peek(settings.walDir()).isEmpty());

    ObjectSharedLog catalogLog =
        closables.add(
            "catalog log", new ObjectSharedLog(store, CATALOG, Optional.empty(), retries, random));
    Indexing indexing = indexing(settings, threads);
    LogStreamCatalog catalog =
        closables.add(
            "catalog",
            new LogStreamCatalog(
                catalogLog,
                threads.newScheduler("catalog"),
                random,
                LogStreamCatalog.Config.standard(isNew),
                Optional.of(indexing)));
    OwnCluster.open(catalog, note, config);
    PresenceProbe probe = new PresenceProbe(store, threads);
    BrokerWal wals = new BrokerWal(config, note, store, catalog, probe, threads, random, faults);
    WalRefusal refusal = new WalRefusal(config, note, catalog, probe, addresses, starting);
    WriteAheadLog wal = closables.add("WAL", refusal.orRefused(() -> wals.open(addresses)));
    Presence self = Presence.ofThisProcess(config, wal.walId(), addresses);
    closables.add("presence", PresenceBeacon.start(store, retries, random, self));
    StorageEngine engine =
        closables.add(
            "storage engine",
            refusal.orRefused(
                () ->
                    StorageEngine.open(
                            engineConfig(config),
                            wal,
                            catalog,
                            store,
                            threads,
                            random,
                            faults,
                            new KafkaBatchVerifier(),
                            new CaffeineCaches(threads.clock()))
                        .join()));
    wals.takeSignsDown();
    UUID clusterId = catalog.clusterId();
    keepNote(DirectoryNote.of(kafkaId(clusterId), settings), note, dataDir);
    SharedLog metadataLog =
        closables.add(
            "metadata log",
            new ObjectSharedLog(store, METADATA, Optional.of(clusterId), retries, random));
    return new Storage(engine, catalog, metadataLog, clusterId);
  }

  /**
   * Not before the log was found to be this cluster's, nor after anything was acknowledged: so a
   * start that is refused leaves the note as it was, and a log that holds something is in it.
   */
  private static void keepNote(DirectoryNote now, Optional<DirectoryNote> before, Path dataDir) {
    if (!before.equals(Optional.of(now))) {
      now.write(dataDir);
    }
  }

  /** To be called before the catalog has its thread, which the worker's has to outlive. */
  private static Indexing indexing(StorageConfig settings, Threads threads) {
    return new Indexing(
        new RocksIndexHome(settings.catalogIndexDir()),
        threads.newScheduler("catalog-index"),
        settings.catalogIndexMinExtents(),
        Indexing.DEFAULT_CHANGES_PER_WRITE);
  }

  /** The cluster's id as Kafka shows it. */
  static String kafkaId(UUID clusterId) {
    return ClusterIds.text(clusterId);
  }

  static EngineConfig engineConfig(BrokerConfig config) {
    StorageConfig storage = config.storage();
    BudgetConfig budgets = config.budgets();
    EngineConfig defaults = EngineConfig.defaults(config.node().nodeId());
    return defaults.toBuilder()
        .uploadBytes(storage.uploadBytes())
        .uploadIntervalMs(storage.uploadIntervalMs())
        .uploadBufferBytes(budgets.uploadBufferBytes())
        .tailCacheBytes(budgets.tailCacheBytes())
        .blockCacheBytes(budgets.blockCacheBytes())
        .indexCacheBytes(budgets.indexCacheBytes())
        .readBufferBytes(budgets.readAheadBytes())
        .maxReadAheadBytes(
            (int) Math.min(defaults.maxReadAheadBytes(), budgets.readAheadBytes() / 4))
        .readThreads(config.network().ioThreads())
        .readRequests(budgets.readRequests())
        .merge(mergeConfig(config.merging(), defaults.merge()))
        .rewrite(rewriteConfig(config.compaction(), defaults.rewrite()))
        .build();
  }

  private static RewriteConfig rewriteConfig(CompactionConfig compaction, RewriteConfig defaults) {
    return new RewriteConfig(
        new RewritePace(
            compaction.bytesPerSecond(), compaction.requestsPerSecond(), defaults.pace().pauseMs()),
        compaction.bufferBytes());
  }

  private static MergeConfig mergeConfig(MergingConfig merging, MergeConfig defaults) {
    return new MergeConfig(
        merging.bytesPerSecond(),
        merging.requestsPerSecond(),
        merging.bufferBytes(),
        merging.largeBytes(),
        merging.fanIn(),
        merging.intervalMs(),
        defaults.pauseMs());
  }
}
