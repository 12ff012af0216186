package io.spillway.wal;

/**
 * One aligned device write with packed frames, still in memory. Counted: memory goes back to the
 * WAL's pool when the last holder releases it. Safe for any thread.
 */
public interface WalBlock {

  /** Position of the block in the WAL. */
  long position();

  /** Bytes of memory the block holds. */
  int sizeBytes();

  /** Adds a holder. Fails with {@link IllegalStateException} when the block was already freed. */
  void retain();

  /** Adds a holder unless the block was already freed; false then. */
  boolean tryRetain();

  /** Removes a holder. */
  void release();
}
