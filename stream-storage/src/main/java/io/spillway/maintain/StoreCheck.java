package io.spillway.maintain;

import io.spillway.catalog.CatalogCommand.Extent;
import io.spillway.catalog.CatalogCommand.ObjectRef;
import io.spillway.catalog.CatalogException;
import io.spillway.catalog.CatalogView;
import io.spillway.object.ObjectStore;
import io.spillway.object.ObjectStore.ObjectInfo;
import io.spillway.object.ObjectStoreException;
import io.spillway.object.Retry;
import io.spillway.runtime.RandomSource;
import io.spillway.runtime.Scheduler;
import io.spillway.sharedlog.ClusterIds;
import io.spillway.sharedlog.LogContents;
import io.spillway.sharedlog.SharedLogException;
import io.spillway.upload.DataKeys;
import io.spillway.wal.PayloadVerifier;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.NavigableMap;
import java.util.Optional;
import java.util.TreeMap;
import java.util.concurrent.CompletionException;
import java.util.function.Consumer;

/**
 * Compares what the catalog says with what is in the bucket. Reads only; brokers may be running: an
 * object counts as missing when a catalog that was read after the bucket was listed still refers to
 * it.
 */
public final class StoreCheck {

  /** Folders of the catalog and of the metadata log. */
  static final String CATALOG = "catalog";

  static final String METADATA = "metadata";

  private static final int PAGE = 1_000;
  private static final int CHUNK_BYTES = 8 << 20;
  private static final double GIB = 1 << 30;

  /** Of AWS in us-east-1, standard storage, 2025: what an estimate is made with. */
  private static final double DOLLARS_PER_GIB_MONTH = 0.023;

  private static final double DOLLARS_PER_1000_PUTS = 0.005;

  private final ObjectStore store;
  private final Scheduler scheduler;
  private final RandomSource random;
  private final Consumer<String> out;
  private final List<String> problems = new ArrayList<>();
  private final NavigableMap<String, Folder> folders = new TreeMap<>();
  private final NavigableMap<String, Long> data = new TreeMap<>();
  private final PayloadVerifier verifier;

  private static final class Folder {
    long objects;
    long bytes;
  }

  /**
   * @param scheduler where requests are repeated, and pauses are made
   * @param verifier of payloads in write-ahead logs in the bucket
   * @param out takes lines
   */
  public StoreCheck(
      ObjectStore store,
      Scheduler scheduler,
      RandomSource random,
      PayloadVerifier verifier,
      Consumer<String> out) {
    this.store = store;
    this.scheduler = scheduler;
    this.random = random;
    this.verifier = verifier;
    this.out = out;
  }

  /**
   * Blocks.
   *
   * @param deep whether every data object is read, and each block of a write-ahead log in the
   *     bucket, and checked
   * @return the catalog that the bucket was compared with; empty when it cannot be read
   */
  public Optional<CatalogView> run(boolean deep) {
    ChainCheck chains =
        new ChainCheck(store, this::catalogNow, scheduler, verifier, deep, this::problem, out);
    list(chains);
    Optional<CatalogView> catalog = readCatalog();
    checkMetadata(catalog);
    catalog.ifPresent(view -> checkData(view, deep));
    catalog.ifPresent(chains::run);
    printFolders();
    return catalog;
  }

  /** What was found missing or damaged so far, one line each. */
  public List<String> problems() {
    return List.copyOf(problems);
  }

  private void problem(String what) {
    problems.add(what);
    out.accept(what);
  }

  private void list(ChainCheck chains) {
    String after = "";
    List<ObjectInfo> page;
    do {
      page = store.list("", after, PAGE).join();
      for (ObjectInfo object : page) {
        after = object.key();
        see(object);
        chains.see(object.key(), object.sizeBytes());
      }
    } while (page.size() == PAGE);
  }

  private void see(ObjectInfo object) {
    String key = object.key();
    int slash = key.indexOf('/');
    Folder folder =
        folders.computeIfAbsent(slash < 0 ? "" : key.substring(0, slash + 1), k -> new Folder());
    folder.objects++;
    folder.bytes += object.sizeBytes();
    if (DataKeys.birth(key).isPresent()) {
      data.put(key, object.sizeBytes());
    }
  }

  /** Again: it was there. */
  private CatalogView catalogNow() {
    return LogContents.read(store, CATALOG, scheduler, random)
        .map(CatalogView::of)
        .orElseThrow(() -> new CatalogException.Missing("the catalog is gone"));
  }

  private Optional<CatalogView> readCatalog() {
    try {
      Optional<CatalogView> view =
          LogContents.read(store, CATALOG, scheduler, random).map(CatalogView::of);
      if (view.isEmpty()) {
        problem("MISSING  there is no catalog");
      }
      view.ifPresent(
          found ->
              out.accept(
                  "cluster %s, catalog at record %d: %d streams, %d data objects"
                      .formatted(
                          ClusterIds.text(found.clusterId()),
                          found.position(),
                          found.streams().size(),
                          found.objects().size())));
      return view;
    } catch (SharedLogException | CatalogException e) {
      problem("DAMAGED  catalog: " + e.getMessage());
      return Optional.empty();
    }
  }

  private void checkMetadata(Optional<CatalogView> catalog) {
    try {
      Optional<LogContents> log = LogContents.read(store, METADATA, scheduler, random);
      if (log.isEmpty()) {
        problem("MISSING  there is no metadata log");
        return;
      }
      out.accept("metadata log at record " + log.get().lastNumber());
      catalog
          .filter(view -> !view.clusterId().equals(log.get().clusterId()))
          .ifPresent(
              view ->
                  problem(
                      "DAMAGED  the metadata log is of cluster %s, the catalog of cluster %s"
                          .formatted(
                              ClusterIds.text(log.get().clusterId()),
                              ClusterIds.text(view.clusterId()))));
    } catch (SharedLogException e) {
      problem("DAMAGED  metadata log: " + e.getMessage());
    }
  }

  private void checkData(CatalogView view, boolean deep) {
    Map<String, List<Extent>> extents = new HashMap<>();
    view.extents()
        .forEach(e -> extents.computeIfAbsent(e.objectKey(), k -> new ArrayList<>()).add(e));
    for (ObjectRef object : view.objects().values()) {
      List<Extent> of = extents.getOrDefault(object.key(), List.of());
      Long size = data.remove(object.key());
      if (size == null) {
        size = store.head(object.key()).join().map(ObjectInfo::sizeBytes).orElse(-1L);
      }
      if (size < 0) {
        missing(object, of);
      } else if (size != object.sizeBytes()) {
        problem(
            "DAMAGED  %s: expected %d bytes, found %d"
                .formatted(object.key(), object.sizeBytes(), size));
      } else if (deep) {
        scan(object, of);
      }
    }
    long bytes = data.values().stream().mapToLong(Long::longValue).sum();
    if (!data.isEmpty()) {
      out.accept(
          ("%d data objects of %d bytes are not in the catalog: uploads under way, or left by a"
                  + " crash, which the broker deletes in time")
              .formatted(data.size(), bytes));
    }
    List<String> uploads = store.listMultiparts(DataKeys.PREFIX).join();
    if (!uploads.isEmpty()) {
      out.accept(uploads.size() + " uploads in parts are unfinished");
    }
  }

  /** Unless it went with its last extent while this check ran. */
  private void missing(ObjectRef object, List<Extent> extents) {
    boolean stillReferred = catalogNow().objects().containsKey(object.key());
    if (stillReferred) {
      problem("MISSING  %s, which holds%s".formatted(object.key(), shown(extents)));
    }
  }

  private void scan(ObjectRef object, List<Extent> extents) {
    try {
      ObjectScan.scan(store, object.key(), object, extents, CHUNK_BYTES, chunk -> {})
          .forEach(damage -> problem("DAMAGED  " + object.key() + ": " + damage));
    } catch (CompletionException e) {
      if (!(Retry.unwrap(e) instanceof ObjectStoreException.NotFound)) {
        throw e;
      }
      missing(object, extents);
    }
  }

  private static String shown(List<Extent> extents) {
    StringBuilder shown = new StringBuilder();
    for (Extent extent : extents) {
      shown.append(
          " [%d, %d) of stream %s"
              .formatted(extent.baseOffset(), extent.endOffset(), extent.stream()));
    }
    return shown.toString();
  }

  private void printFolders() {
    long objects = 0;
    long bytes = 0;
    for (Map.Entry<String, Folder> folder : folders.entrySet()) {
      out.accept(
          "%-12s %10d objects %16d bytes"
              .formatted(
                  folder.getKey().isEmpty() ? "(top)" : folder.getKey(),
                  folder.getValue().objects,
                  folder.getValue().bytes));
      objects += folder.getValue().objects;
      bytes += folder.getValue().bytes;
    }
    out.accept(
        String.format(
            Locale.ROOT,
            "in all %d objects, %.3f GiB: about $%.2f a month at list price to keep, and $%.2f once"
                + " to have written",
            objects,
            bytes / GIB,
            bytes / GIB * DOLLARS_PER_GIB_MONTH,
            objects / 1_000.0 * DOLLARS_PER_1000_PUTS));
  }
}
