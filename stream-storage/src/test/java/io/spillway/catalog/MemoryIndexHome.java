package io.spillway.catalog;

import java.util.ArrayList;
import java.util.List;
import java.util.function.IntUnaryOperator;
import org.jspecify.annotations.Nullable;

/** Where a broker's {@link MemoryIndex} lies: like a folder, it is there after a crash. */
public final class MemoryIndexHome implements CatalogIndex.Home {

  private final List<MemoryIndex> indexes = new ArrayList<>();
  private int created;
  private boolean refusing;

  @Override
  public @Nullable CatalogIndex newest() {
    if (indexes.isEmpty()) {
      return null;
    }
    MemoryIndex newest = last();
    newest.reopen();
    return newest;
  }

  @Override
  public CatalogIndex create() {
    if (refusing) {
      throw new IndexException("no space left on device", null);
    }
    created++;
    MemoryIndex index = new MemoryIndex();
    indexes.add(index);
    return index;
  }

  @Override
  public void keepOnly(@Nullable CatalogIndex index) {
    for (MemoryIndex each : List.copyOf(indexes)) {
      if (each != index) {
        each.close();
        indexes.remove(each);
      }
    }
  }

  @Override
  public void close() {
    indexes.forEach(MemoryIndex::close);
  }

  /**
   * The broker is gone, and with it what was not on the disk.
   *
   * @param random draws how many batches are lost, below a bound
   */
  public void crash(IntUnaryOperator random) {
    for (MemoryIndex index : indexes) {
      index.crash(random.applyAsInt(4));
    }
  }

  /** Whether the next start finds one. */
  public boolean isThere() {
    return !indexes.isEmpty();
  }

  /** Batches written since the last call. */
  public long takeWrites() {
    return indexes.stream().mapToLong(MemoryIndex::takeWrites).sum();
  }

  /** How many indexes were ever made here. */
  public int created() {
    return created;
  }

  List<MemoryIndex> indexes() {
    return indexes;
  }

  MemoryIndex last() {
    return indexes.get(indexes.size() - 1);
  }

  /** From now on none can be made. */
  void refuse() {
    refusing = true;
  }
}
