package io.spillway.cache;

import io.spillway.wal.WalBlock;
import java.util.ArrayDeque;
import org.jspecify.annotations.Nullable;

/**
 * The newest durable blocks of the WAL, kept in memory as they are: tail reads and uploads use the
 * WAL's own bytes, nothing is copied. First in, first out, by bytes. A cache and no more: a block
 * may go before it is uploaded, and is then read back from the WAL. Safe for any thread.
 */
public final class TailCache implements AutoCloseable {

  private final long budgetBytes;
  private final ArrayDeque<WalBlock> blocks = new ArrayDeque<>();
  private long bytes;
  private @Nullable WalBlock newest;
  private boolean closed;
  private volatile long cachedFrom = Long.MAX_VALUE;

  public TailCache(long budgetBytes) {
    this.budgetBytes = budgetBytes;
  }

  /**
   * Holds the block, if it is not the one held last; lets the oldest go when that is too much.
   * Blocks come in the order of their positions.
   */
  public void add(WalBlock block) {
    if (block == newest) {
      return;
    }
    synchronized (blocks) {
      newest = block;
      if (closed || block.sizeBytes() > budgetBytes || !block.tryRetain()) {
        return;
      }
      if (blocks.isEmpty()) {
        cachedFrom = block.position();
      }
      blocks.addLast(block);
      bytes += block.sizeBytes();
      while (bytes > budgetBytes) {
        evictOldest();
      }
    }
  }

  /** Frames at WAL positions below this are not in memory; those above may be. */
  public long cachedFrom() {
    return cachedFrom;
  }

  /** Bytes of blocks held. */
  public long bytes() {
    synchronized (blocks) {
      return bytes;
    }
  }

  /** Lets every block go. */
  @Override
  public void close() {
    synchronized (blocks) {
      closed = true;
      while (!blocks.isEmpty()) {
        evictOldest();
      }
    }
  }

  private void evictOldest() {
    WalBlock oldest = blocks.removeFirst();
    bytes -= oldest.sizeBytes();
    WalBlock next = blocks.peekFirst();
    cachedFrom = next == null ? Long.MAX_VALUE : next.position();
    oldest.release();
  }
}
