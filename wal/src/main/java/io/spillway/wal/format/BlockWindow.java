package io.spillway.wal.format;

import io.spillway.wal.WalConfig;
import io.spillway.wal.device.AlignedMemory;
import io.spillway.wal.device.ReadableFile;
import io.spillway.wal.device.WalFile;
import java.io.IOException;
import java.nio.ByteBuffer;
import org.jspecify.annotations.Nullable;

/**
 * Reads a file front to back through one buffer, a MiB at a time: small blocks do not cost a read
 * each, and a scan holds no more than the window or one larger block. One thread.
 */
public final class BlockWindow implements AutoCloseable {

  private static final int WINDOW_BYTES = 1 << 20;

  private final boolean direct;
  private @Nullable AlignedMemory memory;
  private @Nullable ReadableFile file;
  private long from;
  private long to;

  public BlockWindow(boolean direct) {
    this.direct = direct;
  }

  /**
   * A view of a range of the file, valid until the next call.
   *
   * @param offset a multiple of 4 KiB
   * @param lengthBytes a multiple of 4 KiB; the range must be in the file
   */
  ByteBuffer load(ReadableFile source, long offset, int lengthBytes) throws IOException {
    AlignedMemory loaded = memory;
    if (loaded == null || source != file || offset < from || offset + lengthBytes > to) {
      loaded = fill(source, offset, lengthBytes);
    }
    return loaded.buffer().slice(Math.toIntExact(offset - from), lengthBytes);
  }

  /** Reads a range of the file and writes the same bytes again, durably. */
  public void copyOnto(WalFile target, long from, long to) throws IOException {
    for (long at = from; at < to; at += WINDOW_BYTES) {
      int bytes = (int) Math.min(WINDOW_BYTES, to - at);
      target.writeNow(at, load(target, at, bytes));
    }
  }

  private AlignedMemory fill(ReadableFile source, long offset, int lengthBytes) throws IOException {
    file = null;
    long readable = (source.sizeBytes() - offset) & -WalConfig.ALIGNMENT_BYTES;
    AlignedMemory target = memory;
    int wanted = (int) Math.max(lengthBytes, Math.min(WINDOW_BYTES, readable));
    if (target == null || target.buffer().capacity() < wanted) {
      close();
      target = AlignedMemory.allocate(wanted, direct);
      memory = target;
    }
    int bytes = (int) Math.min(readable, target.buffer().capacity());
    source.read(offset, target.buffer().slice(0, bytes));
    file = source;
    from = offset;
    to = offset + bytes;
    return target;
  }

  @Override
  public void close() {
    if (memory != null) {
      memory.free();
      memory = null;
    }
  }
}
