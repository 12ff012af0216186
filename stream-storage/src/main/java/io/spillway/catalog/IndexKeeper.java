package io.spillway.catalog;

import io.spillway.catalog.CatalogIndex.Snapshot;
import io.spillway.catalog.IndexFormat.Head;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.RejectedExecutionException;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * What the catalog does with its index that may block, each on the worker and one after the other.
 * Futures fail with {@link IndexException} when the index is of no use, and complete on the worker.
 */
final class IndexKeeper {

  /** Entries of a batch while a checkpoint is read into a new index. */
  private static final int LOAD_BATCH = 5_000;

  private final Indexing indexing;

  IndexKeeper(Indexing indexing) {
    this.indexing = indexing;
  }

  Indexing settings() {
    return indexing;
  }

  /** An index and what stands in its head. */
  record Found(CatalogIndex index, Head head) {}

  /** What an earlier life left; null when there is none. */
  CompletableFuture<@Nullable Found> newest() {
    return run(
        () -> {
          CatalogIndex index = indexing.home().newest();
          return index == null ? null : new Found(index, Head.of(index));
        });
  }

  /** The state that the index holds. */
  CompletableFuture<CatalogState> stateOf(Found found) {
    return run(() -> stateOf(found.index()));
  }

  private static CatalogState stateOf(CatalogIndex index) {
    IndexContents contents = new IndexContents(index);
    CatalogState state = contents.state();
    state.startAt(contents.head().position());
    state.references.loadFrom(index, contents.head().extents());
    return state;
  }

  /**
   * Reads a checkpoint into a new index.
   *
   * @param check of the record at its position, 0 when it is not known
   */
  CompletableFuture<CatalogState> load(long position, ByteBuffer bytes, UUID cluster, long check) {
    return run(
        () -> {
          CatalogIndex index = indexing.home().create();
          Loader loader = new Loader(index);
          CatalogState state = new CatalogState();
          state.startAt(position);
          CheckpointCodec.decode(position, bytes, state, loader);
          loader.finish(state, cluster, check, LogGrowth.since(bytes.remaining()));
          return stateOf(index);
        });
  }

  /** An index that was written, and its state then. */
  record Written(CatalogIndex index, @Nullable Snapshot snapshot) {}

  /**
   * @param keepState whether a snapshot is wanted, which the caller closes
   */
  CompletableFuture<Written> write(IndexUpdate update, boolean keepState) {
    return run(
        () -> {
          CatalogIndex known = update.index();
          CatalogIndex index = known == null ? indexing.home().create() : known;
          update.writeTo(index);
          return new Written(index, keepState ? index.snapshot() : null);
        });
  }

  /** The snapshot as a checkpoint; closes it. */
  CompletableFuture<List<ByteBuffer>> checkpoint(Snapshot snapshot) {
    return run(
        () -> {
          try (snapshot) {
            return new IndexContents(snapshot).checkpoint();
          }
        });
  }

  /** Removes all indexes but this one, or all. */
  void keepOnly(@Nullable CatalogIndex index) {
    run(
        () -> {
          indexing.home().keepOnly(index);
          return null;
        });
  }

  /** Closes what is open, after what the worker has been given. */
  void close() {
    run(
        () -> {
          indexing.home().close();
          return null;
        });
  }

  <T> CompletableFuture<T> run(Supplier<? extends @Nullable T> work) {
    CompletableFuture<T> result = new CompletableFuture<>();
    try {
      indexing
          .worker()
          .execute(
              () -> {
                try {
                  result.complete(work.get());
                } catch (RuntimeException | Error e) {
                  result.completeExceptionally(e);
                }
              });
    } catch (RejectedExecutionException e) {
      result.completeExceptionally(new CatalogException.Closed("the catalog is closed"));
    }
    return result;
  }

  /**
   * Puts what a checkpoint holds into an index in large batches; the head, last, makes it count.
   */
  private static final class Loader implements CheckpointCodec.Target {

    private final CatalogIndex index;
    private IndexBatch batch = new IndexBatch();
    private int extents;
    private int objects;

    Loader(CatalogIndex index) {
      this.index = index;
    }

    @Override
    public void load(StreamEntry stream, CatalogCommand.Extent extent) {
      extents++;
      put(IndexFormat.extentKey(stream.id, extent.baseOffset()), IndexFormat.extent(extent));
    }

    @Override
    public void load(ObjectEntry object) {
      objects++;
      put(IndexFormat.objectKey(object.ref().key()), IndexFormat.object(object));
    }

    private void put(byte[] key, byte[] value) {
      batch.put(key, value);
      if (batch.size() >= LOAD_BATCH) {
        write();
      }
    }

    private void write() {
      index.write(batch);
      batch = new IndexBatch();
    }

    void finish(CatalogState state, UUID cluster, long check, LogGrowth growth) {
      state.streams.forEach(
          (id, stream) -> put(IndexFormat.streamKey(id), IndexContents.stream(stream)));
      write();
      Head head = state.head(cluster, check, growth, extents, objects);
      batch.put(IndexFormat.headKey(), head.encoded());
      write();
    }
  }
}
