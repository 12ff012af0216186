package io.spillway.merge;

import io.spillway.catalog.CatalogCommand.Extent;
import io.spillway.catalog.CatalogCommand.ObjectRef;
import io.spillway.catalog.StreamCatalog;
import io.spillway.catalog.StreamCatalog.StreamState;
import io.spillway.wal.StreamId;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.Predicate;

/** The catalog as plans see it, and which objects proved to be damaged. On one scheduler. */
final class CatalogMergeView implements MergeView {

  /** Bounds memory; one that is forgotten is tried again. */
  private static final int MAX_UNREADABLE = 10_000;

  private final StreamCatalog catalog;
  private final Predicate<StreamId> isMine;
  private final Set<String> unreadable = new LinkedHashSet<>();

  CatalogMergeView(StreamCatalog catalog, Predicate<StreamId> isMine) {
    this.catalog = catalog;
    this.isMine = isMine;
  }

  /** False when that was known. */
  boolean onUnreadable(String objectKey) {
    if (unreadable.size() >= MAX_UNREADABLE) {
      unreadable.remove(unreadable.iterator().next());
    }
    return unreadable.add(objectKey);
  }

  @Override
  public List<StreamId> streams() {
    return catalog.streams();
  }

  @Override
  public boolean isMine(StreamId stream) {
    return isMine.test(stream);
  }

  @Override
  public List<Extent> extents(StreamId stream, long fromOffset, int limit) {
    return catalog.extents(stream, fromOffset, limit);
  }

  @Override
  public long compactedEndOffset(StreamId stream) {
    return catalog.stream(stream).map(StreamState::compactedEndOffset).orElse(0L);
  }

  @Override
  public Optional<ObjectRef> object(String key) {
    return catalog.object(key);
  }

  @Override
  public boolean isUnreadable(String objectKey) {
    return unreadable.contains(objectKey);
  }
}
