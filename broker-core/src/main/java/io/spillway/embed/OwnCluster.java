package io.spillway.embed;

import io.spillway.catalog.CatalogException;
import io.spillway.catalog.StreamCatalog;
import io.spillway.config.BrokerConfig;
import io.spillway.config.StartRefusedException;
import java.nio.file.Path;
import java.util.Optional;
import java.util.concurrent.CompletionException;

/** A data directory serves one cluster: a start on the bucket of another one is a mistake. */
final class OwnCluster {

  private OwnCluster() {}

  /**
   * Opens the catalog, and refuses another cluster's, and an empty bucket, before anything is made
   * or drained. A directory without a note takes whatever there is. Blocks.
   *
   * @param catalog not begun when the directory has a note
   */
  static void open(StreamCatalog catalog, Optional<DirectoryNote> note, BrokerConfig config) {
    try {
      catalog.open().join();
    } catch (CompletionException e) {
      if (note.isPresent() && e.getCause() instanceof CatalogException.Missing) {
        throw refused("no cluster: there is no catalog", note.get(), config);
      }
      throw e;
    }
    String found = Storage.kafkaId(catalog.clusterId());
    if (note.isPresent() && !note.get().clusterId().equals(found)) {
      throw refused("cluster " + found, note.get(), config);
    }
  }

  private static StartRefusedException refused(
      String found, DirectoryNote note, BrokerConfig config) {
    Path dataDir = config.node().dataDir();
    return new StartRefusedException(
        "object store "
            + config.storage().objects().place()
            + " holds "
            + found
            + ", but data.dir="
            + dataDir
            + " served cluster "
            + note.clusterId()
            + " (cluster.id in "
            + dataDir.resolve(DirectoryNote.FILE)
            + "): set object.store.url to the store of that cluster; or, if this one is meant, as"
            + " one that was restored from a backup, take an empty data.dir");
  }
}
