package io.spillway.embed;

import io.spillway.cache.LruCache;
import io.spillway.catalog.CatalogCommand.WalKind;
import io.spillway.catalog.StreamCatalog;
import io.spillway.catalog.StreamCatalog.WalPhase;
import io.spillway.catalog.StreamCatalog.WalState;
import io.spillway.config.BrokerConfig;
import io.spillway.config.HostPort;
import io.spillway.config.StartRefusedException;
import io.spillway.config.StorageConfig;
import io.spillway.engine.StartRefusedException.WalMissing;
import io.spillway.engine.StorageEngine;
import io.spillway.object.ObjectStore;
import io.spillway.objectwal.ObjectWal;
import io.spillway.objectwal.ObjectWalConfig;
import io.spillway.partition.KafkaBatchVerifier;
import io.spillway.presence.Presence;
import io.spillway.presence.PresenceProbe;
import io.spillway.runtime.FaultHandler;
import io.spillway.runtime.RandomSource;
import io.spillway.runtime.Threads;
import io.spillway.wal.WalConfig;
import io.spillway.wal.WriteAheadLog;
import io.spillway.wal.WriterIncarnation;
import io.spillway.wal.local.LocalWal;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Opens the write-ahead log that the settings name. Where this node had one of the other kind, that
 * is drained and sealed first (P3): a local one here, a chain in the bucket by the engine.
 */
final class BrokerWal {

  private static final Logger LOG = LoggerFactory.getLogger(BrokerWal.class);

  private final BrokerConfig config;
  private final StorageConfig settings;
  private final ObjectStore store;
  private final StreamCatalog catalog;
  private final PresenceProbe probe;
  private final Threads threads;
  private final RandomSource random;
  private final FaultHandler faults;
  private List<UUID> chainsLeft = List.of();

  BrokerWal(
      BrokerConfig config,
      ObjectStore store,
      StreamCatalog catalog,
      PresenceProbe probe,
      Threads threads,
      RandomSource random,
      FaultHandler faults) {
    this.config = config;
    this.settings = config.storage();
    this.store = store;
    this.catalog = catalog;
    this.probe = probe;
    this.threads = threads;
    this.random = random;
    this.faults = faults;
  }

  /**
   * The log, not yet recovered. Blocks; the bucket has to be reachable.
   *
   * @param addresses where this broker will serve
   * @throws StartRefusedException when a live broker has this node id, or a local log that was left
   *     cannot be drained
   * @throws WalMissing when the local log of this node is not where it should be
   */
  WriteAheadLog open(List<HostPort> addresses) {
    if (!settings.walInBucket()) {
      if (LocalWal.peek(settings.walDir()).isEmpty()) {
        catalog.open().join();
        StorageEngine.requireNoLocalWal(catalog, nodeId());
      }
      LocalWal local = openLocal();
      try {
        catalog.open().join();
        chainsLeft = left(WalKind.OBJECT);
        requireNobodyWrites(chainsLeft, local.walId(), addresses);
        return local;
      } catch (RuntimeException | Error e) {
        local.close();
        throw e;
      }
    }
    catalog.open().join();
    drainLocal();
    ObjectWal wal =
        new ObjectWal(
            ObjectWalConfig.of(settings.walCapacityBytes(), settings.walBufferBytes()),
            nodeId(),
            () -> StorageEngine.nextIncarnation(catalog, nodeId()),
            store,
            threads,
            random,
            faults,
            new KafkaBatchVerifier());
    chainsLeft = left(WalKind.OBJECT);
    requireNobodyWrites(chainsLeft, wal.walId(), addresses);
    return wal;
  }

  /** Once the engine is open: nobody will wonder about chains that it has sealed. */
  void takeSignsDown() {
    chainsLeft.forEach(walId -> store.delete(Presence.key(walId)));
  }

  private int nodeId() {
    return config.node().nodeId();
  }

  private LocalWal openLocal() {
    return LocalWal.open(
        WalConfig.of(settings.walDir(), settings.walCapacityBytes())
            .withIoMode(settings.walDirectIo() ? WalConfig.IoMode.AUTO : WalConfig.IoMode.BUFFERED),
        nodeId(),
        threads,
        random,
        faults,
        new KafkaBatchVerifier());
  }

  /** Logs of this node that are not drained. */
  private List<UUID> left(WalKind kind) {
    return catalog.wals().stream()
        .filter(wal -> wal.phase() == WalPhase.OPEN && wal.kind() == kind)
        .map(WalState::writer)
        .filter(writer -> writer.nodeId() == nodeId())
        .map(WriterIncarnation::walId)
        .toList();
  }

  /** Starting anyway would fence it: the last process to start has a node's chain. */
  private void requireNobodyWrites(List<UUID> chains, UUID walId, List<HostPort> addresses) {
    String clusterId = Storage.kafkaId(catalog.clusterId());
    for (UUID chain : chains) {
      probe
          .findAnswering(chain, clusterId)
          .join()
          .ifPresent(
              other -> {
                throw StartRefusedException.nodeIsAlive(
                    nodeId(), other, Presence.ofThisProcess(config, walId, addresses));
              });
    }
  }

  /** Switching {@code wal.url} to the bucket, with a local log where the default one is. */
  private void drainLocal() {
    List<UUID> localsLeft = left(WalKind.LOCAL);
    boolean isHere =
        LocalWal.peek(settings.walDir())
            .map(WriterIncarnation::walId)
            .filter(localsLeft::contains)
            .isPresent();
    if (!isHere) {
      return; // drained before, or not here: then the engine refuses by name
    }
    LOG.info("wal.url=object:, the log in {} is drained first", settings.walDir());
    try (LocalWal local = openLocal();
        StorageEngine engine =
            StorageEngine.open(
                    Storage.engineConfig(config),
                    local,
                    catalog,
                    store,
                    threads,
                    random,
                    faults,
                    new KafkaBatchVerifier(),
                    LruCache::new)
                .join()) {
      engine.shutdown(TimeUnit.DAYS.toNanos(1));
      if (!engine.isSealed()) {
        throw new StartRefusedException(
            "the log in "
                + settings.walDir()
                + " could not be drained: keep it, and start with wal.url=file:"
                + settings.walDir());
      }
    }
    LOG.info("the log in {} is drained and sealed, its directory may go", settings.walDir());
  }
}
