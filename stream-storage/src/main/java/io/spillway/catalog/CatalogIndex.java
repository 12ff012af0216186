package io.spillway.catalog;

import org.jspecify.annotations.Nullable;

/**
 * Where a large catalog keeps its extents and objects outside of the heap: sorted keys with values,
 * compared as unsigned bytes. Disposable: everything in it can be built again from the shared log,
 * so a batch need not be on the disk when {@link #write} returns, but after a crash the index is as
 * it was after some batch, all of it and nothing of a later one.
 *
 * <p>Reads from any thread; one writer at a time. What the medium does not give back as it was
 * written is an {@link IndexException}, never another value.
 */
public interface CatalogIndex extends CatalogIndexReader, AutoCloseable {

  /** Applies all of the batch, or nothing. */
  void write(IndexBatch batch);

  /** What the index holds now, whatever is written later. To be closed before the index. */
  Snapshot snapshot();

  /** Waits for reads that are under way; later ones fail. Keeps what is written. Idempotent. */
  @Override
  void close();

  /** A state of the index that does not change. Used by one thread at a time. */
  interface Snapshot extends CatalogIndexReader, AutoCloseable {
    @Override
    void close();
  }

  /** Takes one entry after the other; the arrays are its own. */
  @FunctionalInterface
  interface Visitor {
    /** Returns whether to go on. */
    boolean visit(byte[] key, byte[] value);
  }

  /** The indexes of one broker on its disk: at most one is in use, or two while it is replaced. */
  interface Home {

    /**
     * What an earlier life, or {@link #create}, left last, if anything; cheap when there is none.
     *
     * @throws IndexException when it cannot be read; {@link #keepOnly} gets rid of it
     */
    @Nullable CatalogIndex newest();

    /** An empty index beside those that there are. */
    CatalogIndex create();

    /** Closes and removes all others; {@code null}: all. What cannot be removed is left. */
    void keepOnly(@Nullable CatalogIndex index);

    /** Closes all that are open. None is made or opened afterwards. */
    void close();
  }
}
