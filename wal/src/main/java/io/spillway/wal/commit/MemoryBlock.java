package io.spillway.wal.commit;

import io.spillway.wal.WalBlock;
import io.spillway.wal.WalSlice;
import io.spillway.wal.device.AlignedMemory;
import java.nio.ByteBuffer;
import java.util.concurrent.atomic.AtomicInteger;

/** A block in memory with its count of holders; one per write, never reused. */
public final class MemoryBlock implements WalBlock {

  private final BlockPool pool;
  private final AlignedMemory memory;
  private final long position;
  private final AtomicInteger holders = new AtomicInteger(1);

  /** The maker is the first holder. */
  public MemoryBlock(BlockPool pool, AlignedMemory memory, long position) {
    this.pool = pool;
    this.memory = memory;
    this.position = position;
  }

  @Override
  public long position() {
    return position;
  }

  @Override
  public int sizeBytes() {
    return memory.sizeBytes();
  }

  @Override
  public void retain() {
    if (!tryRetain()) {
      throw freed();
    }
  }

  @Override
  public boolean tryRetain() {
    int count = holders.get();
    while (count > 0) {
      if (holders.compareAndSet(count, count + 1)) {
        return true;
      }
      count = holders.get();
    }
    return false;
  }

  @Override
  public void release() {
    int left = holders.decrementAndGet();
    if (left == 0) {
      pool.release(memory);
    } else if (left < 0) {
      holders.incrementAndGet();
      throw freed();
    }
  }

  /** For the maker, to fill. */
  public ByteBuffer buffer() {
    return memory.buffer();
  }

  /** A part of the block; borrowed like any {@link WalSlice}. */
  public WalSlice slice(int offset, int lengthBytes) {
    return new Slice(this, offset, lengthBytes);
  }

  private IllegalStateException freed() {
    return new IllegalStateException("WAL block at position " + position + " was freed");
  }

  private record Slice(MemoryBlock owner, int offset, int lengthBytes) implements WalSlice {
    @Override
    public ByteBuffer payload() {
      if (owner.holders.get() <= 0) {
        throw owner.freed();
      }
      return owner.memory.buffer().slice(offset, lengthBytes).asReadOnlyBuffer();
    }

    @Override
    public WalBlock block() {
      return owner;
    }
  }
}
