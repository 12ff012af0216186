package io.spillway.maintain;

import io.spillway.catalog.CatalogCommand.Extent;
import io.spillway.catalog.CatalogCommand.ObjectRef;
import io.spillway.catalog.CatalogView;
import io.spillway.catalog.StreamCatalog.WalPhase;
import io.spillway.catalog.StreamCatalog.WalState;
import io.spillway.object.ObjectStore;
import io.spillway.object.ObjectStore.Multipart;
import io.spillway.object.ObjectStore.ObjectInfo;
import io.spillway.object.ObjectStoreException;
import io.spillway.object.Retry;
import io.spillway.runtime.RandomSource;
import io.spillway.runtime.Scheduler;
import io.spillway.sharedlog.ClusterIds;
import io.spillway.sharedlog.LogContents;
import java.nio.ByteBuffer;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.UUID;
import java.util.concurrent.CompletionException;
import java.util.function.Consumer;

/**
 * Copies a bucket as it is at one record of its catalog: into a backup, or out of one.
 *
 * <p>The order is what makes a copy whole while brokers go on writing. First the catalog is read,
 * then every object that it refers to is copied; an object that went meanwhile means that the
 * catalog has gone on, so it is read again, until one reading is covered. The metadata log is read
 * after that: it may then know topics that the catalog does not know yet, never the other way round
 * (P20). The catalog is written last: a target without it is no bucket of a broker.
 *
 * <p>Of write-ahead logs nothing is copied: in the copy every stream ends where it was committed.
 *
 * <p>A backup is everything under {@value #BACKUP}, its manifest last. An object that is damaged is
 * copied as it is, and one that is missing is left out: whatever else there is still serves.
 */
public final class StoreCopy {

  /** Folder of a backup. */
  static final String BACKUP = "backup/";

  private static final String CATALOG = StoreCheck.CATALOG;
  private static final String METADATA = StoreCheck.METADATA;
  private static final int PART_BYTES = 16 << 20;
  private static final int PAGE = 1_000;

  private final ObjectStore source;
  private final String sourceFolder;
  private final ObjectStore target;
  private final String targetFolder;
  private final Scheduler scheduler;
  private final RandomSource random;
  private final Consumer<String> out;
  private final Set<String> copied = new HashSet<>();
  private final Set<String> bad = new TreeSet<>();
  private final Map<String, Long> present = new HashMap<>();
  private long copiedBytes;

  private StoreCopy(
      ObjectStore source,
      String sourceFolder,
      ObjectStore target,
      String targetFolder,
      Scheduler scheduler,
      RandomSource random,
      Consumer<String> out) {
    this.source = source;
    this.sourceFolder = sourceFolder;
    this.target = target;
    this.targetFolder = targetFolder;
    this.scheduler = scheduler;
    this.random = random;
    this.out = out;
  }

  /**
   * Makes a backup of a bucket, or brings one up to date: objects that it has already are not
   * copied again. Blocks; brokers may run.
   *
   * @param now when it is made, for the manifest
   * @param out takes lines
   * @return data objects that were missing or damaged
   * @throws IllegalArgumentException when there is no catalog
   * @throws io.spillway.catalog.CatalogException when it is damaged
   * @throws io.spillway.sharedlog.SharedLogException when one of the logs is damaged
   */
  public static Set<String> backup(
      ObjectStore bucket,
      ObjectStore target,
      Instant now,
      Scheduler scheduler,
      RandomSource random,
      Consumer<String> out) {
    StoreCopy copy = new StoreCopy(bucket, "", target, BACKUP, scheduler, random, out);
    CatalogView view = copy.copyData();
    LogContents metadata = copy.read(METADATA);
    copy.warnOfWals(view);
    target.delete(BackupManifest.KEY).join();
    copy.deleteAll(BACKUP + CATALOG + "/");
    copy.deleteAll(BACKUP + METADATA + "/");
    copy.writeLogs(view, metadata, view.clusterId());
    long bytes = view.objects().values().stream().mapToLong(ObjectRef::sizeBytes).sum();
    new BackupManifest(
            view.clusterId(), now, view.position(), view.objects().size(), bytes, copy.bad.size())
        .write(target);
    copy.deleteUnreferenced(view);
    copy.summary(view);
    return copy.bad;
  }

  /**
   * Makes a bucket of a backup, with a cluster id of its own. Blocks.
   *
   * @param bucket holds no catalog and no metadata log
   * @throws IllegalArgumentException when there is no whole backup, or the bucket is not empty
   */
  public static Restored restore(
      ObjectStore backup,
      ObjectStore bucket,
      Scheduler scheduler,
      RandomSource random,
      Consumer<String> out) {
    BackupManifest manifest =
        BackupManifest.read(backup)
            .orElseThrow(
                () ->
                    new IllegalArgumentException(
                        "no whole backup there: "
                            + BackupManifest.KEY
                            + " is missing; make it, or make it again"));
    for (String folder : List.of(CATALOG, METADATA)) {
      if (!bucket.list(folder + "/", "", 1).join().isEmpty()) {
        throw new IllegalArgumentException(
            "the object store to restore into holds "
                + folder
                + "/ already: give one that is empty");
      }
    }
    out.accept(
        "backup of cluster %s, made %s, catalog at record %d"
            .formatted(
                ClusterIds.text(manifest.clusterId()),
                manifest.madeAt(),
                manifest.catalogPosition()));
    StoreCopy copy = new StoreCopy(backup, BACKUP, bucket, "", scheduler, random, out);
    CatalogView view = copy.copyData();
    UUID cluster = new UUID(random.nextLong(), random.nextLong());
    copy.writeLogs(view, copy.read(METADATA), cluster);
    copy.summary(view);
    return new Restored(cluster, copy.bad);
  }

  /**
   * @param clusterId of the new cluster
   * @param damaged data objects that were missing or damaged
   */
  public record Restored(UUID clusterId, Set<String> damaged) {}

  private LogContents read(String name) {
    return LogContents.read(source, sourceFolder + name, scheduler, random)
        .orElseThrow(() -> new IllegalArgumentException("there is no " + name + " log"));
  }

  private CatalogView copyData() {
    listPresent();
    while (true) {
      CatalogView view = CatalogView.of(read(CATALOG));
      Set<String> vanished = copyObjectsOf(view);
      if (vanished.isEmpty()) {
        return view;
      }
      CatalogView now = CatalogView.of(read(CATALOG));
      vanished.retainAll(now.objects().keySet());
      for (String key : vanished) {
        out.accept("MISSING  " + key);
        bad.add(key);
        copied.add(key); // as far as there is anything to copy
      }
    }
  }

  private void listPresent() {
    String after = "";
    List<ObjectInfo> page;
    do {
      page = target.list(targetFolder + "data/", after, PAGE).join();
      for (ObjectInfo object : page) {
        after = object.key();
        present.put(object.key(), object.sizeBytes());
      }
    } while (page.size() == PAGE);
  }

  /** What was gone when its turn came. */
  private Set<String> copyObjectsOf(CatalogView view) {
    Map<String, List<Extent>> extents = new HashMap<>();
    view.extents()
        .forEach(e -> extents.computeIfAbsent(e.objectKey(), k -> new ArrayList<>()).add(e));
    Set<String> vanished = new TreeSet<>();
    for (ObjectRef object : view.objects().values()) {
      if (copied.contains(object.key())) {
        continue;
      }
      Long size = present.get(targetFolder + object.key());
      if (size == null || size != object.sizeBytes()) {
        if (!copy(object, extents.getOrDefault(object.key(), List.of()))) {
          vanished.add(object.key());
          continue;
        }
      }
      copied.add(object.key());
    }
    return vanished;
  }

  /** False when there is no such object. */
  private boolean copy(ObjectRef object, List<Extent> extents) {
    Upload upload = new Upload(target, targetFolder + object.key(), object.sizeBytes());
    List<String> damage;
    try {
      damage =
          ObjectScan.scan(
              source, sourceFolder + object.key(), object, extents, PART_BYTES, upload::add);
    } catch (CompletionException e) {
      upload.abort();
      if (Retry.unwrap(e) instanceof ObjectStoreException.NotFound) {
        return false;
      }
      throw e;
    }
    upload.complete();
    copiedBytes += object.sizeBytes();
    for (String what : damage) {
      out.accept("DAMAGED  " + object.key() + ": " + what);
      bad.add(object.key());
    }
    return true;
  }

  /** One object of the target: in parts when it has more than one. */
  private static final class Upload {
    private final ObjectStore target;
    private final String key;
    private final boolean inParts;
    private Optional<Multipart> parts = Optional.empty();
    private int number;

    Upload(ObjectStore target, String key, long sizeBytes) {
      this.target = target;
      this.key = key;
      this.inParts = sizeBytes > PART_BYTES;
    }

    void add(ByteBuffer chunk) {
      if (!inParts) {
        target.put(key, List.of(chunk)).join();
        return;
      }
      if (parts.isEmpty()) {
        parts = Optional.of(target.startMultipart(key, PART_BYTES).join());
      }
      number++;
      parts.get().uploadPart(number, List.of(chunk)).join();
    }

    void complete() {
      parts.ifPresent(upload -> upload.complete().join());
    }

    void abort() {
      parts.ifPresent(upload -> upload.abort().join());
    }
  }

  private void warnOfWals(CatalogView view) {
    for (WalState wal : view.wals()) {
      if (wal.phase() == WalPhase.OPEN) {
        out.accept(
            "what only WAL %s of node %d holds is not part of it: the broker runs, or was not"
                    .formatted(wal.writer().walId(), wal.writer().nodeId())
                + " stopped cleanly");
      }
    }
  }

  private void writeLogs(CatalogView view, LogContents metadata, UUID cluster) {
    metadata.write(target, targetFolder + METADATA, cluster, random);
    LogContents.writeCheckpoint(
        target,
        targetFolder + CATALOG,
        view.position(),
        cluster,
        view.detachFromWals(random),
        random);
  }

  private void deleteAll(String prefix) {
    List<ObjectInfo> page;
    do {
      page = target.list(prefix, "", PAGE).join();
      page.forEach(object -> target.delete(object.key()).join());
    } while (!page.isEmpty());
  }

  private void deleteUnreferenced(CatalogView view) {
    for (String key : present.keySet()) {
      if (!view.objects().containsKey(key.substring(targetFolder.length()))) {
        target.delete(key).join();
      }
    }
  }

  private void summary(CatalogView view) {
    out.accept(
        "%d streams, %d data objects; copied %d bytes; %d objects missing or damaged"
            .formatted(view.streams().size(), view.objects().size(), copiedBytes, bad.size()));
  }
}
