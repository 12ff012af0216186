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
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Opens the write-ahead log that the settings name. Where this node had another one, that is
 * drained and sealed first (P3): a local one here, a chain in the bucket by the engine. A local one
 * is looked for where the data directory says that it was, and where it is by default.
 *
 * <p>A kill changes nothing: a log stays open in the catalog, and noted in the directory, until it
 * is sealed, so that the next start goes on with it; and what is opened in its place is empty.
 */
final class BrokerWal {

  private static final Logger LOG = LoggerFactory.getLogger(BrokerWal.class);

  private final BrokerConfig config;
  private final StorageConfig settings;
  private final Optional<DirectoryNote> note;
  private final ObjectStore store;
  private final StreamCatalog catalog;
  private final PresenceProbe probe;
  private final Threads threads;
  private final RandomSource random;
  private final FaultHandler faults;
  private List<UUID> chainsLeft = List.of();

  /**
   * @param note of the data directory
   * @param catalog open
   */
  BrokerWal(
      BrokerConfig config,
      Optional<DirectoryNote> note,
      ObjectStore store,
      StreamCatalog catalog,
      PresenceProbe probe,
      Threads threads,
      RandomSource random,
      FaultHandler faults) {
    this.config = config;
    this.settings = config.storage();
    this.note = note;
    this.store = store;
    this.catalog = catalog;
    this.probe = probe;
    this.threads = threads;
    this.random = random;
    this.faults = faults;
  }

  /**
   * The log, not yet recovered. Blocks, while another one is drained for as long as that takes.
   *
   * @param addresses where this broker will serve
   * @throws StartRefusedException when a live broker has this node id, or a local log that was left
   *     cannot be drained
   * @throws WalMissing when the local log of this node is not where it should be
   */
  WriteAheadLog open(List<HostPort> addresses) {
    drainOther();
    WriteAheadLog wal = settings.walInBucket() ? newChain() : openLocal(settings.walDir());
    boolean usable = false;
    try {
      chainsLeft = left(WalKind.OBJECT);
      requireNobodyWrites(chainsLeft, wal.walId(), addresses);
      usable = true;
      return wal;
    } finally {
      if (!usable) {
        wal.close();
      }
    }
  }

  private ObjectWal newChain() {
    return new ObjectWal(
        ObjectWalConfig.of(settings.walCapacityBytes(), settings.walBufferBytes()),
        nodeId(),
        () -> StorageEngine.nextIncarnation(catalog, nodeId()),
        store,
        threads,
        random,
        faults,
        new KafkaBatchVerifier());
  }

  /** Once the engine is open: nobody will wonder about chains that it has sealed. */
  void takeSignsDown() {
    chainsLeft.forEach(walId -> store.delete(Presence.key(walId)));
  }

  private int nodeId() {
    return config.node().nodeId();
  }

  private LocalWal openLocal(Path directory) {
    return LocalWal.open(
        WalConfig.of(directory, settings.walCapacityBytes())
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

  /** After {@code wal.url} was changed. At most one is left open: a node has no more (P2). */
  private void drainOther() {
    Optional<UUID> here = settings.walInBucket() ? Optional.empty() : walIn(settings.walDir());
    List<UUID> others = new ArrayList<>(left(WalKind.LOCAL));
    here.ifPresent(others::remove);
    if (!others.isEmpty()) {
      placesBefore().stream()
          .filter(place -> walIn(place).filter(others::contains).isPresent())
          .findFirst()
          .ifPresent(this::drain);
    }
    StorageEngine.requireNoOtherLocalWal(catalog, nodeId(), here);
  }

  private static Optional<UUID> walIn(Path directory) {
    return LocalWal.peek(directory).map(WriterIncarnation::walId);
  }

  private Set<Path> placesBefore() {
    Set<Path> places = new LinkedHashSet<>();
    note.flatMap(DirectoryNote::walDir).ifPresent(places::add);
    places.add(StorageConfig.defaultWalDir(config.node().dataDir()));
    return places;
  }

  private void drain(Path directory) {
    LOG.info("wal.url={}, the log in {} is drained first", settings.walUrl(), directory);
    try (LocalWal local = openLocal(directory);
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
                + directory
                + " could not be drained: keep it, and start with wal.url=file:"
                + directory);
      }
    }
    LOG.info("the log in {} is drained and sealed, its directory may go", directory);
  }
}
