package io.spillway.catalog;

import io.spillway.catalog.CatalogCommand.Extent;
import io.spillway.catalog.StreamCatalog.Verdict;
import io.spillway.runtime.RandomSource;
import io.spillway.wal.StreamId;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/** A state over an index that is written late and at random, as the catalog's worker does it. */
final class LayeredCatalog implements AutoCloseable {

  private static final UUID CLUSTER = new UUID(3, 3);

  private final CatalogIndex.Home home;
  private final RandomSource random;
  private CatalogState state = new CatalogState();
  private @Nullable IndexUpdate unwritten;

  LayeredCatalog(CatalogIndex.Home home, RandomSource random) {
    this.home = home;
    this.random = random;
  }

  CatalogState state() {
    return state;
  }

  Verdict apply(long position, CatalogCommand command) {
    Verdict verdict = state.apply(position, command);
    maybeWrite();
    return verdict;
  }

  private void maybeWrite() {
    int what = random.nextInt(12);
    if (unwritten == null && what == 0) {
      unwritten = state.freeze(CLUSTER, 1, LogGrowth.NONE);
    } else if (unwritten != null && what < 4) {
      write();
    }
  }

  private void write() {
    IndexUpdate update = unwritten;
    if (update != null) {
      CatalogIndex known = update.index();
      CatalogIndex index = known == null ? home.create() : known;
      update.writeTo(index);
      state.references.onWritten(index);
      unwritten = null;
    }
  }

  /** The checkpoint of the present state, made from the index alone. */
  List<ByteBuffer> checkpointFromIndex() {
    write();
    unwritten = state.freeze(CLUSTER, 1, LogGrowth.NONE);
    write();
    CatalogIndex index = state.references.index();
    if (index == null) {
      throw new AssertionError("there is an index");
    }
    try (CatalogIndex.Snapshot snapshot = index.snapshot()) {
      return new IndexContents(snapshot).checkpoint();
    }
  }

  /** The process is gone; the position that the next one begins at, or -1 without an index. */
  long restart() {
    CatalogIndex index = state.references.index();
    unwritten = null;
    state = new CatalogState();
    if (index == null) {
      return -1;
    }
    IndexContents contents = new IndexContents(index);
    state = contents.state();
    state.startAt(contents.head().position());
    state.references.loadFrom(index, contents.head().extents());
    return contents.head().position();
  }

  List<Extent> extents(StreamId id, long offset, int limit) {
    StreamEntry stream = state.streams.get(id);
    return stream == null ? List.of() : state.references.extents(stream, offset, limit);
  }

  Optional<Extent> firstAtOrAfter(StreamId id, long timestampMs) {
    return firstAtOrAfter(state, id, timestampMs);
  }

  static Optional<Extent> firstAtOrAfter(CatalogState of, StreamId id, long timestampMs) {
    StreamEntry stream = of.streams.get(id);
    return stream == null
        ? Optional.empty()
        : TimeSearch.firstExtent(
            (offset, limit) -> of.references.extents(stream, offset, limit),
            offset -> stream.segments.firstFrom(offset, timestampMs),
            timestampMs);
  }

  @Override
  public void close() {
    home.close();
  }
}
