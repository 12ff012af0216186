package io.spillway.catalog.index;

import io.spillway.catalog.CatalogIndex;
import io.spillway.catalog.IndexException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.NavigableMap;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A folder of indexes, each in a folder named by a number; the highest is the newest. RocksDB is
 * loaded when there is one to open, or one is made; a broker with a small catalog has no such
 * folder. Used by one thread at a time.
 */
public final class RocksIndexHome implements CatalogIndex.Home {

  private static final Logger LOG = LoggerFactory.getLogger(RocksIndexHome.class);

  private final Path home;
  private final List<RocksIndex> open = new ArrayList<>();
  private boolean closed;

  /**
   * @param home belongs to this broker; need not be there
   */
  public RocksIndexHome(Path home) {
    this.home = home;
  }

  @Override
  public @Nullable CatalogIndex newest() {
    NavigableMap<Long, Path> indexes = indexes();
    return indexes.isEmpty() ? null : open(indexes.lastEntry().getValue(), false);
  }

  @Override
  public CatalogIndex create() {
    NavigableMap<Long, Path> indexes = indexes();
    long number = indexes.isEmpty() ? 1 : indexes.lastKey() + 1;
    return open(home.resolve(Long.toString(number)), true);
  }

  private CatalogIndex open(Path directory, boolean create) {
    if (closed) {
      throw new IndexException(home + " is closed", null);
    }
    RocksLibrary.load(home);
    RocksIndex index = RocksIndex.open(directory, create);
    open.add(index);
    return index;
  }

  @Override
  public void keepOnly(@Nullable CatalogIndex kept) {
    for (RocksIndex index : List.copyOf(open)) {
      if (index != kept) {
        index.close();
        open.remove(index);
      }
    }
    Path keep = kept instanceof RocksIndex index ? index.directory() : null;
    for (Path path : paths()) {
      if (!path.equals(keep)) {
        remove(path);
      }
    }
    if (kept == null) {
      remove(home);
    }
  }

  @Override
  public void close() {
    closed = true;
    open.forEach(RocksIndex::close);
    open.clear();
  }

  private NavigableMap<Long, Path> indexes() {
    NavigableMap<Long, Path> indexes = new TreeMap<>();
    for (Path path : paths()) {
      try {
        indexes.put(Long.parseLong(path.getFileName().toString()), path);
      } catch (NumberFormatException e) {
        // No index.
      }
    }
    return indexes;
  }

  private List<Path> paths() {
    if (!Files.isDirectory(home)) {
      return List.of();
    }
    List<Path> paths = new ArrayList<>();
    try (DirectoryStream<Path> found = Files.newDirectoryStream(home)) {
      found.forEach(paths::add);
    } catch (IOException e) {
      throw new IndexException(home + " cannot be listed: " + e, e);
    }
    return paths;
  }

  private static void remove(Path path) {
    if (!Files.exists(path)) {
      return;
    }
    try (Stream<Path> below = Files.walk(path)) {
      for (Path each : below.sorted((a, b) -> b.compareTo(a)).toList()) {
        Files.deleteIfExists(each);
      }
    } catch (IOException | UncheckedIOException e) {
      LOG.warn("{} is of no use any more and cannot be removed: {}", path, e.toString());
    }
  }
}
